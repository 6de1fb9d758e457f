"""What an answer means: one pure function of (call, status, headers, bytes), in the order that decides.

(1) a refusal by throttle, then of the credentials, (2) a "no" in the panel's own JSON, however it is spelt,
(3) the HTTP status, (4) a body that cannot be the answer. A 5xx decides nothing about a change, whatever
``error`` stands in it. A status or page of a machine in front of the panel is never the panel's word. A
change is accepted only where the panel said yes: `panel_reply` has the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import attrs

from ..decoding.php import Scrub
from ..errors import (
    AddressNotAllowed,
    ApiError,
    AuthenticationError,
    DecodeError,
    GatewayError,
    NotFound,
    PermissionDenied,
    SeFlowError,
    ServerError,
    Throttled,
    TransportError,
)
from ..secret import redact
from .body_parser import Unparsed, is_blank, is_page, parse, text_of
from .call import Call
from .excerpt import CONTROLS, excerpt
from .panel_reply import PanelReply, is_throttle, number, read_reply
from .retry import AttemptFailed, FailureKind

_ADDRESS_CODE: Final = "ipnotallowed"
_LOGIN_CODE: Final = "wronglogin"
_PERMISSION_CODE: Final = "unauthorized"
_SEARCHED_BYTES: Final = 4096
PROXY_LOGIN: Final = 407
# Statuses by which a machine in between says that it has not passed the request on. Only of the certain ones
# can nothing have happened: a 408 may be the word of one that waited for the panel in vain.
_NOT_PROCESSED: Final = frozenset({421, 425})
_HARDLY_PROCESSED: Final = frozenset({408, 449})
DROPPED_STATUSES: Final = _NOT_PROCESSED | _HARDLY_PROCESSED
"""Statuses after which a connection is not used again."""
_READABLE_ENCODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})
_USER_INFO = re.compile(r"//[^/@]*@")


@attrs.frozen
class _PanelAnswer:
    """What is known of one answer; `details` makes an error's attributes of it."""

    call: Call[Any]
    status: int
    headers: Mapping[str, str]
    body: bytes
    payload: Any
    words: PanelReply
    scrub: Scrub

    def details(self, **more: Any) -> dict[str, Any]:
        return {
            "status": self.status,
            "codes": self.words.codes,
            "excerpt": self.scrub(excerpt(self.payload, self.body)),
            "retry_after": _retry_after(self.headers),
            **more,
        }


def judge(call: Call[Any], status: int, headers: Mapping[str, str], body: bytes, scrub: Scrub = str) -> Any:
    """The parsed answer; raises `AttemptFailed` with the row of the retry table and the error to show.

    ``headers`` has lower-case names; ``scrub`` takes our own credentials out of a panel's text. A call that
    promises markup gets it as text; None is an empty body where the call allows one; a change answered by 204
    is an empty object.
    """
    payload, unparsed = None, None
    try:
        payload = parse(body, headers)
    except Unparsed as reason:
        unparsed = reason
    else:
        if status == 200 and _is_plain(call, payload):
            return payload
    words = read_reply(payload, change=call.changes, keyed=call.is_keyed, makes=call.makes, scrub=scrub)
    answer = _PanelAnswer(call, status, headers, body, payload, words, scrub)
    codes = words.kinds
    if status == 429 or words.throttled or _is_refused_for_now(answer, unparsed):
        raise _throttled(answer)
    if _ADDRESS_CODE in codes:
        message = "this machine's address is not on the panel's allow-list; add it there"
        raise AttemptFailed(FailureKind.LOGIN_REFUSED, AddressNotAllowed(message, **answer.details()))
    if _LOGIN_CODE in codes or status == 401:
        message = (
            "e-mail or password were refused; nothing more is sent with them, since panels lock accounts"
        )
        raise AttemptFailed(FailureKind.LOGIN_REFUSED, AuthenticationError(message, **answer.details()))
    if status == PROXY_LOGIN:
        raise AttemptFailed(
            FailureKind.PROXY_REFUSED, TransportError(PROXY_LOGIN_REFUSED, **answer.details())
        )
    if words.refuses or not 200 <= status < 300:
        raise _refused(answer, unparsed)
    if unparsed is not None:
        return _unparsed(answer, unparsed)
    if call.markup:
        return _markup(answer)
    if call.changes:
        _check_accepted(answer)
    elif (
        words.text and isinstance(payload, dict) and call.key and not any(key in payload for key in call.key)
    ):
        message = f"the answer has no {call.key[0]!r}; the panel said: {words.text}"
        details = answer.details(path=f"$.{call.key[0]}", payload=redact(payload))
        raise AttemptFailed(FailureKind.UNDECODABLE, DecodeError(message, **details))
    return payload


PROXY_LOGIN_REFUSED: Final = (
    "the proxy refused its login (HTTP 407), and nothing more is sent through it; "
    "check user and password in proxy= or HTTPS_PROXY"
)


def _is_plain(call: Call[Any], payload: Any) -> bool:
    """Whether nothing below could find fault with it, nor make anything else of it: nearly every answer."""
    if payload.__class__ is not dict or len(payload) != 1:
        return False
    if call.changes:
        return payload.get("status") is True
    return not call.markup and next(iter(payload)) in call.key


def _is_refused_for_now(answer: _PanelAnswer, unparsed: Unparsed | None) -> bool:
    """Whether an answer names a throttle in another way: a 401 with it is no refused password.

    Of a 5xx only the panel's own word for it says that nothing was done.
    """
    if answer.status >= 500:
        return False
    if unparsed is None:
        return answer.words.too_many or (answer.status >= 400 and is_throttle(answer.words.text))
    searched = answer.body[:_SEARCHED_BYTES].decode("utf-8", "replace")
    return answer.status >= 400 and is_throttle(searched)


def _throttled(answer: _PanelAnswer) -> AttemptFailed:
    waits = (answer.words.wait, _retry_after(answer.headers))
    wait = max((wait for wait in waits if wait is not None), default=None)
    when = f"in {wait:g} s" if wait else "later"
    message = f"the provider refused for now and did nothing; send it again {when}"
    return AttemptFailed(FailureKind.THROTTLED, Throttled(message, **answer.details(retry_after=wait)))


def _refused(answer: _PanelAnswer, unparsed: Unparsed | None) -> AttemptFailed:
    status, said = answer.status, answer.words.said or f"HTTP {answer.status}"
    details = answer.details()
    if status >= 500 or status < 200:
        postponed = status == 503 and details["retry_after"] is not None
        message = f"the panel broke (HTTP {status}); try again later"
        return AttemptFailed(
            FailureKind.POSTPONED if postponed else FailureKind.LOST, ServerError(message, **details)
        )
    if status in DROPPED_STATUSES and not answer.words.refuses:
        message = f"a machine in front of the panel did not pass the request on (HTTP {status}); try again"
        failure = FailureKind.NOT_PROCESSED if status in _NOT_PROCESSED else FailureKind.LOST
        return AttemptFailed(failure, GatewayError(message, **details))
    error: SeFlowError
    failure = FailureKind.ANSWERED_NO
    if 300 <= status < 400:
        # Without the query and the login, which may carry a token or a password.
        where = re.split(r"[?#]", answer.headers.get("location", ""), maxsplit=1)[0]
        failure = FailureKind.BLOCKED
        where = answer.scrub(_USER_INFO.sub("//", where)[:200].translate(CONTROLS)) or "nowhere"
        error = ApiError(
            f"the panel redirected to {where} (HTTP {status}), which is never followed; check the base URL",
            **details,
        )
    elif status >= 400 and (unparsed is not None or not isinstance(answer.payload, dict | list)):
        # Nobody who knows the password has said anything.
        failure = FailureKind.BLOCKED
        error = GatewayError(
            f"something in front of the panel (web server, balancer, firewall) refused this with HTTP "
            f"{status}; check the base URL, and whether this machine is blocked",
            **details,
        )
    elif status == 404:
        error = NotFound(f"the panel does not know it ({said}); check the ids and the base URL", **details)
    elif status == 403 or answer.words.kinds == (_PERMISSION_CODE,):
        error = PermissionDenied(f"this account may not do it ({said})", **details)
    else:
        error = ApiError(f"the panel refused: {said}", **details)
    return AttemptFailed(failure, error)


def _unparsed(answer: _PanelAnswer, reason: Unparsed) -> Any:
    blank = is_blank(answer.body)
    if blank and (answer.call.may_be_empty or (answer.status == 204 and answer.call.changes)):
        return {} if answer.call.changes else None
    if reason.is_page:
        raise _page(answer)
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding not in _READABLE_ENCODINGS:
        message = (
            f"the answer is compressed with {answer.scrub(encoding)[:40]!r}, which cannot be undone here"
        )
        raise AttemptFailed(FailureKind.MALFORMED, DecodeError(message, **answer.details(excerpt="")))
    if answer.call.markup and not blank:
        return text_of(answer.body, answer.headers)
    what = "an empty body" if blank else "something that is not JSON"
    message = f"{what} came where JSON was promised; try again later, or look at the panel's own log"
    raise AttemptFailed(FailureKind.LOST, DecodeError(message, **answer.details()))


def _page(answer: _PanelAnswer) -> AttemptFailed:
    message = (
        "a whole page came where an answer was promised; the panel may be in maintenance, try again later"
    )
    return AttemptFailed(FailureKind.LOST, ServerError(message, **answer.details()))


def _markup(answer: _PanelAnswer) -> str:
    """Met as a JSON string, as ``{"usage": html}`` and as ``{"usage": {"cpu": html}}``-like nestings."""
    markup = answer.payload
    while isinstance(markup, dict) and len(markup) == 1:
        (markup,) = markup.values()
    if isinstance(markup, dict):
        markup = markup.get("usage")
    if not isinstance(markup, str):
        said = answer.words.text
        message = f"no piece of HTML in the answer{f'; the panel said: {said}' if said else ''}"
        raise AttemptFailed(
            FailureKind.UNDECODABLE, DecodeError(message, payload=redact(answer.payload), **answer.details())
        )
    if is_page(markup):
        raise _page(answer)
    return markup


def _check_accepted(answer: _PanelAnswer) -> None:
    payload, words = answer.payload, answer.words
    if not isinstance(payload, dict | list):
        message = "a bare value came where an object was promised; read back what became of it"
        raise AttemptFailed(
            FailureKind.UNDECODABLE, DecodeError(message, payload=redact(payload), **answer.details())
        )
    if not (words.accepts or words.is_empty):
        said = f": {words.said}" if words.said else ""
        message = f"the panel answered neither yes nor no{said}; read back what became of it"
        raise AttemptFailed(FailureKind.UNDECODABLE, ApiError(message, **answer.details()))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``Retry-After``; the longest where there are several."""
    get_all = getattr(headers, "getall", None)
    values = get_all("retry-after", ()) if get_all is not None else [headers.get("retry-after")]
    waits = [_seconds(value, headers) for value in values if value is not None]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(value: str, headers: Mapping[str, str]) -> float | None:
    numbers = [number(part) for part in value.split(",")]
    if all(part is not None for part in numbers):
        return max(part for part in numbers if part is not None)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # The server's own clock where it shows it: ours may be off by more than the wait.
    try:
        now = parsedate_to_datetime(headers["date"])
        return max(0.0, (moment - now).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())

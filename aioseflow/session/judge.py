"""Judges an answer: one pure function of call, status, headers and bytes, in the order that decides.

(1) A refusal by throttle, then of the credentials; (2) a "no" in the panel's own JSON, in any of its forms;
(3) the HTTP status; (4) a body that cannot be the answer. A 5xx decides nothing about a change, even if its
body reports an error. A status or page of a machine in front of the panel is never the panel's reply. A
change is accepted only if the panel said yes: `panel_reply` has the table.
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
from .panel_reply import PanelReply, as_number, is_throttle, read_reply
from .retry import AttemptFailed, FailureKind

_ADDRESS_CODE: Final = "ipnotallowed"
_LOGIN_CODE: Final = "wronglogin"
_PERMISSION_CODE: Final = "unauthorized"
_THROTTLE_SEARCH_BYTES: Final = 4096  # of a body that is not JSON
_LOCATION_MAX_CHARACTERS: Final = 200
_ENCODING_MAX_CHARACTERS: Final = 40
PROXY_LOGIN_STATUS: Final = 407
PROXY_LOGIN_REFUSED: Final = (
    "The proxy refused its login (HTTP 407). Check user and password in proxy= or HTTPS_PROXY."
)
# Statuses with which a machine in front of the panel says that it did not pass the request on. Only after the
# certain ones can nothing have happened: a 408 may come from a machine that waited for the panel in vain.
_NOT_PROCESSED_STATUSES: Final = frozenset({421, 425})
_HARDLY_PROCESSED_STATUSES: Final = frozenset({408, 449})
DROPPED_STATUSES: Final = _NOT_PROCESSED_STATUSES | _HARDLY_PROCESSED_STATUSES
"""Statuses after which a connection is not used again."""
_READABLE_ENCODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})
_USER_INFO = re.compile(r"//[^/@]*@")


@attrs.frozen
class _PanelAnswer:
    """The parts of an answer; `details` turns them into the attributes of an error."""

    call: Call[Any]
    status: int
    headers: Mapping[str, str]
    body: bytes
    payload: Any
    reply: PanelReply
    scrub: Scrub

    def details(self, **more: Any) -> dict[str, Any]:
        return {
            "status": self.status,
            "codes": self.reply.codes,
            "excerpt": self.scrub(excerpt(self.payload, self.body)),
            "retry_after": _retry_after(self.headers),
            **more,
        }


def judge(call: Call[Any], status: int, headers: Mapping[str, str], body: bytes, scrub: Scrub = str) -> Any:
    """Return the parsed answer; raise `AttemptFailed` with the row of the retry table and the error.

    A call that promises markup gets it as text. An empty body is None where the call allows one. A change
    answered by 204 is an empty object.

    Args:
        headers: with lower-case names.
        scrub: masks our own credentials in a text of the panel.
    """
    payload, unparsed = None, None
    try:
        payload = parse(body, headers)
    except Unparsed as reason:
        unparsed = reason
    else:
        if status == 200 and _is_plain(call, payload):
            return payload
    reply = read_reply(payload, change=call.changes, keyed=call.is_keyed, makes=call.makes, scrub=scrub)
    answer = _PanelAnswer(call, status, headers, body, payload, reply, scrub)
    codes = reply.normalized_codes
    if status == 429 or reply.throttled or _is_refused_for_now(answer, unparsed):
        raise _throttled(answer)
    if _ADDRESS_CODE in codes:
        message = "This machine's address is not on the panel's allow-list. Add it there."
        raise AttemptFailed(FailureKind.LOGIN_REFUSED, AddressNotAllowed(message, **answer.details()))
    if _LOGIN_CODE in codes or status == 401:
        message = "Wrong e-mail or password. Not retried, because panels lock accounts."
        raise AttemptFailed(FailureKind.LOGIN_REFUSED, AuthenticationError(message, **answer.details()))
    if status == PROXY_LOGIN_STATUS:
        error = TransportError(PROXY_LOGIN_REFUSED, **answer.details())
        raise AttemptFailed(FailureKind.PROXY_REFUSED, error)
    if reply.refuses or not 200 <= status < 300:
        raise _refused(answer, unparsed)
    if unparsed is not None:
        return _without_json(answer, unparsed)
    if call.markup:
        return _markup(answer)
    if call.changes:
        _check_accepted(answer)
    elif (
        reply.text and isinstance(payload, dict) and call.key and not any(key in payload for key in call.key)
    ):
        message = f"The answer has no {call.key[0]!r}. The panel said: {reply.text}"
        details = answer.details(path=f"$.{call.key[0]}", payload=redact(payload))
        raise AttemptFailed(FailureKind.UNDECODABLE, DecodeError(message, **details))
    return payload


def _is_plain(call: Call[Any], payload: Any) -> bool:
    """Return True for an answer that `judge` would neither refuse nor change: nearly every one."""
    if payload.__class__ is not dict or len(payload) != 1:
        return False
    if call.changes:
        return payload.get("status") is True
    return not call.markup and next(iter(payload)) in call.key


def _is_refused_for_now(answer: _PanelAnswer, unparsed: Unparsed | None) -> bool:
    """Return True if an answer reports a throttle in other words: a 401 with them is no refused password.

    In a 5xx only the panel's own word for it shows that nothing was done.
    """
    if answer.status >= 500:
        return False
    if unparsed is None:
        return answer.reply.mentions_throttle or (answer.status >= 400 and is_throttle(answer.reply.text))
    searched = answer.body[:_THROTTLE_SEARCH_BYTES].decode("utf-8", "replace")
    return answer.status >= 400 and is_throttle(searched)


def _throttled(answer: _PanelAnswer) -> AttemptFailed:
    waits = (answer.reply.wait_seconds, _retry_after(answer.headers))
    wait = max((wait for wait in waits if wait is not None), default=None)
    when = f"in {wait:g} s" if wait else "later"
    message = f"The panel refused for now (throttled) and did nothing. Try again {when}."
    return AttemptFailed(FailureKind.THROTTLED, Throttled(message, **answer.details(retry_after=wait)))


def _refused(answer: _PanelAnswer, unparsed: Unparsed | None) -> AttemptFailed:
    status, summary = answer.status, answer.reply.summary or f"HTTP {answer.status}"
    details = answer.details()
    if status >= 500 or status < 200:
        postponed = status == 503 and details["retry_after"] is not None
        kind = FailureKind.POSTPONED if postponed else FailureKind.LOST
        return AttemptFailed(kind, ServerError(f"The panel failed (HTTP {status}).", **details))
    if status in DROPPED_STATUSES and not answer.reply.refuses:
        kind = FailureKind.NOT_PROCESSED if status in _NOT_PROCESSED_STATUSES else FailureKind.LOST
        message = f"A machine in front of the panel did not pass the request on (HTTP {status})."
        return AttemptFailed(kind, GatewayError(message, **details))
    error: SeFlowError
    kind = FailureKind.ANSWERED_NO
    if 300 <= status < 400:
        # Without query and login, which may carry a token or a password.
        target = re.split(r"[?#]", answer.headers.get("location", ""), maxsplit=1)[0]
        target = _USER_INFO.sub("//", target)[:_LOCATION_MAX_CHARACTERS].translate(CONTROLS)
        kind = FailureKind.BLOCKED
        error = ApiError(
            f"The panel redirected to {answer.scrub(target) or 'nowhere'} (HTTP {status}); redirects are not "
            "followed. Check the base URL.",
            **details,
        )
    elif status >= 400 and (unparsed is not None or not isinstance(answer.payload, dict | list)):
        # Such an answer does not come from the panel, so it says nothing about the login.
        kind = FailureKind.BLOCKED
        error = GatewayError(
            f"A machine in front of the panel (web server, balancer, firewall) refused the request (HTTP "
            f"{status}). Check the base URL, and whether this machine is blocked.",
            **details,
        )
    elif status == 404:
        error = NotFound(f"The panel found no such object ({summary}). Check the ids.", **details)
    elif status == 403 or answer.reply.normalized_codes == (_PERMISSION_CODE,):
        error = PermissionDenied(f"This account is not permitted to do this ({summary}).", **details)
    else:
        error = ApiError(f"The panel refused: {summary}", **details)
    return AttemptFailed(kind, error)


def _without_json(answer: _PanelAnswer, reason: Unparsed) -> Any:
    """Return the value of a body that is not JSON; raise `AttemptFailed` where the call cannot have it."""
    blank = is_blank(answer.body)
    if blank and (answer.call.may_be_empty or (answer.status == 204 and answer.call.changes)):
        return {} if answer.call.changes else None
    if reason.is_page:
        raise _page(answer)
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding not in _READABLE_ENCODINGS:
        shown = answer.scrub(encoding)[:_ENCODING_MAX_CHARACTERS]
        message = f"The answer is compressed with {shown!r}, which this client cannot read."
        raise AttemptFailed(FailureKind.MALFORMED, DecodeError(message, **answer.details(excerpt="")))
    if answer.call.markup and not blank:
        return text_of(answer.body, answer.headers)
    what = "an empty body" if blank else "text that is not JSON"
    message = f"The panel sent {what} instead of data. Its own log may say why."
    raise AttemptFailed(FailureKind.LOST, DecodeError(message, **answer.details()))


def _page(answer: _PanelAnswer) -> AttemptFailed:
    message = "The panel sent a web page instead of data; it may be in maintenance."
    return AttemptFailed(FailureKind.LOST, ServerError(message, **answer.details()))


def _markup(answer: _PanelAnswer) -> str:
    """Return the HTML of an answer: a JSON string, ``{"usage": html}``, or ``{"usage": {"cpu": html}}``."""
    markup = answer.payload
    while isinstance(markup, dict) and len(markup) == 1:
        (markup,) = markup.values()
    if isinstance(markup, dict):
        markup = markup.get("usage")
    if not isinstance(markup, str):
        text = answer.reply.text
        message = "The answer contains no HTML." + (f" The panel said: {text}" if text else "")
        error = DecodeError(message, payload=redact(answer.payload), **answer.details())
        raise AttemptFailed(FailureKind.UNDECODABLE, error)
    if is_page(markup):
        raise _page(answer)
    return markup


def _check_accepted(answer: _PanelAnswer) -> None:
    """Raise `AttemptFailed` unless the answer to a change says yes."""
    payload, reply = answer.payload, answer.reply
    error: SeFlowError
    if not isinstance(payload, dict | list):
        message = "The panel sent a bare value instead of an object."
        error = DecodeError(message, payload=redact(payload), **answer.details())
        raise AttemptFailed(FailureKind.UNDECODABLE, error)
    if not (reply.accepts or reply.is_empty):
        summary = f": {reply.summary}" if reply.summary else "."
        error = ApiError(f"The panel answered neither yes nor no{summary}", **answer.details())
        raise AttemptFailed(FailureKind.UNDECODABLE, error)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of ``Retry-After``; the longest where there are several, None without one."""
    get_all = getattr(headers, "getall", None)
    values = get_all("retry-after", ()) if get_all is not None else [headers.get("retry-after")]
    waits = [_seconds(value, headers) for value in values if value is not None]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(value: str, headers: Mapping[str, str]) -> float | None:
    """Return one ``Retry-After`` in seconds: a number, numbers joined by commas, or a date."""
    numbers = [as_number(part) for part in value.split(",")]
    if all(part is not None for part in numbers):
        return max(part for part in numbers if part is not None)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Compared with the panel's own clock if it sends a date: ours may be off by more than the wait.
    try:
        now = parsedate_to_datetime(headers["date"])
        return max(0.0, (moment - now).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())

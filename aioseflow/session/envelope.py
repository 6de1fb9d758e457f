"""What an answer means: one pure function of (call, status, headers, bytes), in the order that decides.

(1) a refusal by throttle, then of the credentials, (2) the panel's own ``error``, (3) the HTTP status, (4) a
body that cannot be the answer. A 5xx decides nothing about a change, whatever ``error`` stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

import attrs

from ..errors import (
    AddressNotAllowed,
    ApiError,
    AuthenticationError,
    DecodeError,
    NotFound,
    PermissionDenied,
    SeFlowError,
    ServerError,
    Throttled,
)
from ..policy import EXCERPT_CHARACTERS
from ..secret import HIDDEN, is_secret_key, redact
from .answer import Unparsed, is_blank, is_page, parse
from .call import Call
from .retry import Failure, Fault

_WAIT_CODE = "wait_x_between_action"
_ADDRESS_CODE = "ipnotallowed"
_LOGIN_CODE = "wronglogin"
_PERMISSION_CODE = "unauthorized"
_EXCERPT_PARSED_BYTES = 65_536
_CODES = 16
_CODE_CHARACTERS = 200
_LONGEST = 1e300
_PHP_FALSE: frozenset[object] = frozenset({False, "0", "false", ""})  # False is also 0
_NUMBER = re.compile(r"[0-9]{1,300}(?:\.[0-9]{0,300})?")
_KEY_IN_TEXT = re.compile(r"""[\w-]++(?=\s{0,8}+["'\]:=<>])""")
# Nothing but ASCII: a password that was read as Latin-1 has such characters beyond it, and must still be
# known by its text to the session, which masks it.
_CONTROLS = {code: "?" for code in (*range(32), 127) if chr(code) not in "\n\t"}
_USER_INFO = re.compile(r"//[^/@]*@")


@attrs.frozen
class _Answer:
    """What is known of one answer; `details` makes an error's attributes of it."""

    call: Call[Any]
    status: int
    headers: Mapping[str, str]
    body: bytes
    payload: Any
    codes: tuple[str, ...]

    def details(self, **more: Any) -> dict[str, Any]:
        return {
            "status": self.status,
            "codes": self.codes,
            "excerpt": excerpt(self.payload, self.body),
            "retry_after": _retry_after(self.headers),
            **more,
        }


def judge(call: Call[Any], status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """The parsed answer; raises `Fault` with the row of the retry table and the error to show.

    ``headers`` has lower-case names. A call that promises markup gets it as text; None is an empty body
    where the call allows one; a change answered by 204 is an empty object.
    """
    payload, unparsed = None, None
    try:
        payload = parse(body)
    except Unparsed as reason:
        unparsed = reason
    else:
        if status == 200 and _is_plain(call, payload):
            return payload
    errors = _errors(payload)
    answer = _Answer(call, status, headers, body, payload, tuple(code for code, _ in errors))
    if status == 429 or _WAIT_CODE in answer.codes:
        waits = [wait for code, wait in errors if code == _WAIT_CODE and wait is not None]
        raise _throttled(answer, waits)
    if _ADDRESS_CODE in answer.codes:
        message = "this machine's address is not on the panel's allow-list; add it there"
        raise Fault(Failure.LOGIN, AddressNotAllowed(message, **answer.details()))
    if _LOGIN_CODE in answer.codes or status == 401:
        message = (
            "e-mail or password were refused; nothing more is sent with them, since panels lock accounts"
        )
        raise Fault(Failure.LOGIN, AuthenticationError(message, **answer.details()))
    if answer.codes or not 200 <= status < 300:
        raise _refused(answer)
    if unparsed is not None:
        return _unparsed(answer, unparsed)
    if call.markup:
        return _markup(answer)
    if call.changes:
        _check_accepted(answer)
    return payload


def _is_plain(call: Call[Any], payload: Any) -> bool:
    """Whether nothing below could find fault with it, nor make anything else of it: nearly every answer."""
    if payload.__class__ is not dict or call.markup or payload.get("error"):
        return False
    return not call.changes or payload.get("status", True) is True


def _throttled(answer: _Answer, waits: list[float]) -> Fault:
    header = _retry_after(answer.headers)
    wait = max(waits if header is None else [*waits, header], default=None)
    when = f"in {wait:g} s" if wait is not None else "later"
    message = f"the provider refused for now and did nothing; send it again {when}"
    return Fault(Failure.THROTTLED, Throttled(message, **answer.details(retry_after=wait)))


def _refused(answer: _Answer) -> Fault:
    status, said = answer.status, ", ".join(answer.codes) or f"HTTP {answer.status}"
    details = answer.details()
    if status >= 500 or status < 200:
        postponed = status == 503 and details["retry_after"] is not None
        message = f"the panel broke (HTTP {status}); try again later"
        return Fault(Failure.POSTPONED if postponed else Failure.LOST, ServerError(message, **details))
    error: SeFlowError
    if 300 <= status < 400:
        # Without the query and the login, which may carry a token or a password.
        where = re.split(r"[?#]", answer.headers.get("location", "nowhere"), maxsplit=1)[0]
        where = _USER_INFO.sub("//", where)[:200].translate(_CONTROLS)
        error = ApiError(
            f"the panel redirected to {where} (HTTP {status}), which is never followed; check the base URL",
            **details,
        )
    elif status == 404:
        error = NotFound(f"the panel does not know it ({said}); check the ids and the base URL", **details)
    elif status == 403 or answer.codes == (_PERMISSION_CODE,):
        error = PermissionDenied(f"this account may not do it ({said})", **details)
    else:
        error = ApiError(f"the panel refused: {said}", **details)
    return Fault(Failure.ANSWERED, error)


def _unparsed(answer: _Answer, reason: Unparsed) -> Any:
    blank = is_blank(answer.body)
    if blank and (answer.call.may_be_empty or (answer.status == 204 and answer.call.changes)):
        return {} if answer.call.changes else None
    if reason.is_page:
        raise _page(answer)
    if answer.call.markup and not blank:
        return answer.body.decode("utf-8", "replace")
    what = "an empty body" if blank else "something that is not JSON"
    message = f"{what} came where JSON was promised; try again later, or look at the panel's own log"
    raise Fault(Failure.LOST, DecodeError(message, **answer.details()))


def _page(answer: _Answer) -> Fault:
    message = (
        "a whole page came where an answer was promised; the panel may be in maintenance, try again later"
    )
    return Fault(Failure.LOST, ServerError(message, **answer.details()))


def _markup(answer: _Answer) -> str:
    """Met as a JSON string, as ``{"usage": html}`` and as ``{"usage": {"cpu": html}}``-like nestings."""
    markup = answer.payload
    while isinstance(markup, dict) and len(markup) == 1:
        (markup,) = markup.values()
    if isinstance(markup, dict):
        markup = markup.get("usage")
    if not isinstance(markup, str):
        message = "no piece of HTML in the answer"
        raise Fault(
            Failure.UNREADABLE, DecodeError(message, payload=redact(answer.payload), **answer.details())
        )
    if is_page(markup):
        raise _page(answer)
    return markup


def _check_accepted(answer: _Answer) -> None:
    payload = answer.payload
    if not isinstance(payload, dict | list):
        message = "a bare value came where an object was promised; read back what became of it"
        raise Fault(Failure.LOST, DecodeError(message, payload=redact(payload), **answer.details()))
    if isinstance(payload, dict) and _is_false(payload.get("status", True)):
        message = "the panel answered that it did not do it, and gave no reason"
        raise Fault(Failure.ANSWERED, ApiError(message, **answer.details()))


def _is_false(value: Any) -> bool:
    if isinstance(value, str):
        value = value.strip().lower()
    return isinstance(value, int | float | str) and value in _PHP_FALSE


def _errors(payload: Any) -> list[tuple[str, float | None]]:
    """The panel's errors as (code, seconds); an empty ``error`` of any type is none."""
    if not isinstance(payload, dict):
        return []
    error = payload.get("error")
    if not error or error == "0":
        return []
    return list(islice(_items(error), _CODES)) or [("unspecified", None)]


def _items(error: Any) -> Iterator[tuple[str, float | None]]:
    if isinstance(error, dict):
        # PHP makes an object of an array whose keys have a gap; other installations map codes to texts.
        for key, value in error.items():
            if isinstance(value, str | list) and key.isdecimal():
                yield from _items([value])
            else:
                yield _word(key), _number(value)
    elif isinstance(error, list):
        for item in error:
            if isinstance(item, list) and item:
                yield _word(item[0]), _number(item[1]) if len(item) > 1 else None
            elif item is not None and item != [] and item != "":
                yield _word(item), None
    else:
        yield _word(error), None


def _word(value: Any) -> str:
    """A code as one bounded line: messages with it reach terminals and logs."""
    text = (value if isinstance(value, str) else repr(redact(value)))[:_CODE_CHARACTERS]
    return "".join(character if character.isprintable() else "?" for character in text)


def _number(value: Any) -> float | None:
    # float() would also read "1_0", other scripts' digits and a true.
    if isinstance(value, str):
        value = value.strip()
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _LONGEST else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
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


def excerpt(payload: Any, body: bytes) -> str:
    """The beginning of an answer, bounded, with whatever looks like a secret masked."""
    if payload is not None and len(body) <= _EXCERPT_PARSED_BYTES:
        text = repr(_without_secrets(redact(payload)))
    else:
        text = _until_secret(body[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "replace"))
    return text[:EXCERPT_CHARACTERS].translate(_CONTROLS)


def _without_secrets(shown: Any) -> Any:
    if isinstance(shown, dict):
        return {key: _without_secrets(item) for key, item in shown.items()}
    if isinstance(shown, list):
        return [_without_secrets(item) for item in shown]
    return _until_secret(shown) if isinstance(shown, str) else shown


def _until_secret(text: str) -> str:
    """Text up to the first key of a secret: where it has no structure, no one can tell where a value ends
    (an escaped quote, a list, a line of ``print_r``, the next cell of a table)."""
    for match in _KEY_IN_TEXT.finditer(text):
        if is_secret_key(match[0]):
            return f"{text[: match.end()]} {HIDDEN}"
    return text

"""The panel's reply in its own JSON, in any of its forms: yes or no, error codes, the wait, the text.

Pure functions. `read_reply` is the only reader of errors and of success; `says` decides what a word means.

| a change is accepted if its answer is | source |
|---|---|
| ``{"status": true}`` | seen (``POST …/stop``, ``…/start``) |
| ``{"info": ["revdnsupdated"]}``, any filled ``info`` | documented (``POST …/rdns``) |
| ``status``, ``success``, ``result`` or ``ok`` with a word or number that `says` reads as yes | inferred |
| ``{}``, ``[]``, an object whose values are all empty, 204 with an empty body | inferred |
| what the call makes (`Call.makes`: ``order_num``, ``vm`` …), filled, with no message or code | inferred |

A single "no" outweighs all of these: ``error``, ``errors``, ``error_message`` and the like with a value, or
one of the four words with a value that `says` reads as no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import attrs

from ..decoding.php import Scrub, is_nothing, says
from ..secret import redact

_YES_OR_NO: Final = frozenset({"status", "success", "result", "ok"})
_ERRORS: Final = frozenset(
    {
        *("error", "errors", "err", "errormessage", "errormessages", "errormsg", "errordescription"),
        *("errorcode", "errorcodes", "errordetail", "errordetails", "errortext", "exception"),
    }
)
_TEXTS: Final = (
    *("message", "msg", "messages", "errormessage", "errormsg", "errordescription", "errortext"),
    *("description", "reason", "detail", "details", "text", "title"),
)
_CODE_KEYS: Final = ("code", "errorcode", "error", "type", "name", "key", "id")
_WAIT_KEYS: Final = frozenset({"wait", "seconds", "retryafter", "delay", "sec", "secs", "time", "value"})
_ERROR_OBJECT_KEYS: Final = frozenset({*_TEXTS, *_CODE_KEYS, *_WAIT_KEYS})
# Values with which a panel says in `error` that there is none.
_NO_ERROR: Final = frozenset({"", "0", "false", "no", "none", "null", "nil", "n/a", "-", "ok"})
_THROTTLE: Final = re.compile(
    r"wait[ _-]?(\w{1,12}?)[ _-]?(?:seconds?[ _-]?)?between[ _-]?actions?", re.IGNORECASE
)
_THROTTLE_CODES: Final = frozenset(
    {
        *("toomanyrequests", "ratelimit", "ratelimited", "ratelimitexceeded", "ratelimitreached"),
        *("throttled", "throttling", "requestthrottled", "slowdown"),
    }
)
_NUMBER: Final = re.compile(r"[0-9]{1,300}(?:\.[0-9]{0,300})?")
_SECONDS_IN_TEXT: Final = re.compile(
    r"(?<![\w.])[0-9]{1,9}(?:\.[0-9]{1,9})?(?=\s*(?:s|sec|secs|seconds?)?\b)"
)
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_NUMBER_MAX: Final = 1e300
# A hostile answer may have millions of each.
_MAX_CODES: Final = 16
_CODE_MAX_CHARACTERS: Final = 200
_MAX_KEYS_READ: Final = 64


@attrs.frozen
class PanelReply:
    """The reply in an answer.

    Attributes:
        codes: the panel's error codes, bounded, our credentials masked.
        normalized_codes: the codes after `normalized`, unmasked: their meaning must not depend on a password.
        wait_seconds: the wait that the panel asks for, None where it gives none.
        throttled: whether it refuses for now, in the panel's own word for that: then nothing was done.
        mentions_throttle: whether it does so in another word, which in a 5xx decides nothing.
        refuses: whether it says no, by an error or a word.
        accepts: whether it says yes; `refuses` outweighs it.
        is_empty: whether it contains nothing that could say yes or no.
        text: its message for people as one bounded line, empty where it has none.
    """

    codes: tuple[str, ...] = ()
    normalized_codes: tuple[str, ...] = attrs.field(default=(), repr=False)
    wait_seconds: float | None = None
    throttled: bool = False
    mentions_throttle: bool = False
    refuses: bool = False
    accepts: bool = False
    is_empty: bool = False
    text: str = ""

    @property
    def summary(self) -> str:
        """Codes and text for a message."""
        text = self.text if self.text not in self.codes else ""
        return ": ".join(part for part in (", ".join(self.codes), text) if part)


def normalized(word: object) -> str:
    """Return a key or code without case and separators: ``Error-Message`` is ``errormessage``."""
    return _SEPARATORS.sub("", str(word)[:_CODE_MAX_CHARACTERS].lower())


def read_reply(
    payload: Any, *, change: bool, keyed: bool, makes: tuple[str, ...] = (), scrub: Scrub
) -> PanelReply:
    """Read the reply in parsed JSON.

    Args:
        payload: the parsed JSON.
        change: whether it answers a call that changes something.
        keyed: whether the result of a read has a key, so that the words next to it are about the answer.
            Where they may be data, only a plain false or a word for an error says no.
        makes: keys with which an accepted change names what it made.
        scrub: masks our own credentials in a text.
    """
    if not isinstance(payload, dict):
        return PanelReply(is_empty=payload == [] or payload is None)
    pairs = [(normalized(key), value) for key, value in islice(payload.items(), _MAX_KEYS_READ)]
    errors = [value for key, value in pairs if key in _ERRORS and _is_filled(value)]
    found = list(islice((item for value in errors for item in _items(value)), _MAX_CODES))
    if errors and not found:
        found = [("unspecified", None)]
    text = _text(pairs)
    answers = [
        _answer(value, change=change, keyed=keyed or key == "success")
        for key, value in pairs
        if key in _YES_OR_NO
    ]
    codes = [code for code, _ in found]
    own_code = next((value for key, value in pairs if key == "code" and isinstance(value, str)), None)
    if own_code is not None and not codes and (False in answers or not keyed):
        codes = [_word(own_code)]
    waits = [wait for code, wait in found if wait is not None and is_throttle(code)]
    waits += [wait for said in (*codes, text) if (wait := _named_wait(said)) is not None]
    accepts = True in answers or any(key == "info" and _has_any(value) for key, value in pairs)
    if not text and "code" not in dict(pairs):
        accepts = accepts or any(_has_any(payload.get(key)) for key in makes)
    throttled = any(map(is_throttle, codes))
    refuses = bool(errors) or False in answers or throttled
    # A mere sentence in an answer is no refusal; and after a yes it is not certain that nothing was done.
    mentions_throttle = (
        refuses
        and not accepts
        and (is_throttle(text) or not _THROTTLE_CODES.isdisjoint(map(normalized, codes)))
    )
    if throttled or mentions_throttle:
        waits += [
            wait for key, value in pairs if key in _WAIT_KEYS and (wait := as_number(value)) is not None
        ]
    return PanelReply(
        codes=tuple(scrub(code) for code in codes),
        normalized_codes=tuple(map(normalized, codes)),
        wait_seconds=max(waits, default=None),
        throttled=throttled,
        mentions_throttle=mentions_throttle,
        refuses=refuses,
        accepts=accepts,
        is_empty=all(value is None or value == [] or value == {} for _, value in pairs),
        text=scrub(text),
    )


def is_throttle(text: str) -> bool:
    """Return True if a code or text contains the panel's own word for a refusal for now."""
    return _THROTTLE.search(text) is not None


def as_number(value: Any) -> float | None:
    """Return a JSON value as a number; None unless it is a plain number of at least zero."""
    # float() alone would also accept "1_0", the digits of other scripts, and true.
    if isinstance(value, str):
        value = value.strip()
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _NUMBER_MAX else None


def _answer(value: Any, *, change: bool, keyed: bool) -> bool | None:
    """Return yes (True), no (False) or neither (None) of a word, which may be data in a read's answer."""
    if value == "" and not change:
        return None
    meant = says(value)
    if meant is False and not change and not keyed:
        # `{"status": "off"}` may be the data that was read; `{"status": "error"}` is none.
        is_flag = value is not False and normalized(value) in ("0", "no", "n", "off", "false")
        return None if is_flag or not isinstance(value, str | bool) else False
    return meant


def _is_filled(value: Any) -> bool:
    """Return True if the value of an error's key reports an error."""
    if not value:
        return False
    if isinstance(value, dict) and all(
        normalized(key) in _ERROR_OBJECT_KEYS for key in islice(value, _MAX_KEYS_READ)
    ):
        # `{"code": 0, "message": ""}` reports no error.
        return any(map(_is_filled, value.values()))
    return not (isinstance(value, str) and value.strip().lower() in _NO_ERROR)


def _has_any(value: Any) -> bool:
    """Return True if a value, or an item of a list, is not empty."""
    if isinstance(value, list):
        return any(map(_has_any, value[:_MAX_CODES]))
    return not is_nothing(value) and value != 0


def _items(error: Any) -> Iterator[tuple[str, float | None]]:
    """Yield the errors in a value as pairs of code and seconds to wait."""
    if isinstance(error, dict):
        yield from _of_object(error)
    elif isinstance(error, list):
        for item in error:
            if isinstance(item, list) and item:
                if isinstance(item[0], list | dict):
                    yield from _items(item)
                else:
                    yield _word(item[0]), as_number(item[1]) if len(item) > 1 else None
            elif isinstance(item, dict) and item:
                yield from _of_object(item)
            elif item is not None and item != [] and item != "":
                yield _word(item), None
    else:
        yield _word(error), None


def _of_object(error: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    # PHP makes an object of an array whose keys have a gap. Some installations map codes to texts, others
    # write one error as an object of code and details.
    by_name = {normalized(key): value for key, value in islice(error.items(), _MAX_KEYS_READ)}
    code = next((by_name[key] for key in _CODE_KEYS if isinstance(by_name.get(key), str | int)), None)
    if code is not None and not isinstance(code, bool):
        waits = [as_number(value) for key, value in by_name.items() if key in _WAIT_KEYS]
        yield _word(code), max((wait for wait in waits if wait is not None), default=None)
        return
    for key, value in error.items():
        if isinstance(value, str | list | dict) and key.isdecimal():
            yield from _items([value])
        else:
            yield _word(key), as_number(value)


def _named_wait(code: str) -> float | None:
    """Return the seconds in a code such as ``wait_24_between_action`` or ``wait_x_between_action: 24``."""
    found = _THROTTLE.search(code)
    if found is None:
        return None
    if (inside := as_number(found[1])) is not None:
        return inside
    after = _SECONDS_IN_TEXT.search(code, found.end())
    return None if after is None else float(after[0])


def _text(pairs: list[tuple[str, Any]]) -> str:
    """Return the message for people."""
    by_name = dict(reversed(pairs))
    for key in _TEXTS:
        value = by_name.get(key)
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, str)), None)
        if isinstance(value, str) and value.strip():
            return _word(value.strip())
    return ""


def _word(value: Any) -> str:
    """Return a code or text as one bounded line, because it reaches terminals and logs."""
    text = (value if isinstance(value, str) else repr(redact(value)))[:_CODE_MAX_CHARACTERS]
    return "".join(character if character.isprintable() else "?" for character in text)

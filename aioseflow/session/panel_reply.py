"""What the panel's own JSON says of a request, whatever its shape: yes or no, the codes, the wait, the text.

Pure. `read_reply` is the only reader of errors and of success; `says` decides what a word means.

| an answer to a change is accepted if it is | source |
|---|---|
| ``{"status": true}`` | seen (``POST …/stop``, ``…/start``) |
| ``{"info": ["revdnsupdated"]}``, any filled ``info`` | documented (``POST …/rdns``) |
| ``status``, ``success``, ``result`` or ``ok`` with a word or number that `says` reads as yes | inferred |
| ``{}``, ``[]``, an object whose values are all empty, 204 with an empty body | inferred |
| what the call makes (`Call.makes`: ``order_num``, ``vm`` …), filled, with no message or code | inferred |

Beside any of them one "no" is enough to refuse: ``error``, ``errors``, ``error_message`` and their like with
anything in them, or one of the four words with a value that `says` reads as no.
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
_OF_AN_ERROR: Final = frozenset({*_TEXTS, *_CODE_KEYS, *_WAIT_KEYS})
# PanelReply that a panel may write into `error` to say that there is none.
_NO_ERROR: Final = frozenset({"", "0", "false", "no", "none", "null", "nil", "n/a", "-", "ok"})
_THROTTLED: Final = re.compile(
    r"wait[ _-]?(\w{1,12}?)[ _-]?(?:seconds?[ _-]?)?between[ _-]?actions?", re.IGNORECASE
)
_TOO_MANY: Final = frozenset(
    {
        *("toomanyrequests", "ratelimit", "ratelimited", "ratelimitexceeded", "ratelimitreached"),
        *("throttled", "throttling", "requestthrottled", "slowdown"),
    }
)
_NUMBER: Final = re.compile(r"[0-9]{1,300}(?:\.[0-9]{0,300})?")
_NUMBER_WITHIN: Final = re.compile(r"(?<![\w.])[0-9]{1,9}(?:\.[0-9]{1,9})?(?=\s*(?:s|sec|secs|seconds?)?\b)")
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 1e300
_CODES: Final = 16
_CODE_CHARACTERS: Final = 200
_KEYS_READ: Final = 64


@attrs.frozen
class PanelReply:
    """What an answer says.

    Attributes:
        codes: the panel's error codes, bounded, without our credentials.
        kinds: the same in their `plain` forms, as they came: what they mean must not depend on a password.
        wait: seconds that it asks to wait, None where it names none.
        throttled: whether it refuses for now, by the panel's own word for that: then nothing was done.
        too_many: whether it says so in another word, which in a 5xx decides nothing.
        refuses: whether it says no, in an error or in a word.
        accepts: whether it says yes, which a no beside it outweighs.
        is_empty: whether there is nothing in it that could say anything.
        text: its message for people, one bounded line, empty where it has none.
    """

    codes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = attrs.field(default=(), repr=False)
    wait: float | None = None
    throttled: bool = False
    too_many: bool = False
    refuses: bool = False
    accepts: bool = False
    is_empty: bool = False
    text: str = ""

    @property
    def said(self) -> str:
        """Codes and text for a message."""
        text = self.text if self.text not in self.codes else ""
        return ": ".join(part for part in (", ".join(self.codes), text) if part)


def plain(word: object) -> str:
    """A key or code without case and separators: ``Error-Message`` is ``errormessage``."""
    return _SEPARATORS.sub("", str(word)[:_CODE_CHARACTERS].lower())


def read_reply(
    payload: Any, *, change: bool, keyed: bool, makes: tuple[str, ...] = (), scrub: Scrub
) -> PanelReply:
    """What parsed JSON says.

    Args:
        payload: what was parsed.
        change: whether it answers a call that changes something.
        keyed: whether what a read is for stands under a key of its own, so that the words beside it are about
            the answer. Where they may be data, only a plain false or a word for an error says no.
        makes: keys with which an accepted change says what it made.
        scrub: takes our own credentials out of a text.
    """
    if not isinstance(payload, dict):
        return PanelReply(is_empty=payload == [] or payload is None)
    named = [(plain(key), value) for key, value in islice(payload.items(), _KEYS_READ)]
    errors = [value for key, value in named if key in _ERRORS and _is_filled(value)]
    found = list(islice((item for value in errors for item in _items(value)), _CODES))
    if errors and not found:
        found = [("unspecified", None)]
    text = _text(named)
    answers = [
        _answer(value, change=change, keyed=keyed or key == "success")
        for key, value in named
        if key in _YES_OR_NO
    ]
    codes = [code for code, _ in found]
    own_code = next((value for key, value in named if key == "code" and isinstance(value, str)), None)
    if own_code is not None and not codes and (False in answers or not keyed):
        codes = [_word(own_code)]
    waits = [wait for code, wait in found if wait is not None and is_throttle(code)]
    waits += [wait for said in (*codes, text) if (wait := _named_wait(said)) is not None]
    accepts = True in answers or any(key == "info" and _has_any(value) for key, value in named)
    if not text and "code" not in dict(named):
        accepts = accepts or any(_has_any(payload.get(key)) for key in makes)
    throttled = any(map(is_throttle, codes))
    refuses = bool(errors) or False in answers or throttled
    # A mere sentence beside an answer is none, and beside a yes nothing was certainly left undone.
    too_many = refuses and not accepts and (is_throttle(text) or not _TOO_MANY.isdisjoint(map(plain, codes)))
    if throttled or too_many:
        waits += [wait for key, value in named if key in _WAIT_KEYS and (wait := number(value)) is not None]
    return PanelReply(
        codes=tuple(scrub(code) for code in codes),
        kinds=tuple(map(plain, codes)),
        wait=max(waits, default=None),
        throttled=throttled,
        too_many=too_many,
        refuses=refuses,
        accepts=accepts,
        is_empty=all(value is None or value == [] or value == {} for _, value in named),
        text=scrub(text),
    )


def is_throttle(text: str) -> bool:
    """Whether a code or text has the panel's own word for a refusal for now."""
    return _THROTTLED.search(text) is not None


def number(value: Any) -> float | None:
    """Seconds of a JSON value; None for whatever is no plain number of at least zero."""
    # float() would also read "1_0", other scripts' digits and a true.
    if isinstance(value, str):
        value = value.strip()
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _LONGEST else None


def _answer(value: Any, *, change: bool, keyed: bool) -> bool | None:
    """Yes, no or neither, of a word that may be data of a read."""
    if value == "" and not change:
        return None
    meant = says(value)
    if meant is False and not change and not keyed:
        # `{"status": "off"}` may be what was asked for, and nobody asks for an "error".
        is_flag = value is not False and plain(value) in ("0", "no", "n", "off", "false")
        return None if is_flag or not isinstance(value, str | bool) else False
    return meant


def _is_filled(value: Any) -> bool:
    if not value:
        return False
    if isinstance(value, dict) and all(plain(key) in _OF_AN_ERROR for key in islice(value, _KEYS_READ)):
        # `{"code": 0, "message": ""}` is how some say that there is none.
        return any(map(_is_filled, value.values()))
    return not (isinstance(value, str) and value.strip().lower() in _NO_ERROR)


def _has_any(value: Any) -> bool:
    """Whether there is something in a value, at any place of a list."""
    if isinstance(value, list):
        return any(map(_has_any, value[:_CODES]))
    return not is_nothing(value) and value != 0


def _items(error: Any) -> Iterator[tuple[str, float | None]]:
    """Errors as (code, seconds)."""
    if isinstance(error, dict):
        yield from _of_object(error)
    elif isinstance(error, list):
        for item in error:
            if isinstance(item, list) and item:
                if isinstance(item[0], list | dict):
                    yield from _items(item)
                else:
                    yield _word(item[0]), number(item[1]) if len(item) > 1 else None
            elif isinstance(item, dict) and item:
                yield from _of_object(item)
            elif item is not None and item != [] and item != "":
                yield _word(item), None
    else:
        yield _word(error), None


def _of_object(error: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    # PHP makes an object of an array whose keys have a gap; some installations map codes to texts, others
    # write one error as an object of its code and its details.
    by_name = {plain(key): value for key, value in islice(error.items(), _KEYS_READ)}
    code = next((by_name[key] for key in _CODE_KEYS if isinstance(by_name.get(key), str | int)), None)
    if code is not None and not isinstance(code, bool):
        waits = [number(value) for key, value in by_name.items() if key in _WAIT_KEYS]
        yield _word(code), max((wait for wait in waits if wait is not None), default=None)
        return
    for key, value in error.items():
        if isinstance(value, str | list | dict) and key.isdecimal():
            yield from _items([value])
        else:
            yield _word(key), number(value)


def _named_wait(code: str) -> float | None:
    """The seconds in a code such as ``wait_24_between_action`` or ``wait_x_between_action: 24``."""
    found = _THROTTLED.search(code)
    if found is None:
        return None
    if (inside := number(found[1])) is not None:
        return inside
    behind = _NUMBER_WITHIN.search(code, found.end())
    return None if behind is None else float(behind[0])


def _text(named: list[tuple[str, Any]]) -> str:
    by_name = dict(reversed(named))
    for key in _TEXTS:
        value = by_name.get(key)
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, str)), None)
        if isinstance(value, str) and value.strip():
            return _word(value.strip())
    return ""


def _word(value: Any) -> str:
    """A code or text as one bounded line: messages with it reach terminals and logs."""
    text = (value if isinstance(value, str) else repr(redact(value)))[:_CODE_CHARACTERS]
    return "".join(character if character.isprintable() else "?" for character in text)

"""`Secret`: text that cannot be printed by accident; and the parts of an answer that are secret."""

from __future__ import annotations

import functools
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, final

HIDDEN: Final = "***"

_SECRET_KEY = re.compile(
    r"passw|passphrase|passcode|pwd|secret|token|credential|vnc|spice|cookie|authori[sz]ation|bearer"
    r"|pass$|pass_|key$|key_|^key|^auth|authcode|^epp|eppcode|^pin$|^otp|session"
)
_KNOWN_PLAIN = frozenset({"keyboard", "author", "authorid"})
_KEY_END_CHARACTERS = 80
_CONCEALED_LEVELS = 64
_REDACTED_LEVELS = 8
_REDACTED_VALUES = 1000
_REDACTED_TEXT_CHARACTERS = 200


@final
class Secret:
    """A password or token: ``repr``, ``str`` and ``format`` show ``***``; ``reveal()`` gives the text.

    Falsy when empty. Equal to another `Secret` with the same text, never to a plain string.
    """

    __slots__ = ("_text",)

    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Secret cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Secret cannot be changed")

    def __repr__(self) -> str:
        return f"Secret('{HIDDEN}')"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # As bytes, because compare_digest refuses text outside ASCII.
        mine, theirs = (text.encode("utf-8", "surrogatepass") for text in (self._text, other._text))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        # __setattr__ refuses changes, so pickle must call the constructor. The text is pickled, because a
        # program pickles a Secret only to send it to another process of its own.
        return (Secret, (self._text,))


@final
class Masked(str):
    """Text of a header, which is sent as it is, with ``***`` as its ``repr``.

    aiohttp keeps headers in its frames, where a debugger, a traceback with locals or a log may show them.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"


def basic_authorization(username: str, password: str) -> Masked:
    """Return the value of an ``Authorization`` header for HTTP Basic, in UTF-8."""
    return Masked(f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}")


def is_secret_key(key: object) -> bool:
    """Return whether a value under this key must not be shown (``rootpassword``, ``api_key``)."""
    name = str(key)
    # A hostile key may have megabytes, and the cache keeps its arguments.
    if len(name) > 2 * _KEY_END_CHARACTERS:
        name = name[:_KEY_END_CHARACTERS] + name[-_KEY_END_CHARACTERS:]
    return _is_secret_name(name)


@functools.lru_cache(maxsize=512)
def _is_secret_name(name: str) -> bool:
    name = name.lower()
    return _SECRET_KEY.search(name) is not None and name not in _KNOWN_PLAIN


def conceal(value: Any, *, secret: bool = False, levels: int = _CONCEALED_LEVELS) -> Any:
    """Copy parsed JSON, with a `Secret` in place of every text and number under a secret-looking key.

    Args:
        secret: whether the value itself is under such a key.
        levels: how many levels of objects and lists are copied. A deeper one becomes ``"…"``, so that no
            later ``repr``, ``==`` or pickle can exhaust the stack.
    """
    if levels <= 0 and isinstance(value, Mapping | list | tuple):
        value = "…"
    if isinstance(value, Mapping):
        return {
            key: conceal(item, secret=secret or is_secret_key(key), levels=levels - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [conceal(item, secret=secret, levels=levels - 1) for item in value]
    if not secret or value is None or isinstance(value, bool | Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    # Not str(): that refuses integers of thousands of digits.
    return Secret(hex(value) if isinstance(value, int) and value.bit_length() > 64 else str(value))


def redact(value: Any) -> Any:
    """Copy parsed JSON, bounded in size, so that it may be shown, logged and pickled.

    Values under secret-looking keys become ``"***"``, texts are cut after 200 characters, and everything
    below 8 levels or after the first 1,000 values becomes ``"…"``.
    """
    return _Redaction().copy(value, secret=False, levels=_REDACTED_LEVELS)


class _Redaction:
    """State of one `redact`: how many values it may still copy."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _REDACTED_VALUES

    def copy(self, value: Any, *, secret: bool, levels: int) -> Any:
        self.left -= 1
        if isinstance(value, Mapping):
            if levels <= 0:
                return "…"
            shown: dict[str, Any] = {}
            for key, item in value.items():
                if self.left <= 0:
                    shown["…"] = f"{len(value) - len(shown)} more"
                    break
                shown[_cut(str(key))] = self.copy(
                    item, secret=secret or is_secret_key(key), levels=levels - 1
                )
            return shown
        if isinstance(value, list | tuple):
            if levels <= 0:
                return "…"
            items: list[Any] = []
            for item in value:
                if self.left <= 0:
                    items.append(f"… {len(value) - len(items)} more")
                    break
                items.append(self.copy(item, secret=secret, levels=levels - 1))
            return items
        if value is None or isinstance(value, bool):
            return value
        if secret or isinstance(value, Secret):
            return HIDDEN
        if isinstance(value, str):
            return _cut(value)
        if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64):
            return value
        return f"… ({type(value).__name__})"


def _cut(text: str) -> str:
    return text if len(text) <= _REDACTED_TEXT_CHARACTERS else text[:_REDACTED_TEXT_CHARACTERS] + "…"

"""Masks our own credentials in texts of the panel: its error pages repeat headers and forms."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from html import escape
from json import dumps
from typing import Any, Final
from urllib.parse import quote, quote_plus

from ..secret import HIDDEN

_CUT_SECRET_MIN_CHARACTERS: Final = 8  # a shorter beginning of a secret that was cut off is not masked


class Scrubber:
    """Masks secrets in texts, in each of the usual encodings, whole or cut off.

    Escaping only adds backslashes, so they are skipped; hex digits and escapes occur in both cases.
    """

    __slots__ = ("_forms", "_heads")

    def __init__(self) -> None:
        self._forms: dict[str, set[str]] = {}  # by their first characters
        self._heads: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Add a secret to those that are masked."""
        # As plain text: the repr of a `Masked`, which is one of its forms, hides it.
        for form in _forms(str(secret)):
            bare = form.replace("\\", "").lower()
            if bare:
                self._forms.setdefault(bare[:_CUT_SECRET_MIN_CHARACTERS], set()).add(bare)
        # Longest first, so that a form which contains another is masked whole.
        ordered = sorted(self._forms, key=len, reverse=True)
        heads = (r"\\*".join(map(re.escape, head)) for head in ordered)
        self._heads = re.compile("|".join(heads), re.IGNORECASE)

    def text(self, text: str) -> str:
        """Return a text with the secrets masked."""
        if self._heads is None or not text:
            return text
        pieces: list[str] = []
        position = 0
        for found in self._heads.finditer(text):
            if found.start() >= position:
                pieces += (text[position : found.start()], HIDDEN)
                position = self._end(text, found)
        return "".join((*pieces, text[position:])) if pieces else text

    def value(self, value: Any) -> Any:
        """Return parsed JSON, already bounded in size, with the secrets masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def _end(self, text: str, found: re.Match[str]) -> int:
        """Return where the longest secret that begins here ends, or the text no longer agrees with it."""
        head = found[0].replace("\\", "").lower()
        end = found.end()
        for form in self._forms.get(head, ()):
            position, rest = found.end(), len(head)
            while rest < len(form) and position < len(text):
                if text[position] != "\\":
                    if text[position].lower() != form[rest]:
                        break
                    rest += 1
                position += 1
            end = max(end, position)
        return end


def _forms(secret: str) -> Iterator[str]:
    """Yield the encodings in which programs write a text."""
    data = secret.encode()
    for read in (secret, data.decode("latin-1")):
        yield read
        yield repr(read)[1:-1]
        # Codes and messages have no invisible characters.
        yield "".join(character if character.isprintable() else "?" for character in read)
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret))
    yield dumps(secret)[1:-1]
    yield repr(data)[2:-1]
    yield escape(secret)
    yield escape(secret).replace("&#x27;", "&#039;")  # as PHP writes it
    yield data.hex()
    for shift in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            # The characters at both ends encode bits of the neighbouring bytes too.
            whole = encode(b"\0" * shift + data + b"\0" * (-(shift + len(data)) % 3)).decode()
            left, right = (0, 2, 3)[shift], (0, 2, 3)[(-(shift + len(data))) % 3]
            yield whole[left : len(whole) - right]

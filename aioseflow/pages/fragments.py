"""Pack the provider's usage fragments into the page, which unpacks one when it is shown.

Fragments are untrusted HTML. Compressed and in base64 they cannot end the element that holds them, and a
browser that opens the page does not interpret them.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from typing import Final

ABSENT: Final = -1
TOO_LONG: Final = -2
MAX_FRAGMENT_CHARACTERS: Final = 1 << 20
"""A longer fragment is left out."""
_CHUNK_CHARACTERS: Final = 256 * 1024
# Level 4 packs the fragments of panels nearly as well as level 6, in half of the time.
_COMPRESSION_LEVEL: Final = 4


class Fragments:
    """Packed fragments, each with a number; equal fragments have the same number.

    Attributes:
        chunks: each is base64 of a zlib stream of a JSON list of texts.
        starts: the number of the first fragment of each chunk.
    """

    def __init__(self) -> None:
        self.chunks: list[str] = []
        self.starts: list[int] = []
        self._numbers: dict[str, int] = {}
        self._open: list[str] = []
        self._size = 0

    def add(self, html: str) -> int:
        """Add a fragment and return its number; `TOO_LONG` if it is left out."""
        if len(html) > MAX_FRAGMENT_CHARACTERS:
            return TOO_LONG
        number = self._numbers.get(html)
        if number is None:
            number = self._numbers[html] = len(self._numbers)
            self._open.append(html)
            self._size += len(html)
            if self._size >= _CHUNK_CHARACTERS:
                self.close()
        return number

    def close(self) -> None:
        """Pack the fragments that are not packed yet."""
        if not self._open:
            return
        # ASCII: a lone surrogate cannot be encoded in UTF-8, but has a JSON escape.
        packed = zlib.compress(
            json.dumps(self._open, separators=(",", ":")).encode("ascii"), _COMPRESSION_LEVEL
        )
        self.chunks.append(b64encode(packed).decode("ascii"))
        self.starts.append(len(self._numbers) - len(self._open))
        self._open = []
        self._size = 0

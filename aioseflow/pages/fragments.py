"""The provider's usage fragments as they lie in the page: packed, inert, and unpacked when one is shown.

They are untrusted HTML. Compressed and in base64 they cannot end the element that holds them, whatever is
in them, and a browser that opens the page reads nothing of them.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from typing import Final

ABSENT: Final = -1
TOO_LONG: Final = -2
LONGEST: Final = 1 << 20
"""Characters; a longer fragment is left out."""
_CHUNK: Final = 256 * 1024
# Level 4 packs what panels send nearly as well as 6 in half of the time.
_LEVEL: Final = 4


class Fragments:
    """Takes fragments and gives each a number; equal ones have the same.

    ``chunks`` are base64 of a zlib stream of a JSON list of texts, ``starts`` the number of each one's first.
    """

    def __init__(self) -> None:
        self.chunks: list[str] = []
        self.starts: list[int] = []
        self._numbers: dict[str, int] = {}
        self._open: list[str] = []
        self._size = 0

    def add(self, html: str) -> int:
        """The fragment's number; `TOO_LONG` for one that is left out."""
        if len(html) > LONGEST:
            return TOO_LONG
        number = self._numbers.get(html)
        if number is None:
            number = self._numbers[html] = len(self._numbers)
            self._open.append(html)
            self._size += len(html)
            if self._size >= _CHUNK:
                self.close()
        return number

    def close(self) -> None:
        """Pack what is not packed yet."""
        if not self._open:
            return
        # ASCII, because a lone surrogate has no UTF-8 but a JSON escape.
        packed = zlib.compress(json.dumps(self._open, separators=(",", ":")).encode("ascii"), _LEVEL)
        self.chunks.append(b64encode(packed).decode("ascii"))
        self.starts.append(len(self._numbers) - len(self._open))
        self._open = []
        self._size = 0

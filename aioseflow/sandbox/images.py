"""Small PNG images for graphs."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from struct import pack
from zlib import compress, crc32

_WIDTH, _HEIGHT = 48, 16
_LEVELS = 64


def graph(level: float) -> str:
    """Return a bar chart around `level` (0 to 1) as the base64 text of a grayscale PNG."""
    return _graph(int(level * _LEVELS))


@lru_cache(_LEVELS + 1)
def _graph(level: int) -> str:
    heights = [(level * 7 + column * column * 5 + column) % _HEIGHT for column in range(_WIDTH)]
    rows = b"".join(
        b"\0" + bytes(0 if _HEIGHT - row <= height else 255 for height in heights) for row in range(_HEIGHT)
    )
    header = pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", compress(rows)), (b"IEND", b""))
    image = b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data)) for kind, data in chunks
    )
    return b64encode(image).decode("ascii")

"""Reads the body of an answer as it streams, and never more than a call of this API needs."""

from __future__ import annotations

from aiohttp import ClientResponse

from ..errors import DecodeError
from ..policy import MAX_BODY_BYTES
from .retry import AttemptFailed, FailureKind


class Body:
    """The part of an answer that was read so far. Its ``repr`` hides it, because answers carry passwords."""

    __slots__ = ("_chunks", "size")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self.size = 0

    def add(self, chunk: bytes) -> bool:
        """Append a chunk. Return False for the empty chunk that ends a body."""
        self._chunks.append(chunk)
        self.size += len(chunk)
        return bool(chunk)

    def joined(self) -> bytes:
        """Return everything that was added."""
        chunks = self._chunks
        # The last chunk is empty, so two chunks are one piece.
        return chunks[0] if len(chunks) <= 2 else b"".join(chunks)

    def __repr__(self) -> str:
        return f"<{self.size} bytes>"


async def read_body(response: ClientResponse) -> bytes:
    """Return the whole decoded body. Raises `AttemptFailed` if it is longer than the bound."""
    content = response.content
    # Most answers are one piece that came with their head.
    first = await content.readany()
    if content.at_eof() and len(first) <= MAX_BODY_BYTES:
        return first
    body = Body()
    body.add(first)
    # A traceback of a cancellation may show the locals of this frame, so no local is a chunk.
    del first
    while body.add(await content.readany()):
        if body.size > MAX_BODY_BYTES:
            raise AttemptFailed(
                FailureKind.UNDECODABLE,
                DecodeError(
                    f"The answer is longer than {MAX_BODY_BYTES >> 20} MiB, which no call of this API needs.",
                    status=response.status,
                ),
            )
    return body.joined()

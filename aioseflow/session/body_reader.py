"""Bodies bounded: an answer is read as it streams, and never beyond what a call of this API needs."""

from __future__ import annotations

from aiohttp import ClientResponse

from ..errors import DecodeError
from ..policy import MAX_BODY_BYTES
from .retry import AttemptFailed, FailureKind


class Body:
    """What was read of an answer so far; its ``repr`` shows nothing, since answers carry passwords."""

    __slots__ = ("_chunks", "size")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self.size = 0

    def add(self, chunk: bytes) -> bool:
        """Take what came next; False at the end."""
        self._chunks.append(chunk)
        self.size += len(chunk)
        return bool(chunk)

    def joined(self) -> bytes:
        """All of it."""
        chunks = self._chunks
        return chunks[0] if len(chunks) <= 2 else b"".join(chunks)

    def __repr__(self) -> str:
        return f"<{self.size} bytes>"


async def read_body(response: ClientResponse) -> bytes:
    """The whole decoded body, counted as it streams; over the bound is a `AttemptFailed`."""
    content = response.content
    # Most answers are one piece, and came with their head.
    first = await content.readany()
    if content.at_eof() and len(first) <= MAX_BODY_BYTES:
        return first
    body = Body()
    body.add(first)
    # No chunk is a local of this frame while it waits: a cancellation may show its locals.
    del first
    while body.add(await content.readany()):
        if body.size > MAX_BODY_BYTES:
            raise AttemptFailed(
                FailureKind.UNDECODABLE,
                DecodeError(
                    f"the answer is longer than {MAX_BODY_BYTES >> 20} MiB, which no call of this API needs",
                    status=response.status,
                ),
            )
    return body.joined()

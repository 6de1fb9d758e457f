"""aiohttp kept honest: nothing repeated behind our back, bodies bounded, exceptions told apart."""

from __future__ import annotations

import ssl

import aiohttp
from aiohttp import ClientResponse

from ..errors import DecodeError, RequestTimeout, TransportError
from ..policy import MAX_BODY_BYTES
from .connections import ConnectionDropped
from .exchange import Exchange
from .retry import Failure, Fault


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
    """The whole decoded body, counted as it streams; over the bound is a `Fault`."""
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
            raise Fault(
                Failure.UNREADABLE,
                DecodeError(
                    f"the answer is longer than {MAX_BODY_BYTES >> 20} MiB, which no call of this API needs",
                    status=response.status,
                ),
            )
    return body.joined()


NETWORK_ERRORS = (aiohttp.ClientError, ConnectionDropped, TimeoutError, OSError)
"""Everything that aiohttp raises when an exchange fails."""

_CERTIFICATE_REASONS = {
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in a self-signed certificate that is not trusted here",
    20: "its issuer is not trusted here",
    62: "it was issued for another host name",
    64: "it was issued for another address",
}


def classify(error: BaseException, exchange: Exchange) -> Fault:
    """Which row of the retry table a failed exchange is, and the error to show."""
    cause = error.__cause__ if isinstance(error, ConnectionDropped) and error.__cause__ else error
    match cause:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return Fault(
                Failure.CERTIFICATE,
                TransportError(
                    f"the server's certificate was refused: {certificate_reason(cause)}; nothing was sent. "
                    f"A private authority is trusted by ca_file= or SSL_CERT_FILE"
                ),
            )
        case aiohttp.ClientConnectorDNSError():
            return _never_left("the host name could not be resolved; check the base URL and the resolver")
        case aiohttp.ClientConnectorError():
            return _never_left(
                f"no connection ({_reason(cause)}); check the base URL and that the panel is up"
            )
        case aiohttp.ClientHttpProxyError():
            return _never_left(f"the proxy refused (HTTP {cause.status})")
        case TimeoutError():
            if isinstance(cause, aiohttp.ConnectionTimeoutError) or not exchange.may_have_left:
                return Fault(Failure.NEVER_LEFT, RequestTimeout("no connection in time; nothing was sent"))
            return Fault(Failure.LOST, RequestTimeout("no complete answer in time"))
    if not exchange.may_have_left:
        return _never_left(f"no connection ({_reason(cause)}); nothing was sent")
    match cause:
        case aiohttp.ClientPayloadError():
            return _lost("the answer was cut off")
        case aiohttp.ClientResponseError():
            return _lost("the answer is not HTTP")
        case aiohttp.ServerDisconnectedError():
            return _lost("the connection was closed before the answer")
        case _:
            return _lost(f"the connection broke before the answer ({_reason(cause)})")


def certificate_reason(error: BaseException) -> str:
    inner = getattr(error, "certificate_error", error)
    code = getattr(inner, "verify_code", None)
    return _CERTIFICATE_REASONS.get(code or 0) or getattr(inner, "verify_message", None) or _reason(error)


def _reason(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    return (getattr(inner, "strerror", None) or str(inner) or type(inner).__name__)[:200]


def _never_left(message: str) -> Fault:
    return Fault(Failure.NEVER_LEFT, TransportError(message))


def _lost(message: str) -> Fault:
    return Fault(Failure.LOST, TransportError(message))

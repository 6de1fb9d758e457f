"""aiohttp's exceptions told apart: which row of the retry table a failed exchange is, in our own words."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Final

import aiohttp
from aiohttp.http_exceptions import BadStatusLine, ContentEncodingError, LineTooLong

from ..decoding.php import Scrub
from ..errors import RequestTimeout, TransportError
from ..policy import MAX_HEADERS
from .aiohttp_hooks import ConnectionDropped, StaleConnection
from .exchange import Exchange
from .judge import PROXY_LOGIN, PROXY_LOGIN_REFUSED
from .retry import AttemptFailed, FailureKind

NETWORK_ERRORS = (aiohttp.ClientError, ConnectionDropped, StaleConnection, TimeoutError, OSError)
"""Everything that aiohttp raises when an exchange fails."""

_CERTIFICATE_REASONS = {
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in a self-signed certificate that is not trusted here",
    20: "its issuer is not trusted here",
    62: "it was issued for another host name",
    64: "it was issued for another address",
}
_HANDSHAKE_BROKEN: Final = (
    "the other side broke the TLS handshake off: it may be down, demand a client certificate, or speak a TLS "
    "older than 1.2; nothing was sent"
)
_PROXY_MAY_PASS_LATER: Final = frozenset({408, 421, 425, 429})
_NO_CERTIFICATE: Final = (
    "the panel demands a client certificate; load one into ssl_context=, or check the base URL"
)
_OLD_TLS: Final = "the panel speaks no TLS that this machine takes (1.2 or newer); it has to be updated"
_TLS_REFUSALS: Final = {
    "CERTIFICATE_REQUIRED": _NO_CERTIFICATE,
    "BAD_CERTIFICATE": _NO_CERTIFICATE,
    "PROTOCOL_VERSION": _OLD_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "HANDSHAKE_FAILURE": (
        "the panel broke the TLS handshake off: it demands a client certificate, or takes none of this "
        "machine's ciphers"
    ),
    "UNKNOWN_CA": "the panel does not trust the authority of the client certificate in ssl_context=",
    "CERTIFICATE_EXPIRED": "the panel says that the client certificate in ssl_context= has expired",
    "ACCESS_DENIED": "the panel refused the client certificate in ssl_context=",
}
"""By the end of OpenSSL's word for an alert, which comes before any request is looked at."""
_LENGTH: Final = re.compile(r"\A.{0,80}content-length", re.IGNORECASE)
_ENCODING: Final = re.compile(r"content-encoding: ([\w() -]{1,40})")
_CAUSES: Final = 8


def classify(error: BaseException, exchange: Exchange) -> AttemptFailed:
    """Which row of the retry table a failed exchange is, and the error to show."""
    cause = error.__cause__ if isinstance(error, ConnectionDropped) and error.__cause__ else error
    # With TLS 1.3 an alert of the handshake may come after the first request was written, but is sent before
    # any is looked at. Over a connection that has served, an alert says nothing of the request.
    is_new = exchange.first_on_tls or not exchange.may_have_left
    tls = _tls_refusal(cause) if is_new else None
    if tls is not None:
        return AttemptFailed(FailureKind.TLS_REFUSED, TransportError(f"{tls}; nothing was done"))
    match cause:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return AttemptFailed(
                FailureKind.TLS_REFUSED,
                TransportError(
                    f"the server's certificate was refused: {certificate_reason(cause, exchange.scrub)}; "
                    f"nothing was sent. A private authority is trusted by ca_file= or SSL_CERT_FILE"
                ),
            )
        case aiohttp.ClientConnectorDNSError():
            return _never_left("the host name could not be resolved; check the base URL and the resolver")
        case aiohttp.ClientConnectorError():
            if isinstance(cause.os_error, ConnectionResetError) and cause.os_error.errno is None:
                return _never_left(_HANDSHAKE_BROKEN)
            reason = _reason(cause, exchange.scrub)
            return _never_left(f"no connection ({reason}); check the base URL and that the panel is up")
        case aiohttp.ClientHttpProxyError():
            return _proxy(cause.status)
        case TimeoutError():
            if isinstance(cause, aiohttp.ConnectionTimeoutError) or not exchange.may_have_left:
                return AttemptFailed(
                    FailureKind.NOT_SENT, RequestTimeout("no connection in time; nothing was sent")
                )
            return AttemptFailed(FailureKind.LOST, RequestTimeout("no complete answer in time"))
    reason = _reason(cause, exchange.scrub)
    if not exchange.may_have_left:
        return _never_left(f"no connection ({reason}); nothing was sent")
    match cause:
        case aiohttp.ClientPayloadError():
            if (encoding := _encoding(cause)) is not None:
                return _garbled(f"the answer says that it is compressed with {encoding}, and is not")
            return _lost("the answer was cut off")
        case aiohttp.ClientResponseError():
            return _not_readable(cause)
        case aiohttp.ServerDisconnectedError():
            return _lost(f"the connection was closed before the answer{_hint(exchange)}")
        case _:
            return _lost(f"the connection broke before the answer ({reason}){_hint(exchange)}")


def _tls_refusal(error: BaseException | None) -> str | None:
    """Why the other side refused TLS itself, which it would do again; None for any other reason."""
    inner: BaseException | None = getattr(error, "os_error", None) or error
    if not isinstance(inner, ssl.SSLError):
        inner = None if inner is None else inner.__cause__
    if not isinstance(inner, ssl.SSLError) or isinstance(inner, ssl.SSLCertVerificationError):
        return None
    word = inner.reason or ""
    return next((said for end, said in _TLS_REFUSALS.items() if word.endswith(end)), None)


def _proxy(status: int) -> AttemptFailed:
    """What a proxy answered to CONNECT: nothing has passed it."""
    if status == PROXY_LOGIN:
        return AttemptFailed(FailureKind.PROXY_REFUSED, TransportError(PROXY_LOGIN_REFUSED, status=status))
    if status < 500 and status not in _PROXY_MAY_PASS_LATER:
        message = (
            f"the proxy refused to connect to the panel (HTTP {status}), and nothing more is sent through "
            "it; check its rules, proxy=, HTTPS_PROXY and NO_PROXY"
        )
        return AttemptFailed(FailureKind.PROXY_REFUSED, TransportError(message, status=status))
    return _never_left(f"the proxy could not connect to the panel (HTTP {status}); try again later")


def _not_readable(error: aiohttp.ClientResponseError) -> AttemptFailed:
    """An answer whose head cannot be read; what will come again the same is told apart."""
    said = str(error.message)
    kinds = [type(each) for each in _causes(error)]
    if LineTooLong in kinds:
        bound = _bound(error)
        longest = "its bound" if bound is None else f"{bound:,} bytes"
        return _garbled(f"a header of the answer is longer than {longest}; max_header_bytes= sets the bound")
    if "too many headers" in said.lower():
        return _garbled(f"the answer has more than {MAX_HEADERS} headers")
    if (encoding := _encoding(error)) is not None:
        return _garbled(f"the answer is compressed with {encoding}, which cannot be undone here")
    if _LENGTH.search(said) and BadStatusLine not in kinds:
        return _garbled("the lengths that the answer declares contradict each other, or are no lengths")
    return _lost("the answer is not HTTP")


def _encoding(error: BaseException) -> str | None:
    for each in _causes(error):
        if isinstance(each, ContentEncodingError):
            found = _ENCODING.search(str(each.message))
            return found[1].strip() if found else "something unknown"
    return None


def _bound(error: BaseException) -> int | None:
    return next(
        (int(e.args[1]) for e in _causes(error) if isinstance(e, LineTooLong) and len(e.args) > 1), None
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _hint(exchange: Exchange) -> str:
    if not exchange.first_on_tls:
        return ""
    return "; it was the first on its TLS connection: a panel that demands a client certificate does so"


def certificate_reason(error: BaseException, scrub: Scrub = str) -> str:
    """Why a certificate was refused, in words."""
    inner = getattr(error, "certificate_error", error)
    code = getattr(inner, "verify_code", None)
    said = _CERTIFICATE_REASONS.get(code or 0) or getattr(inner, "verify_message", None)
    return said or _reason(error, scrub)


def _reason(error: BaseException, scrub: Scrub) -> str:
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    # What this machine says of its own; aiohttp's messages quote what came over the wire.
    own = getattr(inner, "strerror", None)
    return (own or scrub(str(inner)) or type(inner).__name__)[:200]


def _never_left(message: str) -> AttemptFailed:
    return AttemptFailed(FailureKind.NOT_SENT, TransportError(message))


def _lost(message: str) -> AttemptFailed:
    return AttemptFailed(FailureKind.LOST, TransportError(message))


def _garbled(message: str) -> AttemptFailed:
    return AttemptFailed(FailureKind.MALFORMED, TransportError(message))

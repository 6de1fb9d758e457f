"""Classifies aiohttp's exceptions: the row of the retry table, and an error in our own words."""

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
from .judge import PROXY_LOGIN_REFUSED, PROXY_LOGIN_STATUS
from .retry import AttemptFailed, FailureKind

NETWORK_ERRORS = (aiohttp.ClientError, ConnectionDropped, StaleConnection, TimeoutError, OSError)
"""Exceptions that aiohttp raises when an exchange fails."""

_CERTIFICATE_REASONS = {
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in a self-signed certificate that is not trusted here",
    20: "its issuer is not trusted here",
    62: "it was issued for another host name",
    64: "it was issued for another address",
}
_HANDSHAKE_BROKEN: Final = (
    "The panel ended the TLS handshake: it may be down, require a client certificate, or speak a TLS older "
    "than 1.2. Nothing was sent."
)
_PROXY_RETRY_STATUSES: Final = frozenset({408, 421, 425, 429})
_NO_CERTIFICATE: Final = (
    "The panel requires a client certificate. Load one into ssl_context=, or check the base URL."
)
_OLD_TLS: Final = (
    "The panel speaks no TLS that this machine accepts (1.2 or newer). The panel must be updated."
)
_TLS_REFUSALS: Final = {
    "CERTIFICATE_REQUIRED": _NO_CERTIFICATE,
    "BAD_CERTIFICATE": _NO_CERTIFICATE,
    "PROTOCOL_VERSION": _OLD_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "HANDSHAKE_FAILURE": (
        "The panel ended the TLS handshake: it requires a client certificate, or accepts none of this "
        "machine's ciphers."
    ),
    "UNKNOWN_CA": "The panel does not trust the authority of the client certificate in ssl_context=.",
    "CERTIFICATE_EXPIRED": "According to the panel, the client certificate in ssl_context= has expired.",
    "ACCESS_DENIED": "The panel refused the client certificate in ssl_context=.",
}
"""By the end of OpenSSL's name for an alert. An alert of the handshake comes before any request is read."""
_NOT_TLS_REASONS: Final = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
"""OpenSSL's reasons for an answer that is no TLS record, such as plain HTTP."""
_LENGTH: Final = re.compile(r"\A.{0,80}content-length", re.IGNORECASE)
_ENCODING: Final = re.compile(r"content-encoding: ([\w() -]{1,40})")
_MAX_CAUSES: Final = 8  # of a chain of exceptions, which may be a circle
_REASON_MAX_CHARACTERS: Final = 200


def classify(error: BaseException, exchange: Exchange) -> AttemptFailed:
    """Return the row of the retry table and the error for an exception that ended an exchange."""
    cause = error.__cause__ if isinstance(error, ConnectionDropped) and error.__cause__ else error
    # With TLS 1.3 an alert of the handshake may arrive after the first request was written, but is sent
    # before any is read. Over a connection that has carried requests, an alert says nothing about this one.
    is_new = exchange.first_on_tls or not exchange.may_have_left
    tls = _tls_refusal(cause) if is_new else None
    if tls is not None:
        return AttemptFailed(FailureKind.TLS_REFUSED, TransportError(f"{tls} Nothing was done."))
    match cause:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return AttemptFailed(
                FailureKind.TLS_REFUSED,
                TransportError(
                    f"The panel's certificate was refused: {certificate_reason(cause, exchange.scrub)}. "
                    "Nothing was sent. To trust a private authority, use ca_file= or SSL_CERT_FILE."
                ),
            )
        case aiohttp.ClientConnectorDNSError():
            return _not_sent("The host name could not be resolved. Check the base URL and the resolver.")
        case aiohttp.ClientConnectorError():
            if isinstance(cause.os_error, ConnectionResetError) and cause.os_error.errno is None:
                return _not_sent(_HANDSHAKE_BROKEN)
            if getattr(cause.os_error, "reason", None) in _NOT_TLS_REASONS:
                return _not_sent(
                    "The port does not speak TLS. Check the port and the scheme of the base URL."
                )
            reason = _reason(cause, exchange.scrub)
            return _not_sent(f"No connection ({reason}). Check the base URL, and whether the panel is up.")
        case aiohttp.ClientHttpProxyError():
            return _proxy(cause.status)
        case TimeoutError():
            if isinstance(cause, aiohttp.ConnectionTimeoutError) or not exchange.may_have_left:
                return AttemptFailed(
                    FailureKind.NOT_SENT, RequestTimeout("No connection in time. Nothing was sent.")
                )
            return AttemptFailed(FailureKind.LOST, RequestTimeout("No complete answer in time."))
    reason = _reason(cause, exchange.scrub)
    if not exchange.may_have_left:
        return _not_sent(f"No connection ({reason}). Nothing was sent.")
    match cause:
        case aiohttp.ClientPayloadError():
            if (encoding := _encoding(cause)) is not None:
                return _malformed(
                    f"The answer declares the compression {encoding}, and is not compressed so."
                )
            return _lost("The answer was cut off.")
        case aiohttp.ClientResponseError():
            return _not_readable(cause)
        case aiohttp.ServerDisconnectedError():
            return _lost(f"The connection was closed before the answer.{_hint(exchange)}")
        case _:
            return _lost(f"The connection broke before the answer ({reason}).{_hint(exchange)}")


def _tls_refusal(error: BaseException | None) -> str | None:
    """Return why the panel refused TLS itself, which it would do again; None for any other failure."""
    inner: BaseException | None = getattr(error, "os_error", None) or error
    if not isinstance(inner, ssl.SSLError):
        inner = None if inner is None else inner.__cause__
    if not isinstance(inner, ssl.SSLError) or isinstance(inner, ssl.SSLCertVerificationError):
        return None
    alert = inner.reason or ""
    return next((message for end, message in _TLS_REFUSALS.items() if alert.endswith(end)), None)


def _proxy(status: int) -> AttemptFailed:
    """Return the failure for what a proxy answered to CONNECT: nothing was sent to the panel."""
    if status == PROXY_LOGIN_STATUS:
        return AttemptFailed(FailureKind.PROXY_REFUSED, TransportError(PROXY_LOGIN_REFUSED, status=status))
    if status < 500 and status not in _PROXY_RETRY_STATUSES:
        message = (
            f"The proxy refused to connect to the panel (HTTP {status}). Check the proxy's rules, proxy=, "
            "HTTPS_PROXY and NO_PROXY."
        )
        return AttemptFailed(FailureKind.PROXY_REFUSED, TransportError(message, status=status))
    return _not_sent(f"The proxy could not connect to the panel (HTTP {status}).")


def _not_readable(error: aiohttp.ClientResponseError) -> AttemptFailed:
    """Return the failure for an answer whose head cannot be read: MALFORMED if a retry would get the same."""
    said = str(error.message)
    kinds = [type(each) for each in _causes(error)]
    if LineTooLong in kinds:
        bound = _bound(error)
        longest = "its bound" if bound is None else f"{bound:,} bytes"
        return _malformed(
            f"A header of the answer is longer than {longest}. max_header_bytes= sets the bound."
        )
    if "too many headers" in said.lower():
        return _malformed(f"The answer has more than {MAX_HEADERS} headers.")
    if (encoding := _encoding(error)) is not None:
        return _malformed(f"The answer is compressed with {encoding}, which this client cannot read.")
    if _LENGTH.search(said) and BadStatusLine not in kinds:
        return _malformed("The answer declares contradicting or invalid lengths.")
    return _lost("The answer is not HTTP.")


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
    for _ in range(_MAX_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _hint(exchange: Exchange) -> str:
    if not exchange.first_on_tls:
        return ""
    return " It was the first request on its TLS connection; the panel may require a client certificate."


def certificate_reason(error: BaseException, scrub: Scrub = str) -> str:
    """Return why a certificate was refused, in words."""
    inner = getattr(error, "certificate_error", error)
    code = getattr(inner, "verify_code", None)
    reason = _CERTIFICATE_REASONS.get(code or 0) or getattr(inner, "verify_message", None)
    return reason or _reason(error, scrub)


def _reason(error: BaseException, scrub: Scrub) -> str:
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    # strerror is this machine's own text; aiohttp's messages quote bytes that came over the wire.
    own = getattr(inner, "strerror", None)
    return (own or scrub(str(inner)) or type(inner).__name__)[:_REASON_MAX_CHARACTERS]


def _not_sent(message: str) -> AttemptFailed:
    return AttemptFailed(FailureKind.NOT_SENT, TransportError(message))


def _lost(message: str) -> AttemptFailed:
    return AttemptFailed(FailureKind.LOST, TransportError(message))


def _malformed(message: str) -> AttemptFailed:
    return AttemptFailed(FailureKind.MALFORMED, TransportError(message))

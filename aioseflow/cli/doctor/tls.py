"""A handshake with a panel, through a proxy if need be, and what its certificate says."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
from yarl import URL

from ...config import Proxy
from .network import PATIENCE, close

_NO_CHECK_TIME: Final = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which ssl has no name
_SECONDS_A_DAY: Final = 86_400


@attrs.frozen
class Certificate:
    """What a server showed.

    Attributes:
        subject, issuer: the common name, or the organisation where there is none.
        names: the host names and addresses that it is for.
        ends: aware UTC.
        protocol: such as ``TLSv1.3``.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    ends: dt.datetime
    protocol: str

    @property
    def days_left(self) -> int:
        """Whole days until it ends; negative where it has."""
        return int((self.ends - dt.datetime.now(dt.UTC)).total_seconds() // _SECONDS_A_DAY)


class ProxyRefused(Exception):
    """The proxy opened no tunnel; ``status`` is its answer's, or 0 where that was not HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@attrs.frozen
class Server:
    """Whom to shake hands with: ``host`` is whose name the certificate must have, ``address`` where to
    connect to, which is the proxy's where there is one."""

    host: str
    port: int
    address: str
    proxy: Proxy | None = None


async def certificate(server: Server, context: ssl.SSLContext) -> Certificate:
    """Shake hands and read the certificate. Raises `ssl.SSLError`, other `OSError`, and `ProxyRefused`."""
    async with asyncio.timeout(PATIENCE), _connected(server) as writer:
        await writer.start_tls(context, server_hostname=server.host)
        shaken = writer.get_extra_info("ssl_object")
        return _read(shaken.getpeercert() or {}, shaken.version() or "")


async def refused_certificate(server: Server, context: ssl.SSLContext) -> Certificate | None:
    """The certificate that was refused for its time or its name, to say what it is; None for others.

    Its issuer must be trusted even so. ``context`` is changed, and nothing is sent over the connection.
    """
    context.check_hostname = False
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    try:
        return await certificate(server, context)
    except (OSError, ProxyRefused):
        return None


@asynccontextmanager
async def _connected(server: Server) -> AsyncIterator[asyncio.StreamWriter]:
    if server.proxy is None:
        reader, writer = await asyncio.open_connection(server.address, server.port)
    else:
        proxy = URL(server.proxy.url)
        secure: dict[str, Any] = {}
        if proxy.scheme == "https":
            secure = {"ssl": True, "server_hostname": proxy.host}
        reader, writer = await asyncio.open_connection(server.address, proxy.port, **secure)
    try:
        if server.proxy is not None:
            await _tunnel(reader, writer, server, server.proxy)
        yield writer
    finally:
        await close(writer)


async def _tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server, proxy: Proxy
) -> None:
    host = f"[{server.host}]" if ":" in server.host else server.host
    lines = [f"CONNECT {host}:{server.port} HTTP/1.1", f"Host: {host}:{server.port}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    # A frame that waits may be shown with its locals.
    del lines
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise ProxyRefused(0) from None
    words = head.split(maxsplit=2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if not 200 <= status < 300:
        raise ProxyRefused(status)


def _read(parsed: Any, protocol: str) -> Certificate:
    ends = dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(parsed["notAfter"]), dt.UTC)
    names = tuple(str(name) for _, name in parsed.get("subjectAltName", ()))
    return Certificate(_called(parsed["subject"]), _called(parsed["issuer"]), names, ends, protocol)


def _called(name: Any) -> str:
    parts = {key: value for group in name for key, value in group}
    return str(parts.get("commonName") or parts.get("organizationName") or "without a name")

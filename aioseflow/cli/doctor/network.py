"""The network below the API: a host's addresses, a connection to each, a TLS handshake."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
from time import perf_counter
from typing import Any, Final

import attrs
from yarl import URL

from ...config import Proxy

TIMEOUT_SECONDS: Final = 10.0
"""For each layer."""

_ADDRESSES_TRIED: Final = 4


@attrs.frozen
class Reached:
    """A connection to one address: how long it took in seconds, from which own address; or the error."""

    address: str
    seconds: float = 0.0
    own: str | None = None
    error: OSError | None = None


class ProxyRefused(OSError):
    """The proxy opened no tunnel; the message is what it answered."""


def is_address(host: str) -> bool:
    """Whether there is nothing to resolve."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """Ask the system's resolver for addresses. Raises `OSError`, `TimeoutError` among them."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(where[0]) for *_, where in found))


async def reach(addresses: tuple[str, ...], port: int) -> list[Reached]:
    """Connect to the first few addresses, all at once; raises nothing."""
    return list(await asyncio.gather(*(_reach(address, port) for address in addresses[:_ADDRESSES_TRIED])))


async def _reach(address: str, port: int) -> Reached:
    began = perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        return Reached(address, error=error)
    seconds = perf_counter() - began
    own = str(writer.get_extra_info("sockname")[0])
    await _close(writer)
    return Reached(address, seconds, own)


async def handshake(url: URL, address: str, proxy: Proxy | None, context: ssl.SSLContext) -> dict[str, Any]:
    """Shake hands with ``url`` at ``address``, which is the proxy's where there is one.

    Returns what the certificate says: ``subject`` and ``issuer`` (a common name, or an organisation),
    ``names`` (hosts and addresses), ``ends`` (aware UTC), ``days_left``; and the ``protocol``, such as
    ``TLSv1.3``. Raises `ssl.SSLError`, other `OSError`, and `ProxyRefused`.
    """
    first, secure = url, dict[str, Any]()
    if proxy is not None:
        first = URL(proxy.url)
        secure = {"ssl": True, "server_hostname": first.host} if first.scheme == "https" else {}
    async with asyncio.timeout(TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection(address, first.port, **secure)
        try:
            if proxy is not None:
                await _open_tunnel(reader, writer, url, proxy)
            await writer.start_tls(context, server_hostname=url.host)
            shaken = writer.get_extra_info("ssl_object")
            parsed = shaken.getpeercert()
        finally:
            await _close(writer)
    ends = dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(parsed["notAfter"]), dt.UTC)
    return {
        "subject": _name(parsed["subject"]),
        "issuer": _name(parsed["issuer"]),
        "names": tuple(str(name) for _, name in parsed.get("subjectAltName", ())),
        "ends": ends,
        "days_left": (ends - dt.datetime.now(dt.UTC)).days,
        "protocol": shaken.version() or "",
    }


async def _open_tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: URL, proxy: Proxy
) -> None:
    place = f"{url.host_subcomponent}:{url.port}"
    login = "" if proxy.authorization is None else f"Proxy-Authorization: {proxy.authorization}\r\n"
    writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n".encode())
    # A frame that waits may be shown with its locals.
    del login
    try:
        words = (await reader.readuntil(b"\r\n\r\n")).split(maxsplit=2)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        words = []
    if len(words) < 2 or not words[1].isdigit():
        raise ProxyRefused("something that is not HTTP")
    if not 200 <= int(words[1]) < 300:
        raise ProxyRefused(f"HTTP {int(words[1])}")


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    # Nothing more is expected on this connection, so its errors do not matter.
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _name(subject: Any) -> str:
    parts = {key: value for group in subject for key, value in group}
    return str(parts.get("commonName") or parts.get("organizationName") or "without a name")


def reason(error: OSError) -> str:
    """Return an error of the network in a few words."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return f"no answer in {TIMEOUT_SECONDS:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return (error.strerror or str(error) or type(error).__name__)[:200]

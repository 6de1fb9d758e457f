"""The way to a panel below TLS: its name, and a connection to each of its addresses."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from time import perf_counter
from typing import Final

import attrs

PATIENCE: Final = 10.0  # seconds for each layer
_TRIED: Final = 4  # addresses of one name


@attrs.frozen
class Resolved:
    """The addresses of a host name, in the resolver's order, and how long it took in seconds."""

    addresses: tuple[str, ...]
    seconds: float


@attrs.frozen
class Reached:
    """A connection to one address: how long it took in seconds, from which own address; or the error."""

    address: str
    seconds: float = 0.0
    own: str | None = None
    error: OSError | None = None


def is_address(host: str) -> bool:
    """Whether there is nothing to resolve."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def resolve(host: str, port: int) -> Resolved:
    """Ask the system's resolver. Raises `OSError`, `TimeoutError` among them."""
    began = perf_counter()
    async with asyncio.timeout(PATIENCE):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys(str(where[0]) for *_, where in found)
    return Resolved(tuple(addresses), perf_counter() - began)


async def reach(addresses: tuple[str, ...], port: int) -> list[Reached]:
    """Connect to the first few addresses, all at once; none of them raises."""
    return list(await asyncio.gather(*(_reach(address, port) for address in addresses[:_TRIED])))


async def _reach(address: str, port: int) -> Reached:
    began = perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        return Reached(address, error=error)
    seconds = perf_counter() - began
    own = str(writer.get_extra_info("sockname")[0])
    await close(writer)
    return Reached(address, seconds, own)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection on which nothing more is expected."""
    writer.close()
    # What the other end does with a connection that nobody needs any more is its own affair.
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def why(error: OSError) -> str:
    """An error of the network in a few words."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return f"no answer in {PATIENCE:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return (error.strerror or str(error) or type(error).__name__)[:200]

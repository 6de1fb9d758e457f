"""Who is compared: each file is one way to write the same work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..work import Peer


def _ours(**options: Any) -> Callable[[int, int], Peer]:
    def make(port: int, calls: int) -> Peer:
        from .ours import Ours

        return Ours(port, calls, **options)

    return make


def _plain(port: int, calls: int) -> Peer:
    from .plain import Plain

    return Plain(port, calls)


def _tuned(**options: Any) -> Callable[[int, int], Peer]:
    def make(port: int, calls: int) -> Peer:
        from .tuned import Tuned

        return Tuned(port, calls, **options)

    return make


def _protocol(port: int, calls: int) -> Peer:
    from .protocol import Protocol

    return Protocol(port, calls)


# Imported when they are made: a peer is not to pay for the others' modules.
PEERS: Final[dict[str, Callable[[int, int], Peer]]] = {
    "aioseflow": _ours(),
    "aioseflow, hooked": _ours(hooked=True),
    "aioseflow, journal": _ours(journal=True),
    "aiohttp, plain": _plain,
    "aiohttp, tuned": _tuned(),
    "aiohttp, tuned, no time-outs": _tuned(bounded=False),
    "asyncio.Protocol": _protocol,
}

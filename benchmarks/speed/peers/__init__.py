"""Who is compared: each file is one way to write the same work."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import attrs

from ..work import Peer


@attrs.frozen
class Entrant:
    """One that is compared.

    Attributes:
        file: the module of this package, imported when the peer is made: none is to pay for another's.
        cls: its class, called with the server's port and the number of VMs of its fleet.
        options: what else it is called with.
        loop: ``asyncio`` or ``uvloop``.
        needs: the modules without which it cannot run.
        slow: whether some dozens of calls take as long as hundreds of the others'.
    """

    file: str
    cls: str
    options: dict[str, Any] = attrs.field(factory=dict)
    loop: str = "asyncio"
    needs: tuple[str, ...] = ()
    slow: bool = False

    def made(self, port: int, vms: int) -> Peer:
        """The peer."""
        peer: Peer = getattr(import_module(f".{self.file}", __name__), self.cls)(port, vms, **self.options)
        return peer

    def lacks(self) -> str | None:
        """The module that is not installed, if one is not."""
        return next((name for name in self.needs if find_spec(name) is None), None)


OURS: Final = "aioseflow"
TUNED: Final = "aiohttp, tuned"
TYPED: Final = "aiohttp, tuned, typed"
PLAIN: Final = "aiohttp, plain"
HTTPX: Final = "httpx"
JOURNAL: Final = "aioseflow, journal"
HOOKED: Final = "aioseflow, hooked"
ONCE: Final = "aioseflow, no repeats"
OURS_UVLOOP: Final = "aioseflow, uvloop"
TUNED_UVLOOP: Final = "aiohttp, tuned, uvloop"

PEERS: Final[dict[str, Entrant]] = {
    TUNED: Entrant("tuned", "Tuned"),
    TYPED: Entrant("tuned", "Tuned", {"typed": True}),
    OURS: Entrant("ours", "Ours"),
    HOOKED: Entrant("ours", "Ours", {"hooked": True}),
    JOURNAL: Entrant("ours", "Ours", {"journal": True}),
    "aioseflow, adaptive": Entrant("ours", "Ours", {"adaptive": True}),
    ONCE: Entrant("ours", "Ours", {"again": False}),
    PLAIN: Entrant("plain", "Plain"),
    "aiohttp, tuned, no time-outs": Entrant("tuned", "Tuned", {"bounded": False}),
    HTTPX: Entrant("httpx", "Httpx", needs=("httpx",), slow=True),
    "requests, threads": Entrant("requests", "Requests", needs=("requests",), slow=True),
    "niquests": Entrant("niquests", "Niquests", needs=("niquests",), slow=True),
    "asyncio.Protocol": Entrant("protocol", "Protocol"),
    OURS_UVLOOP: Entrant("ours", "Ours", loop="uvloop", needs=("uvloop",)),
    TUNED_UVLOOP: Entrant("tuned", "Tuned", loop="uvloop", needs=("uvloop",)),
}

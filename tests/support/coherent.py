"""A small panel on raw sockets that does what it is told: services 8 and 9 with VMs 81 to 83 and 91 to 93.

Its lists show what was changed, and any answer of it can be given other bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from aioseflow import SeFlow, SettlePolicy

from .clients import client
from .wire import Answer, Play, Seen, Wire, http

Said: TypeAlias = Answer | Callable[[], Any] | Mapping[str, Any]
"""An answer as bytes, as data for JSON, or a function that gives either; None from it is the usual one."""

NGINX: Final = (
    b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n"
    b"<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
NO_PAGE: Final = http(NGINX, 404, headers={"Content-Type": "text/html"})
"""The page of a web server in front of the panel."""
NO_ROUTE: Final = http('{"error": ["not_found"]}', 404, headers={"Content-Type": "application/json"})
"""The panel's own word that it has no such thing."""


class CoherentPanel(Wire):
    """``async with CoherentPanel() as panel:``; ``panel.says["GET /service/9/vms"] = …`` replaces an answer.

    Attributes:
        services: rows of the list of services.
        vms: by service id, the rows of its VMs by VM id.
        says: answers by method and path.
        changes: how often each change was asked for, by method and path.
    """

    def __init__(self) -> None:
        super().__init__()
        self.services: list[dict[str, Any]] = [
            {"id": service, "name": f"web{service}", "status": "Active"} for service in ("8", "9")
        ]
        self.vms: dict[str, dict[str, dict[str, Any]]] = {
            service: {
                f"{service}{number}": {
                    "id": f"{service}{number}",
                    "label": f"vm{service}{number}",
                    "state": "online",
                    "locked": False,
                    "memory": 1024,
                    "cpus": 2,
                    "ip": [f"192.0.2.{service}{number}"],
                }
                for number in (1, 2, 3)
            }
            for service in ("8", "9")
        }
        self.says: dict[str, Said] = {}
        self.changes: Counter[str] = Counter()
        self.answer = self._answer

    def _answer(self, seen: Seen) -> Answer:
        path = seen.target.removeprefix("/api")
        asked = f"{seen.method} {path}"
        said = self.says.get(asked)
        said = said() if callable(said) else said
        if isinstance(said, bytes | Play):
            return said
        if said is not None:
            return http(json.dumps(said))
        if seen.method != "GET":
            self.changes[asked] += 1
        usual = self._usual(seen, *path.strip("/").split("/"))
        return NO_ROUTE if usual is None else http(json.dumps(usual))

    def _usual(self, seen: Seen, *parts: str) -> Any:
        match (seen.method, *parts):
            case "GET", "service":
                return {"services": self.services}
            case "GET", "service", service, "vms":
                return {"vms": list(self.vms[service].values())} if service in self.vms else None
            case "GET", "service", service, "methods":
                route = "/service/@id/vms" if service in self.vms else "/service/@id/upgrade"
                return {"methods": [{"route": route, "method": "GET"}]}
            case "GET", "service", service, "vms", vm if vm in self.vms.get(service, ()):
                return {"vm": self.vms[service][vm]}
            case "POST", "service", service, "vms", vm, ("stop" | "start" | "reboot") as action:
                self.vms[service][vm]["state"] = "offline" if action == "stop" else "online"
                return {"status": True}
            case "PUT", "service", service, "vms", vm:
                sizes = {"cpu": "cpus", "memory": "memory"}
                sent = parse_qsl(seen.body.decode())
                self.vms[service][vm] |= {sizes[name]: int(value) for name, value in sent if name in sizes}
                return {"status": True}
            case "DELETE", "service", service, "vms", vm:
                del self.vms[service][vm]
                return {"status": True}
            case _:
                return None


SHORT: Final = SettlePolicy(first_poll=0.02, longest_poll=0.03, patience=0.3)
"""Settling that ends soon where nothing moves."""


@asynccontextmanager
async def panel_and_client(
    *, journal: Path | None = None, port: int = 0, **options: Any
) -> AsyncIterator[tuple[CoherentPanel, SeFlow]]:
    """A panel, on a port or a free one, and an open client of it."""
    fresh = CoherentPanel()
    fresh.wanted_port = port
    async with fresh as panel, client(panel.url, journal=journal, **options) as seflow:
        yield panel, seflow

"""A stateful panel on loopback, for tests and trials: the provider's API, its dialects and its failures.

    async with Sandbox(services=5, vms_per_service=40, seed=1) as panel:
        panel.url, panel.username, panel.password

The sandbox is written from the wire documents alone and shares nothing with the client, so that a misreading
in one fails with the other.
"""

from __future__ import annotations

from .capacity import Capacity
from .chance import Duration, Lognormal
from .faults import Fault, Faults
from .machines import Service, Vm
from .panel import Sandbox, serve
from .record import Effects, Request
from .routes import ROUTES
from .wire import Dialect

__all__ = [
    "ROUTES",
    "Capacity",
    "Dialect",
    "Duration",
    "Effects",
    "Fault",
    "Faults",
    "Lognormal",
    "Request",
    "Sandbox",
    "Service",
    "Vm",
    "serve",
]

"""Reading the usage graphs of each VM."""

from __future__ import annotations

from typing import ClassVar

import attrs

from ...models import Service, UntrustedHtml, Vm
from ...safety import Safety
from ..model.fleet_account import FleetAccount
from .action import Skip


@attrs.frozen
class UsageGraphs:
    """A VM's three usage graphs, each a piece of untrusted HTML."""

    cpu: UntrustedHtml
    net: UntrustedHtml
    disk: UntrustedHtml


@attrs.frozen
class Usage:
    """Read the usage graphs; the outcome's ``value`` is `UsageGraphs`."""

    name: ClassVar[str] = "usage"
    safety: ClassVar[Safety] = Safety.READ
    settles: ClassVar[bool] = False
    takes_down: ClassVar[bool] = False
    ends_down: ClassVar[bool] = False

    def skip(self, vm: Vm) -> Skip | None:
        return None

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> UsageGraphs:
        return UsageGraphs(
            cpu=await account.vms.usage(service.id, vm.id, "cpu"),
            net=await account.vms.usage(service.id, vm.id, "net"),
            disk=await account.vms.usage(service.id, vm.id, "disk"),
        )

    def done(self, vm: Vm | None) -> bool | None:
        return None

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        return None

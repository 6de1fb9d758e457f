"""Reading the usage graphs of each VM."""

from __future__ import annotations

import attrs

from ...models import Service, UntrustedHtml, Vm
from ...safety import Safety
from ..model.fleet_account import FleetAccount
from .action import Action, built_in


@attrs.frozen
class UsageGraphs:
    """The three usage graphs of a VM, each a piece of untrusted HTML."""

    cpu: UntrustedHtml
    net: UntrustedHtml
    disk: UntrustedHtml


@built_in
@attrs.frozen
class Usage(Action):
    """Read the CPU, network and disk graphs of the VM.

    The ``value`` of the outcome is a `UsageGraphs`.
    """

    name = "usage"
    safety = Safety.READ
    requests = 3
    past = "Measured"

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> UsageGraphs:
        return UsageGraphs(
            cpu=await account.vms.usage(service.id, vm.id, "cpu"),
            net=await account.vms.usage(service.id, vm.id, "net"),
            disk=await account.vms.usage(service.id, vm.id, "disk"),
        )

"""The VMs of `Fleet.vms`: every selected VM, while the lists are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from ...models import Service, Vm
from ..model.fleet_account import FleetAccount
from ..model.outcome import TargetKey
from ..select.matcher import protection
from ..select.selection import Selection, check_found
from .discover import Discovery


async def selected_vms(
    accounts: Sequence[FleetAccount], selection: Selection
) -> AsyncIterator[tuple[Service, Vm]]:
    """Yield every selected VM with its service, while the lists are read.

    Raises, after everything that could be read:
        SeFlowError: a list could not be read; an `ExceptionGroup` if several could not.
        InvalidArgument: an id was named that does not exist, or that two VMs have.
    """
    discoveries = [Discovery(account, selection) for account in accounts]
    found: list[TargetKey] = []
    seen: set[TargetKey] = set()
    for account, discovery in zip(accounts, discoveries, strict=True):
        account.require_open()
        protected = protection(account)
        async with aclosing(discovery.lists()) as lists:
            async for listed in lists:
                for vm in listed.vms:
                    key = account.name, listed.service.id, vm.id
                    wanted = selection.wants(account.name, listed.service, vm, protected)
                    if selection.is_explicit:
                        seen.add(key)
                        found += [key] if wanted else []
                    if wanted:
                        yield listed.service, vm
    errors = [lost.error for each in discoveries for lost in each.undiscovered if lost.error is not None]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("some services could not be listed", errors)
    services = {service for discovery in discoveries for service in discovery.services}
    check_found(selection, found, services=services, vms=seen)

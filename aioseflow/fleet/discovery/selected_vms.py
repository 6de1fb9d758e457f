"""Lists of selected VMs: for `Fleet.vms`, and of the VMs of an earlier run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import attrs

from ...models import Service, Vm
from ..model.fleet_account import FleetAccount
from ..model.outcome import TargetKey
from ..select.matcher import protection
from ..select.selection import Selection, check_found
from .discover import Discovery, ListedService


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
                discovery.note_raised(listed.service, protected)
    errors = [lost.error for each in discoveries for lost in each.undiscovered if lost.error is not None]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("some services could not be listed", errors)
    services = {service for discovery in discoveries for service in discovery.services}
    check_found(selection, found, services=services, vms=seen)


@attrs.frozen
class ServiceLists:
    """Lists of the services of some VMs.

    Attributes:
        listed: the services that were listed, with their VMs.
        gone: the ids of services that certainly do not exist any more: the list of services was read whole.
    """

    listed: Sequence[ListedService] = ()
    gone: frozenset[str] = frozenset()


async def listed_vms(account: FleetAccount, keys: frozenset[TargetKey], record: Discovery) -> ServiceLists:
    """Return the lists of the services of some VMs; ``record`` gets what could not be listed."""
    mine = frozenset(key for key in keys if key[0] == account.name)
    if not mine:
        return ServiceLists()
    discovery = Discovery(account, Selection.of_keys(mine, "error"))
    async with aclosing(discovery.lists()) as lists:
        found = [listed async for listed in lists]
    record.lose(discovery.undiscovered)
    record.error = record.error or discovery.error
    services = {service_id for _, service_id, _ in mine}
    gone = services - discovery.services if discovery.lists_all_services else ()
    return ServiceLists(found, frozenset(gone))

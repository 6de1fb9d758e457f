"""Read what a page shows in addition to the report: the bandwidth of services and the power of VMs."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Final, Protocol, TypeAlias, TypeVar

import attrs

from .. import Report
from ..errors import SeFlowError
from ..fleet.discovery.vm_list import pages_of
from ..identifiers import Id
from ..models import Bandwidth, PowerState, Vm
from ..text import escape

Place: TypeAlias = tuple[str, str]
"""ReportAccount and service id."""
Bandwidths: TypeAlias = Mapping[Place, Bandwidth | str]
"""A service's bandwidth, or why it could not be read."""
Powers: TypeAlias = Mapping[Place, Mapping[str, PowerState] | str]
"""The power states of a service's VMs by VM id, or why they could not be read."""

_CONCURRENT_SERVICES: Final = 16
_ERROR_CHARACTERS: Final = 200

T = TypeVar("T")


class BandwidthReads(Protocol):
    """The part of ``seflow.services`` that a page needs."""

    async def bandwidth(self, id: Id) -> Bandwidth: ...  # noqa: A002 - the contract's name


class VmListReads(Protocol):
    """The part of ``seflow.vms`` that a page needs."""

    async def list(self, service_id: Id) -> builtins.list[Vm]: ...


class ReportAccount(Protocol):
    """An open client; `SeFlow` is one."""

    @property
    def name(self) -> str: ...

    @property
    def services(self) -> BandwidthReads: ...

    @property
    def vms(self) -> VmListReads: ...


@attrs.frozen(kw_only=True)
class PageReadings:
    """Readings for a report's page; a text in place of a value says why it could not be read."""

    bandwidth: Bandwidths = attrs.Factory(dict)
    power: Powers = attrs.Factory(dict)


async def gather(accounts: Sequence[ReportAccount], report: Report) -> PageReadings:
    """Read the bandwidth and the VMs' power of every service that has VMs in the report.

    Two calls for each service. A reading that fails, or whose account is not among ``accounts``, becomes a
    sentence (``could not be read: …``); no error of the panel is raised.
    """
    by_name = {account.name: account for account in accounts}
    targets: dict[Place, list[str]] = {}
    for name, service_id, vm_id in report.targets:
        targets.setdefault((name, service_id), []).append(vm_id)
    bandwidth: dict[Place, Bandwidth | str] = {}
    power: dict[Place, Mapping[str, PowerState] | str] = {}
    # The workers share the iterator, so that 2,000 services do not need 2,000 tasks.
    queue = iter(targets)

    async def work(queue: Iterator[Place]) -> None:
        for place in queue:
            account = by_name.get(place[0])
            if account is None:
                bandwidth[place] = power[place] = (
                    f"could not be read: no account {escape(place[0], 60)} is open"
                )
                continue
            bandwidth[place] = await _value_or_reason(account.services.bandwidth, place[1])
            power[place] = await _powers(account, place[1], targets[place])

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(_CONCURRENT_SERVICES, len(targets))):
            tasks.create_task(work(queue))
    return PageReadings(
        bandwidth={place: bandwidth[place] for place in targets},
        power={place: power[place] for place in targets},
    )


async def _powers(
    account: ReportAccount, service_id: str, targets: Iterable[str]
) -> Mapping[str, PowerState] | str:
    # An account in a test need not have capture().
    with getattr(account, "capture", nullcontext)() as exchanges:
        vms = await _value_or_reason(account.vms.list, service_id)
    if isinstance(vms, str):
        return vms
    found = {vm.id: vm.power for vm in vms}
    if pages_of(exchanges or ()) is not None:
        # A VM that is not on the first page of the list may be on another.
        found = dict.fromkeys(targets, PowerState.UNKNOWN) | found
    return found


async def _value_or_reason(read: Callable[[str], Awaitable[T]], service_id: str) -> T | str:
    try:
        return await read(service_id)
    except SeFlowError as error:
        return f"could not be read: {escape(str(error), _ERROR_CHARACTERS)}"

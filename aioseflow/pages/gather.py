"""What a report's page shows beside the report: bandwidth of each service, and power of each VM."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Final, Protocol, TypeAlias, TypeVar

import attrs

from ..errors import SeFlowError
from ..fleet import Report
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

_AT_ONCE: Final = 16
_SENTENCE: Final = 200

T = TypeVar("T")


class BandwidthReads(Protocol):
    """``seflow.services``, as far as a page needs it."""

    async def bandwidth(self, id: Id) -> Bandwidth: ...  # noqa: A002 - the contract's name


class VmListReads(Protocol):
    """``seflow.vms``, as far as a page needs it."""

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
    """What was read for a report's page; a text in the place of a value says why there is none."""

    bandwidth: Bandwidths = attrs.Factory(dict)
    power: Powers = attrs.Factory(dict)


async def gather(accounts: Sequence[ReportAccount], report: Report) -> PageReadings:
    """Read the bandwidth and the VMs' power of every service that has VMs in the report.

    Two calls a service. What cannot be read, or belongs to an account that is not among ``accounts``, is a
    sentence (``could not be read: …``); no error of the panel is raised.
    """
    by_name = {account.name: account for account in accounts}
    targets: dict[Place, list[str]] = {}
    for name, service_id, vm_id in report.targets:
        targets.setdefault((name, service_id), []).append(vm_id)
    bandwidth: dict[Place, Bandwidth | str] = {}
    power: dict[Place, Mapping[str, PowerState] | str] = {}
    # Shared by the workers: each takes the next place, so that 2,000 services are not 2,000 tasks.
    queue = iter(targets)

    async def work(queue: Iterator[Place]) -> None:
        for place in queue:
            account = by_name.get(place[0])
            if account is None:
                bandwidth[place] = power[place] = (
                    f"could not be read: no account {escape(place[0], 60)} is open"
                )
                continue
            bandwidth[place] = await _tried(account.services.bandwidth, place[1])
            power[place] = await _powers(account, place[1], targets[place])

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(_AT_ONCE, len(targets))):
            tasks.create_task(work(queue))
    return PageReadings(
        bandwidth={place: bandwidth[place] for place in targets},
        power={place: power[place] for place in targets},
    )


async def _powers(
    account: ReportAccount, service_id: str, targets: Iterable[str]
) -> Mapping[str, PowerState] | str:
    # A stand-in for an account need not show its exchanges.
    with getattr(account, "capture", nullcontext)() as exchanges:
        vms = await _tried(account.vms.list, service_id)
    if isinstance(vms, str):
        return vms
    found = {vm.id: vm.power for vm in vms}
    if pages_of(exchanges or ()) is not None:
        # One that is not on this page of the list is not gone.
        found = dict.fromkeys(targets, PowerState.UNKNOWN) | found
    return found


async def _tried(read: Callable[[str], Awaitable[T]], service_id: str) -> T | str:
    try:
        return await read(service_id)
    except SeFlowError as error:
        return f"could not be read: {escape(str(error), _SENTENCE)}"

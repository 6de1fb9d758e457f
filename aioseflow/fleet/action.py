"""What can be done to a VM: what it sends, what makes it needless, and how it is seen to be done."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import attrs

from ..models import PowerState, UntrustedHtml, Vm
from .account import Account
from .outcome import Status


@attrs.frozen
class Skip:
    """Why nothing is sent to a VM."""

    status: Status
    cause: str


class Action(Protocol):
    """One kind of thing done to each VM of a run."""

    @property
    def name(self) -> str:
        """The word for it in outcomes and reports."""
        ...

    @property
    def changes(self) -> bool:
        """Whether a lost answer leaves it open what became of the VM."""
        ...

    @property
    def wanted(self) -> PowerState | None:
        """The state that shows that it is done; None where no reading shows it."""
        ...

    def skip(self, vm: Vm) -> Skip | None:
        """Why this VM needs nothing, or None."""
        ...

    async def perform(self, account: Account, service_id: str, vm_id: str) -> Any:
        """Send it. Raises `SeFlowError`; the result is the outcome's ``value`` unless the action changes."""
        ...


@attrs.frozen
class Stop:
    """Power off; done when the VM is read as stopped."""

    name: ClassVar[str] = "stop"
    changes: ClassVar[bool] = True
    wanted: ClassVar[PowerState | None] = PowerState.STOPPED

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, "already_stopped") if vm.power is PowerState.STOPPED else None

    async def perform(self, account: Account, service_id: str, vm_id: str) -> Any:
        await account.vms.stop(service_id, vm_id)


@attrs.frozen
class Start:
    """Power on; done when the VM is read as running."""

    name: ClassVar[str] = "start"
    changes: ClassVar[bool] = True
    wanted: ClassVar[PowerState | None] = PowerState.RUNNING

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, "already_running") if vm.power is PowerState.RUNNING else None

    async def perform(self, account: Account, service_id: str, vm_id: str) -> Any:
        await account.vms.start(service_id, vm_id)


@attrs.frozen
class Reboot:
    """Reboot what runs; sent at most once, and no reading shows that it happened."""

    name: ClassVar[str] = "reboot"
    changes: ClassVar[bool] = True
    wanted: ClassVar[PowerState | None] = None

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.NOT_ATTEMPTED, "not_running") if vm.power is PowerState.STOPPED else None

    async def perform(self, account: Account, service_id: str, vm_id: str) -> Any:
        await account.vms.reboot(service_id, vm_id)


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
    changes: ClassVar[bool] = False
    wanted: ClassVar[PowerState | None] = None

    def skip(self, vm: Vm) -> Skip | None:
        return None

    async def perform(self, account: Account, service_id: str, vm_id: str) -> UsageGraphs:
        return UsageGraphs(
            cpu=await account.vms.usage(service_id, vm_id, "cpu"),
            net=await account.vms.usage(service_id, vm_id, "net"),
            disk=await account.vms.usage(service_id, vm_id, "disk"),
        )

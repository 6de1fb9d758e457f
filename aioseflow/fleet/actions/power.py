"""Power: stop, start, reboot, and waiting for a state."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from ...errors import InvalidArgument
from ...models import PowerState, Service, Vm
from ...safety import Safety
from ..model.fleet_account import FleetAccount
from ..model.outcome import Status
from .action import Skip


@attrs.frozen
class Stop:
    """Power off; done when the VM is read as stopped."""

    name: ClassVar[str] = "stop"
    safety: ClassVar[Safety] = Safety.IDEMPOTENT
    settles: ClassVar[bool] = True
    takes_down: ClassVar[bool] = True
    ends_down: ClassVar[bool] = True

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, "already_stopped") if vm.power is PowerState.STOPPED else None

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.stop(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return _is(vm, PowerState.STOPPED)

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        return _is(await account.polls.get(service.id, vm.id), PowerState.STOPPED)


@attrs.frozen
class Start:
    """Power on; done when the VM is read as running."""

    name: ClassVar[str] = "start"
    safety: ClassVar[Safety] = Safety.IDEMPOTENT
    settles: ClassVar[bool] = True
    takes_down: ClassVar[bool] = False
    ends_down: ClassVar[bool] = False

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, "already_running") if vm.power is PowerState.RUNNING else None

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.start(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return _is(vm, PowerState.RUNNING)

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        return _is(await account.polls.get(service.id, vm.id), PowerState.RUNNING)


@attrs.frozen
class Reboot:
    """Reboot what runs; sent at most once, and mostly no reading shows that it happened."""

    name: ClassVar[str] = "reboot"
    safety: ClassVar[Safety] = Safety.ONCE
    settles: ClassVar[bool] = False
    takes_down: ClassVar[bool] = True
    ends_down: ClassVar[bool] = False

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.NOT_ATTEMPTED, "not_running") if vm.power is PowerState.STOPPED else None

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.reboot(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return None

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        return None


def _state(value: PowerState | str) -> PowerState:
    if value in (PowerState.RUNNING, PowerState.STOPPED):
        return PowerState(value)
    raise InvalidArgument(f"power is 'running' or 'stopped', not {value!r:.40}")


@attrs.frozen
class Await:
    """Send nothing, and wait until the VM is read in a state: `Fleet.wait`."""

    power: PowerState = attrs.field(converter=_state)
    name: ClassVar[str] = "wait"
    safety: ClassVar[Safety] = Safety.READ
    settles: ClassVar[bool] = True
    takes_down: ClassVar[bool] = False
    ends_down: ClassVar[bool] = False

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, "already_so") if vm.power is self.power else None

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        return None

    def done(self, vm: Vm | None) -> bool | None:
        return _is(vm, self.power)

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        return _is(await account.polls.get(service.id, vm.id), self.power)


def _is(vm: Vm | None, power: PowerState) -> bool | None:
    if vm is None:
        return False
    # A list that does not speak of power at all cannot decide; a word that says neither can.
    return None if vm.power_word is None and vm.power is PowerState.UNKNOWN else vm.power is power

"""Power: start, stop, reboot, and waiting for a state."""

from __future__ import annotations

from typing import Any

import attrs

from ...errors import InvalidArgument
from ...models import PowerState, Service, Vm
from ...safety import Safety
from ..model.fleet_account import FleetAccount
from ..model.outcome import Status
from .action import Action, Effect, Skip, built_in


class _PowerAction(Action):
    """Action that is done when the VM is read in the state ``power``."""

    __slots__ = ()

    power: PowerState
    skip_cause = "already_so"

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, self.skip_cause) if vm.power is self.power else None

    def done(self, vm: Vm | None) -> bool | None:
        if vm is None:
            return False
        # A list that does not speak of power at all cannot decide; a word that says neither can.
        return None if vm.power_word is None and vm.power is PowerState.UNKNOWN else vm.power is self.power


@built_in
@attrs.frozen
class Start(_PowerAction):
    """Power the VM on.

    Done when the VM is read as running; one that runs already is ``unchanged``.
    """

    name = "start"
    safety = Safety.IDEMPOTENT
    effect = Effect.UP
    power = PowerState.RUNNING
    skip_cause = "already_running"
    past = "Started"
    already = "running already"

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.start(service.id, vm.id)


@built_in
@attrs.frozen
class Stop(_PowerAction):
    """Power the VM off.

    Done when the VM is read as stopped; one that is off already is ``unchanged``.
    """

    name = "stop"
    safety = Safety.IDEMPOTENT
    effect = Effect.DOWN
    undo = Start
    power = PowerState.STOPPED
    skip_cause = "already_stopped"
    past = "Stopped"
    already = "off already"

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.stop(service.id, vm.id)


@built_in
@attrs.frozen
class Reboot(Action):
    """Reboot the VM.

    Sent at most once, and mostly no reading shows that it happened. A VM that is off is ``not_attempted``.
    """

    name = "reboot"
    safety = Safety.ONCE
    effect = Effect.BOUNCE
    past = "Rebooted"
    already = "rebooted already"

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.NOT_ATTEMPTED, "not_running") if vm.power is PowerState.STOPPED else None

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.reboot(service.id, vm.id)


def _state(value: PowerState | str) -> PowerState:
    if value in (PowerState.RUNNING, PowerState.STOPPED):
        return PowerState(value)
    raise InvalidArgument(f"power is 'running' or 'stopped', not {value!r:.40}")


@built_in
@attrs.frozen
class Await(_PowerAction):
    """Wait until the VM is read as running, or as stopped.

    Nothing is sent: `Fleet.wait`.
    """

    power: PowerState = attrs.field(converter=_state)
    name = "wait"
    safety = Safety.READ
    requests = 0
    past = "Waited for"

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        return None

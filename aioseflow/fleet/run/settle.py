"""Settling: reading VMs back until the state that an action wants is seen.

The panel accepts a request before it has carried it out. One list serves all waiting VMs of a service, so
that waiting costs a request for each service, not for each VM.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

import attrs

from ...errors import (
    AddressNotAllowed,
    ApiError,
    AuthenticationError,
    NotFound,
    PermissionDenied,
    SeFlowError,
)
from ...models import PowerState, Service, Vm
from ...policy import SettlePolicy
from ..discovery.vm_list import VmList, one_page, read_vms
from ..model.fleet_account import FleetAccount
from ..model.outcome import ActionRaised
from ..model.target import TargetState
from ..model.vm_state import held
from .verdict import NOT_DONE_AFTER_SECONDS, Reading

Done: TypeAlias = Callable[[Vm | None], bool | None]
Look: TypeAlias = Callable[[Service, Vm], Awaitable[bool | None]]

_VM_READS_IN_FLIGHT_MAX: Final = 8
_REFUSALS: Final = (ApiError, NotFound, PermissionDenied)
"""What the panel itself says of a service that it does not list."""
_FINAL: Final = (NotFound, PermissionDenied)
"""Refusals that do not pass: nothing that the panel has for this login."""
_REFUSALS_BELIEVED: Final = 2
"""Refusals in a row that are no accident."""
_PAUSE_JITTER: Final = 0.2
"""Largest part of a pause that is added to it, so that many services are not listed at the same moment."""


@attrs.frozen(eq=False)
class DoneCheck:
    """Ways to see that a step is done: ``done`` decides by a list, ``look`` by reading the VM alone."""

    done: Done
    look: Look


class Settled(NamedTuple):
    """The result of reading one VM back.

    Attributes:
        reading: what the readings showed.
        vm: the last reading, None where the VM was not seen done.
        seconds: how long the VM was read back.
        error: why the last reading could not tell, None where it could.
    """

    reading: Reading
    vm: Vm | None
    seconds: float
    error: SeFlowError | None = None


def _is_running(vm: Vm | None) -> bool | None:
    if vm is None:
        return False
    return None if vm.power is PowerState.UNKNOWN else vm.power is PowerState.RUNNING


async def _undecided(service: Service, vm: Vm) -> bool | None:
    return None


SERVES: Final = DoneCheck(_is_running, _undecided)
"""Whether a VM runs again: for a step that no reading can verify, and that takes the VM down for a while."""


@attrs.define(eq=False)
class _ReadBack:
    """A VM that is being read back.

    Attributes:
        since: time of the loop at which reading back began.
        sightings: how many readings showed the VM as done since one showed that it is not.
        is_done: whether the last reading showed the VM as done.
        was_read: whether any reading could decide.
        is_held: whether the last reading showed the VM as locked or in transition.
        last: what the last reading showed.
        error: why the last reading could not decide.
    """

    state: TargetState
    check: DoneCheck
    since: float
    sightings: int = 0
    is_done: bool = False
    was_read: bool = False
    is_held: bool = False
    last: tuple[PowerState, bool | None, bool | None] | None = None
    error: SeFlowError | None = None


@attrs.define(eq=False)
class _Service:
    """The VMs of a service that are being read back.

    Attributes:
        waiting: by VM id.
        moved_at: time of the loop at which something last changed.
        read_at: time at which the last list was asked for.
        restart: whether to begin again with the shortest pause.
        refusals: how many lists in a row the panel refused in its own words.
    """

    waiting: dict[str, _ReadBack] = attrs.Factory(dict)
    moved_at: float = 0.0
    read_at: float = 0.0
    restart: bool = False
    refusals: int = 0


@attrs.define(eq=False)
class SettlePoller:
    """Reads the VMs of one account back until they are done or nothing changes any more.

    Attributes:
        report: called once for each VM, with the result.
        readings: called with the id of a service and its list, for every list that was read.
        tasks: the group in which lists are polled.
        give_place: called with a VM whose service the panel refuses to list: others may begin in its place.
    """

    account: FleetAccount
    policy: SettlePolicy
    report: Callable[[TargetState, Settled], None]
    readings: Callable[[str, VmList], None]
    tasks: asyncio.TaskGroup
    give_place: Callable[[TargetState], None] = attrs.field(default=lambda state: None)
    _services: dict[str, _Service] = attrs.field(factory=dict, init=False)
    _random: random.Random = attrs.field(factory=random.Random, init=False)

    def watch(self, state: TargetState, check: DoneCheck) -> None:
        """Read a VM back from now on, until ``report`` is called with it."""
        service_id = state.target.service.id
        now = asyncio.get_running_loop().time()
        service = self._services.get(service_id)
        is_new = service is None
        if service is None:
            service = self._services[service_id] = _Service()
        service.waiting[state.target.vm.id] = _ReadBack(state, check, now)
        service.moved_at = now
        service.restart = True
        if is_new:
            # The last line, because an eager task runs at once, and ends where nothing waits.
            self.tasks.create_task(self._poll(service_id, service))

    def oldest(self) -> Iterator[tuple[float, str]]:
        """Yield the VM of each service that has been read back longest: since when, and its name."""
        for service in self._services.values():
            for each in service.waiting.values():
                yield each.since, each.state.target.vm.label or each.state.target.vm.id
                break

    async def _poll(self, service_id: str, service: _Service) -> None:
        loop = asyncio.get_running_loop()
        pause = self.policy.first_poll
        while service.waiting:
            await asyncio.sleep(pause * (1.0 + _PAUSE_JITTER * self._random.random()))
            if service.restart:
                service.restart, pause = False, self.policy.first_poll
            else:
                pause = self.policy.longer_pause(pause)
            # A list judges only VMs whose step was accepted before the list was asked for.
            waiting = list(service.waiting.values())
            try:
                listed = await read_vms(self.account, self.account.polls, service_id)
            except SeFlowError as error:
                service.refusals = service.refusals + 1 if isinstance(error, _REFUSALS) else 0
                for each in service.waiting.values():
                    each.error = error.with_traceback(None)
                    if service.refusals >= _REFUSALS_BELIEVED:
                        self.give_place(each.state)
                # Otherwise the next list may work; the patience decides.
                is_over = loop.time() - max(service.moved_at, service.read_at) >= self.policy.patience
                is_final = isinstance(error, _FINAL) and service.refusals >= _REFUSALS_BELIEVED
                if is_over or is_final or isinstance(error, AuthenticationError | AddressNotAllowed):
                    self._give_up(service, list(service.waiting.values()), unreadable=True)
                continue
            service.read_at, service.refusals = listed.asked_at, 0
            self.readings(service_id, listed)
            await self._judge(service, waiting, listed)
            # Only a list that was asked for after the patience had ended shows that nothing changes.
            if listed.asked_at - service.moved_at >= self.policy.patience:
                self._give_up(service, [each for each in service.waiting.values() if not each.is_done])
        del self._services[service_id]

    async def _judge(self, service: _Service, asked_for: list[_ReadBack], listed: VmList) -> None:
        vms = {vm.id: vm for vm in listed.vms}
        elsewhere = None
        if listed.pages is not None and asked_for:
            elsewhere = one_page(listed.pages, f"the VMs of service {asked_for[0].state.key[1]}")
        undecided: list[tuple[_ReadBack, Vm]] = []
        for each in asked_for:
            vm = vms.get(each.state.target.vm.id)
            if vm is None and elsewhere is not None:
                # The VM may be on another page; what was read of it before is outdated.
                each.sightings, each.is_done, each.was_read, each.last = 0, False, False, None
                each.error = elsewhere
                continue
            each.error = None
            try:
                done = each.check.done(vm)
            except ActionRaised as error:
                self._raised(service, each, error)
                continue
            if done is None and vm is not None:
                undecided.append((each, vm))
            else:
                self._see(service, each, vm, done)
        for start in range(0, len(undecided), _VM_READS_IN_FLIGHT_MAX):
            some = undecided[start : start + _VM_READS_IN_FLIGHT_MAX]
            looked = await asyncio.gather(*(self._look(each, vm) for each, vm in some))
            for (each, vm), seen in zip(some, looked, strict=True):
                if isinstance(seen, ActionRaised):
                    self._raised(service, each, seen)
                else:
                    self._see(service, each, vm, seen)

    async def _look(self, each: _ReadBack, vm: Vm) -> bool | ActionRaised | None:
        try:
            seen: bool | None = await each.check.look(each.state.target.service, vm)
        except ActionRaised as error:
            return error
        except SeFlowError as error:
            each.error = error.with_traceback(None)
            return None
        return seen

    def _raised(self, service: _Service, each: _ReadBack, error: ActionRaised) -> None:
        """Report a VM whose action raised: it would raise again."""
        now = asyncio.get_running_loop().time()
        del service.waiting[each.state.target.vm.id]
        service.moved_at = now
        self.report(each.state, Settled(Reading.RAISED, None, now - each.since, error.with_traceback(None)))

    def _see(self, service: _Service, each: _ReadBack, vm: Vm | None, done: bool | None) -> None:
        now = asyncio.get_running_loop().time()
        seen = None if vm is None else (vm.power, vm.locked, done)
        if done is not None and (not each.was_read or seen != each.last):
            service.moved_at = now
        each.was_read = each.was_read or done is not None
        each.last = seen
        each.is_held = vm is not None and held(vm) is not None
        each.is_done = done is True
        if not done:
            # A reading that cannot tell takes nothing back.
            each.sightings = each.sightings if done is None else 0
            return
        each.sightings += 1
        # A list may be stale just after a change: a single sighting counts only if it says "not locked", and
        # if the VM was not so before this run changed it, as a VM that is stopped and started again was.
        is_believed = vm is not None and vm.locked is False and not each.state.changed_before
        if each.sightings >= 2 or is_believed:
            del service.waiting[each.state.target.vm.id]
            service.moved_at = now
            self.report(each.state, Settled(Reading.DONE, vm, now - each.since))

    def _give_up(self, service: _Service, waiting: list[_ReadBack], *, unreadable: bool = False) -> None:
        now = asyncio.get_running_loop().time()
        for each in waiting:
            del service.waiting[each.state.target.vm.id]
            if unreadable or not each.was_read or each.sightings:
                reading = Reading.UNREADABLE
            elif each.is_held:
                reading = Reading.BUSY
            elif each.state.answer_lost and now - each.since >= NOT_DONE_AFTER_SECONDS:
                reading = Reading.NOT_DONE
            else:
                reading = Reading.NOT_SEEN
            self.report(each.state, Settled(reading, None, now - each.since, each.error))

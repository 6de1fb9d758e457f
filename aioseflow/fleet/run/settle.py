"""Settling: accepted is not finished, so each service's list is read until its waiting VMs are seen done.

One list a round serves all waiting VMs of a service, so that waiting costs O(services), not O(VMs).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeAlias

import attrs

from ...errors import SeFlowError
from ...models import Service, Vm
from ...policy import SettlePolicy
from ..discovery.vm_list import VmList, one_page, read_vms
from ..model.fleet_account import FleetAccount
from ..model.target import TargetState
from ..model.vm_state import held
from .verdict import NOT_DONE_AFTER_SECONDS, Reading

Done: TypeAlias = Callable[[Vm | None], bool | None]
Look: TypeAlias = Callable[[Service, Vm], Awaitable[bool | None]]

_VM_READS_IN_FLIGHT_MAX: Final = 8
_POLL_GROWTH: Final = 1.5  # each pause by the one before
_POLL_JITTER: Final = 0.2  # of a pause, upwards: the lists of many services must not be read in one moment


@attrs.frozen(eq=False)
class DoneCheck:
    """How to see that a step is done: ``done`` decides by the list, ``look`` by a reading of one VM."""

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


@attrs.define(eq=False)
class _Waiting:
    """One VM that is being read back."""

    state: TargetState
    check: DoneCheck
    since: float
    sightings: int = 0
    was_read: bool = False
    is_held: bool = False
    last: str | None = None
    error: SeFlowError | None = None


@attrs.define(eq=False)
class _Service:
    waiting: dict[str, _Waiting] = attrs.Factory(dict)
    moved_at: float = 0.0
    read_at: float = 0.0
    restart: bool = False


@attrs.define(eq=False)
class SettlePoller:
    """Reads the VMs of one account back until they are done or nothing moves any more.

    ``report`` is called once for each VM, ``readings`` with every list.
    """

    account: FleetAccount
    policy: SettlePolicy
    report: Callable[[TargetState, Settled], None]
    readings: Callable[[str, VmList], None]
    tasks: asyncio.TaskGroup
    _services: dict[str, _Service] = attrs.field(factory=dict, init=False)
    _random: random.Random = attrs.field(factory=random.Random, init=False)

    def watch(self, state: TargetState, check: DoneCheck) -> None:
        """Read this VM back from now on, until `report` is called with it."""
        service_id = state.target.service.id
        now = asyncio.get_running_loop().time()
        service = self._services.get(service_id)
        is_new = service is None
        if service is None:
            service = self._services[service_id] = _Service()
        service.waiting[state.target.vm.id] = _Waiting(state, check, now)
        service.moved_at = now
        service.restart = True
        if is_new:
            # Last, because an eager task runs at once, and ends where nothing waits.
            self.tasks.create_task(self._poll(service_id, service))

    async def _poll(self, service_id: str, service: _Service) -> None:
        loop = asyncio.get_running_loop()
        pause = self.policy.first_poll
        while service.waiting:
            await asyncio.sleep(pause * (1.0 + _POLL_JITTER * self._random.random()))
            if service.restart:
                service.restart, pause = False, self.policy.first_poll
            else:
                pause = min(self.policy.longest_poll, pause * _POLL_GROWTH)
            # Only those accepted before the list was asked for can be judged by it.
            waiting = list(service.waiting.values())
            try:
                listed = await read_vms(self.account, self.account.polls, service_id)
            except SeFlowError as error:
                # A list that fails now may work in the next round; patience decides.
                for each in service.waiting.values():
                    each.error = error.with_traceback(None)
                if loop.time() - max(service.moved_at, service.read_at) >= self.policy.patience:
                    self._give_up(service, list(service.waiting.values()), unreadable=True)
                continue
            service.read_at = listed.asked_at
            self.readings(service_id, listed)
            await self._judge(service, waiting, listed)
            # Only a list that was asked for after the patience had ended shows that nothing moves any more.
            if listed.asked_at - service.moved_at >= self.policy.patience:
                self._give_up(service, [each for each in service.waiting.values() if not each.sightings])
        del self._services[service_id]

    async def _judge(self, service: _Service, asked_for: list[_Waiting], listed: VmList) -> None:
        vms = {vm.id: vm for vm in listed.vms}
        elsewhere = None
        if listed.pages is not None and asked_for:
            elsewhere = one_page(listed.pages, f"the VMs of service {asked_for[0].state.key[1]}")
        undecided: list[tuple[_Waiting, Vm]] = []
        for each in asked_for:
            vm = vms.get(each.state.target.vm.id)
            if vm is None and elsewhere is not None:
                # It may be on another page; what was read of it before is outdated.
                each.sightings, each.was_read, each.last = 0, False, None
                each.error = elsewhere
                continue
            each.error = None
            done = each.check.done(vm)
            if done is None and vm is not None:
                undecided.append((each, vm))
            else:
                self._see(service, each, vm, done)
        for start in range(0, len(undecided), _VM_READS_IN_FLIGHT_MAX):
            some = undecided[start : start + _VM_READS_IN_FLIGHT_MAX]
            looked = await asyncio.gather(*(self._look(each, vm) for each, vm in some))
            for (each, vm), done in zip(some, looked, strict=True):
                self._see(service, each, vm, done)

    async def _look(self, each: _Waiting, vm: Vm) -> bool | None:
        try:
            seen: bool | None = await each.check.look(each.state.target.service, vm)
        except SeFlowError as error:
            each.error = error.with_traceback(None)
            return None
        return seen

    def _see(self, service: _Service, each: _Waiting, vm: Vm | None, done: bool | None) -> None:
        now = asyncio.get_running_loop().time()
        seen = None if vm is None else f"{vm.power.value}, {vm.locked}, {done}"
        if done is not None and (not each.was_read or seen != each.last):
            service.moved_at = now
        each.was_read = each.was_read or done is not None
        each.last = seen
        each.is_held = vm is not None and held(vm) is not None
        if not done:
            each.sightings = 0
            return
        each.sightings += 1
        # A list may be stale just after a change: one sighting counts only if it says "not locked".
        if each.sightings >= 2 or (vm is not None and vm.locked is False):
            del service.waiting[each.state.target.vm.id]
            service.moved_at = now
            self.report(each.state, Settled(Reading.DONE, vm, now - each.since))

    def _give_up(self, service: _Service, waiting: list[_Waiting], *, unreadable: bool = False) -> None:
        now = asyncio.get_running_loop().time()
        for each in waiting:
            del service.waiting[each.state.target.vm.id]
            if unreadable or not each.was_read:
                reading = Reading.UNREADABLE
            elif each.is_held:
                reading = Reading.BUSY
            elif each.state.answer_lost and now - each.since >= NOT_DONE_AFTER_SECONDS:
                reading = Reading.NOT_DONE
            else:
                reading = Reading.NOT_SEEN
            self.report(each.state, Settled(reading, None, now - each.since, each.error))

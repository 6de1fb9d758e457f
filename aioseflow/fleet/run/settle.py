"""Accepted is not finished: read each service's list until its waiting VMs are seen to be as asked.

One list a round serves all waiting VMs of a service, so that waiting costs O(services), not O(VMs).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

import attrs

from ...errors import SeFlowError
from ...models import Service, Vm
from ...policy import SettlePolicy
from ..discovery.vm_list import VmList, one_page, read_vms
from ..model.fleet_account import FleetAccount
from .state import TargetState

SettleResult: TypeAlias = Literal["seen", "not_seen", "not_readable"]
Done: TypeAlias = Callable[[Vm | None], bool | None]
Look: TypeAlias = Callable[[Service, Vm], Awaitable[bool | None]]

_LOOKS_AT_ONCE = 8


@attrs.frozen(eq=False)
class DoneCheck:
    """What shows that a VM is done: a list by itself, or else a look of its own."""

    done: Done
    look: Look


@attrs.define(eq=False)
class _Service:
    waiting: dict[str, TargetState] = attrs.Factory(dict)
    moved_at: float = 0.0
    read_at: float = 0.0
    restart: bool = False


@attrs.define(eq=False)
class SettlePoller:
    """Watches the VMs of one account until they are as wanted or nothing moves any more.

    ``report`` is told once of each VM: the verdict, the last reading and the seconds that it took (why one
    could not be read is in `TargetState.unread`); ``readings`` of every list.
    """

    account: FleetAccount
    policy: SettlePolicy
    report: Callable[[TargetState, SettleResult, Vm | None, float], None]
    readings: Callable[[str, VmList], None]
    tasks: asyncio.TaskGroup
    _services: dict[str, _Service] = attrs.field(factory=dict, init=False)
    _random: random.Random = attrs.field(factory=random.Random, init=False)

    def watch(self, state: TargetState, judge: DoneCheck) -> None:
        """Wait for this VM."""
        target = state.target
        service = self._services.get(target.service.id)
        now = asyncio.get_running_loop().time()
        if service is None:
            service = self._services[target.service.id] = _Service()
            self.tasks.create_task(self._poll(target.service.id, service))
        # Thousands may be watched at once, and the collector follows every object: one for each will do.
        state.judge, state.watched_at = judge, now
        state.sightings, state.was_read, state.last, state.unread = 0, False, None, None
        service.waiting[target.vm.id] = state
        service.moved_at = now
        service.restart = True

    async def _poll(self, service_id: str, service: _Service) -> None:
        loop = asyncio.get_running_loop()
        pause = self.policy.first_poll
        while service.waiting:
            # Upward jitter: the lists of many services must not be asked for in one moment.
            await asyncio.sleep(pause * (1.0 + 0.2 * self._random.random()))
            if service.restart:
                service.restart, pause = False, self.policy.first_poll
            else:
                pause = min(self.policy.longest_poll, pause * 1.5)
            # Only those accepted before the list was asked for can be judged by it.
            waiting = list(service.waiting.values())
            try:
                listed = await read_vms(self.account, self.account.polls, service_id)
            except SeFlowError as error:
                # A list that fails now may work in the next round; patience decides.
                for state in service.waiting.values():
                    state.unread = error.with_traceback(None)
                if loop.time() - max(service.moved_at, service.read_at) >= self.policy.patience:
                    self._give_up(service, list(service.waiting.values()), "not_readable")
                continue
            service.read_at = listed.asked_at
            self.readings(service_id, listed)
            await self._judge(service, waiting, listed)
            # Only a list that was asked for after the patience had ended shows that nothing moves any more.
            if listed.asked_at - service.moved_at >= self.policy.patience:
                still = [each for each in service.waiting.values() if not each.sightings]
                self._give_up(service, still, "not_seen")
        del self._services[service_id]

    async def _judge(self, service: _Service, asked_for: list[TargetState], listed: VmList) -> None:
        vms = {vm.id: vm for vm in listed.vms}
        elsewhere = None
        if listed.pages is not None and asked_for:
            elsewhere = one_page(listed.pages, f"the VMs of service {asked_for[0].key[1]}")
        untold: list[tuple[TargetState, Vm]] = []
        for state in asked_for:
            vm = vms.get(state.target.vm.id)
            if vm is None and elsewhere is not None:
                # It may be on another page; what was read of it before is outdated.
                state.sightings, state.was_read, state.last = 0, False, None
                state.unread = elsewhere
                continue
            state.unread = None
            done = state.judge.done(vm)
            if done is None and vm is not None:
                untold.append((state, vm))
            else:
                self._see(service, state, vm, done)
        for start in range(0, len(untold), _LOOKS_AT_ONCE):
            some = untold[start : start + _LOOKS_AT_ONCE]
            looked = await asyncio.gather(*(self._look(state, vm) for state, vm in some))
            for (state, vm), done in zip(some, looked, strict=True):
                self._see(service, state, vm, done)

    async def _look(self, state: TargetState, vm: Vm) -> bool | None:
        try:
            seen: bool | None = await state.judge.look(state.target.service, vm)
        except SeFlowError as error:
            state.unread = error.with_traceback(None)
            return None
        return seen

    def _see(self, service: _Service, state: TargetState, vm: Vm | None, done: bool | None) -> None:
        now = asyncio.get_running_loop().time()
        seen = None if vm is None else f"{vm.power.value}, {vm.locked}, {done}"
        if done is not None and (not state.was_read or seen != state.last):
            service.moved_at = now
        state.was_read = state.was_read or done is not None
        state.last = seen
        if not done:
            state.sightings = 0
            return
        state.sightings += 1
        # A list may be stale just after a change: one sighting counts only if it says "not locked".
        if state.sightings >= 2 or (vm is not None and vm.locked is False):
            del service.waiting[state.target.vm.id]
            service.moved_at = now
            self.report(state, "seen", vm, now - state.watched_at)

    def _give_up(self, service: _Service, waiting: list[TargetState], verdict: SettleResult) -> None:
        now = asyncio.get_running_loop().time()
        for state in waiting:
            del service.waiting[state.target.vm.id]
            told: SettleResult = verdict if state.was_read else "not_readable"
            self.report(state, told, None, now - state.watched_at)

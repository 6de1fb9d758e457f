"""Accepted is not finished: read each service's list until its waiting VMs are seen to be as asked.

One list a round serves all waiting VMs of a service, so that waiting costs O(services), not O(VMs).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

from ..errors import SeFlowError
from ..models import PowerState, Vm
from ..policy import SettlePolicy
from .account import Account
from .select import Target

Verdict: TypeAlias = Literal["seen", "not_seen", "not_readable"]


@attrs.define(eq=False)
class _Waiting:
    target: Target
    sightings: int = 0
    was_read: bool = False
    last: PowerState | None = None


@attrs.define(eq=False)
class _Service:
    waiting: dict[str, _Waiting] = attrs.Factory(dict)
    moved_at: float = 0.0
    restart: bool = False


@attrs.define(eq=False)
class Settler:
    """Watches the VMs of one account until they are in the wanted state or nothing moves any more."""

    account: Account
    wanted: PowerState
    policy: SettlePolicy
    report: Callable[[Target, Verdict], None]
    tasks: asyncio.TaskGroup
    _services: dict[str, _Service] = attrs.field(factory=dict, init=False)
    _random: random.Random = attrs.field(factory=random.Random, init=False)

    def watch(self, target: Target) -> None:
        """Wait for this VM; ``report`` is told once."""
        service_id = target.service.id
        service = self._services.get(service_id)
        if service is None:
            service = self._services[service_id] = _Service()
            self.tasks.create_task(self._poll(service_id, service))
        service.waiting[target.vm.id] = _Waiting(target)
        service.moved_at = asyncio.get_running_loop().time()
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
            asked_for = list(service.waiting.values())
            try:
                vms = await self.account.polls.list(service_id)
            except SeFlowError:
                # A list that fails now may work in the next round; patience decides.
                pass
            else:
                self._judge(service, asked_for, {vm.id: vm for vm in vms}, loop.time())
            if loop.time() - service.moved_at >= self.policy.patience:
                self._give_up(service)
        del self._services[service_id]

    def _judge(self, service: _Service, asked_for: list[_Waiting], vms: dict[str, Vm], now: float) -> None:
        for waiting in asked_for:
            vm = vms.get(waiting.target.vm.id)
            power = None if vm is None else vm.power
            if not waiting.was_read or power is not waiting.last:
                service.moved_at = now
            waiting.was_read = True
            waiting.last = power
            if vm is None or power is not self.wanted:
                waiting.sightings = 0
                continue
            waiting.sightings += 1
            # A list may be stale just after a change: one sighting counts only if it says "not locked".
            if waiting.sightings >= 2 or vm.locked is False:
                del service.waiting[waiting.target.vm.id]
                service.moved_at = now
                self.report(waiting.target, "seen")

    def _give_up(self, service: _Service) -> None:
        for waiting in list(service.waiting.values()):
            del service.waiting[waiting.target.vm.id]
            self.report(waiting.target, "not_seen" if waiting.was_read else "not_readable")

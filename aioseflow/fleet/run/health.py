"""Health: whether a VM serves again, by the health check of a rollout, which is a user's function."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from ..model.outcome import ActionRaised
from ..model.raised import action_raised, refuse_awaitable

if TYPE_CHECKING:
    from ...policy import SettlePolicy
    from ..model.target import TargetState
    from ..plan.rollout import HealthCheck


@attrs.define(eq=False)
class HealthWatcher:
    """Repeats the health check of VMs until each passes or the patience ends, a bounded number at a time."""

    check: HealthCheck
    policy: SettlePolicy
    most_at_once: int
    _places: asyncio.Semaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._places = asyncio.Semaphore(max(1, self.most_at_once))

    async def wait(self, state: TargetState) -> bool | ActionRaised:
        """Return True once the check passes; otherwise False, or what it raised last."""
        loop, pause = asyncio.get_running_loop(), self.policy.first_poll
        until = loop.time() + self.policy.patience
        while (healthy := await self._is_healthy(state)) is not True:
            if loop.time() + pause > until:
                return healthy
            await asyncio.sleep(pause)
            pause = self.policy.longer_pause(pause)
        return True

    async def _is_healthy(self, state: TargetState) -> bool | ActionRaised:
        """Whether the health check passes; the exception where it raises and so has not seen it healthy."""
        try:
            async with self._places, asyncio.timeout(self.policy.patience):
                seen = await self.check(state.target.service, state.target.vm)
            refuse_awaitable("the health check", seen)
            return bool(seen)
        except ActionRaised as error:
            return error
        except BaseException as error:  # noqa: BLE001 - a user's function
            return action_raised("the health check", error)

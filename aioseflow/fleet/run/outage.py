"""Outage: how a run waits for a panel that does not answer, instead of using up its targets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from ...errors import SeFlowError, ServerError, TransportError
from ...policy import PANEL_AWAY_MAX_SECONDS
from ..discovery.vm_list import is_down, may_be_away, probe_pause

if TYPE_CHECKING:
    from ..model.fleet_account import FleetAccount


@attrs.define(eq=False)
class PanelOutage:
    """Waits until the panel of one account answers again.

    While a panel is away only reads are sent to it, one at a time: a request that must not be repeated is no
    probe, because its answer may be the one that is lost.

    Attributes:
        stopped: set when nothing new begins any more; nothing is waited for then.
        since: time of the loop since which the panel has been away, None while it answers.
    """

    account: FleetAccount
    stopped: asyncio.Event
    since: float | None = attrs.field(default=None, init=False)
    _probing: asyncio.Task[bool] | None = attrs.field(default=None, init=False)
    _has_given_up: bool = attrs.field(default=False, init=False)

    @property
    def is_away(self) -> bool:
        """Whether the panel counts as down: several requests in a row got no answer."""
        if is_down(self.account):
            return True
        self._has_given_up = False
        return False

    async def wait(self, service_id: str, tasks: asyncio.TaskGroup) -> bool:
        """Wait until the panel answers, `PANEL_AWAY_MAX_SECONDS` at most. Return whether it does.

        All workers of an account wait for one probe, which reads the list of ``service_id``.
        """
        if self._has_given_up:
            return False
        if self._probing is None:
            self._probing = tasks.create_task(self._probe(service_id))
        # A worker that is cancelled leaves the probe to the others.
        return await asyncio.shield(self._probing)

    async def _probe(self, service_id: str) -> bool:
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        try:
            while not self.stopped.is_set():
                if await self._answers(service_id):
                    return True
                if loop.time() - self.since >= PANEL_AWAY_MAX_SECONDS:
                    self._has_given_up = True
                    return False
                await self._pause()
            return False
        finally:
            self._probing = self.since = None

    async def explains(self, error: SeFlowError, service_id: str) -> bool:
        """Whether the panel is away as a whole, so that the request of an error says nothing of its VM."""
        return self.is_away and may_be_away(self.account, error) and not await self._answers(service_id)

    async def _answers(self, service_id: str) -> bool:
        try:
            await self.account.polls.list(service_id)
        except SeFlowError as error:
            # A refusal is an answer; an error that a machine in front of the panel may have made is none.
            return not isinstance(error, TransportError | ServerError) or not self.is_away
        return True

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(probe_pause()):
                await self.stopped.wait()
        except TimeoutError:
            return

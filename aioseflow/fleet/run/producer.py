"""What one account brings into a run: its lists are read, and their VMs become targets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

import attrs

from ..actions.action import Skip
from ..actions.steps import skip_of
from ..discovery.discover import Discovery, ListedService
from ..journal import JournalError
from ..model.outcome import Status, TargetKey
from ..model.vm_state import HELD

if TYPE_CHECKING:
    from ..model.fleet_account import FleetAccount
    from ..model.target import Target, TargetState
    from ..select.matcher import Matcher
    from ..select.selection import Selection
    from .availability import AvailabilityCounter
    from .scheduler import Scheduler
    from .state import RunState

_READY_TARGETS_PER_REQUEST = (
    4  # times the account's concurrency: targets that may lie ready while lists are read
)


@attrs.define(eq=False)
class TargetProducer:
    """Discovers the targets of one account, writes them down, and offers those that need something."""

    account: FleetAccount
    selection: Selection
    protected: Matcher | None
    run_state: RunState
    scheduler: Scheduler
    availability: AvailabilityCounter | None = None
    count_all: bool = False  # list services that are not selected too, to know how many VMs there are
    planned: Mapping[TargetKey, str] = attrs.Factory(dict)  # why a plan leaves a target alone
    confirms_skips: bool = False  # read a VM that seems to need nothing once more, by itself
    journal_error: JournalError | None = attrs.field(default=None, init=False)
    discovery: Discovery = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.discovery = Discovery(
            self.account,
            self.selection,
            count_all=self.count_all,
            found_none=self.run_state.recorder.without_vms,
        )

    def _selected(self, listed: ListedService) -> list[Target]:
        name, service = self.account.name, listed.service
        if self.availability is not None:
            self.availability.read(name, service.id, listed)
        return self.selection.targets(name, service, listed.vms, self.protected)

    async def produce(self) -> None:
        """Read the lists while the workers act on what they gave."""
        name = self.account.name
        # Which service has most to do is known only when all are; nothing else needs them all.
        ahead = (
            None
            if self.scheduler.rollout.per_service
            else _READY_TARGETS_PER_REQUEST * self.account.concurrency
        )
        try:
            async with aclosing(self.discovery.lists()) as lists:
                async for listed in lists:
                    self.add_targets(self._selected(listed))
                    if ahead is not None:
                        await self.scheduler.wait_for_room(name, ahead)
                    if self.scheduler.stopping is not None:
                        return
        finally:
            self.scheduler.producer_finished(name)

    def add_targets(self, targets: Iterable[Target]) -> None:
        """Take targets in; what needs nothing has its outcome at once, the rest may be begun."""
        states = self.run_state.add_targets(targets)
        self._record(states)

    def _record(self, states: list[TargetState]) -> None:
        """Offer targets once the journal knows that no other run is at them."""
        writing = self.run_state.recorder.selected(states) if states else None
        if writing is None:
            self._offer(states)
            return
        self.scheduler.expect_targets(self.account.name, len(states))

        def written(writing: asyncio.Future[list[tuple[int, str]]]) -> None:
            if not writing.cancelled():
                error = writing.exception()
                if isinstance(error, JournalError):
                    self.fail(error)
                elif error is None:
                    self._offer(self._without_contested(states, dict(writing.result())))
            self.scheduler.producer_finished(self.account.name, len(states))

        writing.add_done_callback(written)

    def _without_contested(self, states: list[TargetState], taken: dict[int, str]) -> list[TargetState]:
        """Leave out what another run is at."""
        for state in states if taken else ():
            if state.number in taken and state.key in self.run_state.open:
                self.run_state.decide(state, "in_another_run")
        return [state for state in states if state.key in self.run_state.open]

    def _offer(self, states: list[TargetState]) -> None:
        self.scheduler.enqueue(self.skip_needless(states))

    def skip_needless(self, states: Iterable[TargetState]) -> list[TargetState]:
        """Those that something is to be sent for; the others get their outcome."""
        left = []
        for state in states:
            why = self.planned.get(state.key) if self.planned else None
            skip = skip_of(self.run_state.steps, state.target.vm)
            if skip is None and why:
                # What was left alone for its state has moved since, and was not planned to be acted on.
                skip = Skip(Status.NOT_ATTEMPTED, why if why in HELD else "moved")
            if skip is not None and self.confirms_skips and skip.status is Status.UNCHANGED:
                state.is_doubted, skip = True, None
            if skip is None:
                left.append(state)
            else:
                self.run_state.skip(state, skip)
        return left

    def fail(self, broken: JournalError) -> None:
        """The journal cannot be written any more: begin nothing new."""
        self.journal_error = self.journal_error or broken
        self.scheduler.stop("journal_failed")

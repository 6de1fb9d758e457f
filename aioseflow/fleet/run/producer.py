"""Target producer: lists the services of one account, and makes targets of their VMs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import attrs

from ..actions.action import Skip
from ..actions.steps import skip_of
from ..discovery.discover import Discovery, ListedService
from ..journal import JournalError
from ..model.outcome import Status, TargetKey
from ..model.refusals import in_another_run
from ..model.vm_state import HELD_CAUSES

if TYPE_CHECKING:
    from ..model.fleet_account import FleetAccount
    from ..model.target import Target, TargetState
    from ..select.matcher import Matcher
    from ..select.selection import Selection
    from .availability import AvailabilityCounter
    from .scheduler import Scheduler
    from .state import RunState

_WAITING_TARGETS_PER_REQUEST: Final = 4
"""Targets that may wait for a worker before the next list is read, for each request in flight."""


@attrs.define(eq=False)
class TargetProducer:
    """Discovers the targets of one account, records them, and queues those that need a request.

    Attributes:
        protected: the VMs that are not touched without being named, None for no VM.
        count_all: whether to list services that are not selected too, to know how many VMs there are.
        planned: why a plan leaves a target alone, by target.
        confirms_skips: whether to read a VM that seems to need nothing once more, by itself.
        contested: the VMs that another run acts on, with its id.
        on_begun: called with the first targets that are certainly the run's.
        journal_error: why the targets could not be recorded, or an intent.
    """

    account: FleetAccount
    selection: Selection
    protected: Matcher | None
    run_state: RunState
    scheduler: Scheduler
    availability: AvailabilityCounter | None = None
    count_all: bool = False
    planned: Mapping[TargetKey, str] = attrs.Factory(dict)
    confirms_skips: bool = False
    contested: dict[TargetKey, str] = attrs.field(factory=dict, init=False)
    on_begun: Callable[[], None] = attrs.field(default=lambda: None, init=False)
    journal_error: JournalError | None = attrs.field(default=None, init=False)
    discovery: Discovery = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.discovery = Discovery(
            self.account,
            self.selection,
            count_all=self.count_all,
            found_none=self.run_state.recorder.without_vms,
            waits=lambda: self.scheduler.stopping is None,
        )

    def _selected(self, listed: ListedService) -> list[Target]:
        name, service = self.account.name, listed.service
        if self.availability is not None:
            self.availability.note_list(name, service.id, listed)
        targets = self.selection.targets(name, service, listed.vms, self.protected)
        self.discovery.note_raised(service, self.protected)
        return targets

    async def produce(self) -> None:
        """List the services while the workers act on the targets of those that were listed."""
        name, most = self.account.name, _WAITING_TARGETS_PER_REQUEST * self.account.concurrency
        # With a limit for each service, the largest one must come first, which is known once all are listed.
        waits_for_room = self.scheduler.rollout.per_service is None
        try:
            async with aclosing(self.discovery.lists()) as lists:
                async for listed in lists:
                    self._record(self.run_state.add_targets(self._selected(listed)))
                    if waits_for_room:
                        await self.scheduler.wait_for_room(name, most)
                    if self.scheduler.stopping is not None:
                        return
        finally:
            self.scheduler.producer_finished(name)

    def _record(self, states: list[TargetState]) -> None:
        """Queue targets once the journal has stored them and no other run acts on them."""
        writing = self.run_state.recorder.selected(states) if states else None
        if writing is None:
            if states:
                self.on_begun()
            self.scheduler.enqueue(self.skip_needless(states))
            return
        self.scheduler.expect_targets(self.account.name, len(states))

        def written(writing: asyncio.Future[list[tuple[int, str]]]) -> None:
            if not writing.cancelled():
                error = writing.exception()
                if isinstance(error, JournalError):
                    self.fail(error)
                elif error is None:
                    mine = self._without_contested(states, dict(writing.result()))
                    self.scheduler.enqueue(self.skip_needless(mine))
            self.scheduler.producer_finished(self.account.name, len(states))

        writing.add_done_callback(written)

    def _without_contested(self, states: list[TargetState], taken: dict[int, str]) -> list[TargetState]:
        """Decide the targets that another run acts on; return the open ones that are left.

        A run that has not acted yet stops for them: it is refused.
        """
        found = {state.key: taken[state.number] for state in states if state.number in taken}
        self.contested |= found
        if found and not self.run_state.has_acted:
            self.scheduler.stop("in_another_run")
        elif not self.contested:
            self.on_begun()
        for state in states if taken else ():
            if state.key in found and state.key in self.run_state.open:
                state.error = in_another_run(found, None, None)
                self.run_state.decide(state, "in_another_run")
        return [state for state in states if state.key in self.run_state.open]

    def skip_needless(self, states: Iterable[TargetState]) -> list[TargetState]:
        """Decide the targets that need no request, or must not get one; return the others."""
        left = []
        for state in states:
            why = self.planned.get(state.key) if self.planned else None
            skip = skip_of(self.run_state.steps, state.target.vm)
            if skip is None and why:
                # The plan left the VM alone because of its state, which has changed since.
                skip = Skip(Status.NOT_ATTEMPTED, why if why in HELD_CAUSES else "moved")
            if skip is not None and self.confirms_skips and skip.status is Status.UNCHANGED:
                state.is_doubted, skip = True, None
            if skip is None:
                left.append(state)
            else:
                self.run_state.skip(state, skip)
        return left

    def fail(self, broken: JournalError) -> None:
        """Stop the run, because the journal cannot be written, or another process has the run."""
        self.journal_error = self.journal_error or broken
        self.scheduler.stop(broken.cause)

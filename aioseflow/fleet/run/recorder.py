"""What a run writes down: nothing, or every step of every target into a journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set
from datetime import UTC, datetime
from typing import Any

import attrs

from ..journal import Journal, JournalError, RunHeader, TargetRow
from ..model.fleet_account import FleetAccount
from ..model.outcome import Outcome, TargetKey
from ..model.target import TargetState, service_name
from ..model.timeline import Moment, rows_of
from ..model.undiscovered import Undiscovered
from ..model.without_vms import WithoutVms
from ..plan.spec import RunSpec
from .observer import RunObserver


@attrs.define(eq=False)
class JournalRecorder(RunObserver):
    """One run's pages of a journal; without a journal it keeps nothing."""

    run_id: str
    journal: Journal | None
    broken: JournalError | None = None
    dead: Set[str] = frozenset()  # runs that say they go on, and whose process is gone

    @property
    def keeps(self) -> bool:
        """Whether anything is written down."""
        return self.journal is not None

    def _put(self, change: Callable[..., None], *arguments: Any, **details: Any) -> None:
        """What cannot be written any more must not keep a VM from its outcome; the run says so at its end."""
        try:
            change(self.run_id, *arguments, **details)
        except JournalError as error:
            self.broken = self.broken or error

    def selected(self, states: Sequence[TargetState]) -> asyncio.Future[list[tuple[int, str]]] | None:
        """Write down new targets; the future gives those that another run is at, by number and run."""
        if self.journal is None:
            return None
        rows = [
            TargetRow(
                number=state.number,
                account=state.target.account,
                service_id=state.target.service.id,
                service_name=service_name(state.target.service),
                vm_id=state.target.vm.id,
                vm_label=state.target.vm.label or "",
                power=state.target.vm.power.value,
            )
            for state in states
        ]
        return self.journal.selected(self.run_id, rows, dead=self.dead)

    async def open_elsewhere(self) -> dict[TargetKey, str]:
        """The VMs that other living runs are at, with the run."""
        if self.journal is None:
            return {}
        return await self.journal.open_elsewhere(self.run_id, self.dead)

    def without_vms(self, found: WithoutVms) -> None:
        """A selected service has no VMs."""
        if self.journal is not None:
            self._put(self.journal.without_vms, found)

    def lost(self, losses: Sequence[Undiscovered]) -> None:
        """Record the services that could not be listed, before the run has ended."""
        if self.journal is not None:
            self._put(self.journal.lost, losses)

    def discovered(self) -> None:
        """No targets will be added any more."""
        if self.journal is not None:
            self._put(self.journal.discovered)

    async def intend(self, state: TargetState) -> None:
        """Return when it is durable that a request for this target may leave. Raises `JournalError`."""
        if self.journal is not None:
            await self.journal.intend(
                self.run_id, state.number, state.step, datetime.now(UTC), panel_at=state.sent_panel_at
            )

    def settling(self, state: TargetState) -> None:
        """The answer is there, or lost; what became of it is still to be read."""
        if self.journal is not None:
            self._put(
                self.journal.accepted,
                state.number,
                attempts=state.requests,
                answer_lost=state.answer_lost,
                error=state.error,
            )

    def requeued(self, state: TargetState) -> None:
        """Record that a target waits for its turn again."""
        if self.journal is not None:
            self._put(
                self.journal.requeued,
                state.number,
                step=state.step,
                attempts=state.requests,
                answer_lost=state.answer_lost,
                error=state.error,
                changed_before=state.changed_before,
            )

    def reopened(self, numbers: Sequence[int]) -> None:
        """Targets that had an outcome wait again."""
        if self.journal is not None and numbers:
            self._put(self.journal.reopened, numbers)

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        """It has its outcome."""
        if self.journal is not None:
            self._put(
                self.journal.finished,
                state.number,
                status=outcome.status.value,
                verified=outcome.verified,
                cause=outcome.cause,
                step_name=outcome.step,
                attempts=outcome.attempts,
                left_at=state.stage,
                answer_lost=state.answer_lost,
                error=outcome.error,
                started_at=outcome.started_at,
                finished_at=outcome.finished_at,
            )

    def ended(
        self,
        finished_at: datetime,
        error: str | None,
        lost: Sequence[Undiscovered],
        without_vms: Sequence[WithoutVms] | None,
        timeline: Sequence[Moment] | None,
    ) -> None:
        """Record that the run is over; None keeps what the journal has."""
        if self.journal is not None:
            self._put(
                self.journal.ended,
                finished_at=finished_at,
                error=error,
                undiscovered=lost,
                without_vms=without_vms,
                timeline=None if timeline is None else rows_of(timeline),
            )


def header_of(
    run_id: str, accounts: Sequence[FleetAccount], spec: RunSpec, created_at: datetime
) -> RunHeader:
    """What is known of a run before it starts."""
    return RunHeader(
        run_id=run_id,
        parent=spec.parent,
        action=spec.action,
        accounts=tuple(account.name for account in accounts),
        created_at=created_at,
        document=spec.to_document(),
        note=spec.note,
        requested_by=spec.requested_by,
    )

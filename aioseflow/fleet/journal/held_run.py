"""A run that this process goes on with: everything that is recorded of it passes here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from ..model.target import Stage
from . import codec
from .change import Kind
from .codec import text, to_micros, to_micros_or_none
from .faults import lease_lost

if TYPE_CHECKING:
    from ...errors import SeFlowError
    from ..model.undiscovered import Undiscovered, WithoutVms
    from .group_commit import GroupCommit
    from .journal_store import JournalStore
    from .lease import Lease
    from .records import TargetRow

R = TypeVar("R", "TargetRow", "WithoutVms", "Undiscovered")


@attrs.define(eq=False)
class HeldRun:
    """A run under the lease of this process; made by `Journal.hold`.

    A change that only marks progress is durable within a few milliseconds, in its order; `intend` returns
    when it is. Once the journal could not make a change durable, every method raises `JournalError`.

    Attributes:
        number: the number of the run in its store.
        stored_names: the names that accounts have in the journal, where they are others than here.
        held_at: when this process took the run.
    """

    run_id: str
    number: int
    stored_names: Mapping[str, str]
    held_at: datetime
    _lease: Lease = attrs.field(repr=False)
    _store: JournalStore = attrs.field(repr=False)
    _commits: Callable[[], GroupCommit] = attrs.field(repr=False)
    _settle: Callable[[], Awaitable[None]] = attrs.field(repr=False)

    def require_lease(self) -> None:
        """Raise `LeaseLost` unless this process still has the lease of the run."""
        if not self._lease.may_send():
            raise lease_lost(self.run_id)

    async def give(self) -> None:
        """Make everything durable that was recorded, and let other processes take the run.

        Nothing happens if it is not held any more. Raises `JournalError`.
        """
        try:
            await self._settle()
        finally:
            await self._lease.give()

    def selected(
        self, rows: Sequence[TargetRow], *, dead: Set[str] = frozenset()
    ) -> asyncio.Future[list[tuple[int, str]]]:
        """Record targets; those that another running run is not done with are recorded as not attempted.

        The result, when it is durable, names these: their numbers, each with the id of the other run. Runs
        in ``dead`` keep nothing from others.
        """
        values = [codec.target_values(self.number, self._stored(row)) for row in rows]
        future: asyncio.Future[list[tuple[int, str]]] = asyncio.get_running_loop().create_future()
        self._commits().put((Kind.SELECTED, (self.number, values, dead), future))
        return future

    async def open_elsewhere(self, dead: Set[str]) -> dict[tuple[str, str, str], str]:
        """The VMs, by account, service and VM id, that other running runs are not done with, with the run."""
        found = await self._commits().read(self._store.open_elsewhere, self.number, dead)
        names = {before: now for now, before in self.stored_names.items()}
        return {(names.get(key[0], key[0]), *key[1:]): run_id for key, run_id in found.items()}

    def without_vms(self, found: WithoutVms) -> None:
        """Record a selected service that has no VMs."""
        self._put(Kind.WITHOUT_VMS, codec.without_values(self.number, self._stored(found)))

    def lost(self, losses: Sequence[Undiscovered]) -> None:
        """Record the services that could not be listed, in place of those recorded before."""
        stored = map(self._stored, losses)
        rows = [codec.loss_values(self.number, place, loss) for place, loss in enumerate(stored)]
        self._put(Kind.LOST, (self.number, rows))

    def discovered(self) -> None:
        """Record that every target of the run is known."""
        self._put(Kind.DISCOVERED, (self.number,))

    async def intend(self, number: int, step: int, at: datetime, *, panel_at: datetime | None = None) -> None:
        """Return when it is durable that a request for this target may be sent from now on.

        Raises `JournalError`: then it is not, and nothing may be sent. Cancelled, it may be either; what is
        recorded of the target afterwards replaces it.
        """
        future = asyncio.get_running_loop().create_future()
        values = (self.number, number, step, to_micros(at), to_micros_or_none(panel_at))
        self._commits().put((Kind.INTEND, values, future))
        await future

    def accepted(self, number: int, *, attempts: int, answer_lost: bool, error: SeFlowError | None) -> None:
        """Record that a request was answered, or that its answer was lost; the target is read back now."""
        stage = Stage.SENT if answer_lost else Stage.ACCEPTED
        values = (self.number, number, int(stage), attempts, answer_lost, codec.dump_error(error))
        self._put(Kind.ACCEPTED, values)

    def requeued(
        self,
        number: int,
        *,
        step: int,
        attempts: int,
        answer_lost: bool,
        error: SeFlowError | None = None,
        changed_before: bool = False,
    ) -> None:
        """Record that a target waits again: ``error`` postponed it, or its next step has come."""
        stored = codec.dump_error(error)
        self._put(Kind.REQUEUED, (self.number, number, step, attempts, answer_lost, stored, changed_before))

    def finished(
        self,
        number: int,
        *,
        status: str,
        verified: bool,
        cause: str | None,
        step_name: str | None,
        attempts: int,
        answer_lost: bool,
        error: SeFlowError | None,
        started_at: datetime | None,
        finished_at: datetime | None,
        left_at: Stage,
    ) -> None:
        """Record the outcome of a target."""
        values = (
            self.number,
            number,
            str(status),
            verified,
            None if cause is None else text(str(cause)),
            None if step_name is None else text(str(step_name)),
            attempts,
            answer_lost,
            codec.dump_error(error),
            to_micros_or_none(started_at),
            to_micros_or_none(finished_at),
            int(left_at),
        )
        self._put(Kind.FINISHED, values)

    def reopened(self, numbers: Sequence[int]) -> None:
        """Record that targets wait again although they had an outcome; requests sent for them stay known."""
        for number in numbers:
            self._put(Kind.REOPENED, (self.number, number))

    def ended(
        self,
        *,
        finished_at: datetime,
        error: str | None,
        undiscovered: Sequence[Undiscovered],
        without_vms: Sequence[WithoutVms] | None = None,
        timeline: Sequence[Any] | None = None,
        ended_by: str = "",
    ) -> None:
        """Record that the run is over; ``error`` is what it raised, ``ended_by`` why it left targets.

        None as ``without_vms`` or ``timeline`` keeps what is known of it.
        """
        losses = [self._stored(loss) for loss in undiscovered]
        without = None if without_vms is None else [self._stored(found) for found in without_vms]
        values = codec.ended_values(self.number, finished_at, error, losses, without, timeline, ended_by)
        self._put(Kind.ENDED, values)

    def _stored(self, record: R) -> R:
        """A record with the name that its account has in the journal."""
        name = self.stored_names.get(record.account)
        return record if name is None else attrs.evolve(record, account=name)

    def _put(self, kind: Kind, values: tuple[Any, ...]) -> None:
        self._commits().put((kind, values, None))

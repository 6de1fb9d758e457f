"""The record of a run: every step of every target in a journal, or nothing without one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from ..journal import JournalError, LeaseLost, TargetRow
from ..journal.account_names import with_names_of
from ..journal.immediate import complete
from ..journal.lease import Holder
from ..model.refusals import in_another_run
from ..model.target import service_name
from ..model.timeline import rows_of
from .observer import RunObserver

if TYPE_CHECKING:
    from ..journal import HeldRun, Journal, RunHeader, RunInfo, StoredRun
    from ..model.fleet_account import FleetAccount
    from ..model.outcome import Outcome, TargetKey
    from ..model.target import TargetState
    from ..model.timeline import Moment
    from ..model.undiscovered import Undiscovered, WithoutVms


@attrs.define(eq=False)
class JournalRecorder(RunObserver):
    """Records one run execution; nothing before it holds the run, and nothing without a journal.

    Attributes:
        taken_in_memory: returns the VMs that another run without a journal acts on, in this process.
        broken: the first error of a change that could not be recorded.
        lease_is_lost: whether this process was the runner and is not any more.
    """

    run_id: str
    journal: Journal | None
    taken_in_memory: Callable[[Iterable[TargetKey]], dict[TargetKey, str]] = attrs.field(
        default=lambda keys: {}
    )
    broken: JournalError | None = attrs.field(default=None, init=False)
    lease_is_lost: bool = attrs.field(default=False, init=False)
    _held: HeldRun | None = attrs.field(default=None, init=False)
    _is_open: bool = attrs.field(default=False, init=False)
    _is_made_here: bool = attrs.field(default=False, init=False)
    _dead: frozenset[str] = attrs.field(default=frozenset(), init=False)
    _on_lost: Callable[[], None] = attrs.field(default=lambda: None, init=False)
    _closing: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    @property
    def keeps(self) -> bool:
        """Whether there is a journal, in which the run is recorded once it is held."""
        return self.journal is not None

    @property
    def is_held(self) -> bool:
        """Whether this process is the runner."""
        return self._held is not None

    @property
    def held_at(self) -> datetime | None:
        """When this process became the runner; None where it is not, and without a journal."""
        return None if self._held is None else self._held.held_at

    # -- the run in the journal ---------------------------------------------------------------------------

    async def open(self) -> None:
        """Keep the journal open until `close`. Raises `JournalError`."""
        if self.journal is not None and not self._is_open:
            await self.journal.acquire()
            self._is_open = True

    def open_now(self) -> None:
        """`open`, where that does not suspend."""
        if self.journal is not None and self.journal.immediate:
            complete(self.open())

    async def create(self, header: RunHeader) -> RunInfo | None:
        """Make it durable that there is this run; returns the run that has its id already, if one has."""
        if self.journal is None:
            return None
        if await self.journal.create(header):
            self._is_made_here = True
            return None
        return await self.journal.look_up(self.run_id)

    async def load(self, accounts: Sequence[FleetAccount]) -> StoredRun:
        """Read what the journal knows of the run, with the names of these accounts. Raises `RunNotFound`."""
        if self.journal is None:
            raise RuntimeError("a run without a journal has nothing to load")
        return with_names_of(await self.journal.read(self.run_id), accounts)

    async def hold(
        self,
        lost: Callable[[], None],
        accounts: Sequence[FleetAccount],
        stored_names: Mapping[str, str],
    ) -> bool:
        """Become the runner; returns whether other runs are going on, whose VMs must be left alone.

        ``lost`` is called when this process is the runner no more. ``stored_names`` are the names of accounts
        in the journal that are others than here. Raises `RunIsActive` and `JournalError`.
        """
        if self.journal is None:
            return False
        self._on_lost = lost
        self._held = await self.journal.hold(
            self.run_id,
            lost=self._lose,
            account_keys={account.name: account.key for account in accounts},
            stored_names=stored_names,
        )
        others = await self.journal.others(self.run_id)
        self._dead = others.dead
        return bool(others.living)

    def require_lease(self) -> None:
        """Raise `LeaseLost` if this process is not the runner any more."""
        if self._held is not None:
            try:
                self._held.require_lease()
            except LeaseLost:
                self._lose()
                raise

    async def lease_error(self) -> LeaseLost:
        """Return the error of a run that was lost, which names its new holder where that is known."""
        if self.journal is None:
            raise RuntimeError("a run without a journal cannot be lost")
        return await self.journal.lost(self.run_id)

    async def flush(self, *, now: bool = False) -> None:
        """Return when every change is durable, ``now`` without suspending. Raises `JournalError`."""
        if self._held is None or self.journal is None:
            return
        if now:
            self.journal.flush_now()
        else:
            await self.journal.flush()
        self.require_lease()

    async def close(self, *, withdraw: bool = False) -> None:
        """Let others take the run, and let go of the journal. Raises `JournalError`.

        ``withdraw`` deletes the record of a run that was made here, and did not begin.
        """
        held, self._held = self._held, None
        try:
            if held is not None:
                await held.give()
                if withdraw and self._is_made_here and self.journal is not None:
                    await self.journal.withdraw(self.run_id)
        finally:
            if self._is_open and self.journal is not None:
                self._is_open = False
                await self.journal.release()

    def close_now(self) -> None:
        """`close` without suspending; nothing happens after that. Raises `JournalError`.

        Where this thread cannot close the journal, a task does; a lease that is left ends by itself.
        """
        if self.journal is None or not self._is_open:
            return
        with self.journal.in_this_thread() as is_possible:
            if is_possible:
                complete(self.close())
                return
        self._closing = asyncio.get_running_loop().create_task(self.close())
        self._closing.add_done_callback(_forget)

    def _lose(self) -> None:
        if not self.lease_is_lost:
            self.lease_is_lost = True
            self._on_lost()

    # -- its targets --------------------------------------------------------------------------------------

    def _put(self, change: Callable[..., None], *arguments: Any, **details: Any) -> None:
        """Record a change; one that cannot be recorded must not keep a VM from its outcome."""
        try:
            change(*arguments, **details)
        except JournalError as error:
            self.broken = self.broken or error

    def selected(self, states: Sequence[TargetState]) -> asyncio.Future[list[tuple[int, str]]] | None:
        """Record new targets; the future gives those that another run acts on, by number and run.

        None where nothing is recorded, and no other run acts on them.
        """
        if self._held is None:
            taken = self.taken_in_memory(state.key for state in states)
            mine = [(state.number, taken[state.key]) for state in states if state.key in taken]
            return _known(mine) if mine else None
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
        return self._held.selected(rows, dead=self._dead)

    async def refuse_contested(self, taken: Mapping[TargetKey, str]) -> None:
        """Raise `RunRefused`, which names the process, if ``taken`` has another run for one of the VMs."""
        if not taken:
            return
        if self.journal is None:
            raise in_another_run(taken, os.getpid(), socket.gethostname())
        holder = await self.journal.holder(min(taken.values())) or Holder()
        raise in_another_run(taken, holder.pid, holder.host)

    async def taken_elsewhere(self, keys: Iterable[TargetKey]) -> dict[TargetKey, str]:
        """Return those of these VMs that other living runs are not done with, with the run."""
        if self._held is None:
            return self.taken_in_memory(keys)
        mine = set(keys)
        elsewhere = await self._held.open_elsewhere(self._dead)
        return {key: run for key, run in elsewhere.items() if key in mine}

    def without_vms(self, found: WithoutVms) -> None:
        """Record a selected service that has no VMs."""
        if self._held is not None:
            self._put(self._held.without_vms, found)

    def lost(self, losses: Sequence[Undiscovered]) -> None:
        """Record the services that could not be listed, before the run has ended."""
        if self._held is not None:
            self._put(self._held.lost, losses)

    def discovered(self) -> None:
        """Record that no targets will be added any more."""
        if self._held is not None:
            self._put(self._held.discovered)

    async def intend(self, state: TargetState) -> None:
        """Return when it is durable that a request for this target may leave. Raises `JournalError`."""
        if self._held is not None:
            await self._held.intend(state.number, state.step, datetime.now(UTC), panel_at=state.sent_panel_at)

    def settling(self, state: TargetState) -> None:
        """Record that a request was answered, or that its answer was lost; the target is read back now."""
        if self._held is not None:
            self._put(
                self._held.accepted,
                state.number,
                attempts=state.requests,
                answer_lost=state.answer_lost,
                error=state.error,
            )

    def requeued(self, state: TargetState) -> None:
        """Record that a target waits for its turn again."""
        if self._held is not None:
            self._put(
                self._held.requeued,
                state.number,
                step=state.step,
                attempts=state.requests,
                answer_lost=state.answer_lost,
                error=state.error,
                changed_before=state.changed_before,
            )

    def reopened(self, numbers: Sequence[int]) -> None:
        """Record that targets which had an outcome wait again."""
        if self._held is not None:
            self._put(self._held.reopened, numbers)

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        """Record the outcome of a target."""
        if self._held is not None:
            self._put(
                self._held.finished,
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
        ended_by: str,
    ) -> None:
        """Record that the run is over; None as ``without_vms`` or ``timeline`` keeps what is known."""
        if self._held is not None:
            self._put(
                self._held.ended,
                finished_at=finished_at,
                error=error,
                undiscovered=lost,
                without_vms=without_vms,
                timeline=None if timeline is None else rows_of(timeline),
                ended_by=ended_by,
            )


def _known(taken: list[tuple[int, str]]) -> asyncio.Future[list[tuple[int, str]]]:
    future: asyncio.Future[list[tuple[int, str]]] = asyncio.get_running_loop().create_future()
    future.set_result(taken)
    return future


def _forget(closing: asyncio.Task[None]) -> None:
    """Take the error of a journal that is closed after the end of its run, when no caller is left."""
    if not closing.cancelled():
        closing.exception()

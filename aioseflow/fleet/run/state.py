"""State of a run in memory: its targets, how far each has come, and their outcomes.

Each target gets exactly one outcome. `verdict` decides it; `RunState` builds the facts and counts the result.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Final

import attrs

from ...models import PowerState
from ...policy import OUTCOMES_BEFORE_YIELD
from ...safety import Safety
from ..actions.action import Effect
from ..actions.declaration import declared
from ..actions.steps import Steps, name_of, takes_down
from ..model.clock import RunClock
from ..model.outcome import BAD, Outcome, Outcomes, Status, TargetKey
from ..model.progress import NO_SERVICE, ServiceProgress
from ..model.target import Remains, Stage, Target, TargetState, service_name
from .observer import Observers
from .verdict import NOT_DONE, Facts, Reading, Verdict, verdict, verdict_of_skip

if TYPE_CHECKING:
    from ...errors import SeFlowError
    from ..actions.action import Skip
    from ..actions.declaration import Declaration
    from .recorder import JournalRecorder

_FAILURES_KEPT: Final = 50


@attrs.define(eq=False)
class RunState:
    """The targets of one run execution.

    `add_targets` takes them in, `begin` to `advance` note how far they have come, and `decide` or `skip`
    gives each its outcome.

    Attributes:
        steps: the actions of the run, in order; ``action`` is their name in outcomes, ``declared`` their
            declarations.
        recorder: writes every change into the journal.
        observers: called with every step of every target.
        targets: the keys of all targets, in the order of their numbers.
        outcomes: the outcomes of this run execution, in order; ``earlier`` those of earlier run executions.
        remains: how far the targets had come whose outcome a resumed run may replace.
        off_before: targets that were off when a sequence began, and that it did not take down.
        counts: number of outcomes by status.
        in_flight: number of targets that workers act on; ``settling`` of those that are being read back.
        closed: whether no more outcomes will come.
        open: the targets without an outcome.
        services: progress of each service that has targets, in the order in which they were found.
        services_done: how many of these services have no open target.
        failures: the latest outcomes that are failed or unknown.
        has_acted: whether a worker has begun to act on a target.
        causes: the causes of the outcomes of this run execution.
        time: clock for the times of outcomes.
    """

    steps: Steps
    recorder: JournalRecorder
    action: str = attrs.field(init=False)
    declared: tuple[Declaration, ...] = attrs.field(init=False)
    observers: Observers = attrs.field(factory=Observers, init=False)
    targets: dict[TargetKey, None] = attrs.Factory(dict)
    outcomes: Outcomes = attrs.Factory(Outcomes)
    earlier: dict[TargetKey, Outcome] = attrs.Factory(dict)
    remains: dict[TargetKey, Remains] = attrs.Factory(dict)
    off_before: set[TargetKey] = attrs.Factory(set)
    counts: dict[Status, int] = attrs.Factory(lambda: dict.fromkeys(Status, 0))
    in_flight: int = 0
    settling: int = 0
    closed: bool = False
    open: dict[TargetKey, TargetState] = attrs.field(factory=dict, init=False)
    services: list[ServiceProgress] = attrs.field(factory=list, init=False)
    services_done: int = attrs.field(default=0, init=False)
    failures: deque[Outcome] = attrs.field(factory=lambda: deque(maxlen=_FAILURES_KEPT), init=False)
    has_acted: bool = attrs.field(default=False, init=False)
    causes: set[str | None] = attrs.field(factory=set, init=False)
    time: RunClock = attrs.field(factory=RunClock, init=False)
    _services: dict[tuple[str, str], ServiceProgress] = attrs.field(factory=dict, init=False)
    _readers: list[asyncio.Future[None]] = attrs.Factory(list)

    def __attrs_post_init__(self) -> None:
        if self.recorder.keeps:
            self.observers.add(self.recorder, is_ours=True)

    @action.default
    def _name(self) -> str:
        return name_of(self.steps)

    @declared.default
    def _declare(self) -> tuple[Declaration, ...]:
        return declared(self.steps)

    @property
    def takes_down(self) -> bool:
        """Whether a VM cannot be used at some time of the steps."""
        return takes_down(self.steps)

    @property
    def queued(self) -> int:
        """Number of targets that no worker acts on and that are not being read back."""
        return len(self.open) - self.in_flight - self.settling

    def add_targets(self, targets: Iterable[Target]) -> list[TargetState]:
        """Take targets in and return their states, without targets that the run has already."""
        new = []
        listed, progress = None, NO_SERVICE
        for target in targets:
            key = target.key
            if key not in self.targets:
                if target.service is not listed:
                    listed = target.service
                    progress = self._service_of(key, service_name(listed))
                state = self.open[key] = TargetState(target, len(self.targets), key, progress)
                self.targets[key] = None
                progress.targets += 1
                if not progress.open:
                    self.services_done -= 1
                progress.open += 1
                new.append(state)
                if len(self.steps) > 1 and target.vm.power is PowerState.STOPPED:
                    self.off_before.add(key)
        return new

    def restore_outcomes(self, outcomes: Iterable[tuple[Outcome, Remains]]) -> None:
        """Take over outcomes that an earlier run execution decided and that stay."""
        for outcome, remains in outcomes:
            self.targets[outcome.key] = None
            if _may_be_replaced(outcome.status, outcome.cause):
                self.remains[outcome.key] = remains
            self.earlier[outcome.key] = outcome
            self.counts[outcome.status] += 1
            progress = self._service_of(outcome.key, outcome.service_name)
            progress.targets += 1
            progress.counts[outcome.status] += 1
            if outcome.status.is_bad:
                self.failures.append(outcome)

    def restore_target(self, state: TargetState) -> None:
        """Take in a target that an earlier run execution left without a final outcome."""
        self.targets[state.key] = None
        self.open[state.key] = state
        state.progress = self._service_of(state.key, service_name(state.target.service))
        if not state.progress.open:
            self.services_done -= 1
        state.progress.targets += 1
        state.progress.open += 1

    # -- before the outcome -------------------------------------------------------------------------------

    def begin(self, state: TargetState) -> None:
        """Note that a worker begins to act on a target."""
        if self.off_before and not state.step and self.declared[0].effect is Effect.DOWN:
            # It came up since it was listed, or its step would have been left out.
            self.off_before.discard(state.key)
        state.started_at = state.started_at or self.time.now()
        state.in_flight = self.has_acted = True
        self.in_flight += 1
        state.progress.in_flight += 1
        for begun in self.observers.begun:
            begun(state)

    def answered(
        self, state: TargetState, requests: int, error: SeFlowError | None, *, changes: bool
    ) -> None:
        """Note the end of a worker's requests for a target: how many were sent, and their error.

        ``changes`` says whether the step may change the VM.
        """
        state.requests += requests
        state.error = error
        if error is None:
            state.stage, state.answer_lost = Stage.ACCEPTED, False
        elif changes and error.may_have_acted:
            state.answer_lost = True
        if not state.answer_lost and error is not None:
            state.stage = Stage.QUEUED

    def postpone(self, state: TargetState) -> None:
        """Note that a target goes back to the queue, because the panel was in trouble."""
        state.postponed += 1
        self._clear_activity(state)
        state.stage = Stage.QUEUED
        for requeued in self.observers.requeued:
            requeued(state)

    def settle(self, state: TargetState) -> None:
        """Note that a target is being read back from now on."""
        self._clear_activity(state)
        state.settling = True
        self.settling += 1
        state.progress.settling += 1
        for settling in self.observers.settling:
            settling(state)

    def advance(self, state: TargetState) -> None:
        """Note that the present step of a target is done and the next one waits."""
        self._clear_activity(state)
        state.step += 1
        state.stage = Stage.QUEUED
        state.postponed = 0
        state.answer_lost = False
        state.error = state.unread = None
        for requeued in self.observers.requeued:
            requeued(state)

    # -- the outcome --------------------------------------------------------------------------------------

    def decide(
        self,
        state: TargetState,
        why: str | None = None,
        *,
        reading: Reading | None = None,
        value: Any = None,
        unread: SeFlowError | None = None,
    ) -> None:
        """Give an open target the outcome that the verdict finds.

        Args:
            why: the cause of a run that ends before the target did.
            reading: what reading the VM back showed.
            value: what the action returned.
            unread: the error of a reading that could not decide.
        """
        step = self.declared[state.step]
        if (
            state.stage is Stage.ACCEPTED
            and reading in (None, Reading.UNREADABLE)
            and state.unread is not None
        ):
            # A resumed run that ends before it could read the VM knows no more than the one before.
            reading, unread = Reading.UNREADABLE, unread or state.unread
        facts = Facts(
            state.stage,
            step.safety,
            state.step == len(self.steps) - 1,
            step.settles,
            state.changed_before,
            state.answer_lost,
            state.error,
            reading,
            not state.requests,
        )
        decided = status, cause = verdict(facts, why)
        value_read = step.safety is Safety.READ and status is Status.UNCHANGED
        seen = (reading is Reading.DONE or value_read) and status not in BAD
        self._finish(
            state,
            decided,
            verified=(seen and state.verified) or cause == NOT_DONE,
            value=value,
            error=state.error or unread,
        )

    def skip(self, state: TargetState, skip: Skip) -> None:
        """Give a target the outcome of a step that is not needed or not possible."""
        decided = verdict_of_skip(skip, changed_before=state.changed_before)
        verified = state.verified and skip.status is Status.UNCHANGED
        self._finish(state, decided, verified=verified, error=skip.error)

    def _finish(
        self,
        state: TargetState,
        decided: Verdict,
        *,
        verified: bool = False,
        value: Any = None,
        error: SeFlowError | None = None,
    ) -> None:
        status, cause = decided
        target, key = state.target, state.key
        del self.open[key]
        self._clear_activity(state)
        now = self.time.now()
        # The step says where a sequence was broken off.
        named = len(self.steps) > 1 and status is not Status.CHANGED and status is not Status.UNCHANGED
        outcome = self.outcomes.append(
            (
                *key[:2],
                service_name(target.service),
                key[2],
                target.vm.label or "",
                self.action,
                self.declared[state.step].name if named else None,
                status._value_,  # `value` is a property that costs 2,000 instructions
                verified,
                value,
                cause,
                error,
                state.requests,
                state.started_at or now,
                now,
            )
        )
        if _may_be_replaced(status, cause):
            self.remains[key] = Remains(
                state.step, state.stage, state.answer_lost, state.sent_panel_at, state.changed_before
            )
        self.counts[status] += 1
        self.causes.add(cause)
        # Written out, here and in `add_targets`, because a call for each VM costs too much.
        progress = state.progress
        progress.counts[status] += 1
        progress.open -= 1
        if not progress.open:
            self.services_done += 1
        if status in BAD:
            self.failures.append(outcome)
        for observer in self.observers.decided:
            observer(state, outcome)
        state.stage = Stage.DONE
        self._wake()

    def correct(self, outcome: Outcome, remains: Remains) -> None:
        """Replace the outcome of a VM, after the run: `Fleet.reconcile` has found out more."""
        self.remains[outcome.key] = remains
        if outcome.key in self.earlier:
            before, self.earlier[outcome.key] = self.earlier[outcome.key], outcome
        else:
            before = self.outcomes.replace(outcome)
        for counts in (self.counts, self._services[outcome.key[:2]].counts):
            counts[before.status] -= 1
            counts[outcome.status] += 1
        known = [each for each in self.failures if each.key != outcome.key]
        self.failures.clear()
        self.failures.extend([*known, outcome] if outcome.status.is_bad else known)

    def all_outcomes(self) -> tuple[Outcome, ...]:
        """Return the outcomes of earlier run executions that were not replaced, then those of this one."""
        replaced = {outcome.key for outcome in self.outcomes} if self.earlier else ()
        return (*(outcome for key, outcome in self.earlier.items() if key not in replaced), *self.outcomes)

    async def close(self, cause: str) -> None:
        """Decide every open target with this cause, then call `end`."""
        for done, state in enumerate(list(self.open.values()), 1):
            self.decide(state, cause)
            if done % OUTCOMES_BEFORE_YIELD == 0:
                await asyncio.sleep(0)
        self.end()

    def end(self) -> None:
        """Note that no more outcomes will come."""
        self.closed = True
        self._wake()

    async def follow(self) -> AsyncIterator[Outcome]:
        """Yield every outcome of this run execution from the first, until it has ended."""
        position = 0
        while True:
            while position < len(self.outcomes):
                position += 1
                yield self.outcomes[position - 1]
            if self.closed:
                return
            reader = asyncio.get_running_loop().create_future()
            self._readers.append(reader)
            await reader

    def _clear_activity(self, state: TargetState) -> None:
        if state.in_flight:
            state.in_flight = False
            self.in_flight -= 1
            state.progress.in_flight -= 1
        if state.settling:
            state.settling = False
            self.settling -= 1
            state.progress.settling -= 1

    def _service_of(self, key: TargetKey, name: str) -> ServiceProgress:
        progress = self._services.get(key[:2])
        if progress is None:
            progress = self._services[key[:2]] = ServiceProgress(*key[:2], name)
            self.services.append(progress)
            self.services_done += 1  # until a target of it is open
        return progress

    def _wake(self) -> None:
        if not self._readers:
            return
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)


def _may_be_replaced(status: Status, cause: str | None) -> bool:
    """Whether a resumed run may give another outcome to a target for which something was sent."""
    return cause is not None and status is not Status.UNCHANGED and status is not Status.NOT_ATTEMPTED

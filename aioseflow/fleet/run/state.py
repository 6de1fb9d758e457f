"""The one place that knows where each target of a run stands: every one gets exactly one outcome."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any, Final

import attrs

from ...errors import SeFlowError
from ...models import PowerState
from ...safety import Safety
from ..actions.action import Steps, name_of
from ..model.outcome import Outcome, Outcomes, Status, TargetKey, cause_of
from ..model.progress import ServiceProgress
from ..model.target import Target, service_name
from .recorder import JournalRecorder

if TYPE_CHECKING:
    from .queues import ServiceQueue

_NOWHERE: Final = ServiceProgress("", "", "")
"""Where a target is counted that no ledger has yet."""

_BAD: Final = frozenset({Status.FAILED, Status.UNKNOWN})
_LATEST: Final = 50


@attrs.define(eq=False)
class TargetState:
    """A target between its selection and its outcome.

    Attributes:
        number: its place in the run; ``key`` that of its target; ``service`` where it is counted.
        step: the step that it is at; ``sent`` what of it may have reached the panel: ``may_have_acted`` says
            that an answer was lost, ``accepted`` that the panel took it.
        changed: whether an earlier step changed it, ``verified`` whether all of them were seen.
        begun: whether it takes a place of the window; ``idle`` whether nothing is under way for it.
    """

    target: Target
    number: int
    key: TargetKey
    service: ServiceProgress = _NOWHERE
    step: int = 0
    batch: int | None = None
    started_at: datetime | None = None
    in_flight: bool = False
    settling: bool = False
    begun: bool = False
    idle: bool = True
    accepted: bool = False
    changed: bool = False
    verified: bool = True
    attempts: int = 0
    postponed: int = 0
    may_have_acted: bool = False
    error: SeFlowError | None = None
    queue: ServiceQueue | None = None  # of its service, once it has come to the schedule
    # While it is watched:
    judge: Any = None
    watched_at: float = 0.0
    sightings: int = 0
    was_read: bool = False
    last: str | None = None
    unread: SeFlowError | None = None  # why the last reading did not tell


@attrs.define(eq=False)
class RunState:
    """Targets come in by `select`, move on by `begin` and `settle`, and leave by `finish`."""

    steps: Steps
    recorder: JournalRecorder
    action: str = attrs.field(init=False)
    """How outcomes call what is done."""
    finished: Callable[[TargetState, Outcome], None] = attrs.field(default=lambda state, outcome: None)
    targets: dict[TargetKey, None] = attrs.Factory(dict)
    outcomes: Outcomes = attrs.Factory(Outcomes)
    past: dict[TargetKey, Outcome] = attrs.Factory(dict)
    ended_at: dict[TargetKey, int] = attrs.Factory(dict)  # the step at which a sequence ended early
    taken: set[TargetKey] = attrs.Factory(set)  # of these, those where the panel had accepted that step
    off_before: set[TargetKey] = attrs.Factory(set)  # those that were off when a sequence began
    counts: dict[Status, int] = attrs.Factory(lambda: dict.fromkeys(Status, 0))
    in_flight: int = 0
    settling: int = 0
    closed: bool = False
    open: dict[TargetKey, TargetState] = attrs.field(factory=dict, init=False)
    """The targets without an outcome."""
    services: list[ServiceProgress] = attrs.field(factory=list, init=False)
    """Those that have targets, in the order in which they were found."""
    services_done: int = attrs.field(default=0, init=False)
    failures: deque[Outcome] = attrs.field(factory=lambda: deque(maxlen=_LATEST), init=False)
    """The latest outcomes that are failed or unknown."""
    clock: Callable[[], float] = attrs.field(default=lambda: 0.0, init=False)
    look: Callable[[], None] = attrs.field(default=lambda: None, init=False)
    """What is to be called before something changes, once the clock has reached ``look_at``."""
    look_at: float = attrs.field(default=inf, init=False)
    _services: dict[tuple[str, str], ServiceProgress] = attrs.field(factory=dict, init=False)
    _readers: list[asyncio.Future[None]] = attrs.Factory(list)

    @action.default
    def _name(self) -> str:
        return name_of(self.steps)

    @property
    def queued(self) -> int:
        """Targets that nothing was begun for."""
        return len(self.open) - self.in_flight - self.settling

    def select(self, targets: Iterable[Target]) -> list[TargetState]:
        """Take targets in; those that are here already are left out."""
        new = []
        listed, service = None, _NOWHERE
        for target in targets:
            key = target.key
            if key not in self.targets:
                if target.service is not listed:
                    listed = target.service
                    service = self._service_of(key, service_name(listed))
                state = self.open[key] = TargetState(target, len(self.targets), key, service)
                self.targets[key] = None
                service.targets += 1
                if not service.open:
                    self.services_done -= 1
                service.open += 1
                new.append(state)
                if len(self.steps) > 1 and target.vm.power is PowerState.STOPPED:
                    self.off_before.add(key)
        return new

    def recall(self, outcomes: Iterable[Outcome]) -> None:
        """What an earlier sitting of this run decided for good."""
        for outcome in outcomes:
            self.targets[outcome.key] = None
            self.past[outcome.key] = outcome
            self.counts[outcome.status] += 1
            service = self._service_of(outcome.key, outcome.service_name)
            service.targets += 1
            service.counts[outcome.status] += 1
            if outcome.status in _BAD:
                self.failures.append(outcome)

    def reopen(self, state: TargetState) -> None:
        """A target of an earlier sitting that is not decided."""
        self.targets[state.key] = None
        self.open[state.key] = state
        state.service = self._service_of(state.key, service_name(state.target.service))
        if not state.service.open:
            self.services_done -= 1
        state.service.targets += 1
        state.service.open += 1

    def begin(self, state: TargetState) -> None:
        """Something is about to be sent for it."""
        if self.clock() >= self.look_at:
            self.look()
        state.started_at = state.started_at or datetime.now(UTC)
        state.in_flight = True
        self.in_flight += 1
        state.service.in_flight += 1

    def sent(self, state: TargetState, requests: int, error: SeFlowError | None) -> None:
        """So many requests went out for it, and this came of them."""
        state.attempts += requests
        state.error = error
        if error is not None and error.may_have_acted:
            state.may_have_acted = True

    def postpone(self, state: TargetState) -> None:
        """It goes back into the queue, to be begun again."""
        state.postponed += 1
        self._land(state)
        self.recorder.requeued(state)

    def settle(self, state: TargetState) -> None:
        """It was accepted, or its answer was lost, and is now watched."""
        self.hold(state)
        self.recorder.accepted(state)

    def hold(self, state: TargetState) -> None:
        """It is done and not yet fit to be called so."""
        self._land(state)
        state.settling = True
        self.settling += 1
        state.service.settling += 1

    def advance(self, state: TargetState) -> None:
        """A step is done, and the next one may begin."""
        self._land(state)
        state.step += 1
        state.postponed = 0
        state.accepted = state.may_have_acted = False
        state.error = None
        self.recorder.requeued(state)

    def finish(
        self,
        state: TargetState,
        status: Status,
        *,
        verified: bool = False,
        value: Any = None,
        cause: str | None = None,
        error: SeFlowError | None = None,
    ) -> None:
        """Write the outcome and show it to whoever iterates."""
        if self.clock() >= self.look_at:
            self.look()
        target, key = state.target, state.key
        del self.open[key]
        self._land(state)
        now = datetime.now(UTC)
        # Where a sequence ended before its end, the step says where.
        named = len(self.steps) > 1 and status is not Status.CHANGED and status is not Status.UNCHANGED
        outcome = self.outcomes.append(
            (
                *key[:2],
                service_name(target.service),
                key[2],
                target.vm.label or "",
                self.action,
                self.steps[state.step].name if named else None,
                status._value_,  # `value` is a property that costs 2,000 instructions
                verified,
                value,
                cause,
                error,
                state.attempts,
                state.started_at or now,
                now,
            )
        )
        if named:
            self.ended_at[key] = state.step
            if state.accepted:
                self.taken.add(key)
        self.counts[status] += 1
        # Written out, here and in `select`: a call more for each VM is what its progress may not cost.
        service = state.service
        service.counts[status] += 1
        service.open -= 1
        if not service.open:
            self.services_done += 1
        if status is Status.FAILED or status is Status.UNKNOWN:
            self.failures.append(outcome)
        self.recorder.finished(state, outcome)
        self._wake()
        self.finished(state, outcome)

    def correct(self, outcome: Outcome) -> None:
        """Put an outcome in the place of the one that its VM has."""
        if outcome.key in self.past:
            before, self.past[outcome.key] = self.past[outcome.key], outcome
        else:
            before = self.outcomes.replace(outcome)
        for counts in (self.counts, self._services[outcome.key[:2]].counts):
            counts[before.status] -= 1
            counts[outcome.status] += 1
        known = [each for each in self.failures if each.key != outcome.key]
        self.failures.clear()
        self.failures.extend([*known, outcome] if outcome.status in _BAD else known)

    def all_outcomes(self) -> tuple[Outcome, ...]:
        """Those of earlier sittings that still hold, then those of this one."""
        again = {outcome.key for outcome in self.outcomes} if self.past else ()
        return (*(outcome for key, outcome in self.past.items() if key not in again), *self.outcomes)

    def give_up(self, state: TargetState, cause: str) -> None:
        """Give an open target the outcome that is true of it now."""
        error = state.error
        action = self.steps[state.step]
        changes = action.safety is not Safety.READ
        if (state.settling or state.accepted) and changes and error is None:
            # Accepted by the panel; only the reading that would verify it did not come any more.
            if state.step == len(self.steps) - 1:
                self.finish(state, Status.CHANGED, cause=cause)
            else:
                self.finish(state, Status.FAILED, cause=cause)
        elif changes and (state.settling or state.may_have_acted or state.in_flight):
            self.finish(state, Status.UNKNOWN, cause=cause, error=error)
        elif error is not None and state.attempts:
            self.finish(state, Status.FAILED, cause=cause_of(error), error=error)
        elif state.changed:
            self.finish(state, Status.FAILED, cause=cause, error=error)
        else:
            self.finish(state, Status.NOT_ATTEMPTED, cause=cause, error=error)

    async def close(self, cause: str) -> None:
        """Give every target that is still open its outcome; there are no more after this."""
        for done, state in enumerate(list(self.open.values())):
            self.give_up(state, cause)
            if done % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        self.end()

    def end(self) -> None:
        """There are no more outcomes after this."""
        self.closed = True
        self._wake()

    async def follow(self) -> AsyncIterator[Outcome]:
        """Every outcome from the first, until the ledger is closed."""
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

    def _land(self, state: TargetState) -> None:
        if state.in_flight:
            state.in_flight = False
            self.in_flight -= 1
            state.service.in_flight -= 1
        if state.settling:
            state.settling = False
            self.settling -= 1
            state.service.settling -= 1

    def _service_of(self, key: TargetKey, name: str) -> ServiceProgress:
        service = self._services.get(key[:2])
        if service is None:
            service = self._services[key[:2]] = ServiceProgress(*key[:2], name)
            self.services.append(service)
            self.services_done += 1  # until it has something open
        return service

    def _wake(self) -> None:
        if not self._readers:
            return
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)


_AT_ONCE = 200

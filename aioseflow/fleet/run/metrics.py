"""What is measured of a run while it lasts: how its accounts' requests flow, and its timeline.

Nothing here has a timer: a moment is taken when something of the run moves, or somebody looks, and a second
has passed since the last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Final

import attrs

from ..model.fleet_account import FleetAccount, Flow
from ..model.outcome import Outcome
from ..model.progress import Progress
from ..model.target import TargetState
from ..model.timeline import Moment, Timeline
from .execution import RunExecution
from .observer import RunObserver
from .state import RunState

_HELD: Final = 0.5  # seconds; less is the pace that was agreed
_LATELY: Final = 3.0  # seconds since a refusal
_BEFORE: Final = 10.0  # seconds of which the largest limit is what it was
_LESS: Final = 0.75  # of it: the search for the limit is refused now and then, too
_OFTEN: Final = 0.25  # seconds between two notes of the limit


@attrs.define(eq=False)
class AccountFlow:
    """How the requests of one account flow, and what they did before."""

    account: FleetAccount
    _base: int = 0
    _refused: int = 0
    _refused_at: float = -inf
    _limits: deque[tuple[float, int]] = attrs.Factory(deque)

    def begin(self) -> None:
        """The run begins now: what was refused before is no matter of it."""
        flow = self._flow()
        self._base = self._refused = 0 if flow is None else flow.refused

    def read(self, now: float) -> Flow | None:
        """Now, at this time of the loop's clock; None for an account that does not say."""
        flow = self._flow()
        if flow is None:
            return None
        if flow.refused > self._refused:
            self._refused, self._refused_at = flow.refused, now
        held, limits = flow.held >= _HELD, self._limits
        if not limits or (not held and (now - limits[-1][0] >= _OFTEN or flow.limit > limits[-1][1])):
            # Not while everybody waits: what the limit was before is still what it was.
            limits.append((now, flow.limit))
            while now - limits[0][0] > _BEFORE:
                limits.popleft()
        was = max(flow.limit, *(limit for _, limit in limits))
        less = now - self._refused_at <= _LATELY and flow.limit <= _LESS * was
        return attrs.evolve(flow, refused=flow.refused - self._base, was=was, throttled=held or less)

    def _flow(self) -> Flow | None:
        # A stand-in for an account need not have it.
        return getattr(self.account, "flow", None)


@attrs.define(eq=False)
class RunMetrics(RunObserver):
    """Measures one run."""

    run_state: RunState
    gauges: Sequence[AccountFlow]
    execution: RunExecution
    timeline: Timeline = attrs.Factory(Timeline)
    _began: float = 0.0
    _resumed: bool = False
    _over: bool = False
    _clock: Callable[[], float] = attrs.field(default=lambda: 0.0, init=False)
    _look_at: float = attrs.field(default=inf, init=False)

    def __attrs_post_init__(self) -> None:
        self.run_state.observers.add(self, is_ours=True)

    def begun(self, state: TargetState) -> None:
        """Measure, if a moment is due."""
        self._look_if_due()

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        """Measure, if a moment is due."""
        self._look_if_due()

    def begin(self, clock: Callable[[], float]) -> None:
        """The run begins now."""
        for flow_gauge in self.gauges:
            flow_gauge.begin()
        self._began = clock()
        self._clock = clock
        self._look()

    def go_on(self, earlier: Sequence[Moment], seconds: float) -> None:
        """An earlier sitting began so many seconds before this one, and went like this."""
        # A calendar may go backwards, and a run does not.
        self._began -= max(seconds, earlier[-1].seconds if earlier else 0.0)
        # What was measured since is of a run that did not know yet what it had done.
        self.timeline = Timeline()
        self.timeline.extend(earlier)
        self._resumed = True

    def end(self) -> None:
        """The run is over: the last moment is how it ended."""
        if not self._over:
            self._take()
            self._over = True
            self._look_at = inf

    def progress(self, *, live: bool, over: bool) -> Progress:
        """Where the run stands now."""
        run_state, execution = self.run_state, self.execution
        self._look_if_due()
        scheduler, discoveries = execution.scheduler, [pool.producer.discovery for pool in execution.pools]
        held = {each.account.name: each.account.throttled_for for each in self.gauges} if live else {}
        flows = self._flows()
        return Progress(
            targets=len(run_state.targets),
            counts=dict(run_state.counts),
            in_flight=run_state.in_flight,
            settling=run_state.settling,
            queued=run_state.queued,
            discovering=not over and any(discovery.reading for discovery in discoveries),
            undiscovered=len(execution.undiscovered),
            held={name: seconds for name, seconds in held.items() if seconds > 0},
            paused=scheduler.paused,
            stopping=scheduler.stopping,
            batch=scheduler.batch + 1 if scheduler.batch_sizes else None,
            batches=len(scheduler.batch_sizes) or None,
            limit=self._limit_of(flows),
            requests=sum(flow.in_flight for flow in flows.values()),
            refused=sum(flow.refused for flow in flows.values()),
            flows=flows if live else {},
            services=len(run_state.services),
            services_done=run_state.services_done,
        )

    def _flows(self) -> dict[str, Flow]:
        """By account, of those that say."""
        now = self._clock()
        found = [(flow_gauge.account.name, flow_gauge.read(now)) for flow_gauge in self.gauges]
        return {name: flow for name, flow in found if flow is not None}

    def _limit_of(self, flows: Mapping[str, Flow]) -> int | None:
        own = self.execution.scheduler.limit
        if not flows:
            return own
        total = sum(flow.limit for flow in flows.values())
        return total if own is None else min(total, own)

    def _look_if_due(self) -> None:
        if self._clock() >= self._look_at:
            self._look()

    def _look(self) -> None:
        self._take()
        self._look_at = self._clock() + self.timeline.spacing

    def _take(self) -> None:
        run_state = self.run_state
        if self._resumed and not run_state.targets:
            return  # nothing was recalled yet
        counts, flows = run_state.counts, self._flows()
        self.timeline.add(
            Moment(
                seconds=round(max(0.0, self._clock() - self._began), 3),
                **{status.value: count for status, count in counts.items()},
                in_flight=run_state.in_flight,
                settling=run_state.settling,
                limit=self._limit_of(flows),
                refused=sum(flow.refused for flow in flows.values()),
            )
        )

"""Metrics of a run while it lasts: the flow of its accounts' requests, its progress and its timeline.

There is no timer. A moment is added to the timeline when a target begins or ends, or progress is asked for,
and the spacing of the timeline has passed since the last moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Final

import attrs

from ..model.progress import Progress
from ..model.run_wait import HELD_SECONDS_MIN
from ..model.timeline import Moment, Timeline
from .observer import RunObserver

if TYPE_CHECKING:
    from ..discovery.discover import Discovery
    from ..model.fleet_account import FleetAccount, Flow
    from ..model.outcome import Outcome
    from ..model.run_wait import RunWait
    from ..model.target import TargetState
    from .scheduler import Scheduler
    from .state import RunState

_REFUSAL_RECENT_SECONDS: Final = 3.0
"""A refusal longer ago does not make an account throttled."""
_LIMIT_WINDOW_SECONDS: Final = 10.0
"""Time over which the largest limit of an account is what it was before it was throttled."""
_THROTTLED_LIMIT_FRACTION_MAX: Final = 0.75
"""A larger limit, as a part of what it was, is not throttled: looking for the limit also meets refusals."""
_LIMIT_SAMPLE_SECONDS: Final = 0.25
"""Time between two samples of a limit."""


@attrs.define(eq=False)
class AccountFlow:
    """The flow of one account's requests during a run, with what is needed to see a change."""

    account: FleetAccount
    _refused_before: int = 0
    _refused: int = 0
    _refused_at: float = -inf
    _limits: deque[tuple[float, int]] = attrs.Factory(deque)

    def begin(self) -> None:
        """Count refusals from now, when the run begins."""
        flow = self._flow()
        self._refused_before = self._refused = 0 if flow is None else flow.refused

    def read(self, now: float) -> Flow | None:
        """Return the flow at a time of the loop's clock, None for an account that has none."""
        flow = self._flow()
        if flow is None:
            return None
        if flow.refused > self._refused:
            self._refused, self._refused_at = flow.refused, now
        held, limits = flow.held >= HELD_SECONDS_MIN, self._limits
        if not limits or (
            not held and (now - limits[-1][0] >= _LIMIT_SAMPLE_SECONDS or flow.limit > limits[-1][1])
        ):
            # Not while all requests wait: the limit before that is still what it was.
            limits.append((now, flow.limit))
            while now - limits[0][0] > _LIMIT_WINDOW_SECONDS:
                limits.popleft()
        was = max(flow.limit, *(limit for _, limit in limits))
        is_refused = now - self._refused_at <= _REFUSAL_RECENT_SECONDS
        throttled = held or (is_refused and flow.limit <= _THROTTLED_LIMIT_FRACTION_MAX * was)
        refused = flow.refused - self._refused_before
        return attrs.evolve(flow, refused=refused, was=was, throttled=throttled)

    def _flow(self) -> Flow | None:
        # A stand-in for an account need not have this attribute.
        return getattr(self.account, "flow", None)


@attrs.define(eq=False)
class RunMetrics(RunObserver):
    """Measures one run execution."""

    run_state: RunState
    account_flows: Sequence[AccountFlow]
    scheduler: Scheduler
    discoveries: Sequence[Discovery]
    timeline: Timeline = attrs.Factory(Timeline)
    _began: float = 0.0
    _resumed: bool = False
    _has_ended: bool = False
    _clock: Callable[[], float] = attrs.field(default=lambda: 0.0, init=False)
    _next_sample_at: float = attrs.field(default=inf, init=False)

    def __attrs_post_init__(self) -> None:
        self.run_state.observers.add(self, is_ours=True)

    def begun(self, state: TargetState) -> None:
        """Add a moment to the timeline, if one is due."""
        self._sample_if_due()

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        """Add a moment to the timeline, if one is due."""
        self._sample_if_due()

    def begin(self, clock: Callable[[], float]) -> None:
        """Begin to measure, when the run begins; ``clock`` is that of the loop, in seconds."""
        for account_flow in self.account_flows:
            account_flow.begin()
        self._began = clock()
        self._clock = clock
        self._sample()

    def continue_from(self, earlier: Sequence[Moment], seconds: float) -> None:
        """Continue the timeline of earlier run executions; the run began ``seconds`` before this one."""
        # The calendar may have been set back.
        self._began -= max(seconds, earlier[-1].seconds if earlier else 0.0)
        # The moments since the beginning of this run execution lack what was done before it.
        self.timeline = Timeline()
        self.timeline.extend(earlier)
        self._resumed = True

    def end(self) -> None:
        """Add the last moment, when the run has ended."""
        if not self._has_ended:
            self._add_moment()
            self._has_ended = True
            self._next_sample_at = inf

    @property
    def now(self) -> float:
        """The time of the loop's clock."""
        return self._clock()

    def progress(self, waiting: Sequence[RunWait], *, live: bool, over: bool) -> Progress:
        """Return the progress now. ``live``: the run has started and not ended; ``over``: it has ended.

        ``waiting`` is what it waits for.
        """
        run_state, scheduler, discoveries = self.run_state, self.scheduler, self.discoveries
        self._sample_if_due()
        held = {each.account.name: each.account.throttled_for for each in self.account_flows} if live else {}
        flows = self._flows()
        return Progress(
            targets=len(run_state.targets),
            counts=dict(run_state.counts),
            in_flight=run_state.in_flight,
            settling=run_state.settling,
            queued=run_state.queued,
            discovering=not over and any(discovery.reading for discovery in discoveries),
            undiscovered=sum(len(discovery.undiscovered) for discovery in discoveries),
            held={name: seconds for name, seconds in held.items() if seconds > 0},
            paused=scheduler.paused,
            stopping=scheduler.stopping,
            batch=scheduler.batches.number + 1 if scheduler.batches.sizes else None,
            batches=len(scheduler.batches.sizes) or None,
            limit=self._limit_of(flows),
            requests=sum(flow.in_flight for flow in flows.values()),
            refused=sum(flow.refused for flow in flows.values()),
            flows=flows if live else {},
            services=len(run_state.services),
            services_done=run_state.services_done,
            waiting_for=waiting,
        )

    def _flows(self) -> dict[str, Flow]:
        """Return the flow of each account that has one, by its name."""
        now = self._clock()
        found = [(account_flow.account.name, account_flow.read(now)) for account_flow in self.account_flows]
        return {name: flow for name, flow in found if flow is not None}

    def _limit_of(self, flows: Mapping[str, Flow]) -> int | None:
        own = self.scheduler.limit
        if not flows:
            return own
        total = sum(flow.limit for flow in flows.values())
        return total if own is None else min(total, own)

    def _sample_if_due(self) -> None:
        if self._clock() >= self._next_sample_at:
            self._sample()

    def _sample(self) -> None:
        self._add_moment()
        self._next_sample_at = self._clock() + self.timeline.spacing

    def _add_moment(self) -> None:
        run_state = self.run_state
        if self._resumed and not run_state.targets:
            return  # the earlier outcomes are not restored yet
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

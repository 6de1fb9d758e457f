"""A run that is paused, resumed, limited, drained and cancelled in any order, on the virtual clock."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from support.steering import causes, check_progress, check_true, down, peak, sent, small_world
from support.virtual import VirtualLoop

from aioseflow import Rollout, Run, SettlePolicy, Status
from aioseflow.sandbox import Fault, Sandbox

WORK = 1.0
"""Seconds that the panel needs for each request."""

ROLLOUTS: list[dict[str, Any]] = [
    {},
    {"window": 3},
    {"batches": [1, 3]},
    {"canary": 1, "batches": ["40%"], "pause_between": 7.0},
    {"per_service": 1},
    {"max_unavailable": 6, "batches": ["50%"]},
    {"max_failures": 2},
    {"max_failures": 0, "batches": [4]},
]
TROUBLES: list[Fault | None] = [
    None,
    Fault("latency", path="/service/@id/vms", method="GET", seconds=4.0, times=3),
    Fault("error", path="/service/@id/vms/@vmid/stop", codes=("quota_exceeded",), probability=0.3),
    Fault("reset", path="/service/@id/vms/@vmid/stop", when="after", probability=0.3),
    Fault("throttle", path="/service/@id/vms/@vmid/stop", seconds=9, times=2),
]


class Steering(RuleBasedStateMachine):
    """A user steers the run at any moment; at every moment its progress must be true."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.stack = AsyncExitStack()
        self.run: Run
        self.panel: Sandbox
        self.rollout: dict[str, Any] = {}
        self.started = False
        self.ended: str | None = None
        self.quiet_from: float | None = None
        self.on_their_way = 0
        self.limits: list[tuple[float, int | None]] = []

    @initialize(rollout=st.sampled_from(ROLLOUTS), trouble=st.sampled_from(TROUBLES))
    def begin(self, rollout: dict[str, Any], trouble: Fault | None) -> None:
        self.rollout = rollout
        self.runner.run(self._begin(trouble))

    async def _begin(self, trouble: Fault | None) -> None:
        world = small_world((5, 3), client={"limit": 4}, service_time=WORK)
        self.panel, seflow = await self.stack.enter_async_context(world)
        if trouble is not None:
            self.panel.faults.add(trouble)
        settle = SettlePolicy(patience=60.0)
        self.run = seflow.fleet.stop(rollout=Rollout(**self.rollout), settle=settle)
        self.limits.append((self.now, None))

    @property
    def now(self) -> float:
        return self.runner.get_loop().time()

    def do(self, what: Any) -> None:
        async def done() -> None:
            what()

        self.runner.run(done())

    # -- what may happen -------------------------------------------------------------------------------

    @precondition(lambda self: not self.started)
    @rule()
    def start(self) -> None:
        self.do(self.run.start)
        self.started = True

    @rule(seconds=st.sampled_from([0.0, 0.5, 2.0, 9.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.runner.run(asyncio.sleep(seconds))

    @rule()
    def pause(self) -> None:
        self.do(self.run.pause)
        self._be_quiet()

    @rule()
    def resume(self) -> None:
        self._check_quiet()
        self.do(self.run.resume)
        if self.ended is None:
            self.quiet_from = None

    @rule(limit=st.sampled_from([None, 1, 2, 3]))
    def limit(self, limit: int | None) -> None:
        self.do(lambda: setattr(self.run, "limit", limit))
        self.limits.append((self.now, limit))

    @rule()
    def drain(self) -> None:
        self._check_quiet()
        self._be_quiet()
        self.do(self.run.drain)
        self.ended = self.ended or "drained"

    @precondition(lambda self: self.started)
    @rule()
    def cancel(self) -> None:
        self._check_quiet()
        self.do(self.run.cancel)
        self.ended = "cancelled"
        self.quiet_from, self.on_their_way = self.now, 0

    # -- what must hold --------------------------------------------------------------------------------

    @invariant()
    def progress_adds_up(self) -> None:
        check_progress(self.run.progress)

    @invariant()
    def outcomes_come_once(self) -> None:
        keys = [outcome.key for outcome in self.run.report.outcomes]
        assert len(keys) == len(set(keys)) == self.run.progress.done

    @invariant()
    def no_more_are_down_than_allowed(self) -> None:
        assert len(down(self.panel)) <= self.rollout.get("max_unavailable", 8)

    def _be_quiet(self) -> None:
        if self.quiet_from is None:
            self.quiet_from, self.on_their_way = self.now, self.run.progress.in_flight

    def _check_quiet(self) -> None:
        """Paused or ended, it begins no VM any more; those on their way may arrive."""
        if self.quiet_from is not None:
            before = {change.vm for change in sent(self.panel) if change.at <= self.quiet_from}
            since = {change.vm for change in sent(self.panel) if change.at > self.quiet_from}
            assert len(since - before) <= self.on_their_way

    def _check_limits(self) -> None:
        """Between two changes of the limit, and after those in flight before, no more than it are."""
        for (since, limit), (until, _) in zip(self.limits, [*self.limits[1:], (self.now, None)], strict=True):
            if limit is not None:
                # Those that go wrong are answered at once.
                times = [c.at for c in sent(self.panel) if since + WORK < c.at < until and not c.fault]
                assert peak(times, WORK) <= limit

    def teardown(self) -> None:
        try:
            if hasattr(self, "run"):
                self._check_quiet()
                self.run.resume() if not self.started else self.do(self.run.resume)
                self.runner.run(self._finish())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    async def _finish(self) -> None:
        async with asyncio.timeout(2000):
            report = await self.run
        over = self.run.progress
        assert (over.in_flight, over.settling, over.queued, over.paused) == (0, 0, 0, False)
        check_progress(over)
        check_true(self.panel, report)
        self._check_limits()
        if self.ended is not None:
            self._check_quiet()
        words = {"quota_exceeded", "max_failures", "same_cause", "max_unavailable", "lost_answer"}
        assert set(causes(report)) <= words | {"cancelled", "drained", "vm_locked"}
        if self.ended is None and not causes(report):
            assert report.ok
            assert report.counts[Status.CHANGED] == 8


TestSteering = Steering.TestCase
TestSteering.settings = settings(max_examples=60, stateful_step_count=15)

"""Where a run stands: by service, what failed last, and how the requests of its accounts flow."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from simulation.meanwhile import by_service
from support.clients import virtual_client
from support.steering import until
from support.virtual import VIRTUAL

from aioseflow import FixedLimit, Flow, Rollout, SettlePolicy, Status
from aioseflow.fleet.run.metrics import AccountFlow
from aioseflow.sandbox import Fault, Sandbox

STOPS = "/service/@id/vms/@vm/stop"


def quick_panel(services: int = 3, vms: int = 4, **options: Any) -> Sandbox:
    """A panel inside the loop, whose VMs stop in a second."""
    return Sandbox(
        services=services, vms_per_service=vms, seed=1, listen=False, port=80, stop_time=1.0, **options
    )


@VIRTUAL
async def test_the_services_add_up_to_the_run_whenever_one_looks() -> None:
    refusing = Fault("error", codes=("vm_locked",), method="POST", probability=0.3)
    async with quick_panel(faults=[refusing]) as panel, virtual_client(panel, limit=FixedLimit(2)) as seflow:
        run = seflow.fleet.stop(rollout=Rollout(same_cause=None))
        assert (run.progress.services, list(run.services)) == (0, [])
        looks = 0
        async for _ in run:
            assert by_service(run, run.progress) == []
            looks += 1
        progress = run.progress
    assert looks == progress.targets == 12
    assert (progress.services, progress.services_done) == (3, 3)
    assert [(each.account, each.targets, each.open) for each in run.services] == [("main", 4, 0)] * 3
    assert {each.service_name for each in run.services} == {o.service_name for o in run.report.outcomes}


@VIRTUAL
async def test_a_resumed_run_counts_what_was_done_before_in_its_services(tmp_path: Path) -> None:
    journal = tmp_path / "runs.sqlite"
    async with quick_panel(service_time=1.0) as panel:
        async with virtual_client(panel, limit=FixedLimit(1), journal=journal) as seflow:
            run = seflow.fleet.stop().start()
            await until(lambda: run.progress.done >= 3)
            run.drain()
            report = await run
        assert report.counts[Status.NOT_ATTEMPTED]
        async with virtual_client(panel, journal=journal) as seflow:
            again = seflow.fleet.resume(run.id)
            await again
            assert by_service(again, again.progress) == []
            assert sum(each.done for each in again.services) == 12


@VIRTUAL
async def test_the_latest_failures_are_at_hand_and_no_more_than_fifty() -> None:
    refusing = Fault("error", codes=("vm_locked",), method="POST")
    async with quick_panel(2, 40, faults=[refusing]) as panel, virtual_client(panel) as seflow:
        run = seflow.fleet.stop(rollout=Rollout(same_cause=None))
        assert not run.failures
        report = await run
    assert report.counts[Status.FAILED] == 80
    assert run.failures == report.outcomes[-50:]
    assert {failure.cause for failure in run.failures} == {"vm_locked"}


@VIRTUAL
async def test_a_correction_takes_the_place_of_a_failure(tmp_path: Path) -> None:
    lost = Fault("reset", when="after", path=STOPS, times=1)
    policy = SettlePolicy(patience=5.0)
    async with quick_panel(1, 2, faults=[lost]) as panel, virtual_client(panel, retry=None) as seflow:
        run = seflow.fleet.stop(wait=False, settle=policy)
        await run
        assert [failure.status for failure in run.failures] == [Status.UNKNOWN]
        await asyncio.sleep(5)
        await seflow.fleet.reconcile(run.id, grace=0.0)
        assert not run.failures
        assert by_service(run, run.progress) == []
        assert run.progress.counts[Status.CHANGED] == 2


# -- how the requests flow -----------------------------------------------------------------------------


@VIRTUAL
async def test_a_provider_that_asks_to_wait_is_told_of_with_what_the_limit_was() -> None:
    asking = Fault("throttle", path=STOPS, times=3, after=6, seconds=40)
    async with quick_panel(2, 10, faults=[asking]) as panel, virtual_client(panel, limit=4) as seflow:
        run = seflow.fleet.stop()
        assert (run.progress.limit, run.progress.throttled) == (4, False)
        run.start()
        await until(lambda: run.progress.throttled)
        (flow,) = run.progress.flows.values()
        assert (flow.limit, flow.was, flow.throttled) == (4, 4, True)
        assert flow.held > 30
        assert run.progress.refused >= 1
        run.limit = 2
        assert run.progress.limit == 2
        await run
        assert run.progress.refused == 3
        later = seflow.fleet.start()
        await later
        assert later.progress.refused == 0, "what an earlier run met with is no matter of this one"
    assert not run.progress.throttled


def _gauge(**flow: Any) -> tuple[AccountFlow, Any]:
    account: Any = SimpleNamespace(flow=Flow(**{"limit": 12, "in_flight": 3, **flow}))
    gauge = AccountFlow(account)
    gauge.begin()
    return gauge, account


def test_a_limit_that_fell_with_refusals_is_throttling_until_it_is_the_usual() -> None:
    gauge, account = _gauge(refused=7)
    flow = gauge.read(0.0)
    assert flow is not None
    assert (flow.refused, flow.was, flow.throttled) == (0, 12, False)
    account.flow = Flow(limit=4, in_flight=4, refused=9)
    flow = gauge.read(1.0)
    assert flow is not None
    assert (flow.refused, flow.was, flow.throttled) == (2, 12, True)
    seen = [gauge.read(float(now)) for now in range(2, 13)]
    assert [flow.throttled for flow in seen if flow] == [True, True, True] + [False] * 8
    assert seen[-1] is not None
    assert seen[-1].was == 4


def test_a_refusal_now_and_then_is_no_throttling() -> None:
    gauge, account = _gauge()
    for second in range(20):
        account.flow = Flow(limit=11 + second % 2, in_flight=11, refused=second)
        flow = gauge.read(float(second))
        assert flow is not None
        assert not flow.throttled


def test_while_all_wait_the_limit_before_is_remembered() -> None:
    gauge, account = _gauge()
    gauge.read(0.0)
    for second in (1, 20, 59):
        account.flow = Flow(limit=4, in_flight=0, refused=1, held=60.0 - second)
        flow = gauge.read(float(second))
        assert flow is not None
        assert (flow.was, flow.throttled) == (12, True)


def test_an_account_need_not_say_how_its_requests_flow() -> None:
    account: Any = SimpleNamespace(name="a stand-in")
    gauge = AccountFlow(account)
    gauge.begin()
    assert gauge.read(1.0) is None


@pytest.mark.parametrize("answers", [True, False])
def test_whether_the_panel_answers_is_passed_on(answers: bool) -> None:
    gauge, _ = _gauge(answers=answers)
    flow = gauge.read(0.0)
    assert flow is not None
    assert flow.answers is answers

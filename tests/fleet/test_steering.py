"""A run that is steered while it goes on, and several accounts in one fleet, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from support.clients import virtual_client
from support.steering import (
    FIRST,
    SLOW,
    causes,
    check_adds_up,
    check_progress,
    check_true,
    peak,
    sent,
    small_world,
    statuses,
    until,
)
from support.virtual import VIRTUAL

from aioseflow import Fleet, InvalidArgument, Rollout, Run, SettlePolicy, Status
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

LISTS = "/service/@id/vms"


# -- the limit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 8])
async def test_no_more_requests_than_the_limit_are_in_flight(limit: int) -> None:
    async with small_world((10, 10), service_time=1.0) as (panel, seflow):
        run = seflow.fleet.stop()
        run.limit = limit
        assert run.limit == limit
        report = await run
    assert statuses(report) == {"changed": 20}
    assert peak((change.at for change in sent(panel)), 1.0) == limit


async def test_a_limit_that_is_changed_meanwhile_holds_from_then_on() -> None:
    async with small_world((60,), service_time=1.0) as (panel, seflow):
        run = seflow.fleet.stop(wait=False).start()
        run.limit = 2
        await until(lambda: run.progress.done >= 6)
        run.limit = 6
        raised = asyncio.get_running_loop().time()
        await until(lambda: run.progress.done >= 30)
        run.limit = 1
        lowered = asyncio.get_running_loop().time()
        await until(lambda: run.progress.done >= 40)
        run.limit = None
        freed = asyncio.get_running_loop().time()
        report = await run
    assert statuses(report) == {"changed": 60}
    times = [change.at for change in sent(panel)]
    assert peak([at for at in times if at < raised], 1.0) == 2
    assert peak([at for at in times if raised <= at < lowered], 1.0) == 6
    assert peak([at for at in times if lowered + 1.0 <= at < freed], 1.0) == 1
    assert peak([at for at in times if at >= freed], 1.0) > 6


async def test_a_limit_that_cannot_be_right_is_refused_and_changes_nothing() -> None:
    async with small_world((2,)) as (_, seflow):
        async with seflow.fleet.stop() as run:
            run.limit = 2
            for wrong in (0, -1, True, 1.5, "8"):
                with pytest.raises(InvalidArgument, match="limit"):
                    run.limit = wrong  # type: ignore[assignment]
            assert run.limit == 2


# -- at any moment -------------------------------------------------------------------------------------


def in_flight(run: Run) -> bool:
    return run.progress.in_flight > 0


def settling(run: Run) -> bool:
    return run.progress.settling > 0 and run.progress.in_flight == 0


def discovering(run: Run) -> bool:
    return run.progress.discovering


def half_done(run: Run) -> bool:
    return run.progress.done >= 6


def drain(run: Run) -> None:
    run.drain()


def cancel(run: Run) -> None:
    run.cancel()


def drain_while_paused(run: Run) -> None:
    run.pause()
    run.drain()
    run.pause()


def cancel_while_paused(run: Run) -> None:
    run.pause()
    run.cancel()


def drain_and_cancel(run: Run) -> None:
    run.drain()
    run.cancel()
    run.drain()
    run.resume()


@pytest.mark.parametrize("rollout", [None, Rollout(batches=[4], max_failures=1, max_unavailable=8)])
@pytest.mark.parametrize("moment", [None, discovering, in_flight, settling, half_done])
@pytest.mark.parametrize("end", [drain, cancel, drain_while_paused, cancel_while_paused, drain_and_cancel])
async def test_whenever_it_is_ended_every_vm_has_one_true_outcome(
    end: Callable[[Run], None], moment: Callable[[Run], bool] | None, rollout: Rollout | None
) -> None:
    async with small_world((6, 4), client={"limit": 4}, service_time=1.0) as (panel, seflow):
        panel.faults.add(Fault("latency", path=LISTS, method="GET", seconds=3.0, times=2))
        run = seflow.fleet.stop(rollout=rollout)
        if moment is not None:
            run.start()
            await until(lambda: moment(run))
        end(run)
        report = await run
        at_the_end = len(sent(panel))
        await asyncio.sleep(100.0)
        assert len(sent(panel)) == at_the_end
    check_true(panel, report)
    check_progress(run.progress)
    read = all(outcome.verified for outcome in report.outcomes)
    assert report.ok is (statuses(report) == {"changed": 10} and not report.undiscovered and read)
    cancelled = "cancel" in end.__name__
    words = {"cancelled"} if cancelled else {"drained"}
    if "drain" in end.__name__:
        words.add("drained")
    assert {*causes(report), *(lost.cause for lost in report.undiscovered)} <= words
    if moment in (None, discovering):
        assert not sent(panel)
    if not cancelled:
        assert Status.UNKNOWN not in statuses(report)
        assert all(o.verified for o in report.outcomes if o.status is Status.CHANGED)


@pytest.mark.parametrize("moment", [None, discovering, in_flight, half_done])
async def test_a_paused_run_sends_no_change_until_it_is_resumed(
    moment: Callable[[Run], bool] | None,
) -> None:
    async with small_world((8, 8), client={"limit": 4}, service_time=1.0) as (panel, seflow):
        run = seflow.fleet.stop(rollout=Rollout(batches=[4]))
        if moment is not None:
            run.start()
            await until(lambda: moment(run))
        run.pause()
        run.pause()
        run.start()
        paused = asyncio.get_running_loop().time()
        await asyncio.sleep(60.0)
        progress = run.progress
        check_progress(progress)
        assert progress.paused
        assert (progress.in_flight, progress.settling) == (0, 0)  # what was in flight went on
        resumed = asyncio.get_running_loop().time()
        run.resume()
        assert not run.progress.paused
        report = await run
    assert statuses(report) == {"changed": 16}
    assert not [change for change in sent(panel) if paused + 1.0 < change.at < resumed]


# -- progress ------------------------------------------------------------------------------------------


async def test_progress_names_who_waits_for_the_provider_and_for_how_long() -> None:
    async with two_accounts() as (panels, fleet):
        panels["b"].faults.add(Fault("throttle", path="/service/@id/vms/@vmid/stop", times=1, seconds=40))
        run = fleet.stop().start()
        assert run.progress.held == {}
        await until(lambda: bool(run.progress.held))
        assert run.progress.held.keys() == {"b"}
        assert 30.0 < run.progress.held["b"] <= 40.0
        await until(lambda: run.progress.counts[Status.CHANGED] == 6)
        assert {outcome.account for outcome in run.report.outcomes} == {"a"}
        report = await run
        assert run.progress.held == {}
    assert statuses(report) == {"changed": 12}


async def test_progress_counts_the_batches_and_always_adds_up() -> None:
    async with small_world((10,), service_time=0.5) as (_, seflow):
        run = seflow.fleet.stop(rollout=Rollout(canary=1, batches=[4, "100%"], pause_between=5.0)).start()
        assert (run.progress.batch, run.progress.batches) == (None, None)
        seen = []
        while not run.is_over:
            progress = run.progress
            check_progress(progress)
            if progress.batches is not None:
                assert progress.batches == 3
                seen.append((progress.batch, progress.done))
            await asyncio.sleep(0.2)
    assert [batch for batch, _ in seen] == sorted(batch or 0 for batch, _ in seen)
    assert {batch for batch, _ in seen} == {1, 2, 3}
    for batch, before in ((2, 1), (3, 5)):
        assert min(done for number, done in seen if number == batch) >= before


async def test_progress_says_why_nothing_new_begins() -> None:
    async with small_world((6,)) as (_, seflow):
        run = seflow.fleet.stop(rollout=Rollout(window=2)).start()
        await until(lambda: run.progress.settling == 2)
        assert run.progress.stopping is None
        run.drain()
        assert run.progress.stopping == "drained"
        report = await run
    assert statuses(report) == {"changed": 2, "not_attempted": 4}


# -- several accounts ----------------------------------------------------------------------------------


@asynccontextmanager
async def two_accounts(**manner: Any) -> AsyncIterator[tuple[dict[str, Sandbox], Fleet]]:
    """Accounts "a" and "b" of two panels, six VMs each."""
    async with AsyncExitStack() as stack:
        panels, clients = {}, []
        times = {"stop_time": SLOW, "start_time": SLOW, "reboot_time": SLOW, **manner}
        for name in ("a", "b"):
            panel = Sandbox(services=1, vms_per_service=6, listen=False, port=80, **times)
            panels[name] = await stack.enter_async_context(panel)
            clients.append(await stack.enter_async_context(virtual_client(panel, name=name, limit=4)))
        yield panels, Fleet(clients)


async def changed_of(fleet: Fleet, account: str, **options: Any) -> tuple[float, Run]:
    """The seconds after which all VMs of an account are done, and the run, which goes on."""
    loop = asyncio.get_running_loop()
    began, run = loop.time(), fleet.stop(**options).start()
    await until(lambda: sum(o.account == account for o in run.report.outcomes) == 6)
    assert {o.status for o in run.report.outcomes if o.account == account} == {Status.CHANGED}
    return loop.time() - began, run


TROUBLES = {
    "none": None,
    "refused": Fault("wronglogin"),
    "refused half way": Fault("wronglogin", path="/service/@id/vms/@vmid/stop", after=1),
    "down": Fault("reset"),
    "down half way": Fault("reset", after=4),
    "lists hang": Fault("hang", path=LISTS),
    "everything hangs": Fault("hang"),
    "stops hang": Fault("hang", path="/service/@id/vms/@vmid/stop"),
    "never settles": Fault("error", path=LISTS, method="GET", after=1),
    "throttled": Fault("throttle", seconds=40, times=3),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("rollout", [None, Rollout(max_failures=100, same_cause=None)])
async def test_an_account_in_trouble_does_not_slow_the_other(trouble: str, rollout: Rollout | None) -> None:
    async with two_accounts() as (panels, fleet):
        fault = TROUBLES[trouble]
        if fault is not None:
            panels["b"].faults.add(fault)
        seconds, run = await changed_of(fleet, "a", rollout=rollout, settle=SettlePolicy(patience=30.0))
        report = await run
    assert seconds < 4 * SLOW
    check_adds_up(report)
    assert report.ok is (trouble in ("none", "throttled"))
    if trouble in ("refused", "down", "everything hangs"):
        assert {lost.account for lost in report.undiscovered} == {"b"}


async def test_vms_that_never_settle_take_no_place_from_another_account() -> None:
    async with AsyncExitStack() as stack:
        clients = []
        for name, vms in (("b", 60), ("a", 60)):
            panel = Sandbox(services=1, vms_per_service=vms, listen=False, port=80, stop_time=SLOW)
            await stack.enter_async_context(panel)
            clients.append(await stack.enter_async_context(virtual_client(panel, name=name, limit=2)))
            for vm in panel.services[FIRST].vms.values():
                vm.stuck = name == "b"
        rollout = Rollout(max_failures=1000)
        run = Fleet(clients).stop(rollout=rollout, settle=SettlePolicy(patience=1000.0)).start()
        async with asyncio.timeout(120):
            await until(lambda: run.progress.counts[Status.CHANGED] == 60)
        run.cancel()
        report = await run
    check_adds_up(report)


async def test_what_the_provider_turned_away_is_not_unknown_when_the_run_is_cancelled() -> None:
    async with small_world((4,)) as (panel, seflow):
        panel.faults.add(Fault("throttle", method="POST", seconds=30))
        run = seflow.fleet.reboot().start()
        await until(lambda: panel.count(method="POST") > 0 and run.progress.held != {})
        run.cancel()
        report = await run
    assert statuses(report) == {"not_attempted": 4}
    assert panel.effect_count("reboot") == 0

"""What a run waits for, as data and as a line, in each of its ways to wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from support.steering import FIRST, SECOND, sent, small_world, until
from support.virtual import VIRTUAL

from aioseflow import Reboot, Rollout, Run
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL


def reasons(run: Run) -> dict[str, Any]:
    """What the run waits for, by its reason."""
    return {wait.reason: wait for wait in run.progress.waiting_for}


async def test_reading_back_names_the_oldest_and_since_when() -> None:
    async with small_world((3, 2), stop_time=100.0) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.settling == 5)
        await asyncio.sleep(30.0)
        wait = reasons(run)["settling"]
        assert (wait.targets, len(wait.vms)) == (5, 2)
        assert set(wait.vms) <= {
            vm.label for service in panel.services.values() for vm in service.vms.values()
        }
        assert 30 <= (datetime.now(UTC) - wait.since).total_seconds() < 40
        assert str(wait).startswith("5 VMs are being read back, the oldest for 30 s (vm-")
        await run
        assert run.progress.waiting_for == ()


async def test_a_panel_that_is_away_and_a_pause() -> None:
    async with small_world((12,), client={"limit": 2}) as (panel, seflow):
        run = seflow.fleet.stop(rollout=Rollout(window=2)).start()
        await until(lambda: run.progress.done >= 2)
        await panel.stop()
        await asyncio.sleep(60.0)
        wait = reasons(run)["panel_away"]
        assert wait.account == "main"
        assert str(wait).startswith("the panel of main does not answer")
        await panel.start()
        await until(lambda: "panel_away" not in reasons(run))
        run.pause()
        await until(lambda: not run.progress.in_flight)
        assert str(reasons(run)["paused"]) == f"paused: {run.progress.queued} VMs wait"
        run.resume()
        await run


async def test_a_panel_that_asks_to_wait() -> None:
    async with small_world((4,)) as (panel, seflow):
        panel.faults.add(Fault("throttle", path="/service/@id/vms/@vmid/stop", seconds=40.0, times=1))
        run = seflow.fleet.stop().start()
        await until(lambda: "throttled" in reasons(run))
        wait = reasons(run)["throttled"]
        assert 0 < wait.seconds <= 40
        assert str(wait).startswith("the panel of main asked to wait: next request in ")
        await run


async def test_the_rules_of_a_rollout_name_the_vms_that_are_down() -> None:
    async with small_world((4, 4)) as (panel, seflow):
        run = seflow.fleet.reboot(rollout=Rollout(max_unavailable=1)).start()
        await until(lambda: bool(sent(panel)))
        wait = reasons(run)["max_unavailable"]
        (change,) = sent(panel)
        assert (wait.targets, tuple(wait.vms)) == (7, (f"vm-{change.vm[1]}",))
        assert "7 VMs wait: as many VMs are down as max_unavailable allows (vm-" in str(wait)
        run.cancel()
        await run
        run = seflow.fleet.reboot(services=[FIRST], rollout=Rollout(max_down_per_service=1)).start()
        await until(lambda: "max_down_per_service" in reasons(run))
        assert len(reasons(run)["max_down_per_service"].vms) == 1
        run.cancel()
        await run
        run = seflow.fleet.reboot(services=[SECOND], rollout=Rollout(window=2)).start()
        await until(lambda: "window" in reasons(run))
        assert str(reasons(run)["window"]) == "2 VMs wait for a place in the window"
        run.cancel()
        await run


async def test_the_pause_between_batches_and_services_that_are_not_listed_yet() -> None:
    async with small_world((2, 2)) as (panel, seflow):
        run = seflow.fleet.run(Reboot(), rollout=Rollout(batches=[1], pause_between=60.0)).start()
        await until(lambda: run.progress.done == 1)
        assert str(reasons(run)["pause_between"]) == "3 VMs wait for the next batch"
        run.cancel()
        await run
        panel.faults.add(Fault("latency", path="/service/@id/vms", service=SECOND, seconds=20.0))
        run = seflow.fleet.reboot().start()
        await until(lambda: run.progress.targets == 2)
        assert str(reasons(run)["listing"]) == "1 service still to be listed"
        run.cancel()
        await run


@pytest.mark.parametrize("paused", [True, False])
async def test_whatever_a_run_waits_for_is_said_at_every_moment(*, paused: bool) -> None:
    """No moment in which nothing is in flight, something is left, and nothing is waited for."""
    rollout = Rollout(canary=1, batches=[3], pause_between=7.0, max_unavailable=2, max_down_per_service=1)
    async with small_world((5, 4)) as (panel, seflow):
        run = seflow.fleet.reboot(rollout=rollout).start()
        while not run.is_over:
            progress = run.progress
            idle = not progress.in_flight and progress.requests == 0
            if idle and progress.targets > progress.done:
                assert progress.waiting_for, progress
            if paused and progress.done == 3:
                run.pause()
                await asyncio.sleep(20.0)
                assert reasons(run)
                run.resume()
            await asyncio.sleep(0.1)
        assert (await run).ok
        assert len(sent(panel)) == 9

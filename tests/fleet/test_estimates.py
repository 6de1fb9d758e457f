"""How long a plan says that a run takes, with and without the rules of a rollout that make VMs wait."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.steering import small_world
from support.virtual import VIRTUAL

from aioseflow import Reboot, Rollout, Start, Stop
from aioseflow.fleet.plan.estimate import Pace, expect

LEARNED = {"main": {"rate.reboot": 10.0, "runs.reboot": 2, "settle.reboot": 6.0}}


@pytest.mark.parametrize(
    ("pace", "count", "seconds"),
    [
        (Pace(), 100, 16.0),
        (Pace(rounds=1), 100, 16.0),
        # 25 VMs one after the other take longer than all requests.
        (Pace(rounds=25), 50, 150.0),
        (Pace(rounds=3, pauses=60.0), 30, 78.0),
        (Pace(rounds=25, between=4.0), 50, 250.0),
        (Pace(rounds=0, pauses=5.0), 0, 0.0),
    ],
)
def test_the_rules_of_a_rollout_take_their_time(pace: Pace, count: int, seconds: float) -> None:
    assert expect(LEARNED, "reboot", ["reboot"], {"main": count}, pace).seconds == pytest.approx(seconds)


def test_what_settling_takes_is_enough_for_vms_that_wait_for_one_another() -> None:
    known = {"main": {"settle.reboot": 6.0}}
    assert expect(known, "reboot", ["reboot"], {"main": 10}, Pace(rounds=5)).seconds == pytest.approx(30.0)
    assert expect(known, "reboot", ["reboot"], {"main": 10}).seconds is None
    assert expect({}, "reboot", ["reboot"], {"main": 10}, Pace(rounds=5)).seconds is None


ROLLOUTS: list[dict[str, Any]] = [
    {"max_unavailable": 2},
    {"max_down_per_service": 1},
    {"window": 3},
    {"canary": 1, "batches": [4], "pause_between": 20.0},
    {"max_unavailable": 3, "max_down_per_service": 1, "batches": [6]},
]


@pytest.mark.asyncio(loop_factories=["virtual"])
@pytest.mark.parametrize("rules", ROLLOUTS, ids=str)
@pytest.mark.parametrize("what", [[Reboot()], [Stop(), Start()]], ids=["reboot", "stop+start"])
async def test_the_estimate_of_a_rolling_run_is_right_within_half(
    tmp_path: Path, rules: dict[str, Any], what: Any
) -> None:
    """After one run of the same kind on few VMs, and after one that went as fast as the panel does."""
    loop = asyncio.get_running_loop()
    client = {"journal": tmp_path / "runs.sqlite"}
    async with small_world((12, 8), client=client) as (_, seflow):
        learned = Rollout(max_down_per_service=2)
        assert (await seflow.fleet.run(what, rollout=learned, vms=["4001", "4002", "4003", "4004"])).ok
        rollout = Rollout(**rules)
        plan = await seflow.fleet.plan(what, rollout=rollout)
        began = loop.time()
        assert (await seflow.fleet.run(plan)).ok
        seconds = loop.time() - began
        assert plan.seconds is not None
        assert seconds / 1.5 <= plan.seconds <= seconds * 1.5, (plan.seconds, plan.basis, seconds)
        again = await seflow.fleet.plan(what, rollout=rollout)
        assert again.seconds is not None
        assert seconds / 1.5 <= again.seconds <= seconds * 1.5, (again.seconds, again.basis, seconds)


@VIRTUAL
async def test_a_rolling_run_does_not_make_the_panel_look_slow(tmp_path: Path) -> None:
    async with small_world((12,), client={"journal": tmp_path / "runs.sqlite"}) as (_, seflow):
        assert (await seflow.fleet.reboot()).ok
        await asyncio.sleep(60.0)  # until all have come back
        before = (await seflow.fleet.plan(Reboot())).seconds
        assert (await seflow.fleet.reboot(rollout=Rollout(max_unavailable=1))).ok
        after = (await seflow.fleet.plan(Reboot())).seconds
        assert before is not None
        assert after is not None
        # Only the time to settle was learned, which a run that does not wait for it does not take.
        assert after <= before + 15

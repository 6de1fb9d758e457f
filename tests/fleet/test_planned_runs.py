"""A plan of a run that was made and not begun."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.clients import QUICK_SETTLE, virtual_client
from support.virtual import VIRTUAL

from aioseflow import InvalidArgument, Plan, Status, Stop
from aioseflow.sandbox import Sandbox

pytestmark = VIRTUAL


async def test_what_a_retry_would_do_can_be_looked_at_first_and_is_then_done(tmp_path: Path) -> None:
    async with (
        Sandbox(services=1, vms_per_service=3, stop_time=0.0, seed=1) as panel,
        virtual_client(panel, journal=tmp_path / "runs.sqlite") as seflow,
    ):
        vms = panel.services["33301"].vms
        vms["4001"].stuck = True
        first = await seflow.fleet.stop(settle=QUICK_SETTLE)
        assert first.counts[Status.FAILED] == 1
        vms["4001"].stuck, vms["4001"].power = False, "running"
        plan = await seflow.fleet.plan(seflow.fleet.retry(first.run_id))
        assert [vm.vm_id for vm in plan.targets] == ["4001"]
        # A plan that went through a file knows as well whose child it is.
        again = await seflow.fleet.run(Plan.from_json(plan.to_json()))
        assert (again.parent, again.counts[Status.CHANGED], len(again.targets)) == (first.run_id, 1, 1)


async def test_a_run_that_has_begun_or_is_changed_meanwhile_is_not_planned() -> None:
    async with (
        Sandbox(services=1, vms_per_service=1, stop_time=0.0, seed=1) as panel,
        virtual_client(panel) as seflow,
    ):
        begun = seflow.fleet.run(Stop()).start()
        with pytest.raises(InvalidArgument, match="has begun"):
            await seflow.fleet.plan(begun)
        await begun
        made = seflow.fleet.stop()
        with pytest.raises(InvalidArgument, match="has its selection and options already"):
            await seflow.fleet.plan(made, where='power == "running"')
        made.cancel()


async def test_a_plan_of_a_restore_still_doubts_a_list_that_shows_nothing_to_do() -> None:
    async with (
        Sandbox(services=1, vms_per_service=2, stop_time=0.0, start_time=0.0, seed=1) as panel,
        virtual_client(panel) as seflow,
    ):
        run = seflow.fleet.stop(settle=QUICK_SETTLE)
        await run
        plan = await seflow.fleet.plan(seflow.fleet.restore(run))
        for made in (plan, Plan.from_json(plan.to_json())):
            following = seflow.fleet.run(made)
            assert following.spec.confirms_skips
            following.cancel()
        assert not run.spec.confirms_skips

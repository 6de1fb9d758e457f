"""What is on disk about an answer is never replaced by less: by a resume that ends before it could read."""

from __future__ import annotations

import asyncio

import pytest
from support.clients import virtual_client
from support.histories import LISTS, adds_up, killed, panel_and_client, posts, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import SeFlowError, SettlePolicy, Status
from aioseflow.fleet.model.target import Stage
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

SHORT = SettlePolicy(first_poll=1.0, longest_poll=1.0, patience=5.0)
STOPS = "/service/@id/vms/@vm/stop"
WAYS = ("login", "suspended", "broken lists", "away", "cancelled", "drained", "killed", "time-out")


async def end_early(
    way: str, panel: object, seflow: object, run_id: str, place: JournalPlace
) -> JournalPlace:
    """Resume a run such that it ends before it could read anything back."""
    run = seflow.fleet.resume(run_id)  # type: ignore[attr-defined]
    if way in ("cancelled", "drained", "killed"):
        hang = Fault("hang", path=LISTS)
        panel.faults.add(hang)  # type: ignore[attr-defined]
        run.start()
        await until(lambda: panel.faults.hits(hang) > 0)  # type: ignore[attr-defined]
        await asyncio.sleep(1)
        if way == "killed":
            place = await killed(run, place)
        elif way == "cancelled":
            run.cancel()
        else:
            run.drain()
            panel.faults.clear()  # type: ignore[attr-defined]
            panel.faults.add(Fault("status", path=LISTS, status=500))  # type: ignore[attr-defined]
    if way == "time-out":
        panel.faults.add(Fault("hang", path=LISTS))  # type: ignore[attr-defined]
    if way != "killed":
        try:
            report = await run
        except SeFlowError:
            report = run.report
        assert adds_up(report)
        assert "No answer was seen" not in report.summary()
    return place


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("read", [False, True], ids=["not read", "read as unreadable"])
async def test_an_acceptance_stays_one_whatever_ends_the_resume(
    place: JournalPlace, way: str, read: bool
) -> None:
    async with panel_and_client(journal=place, limit=8, stop_time=60.0) as (panel, seflow):
        run = seflow.fleet.stop(settle=SHORT).start()
        await until(lambda: run.progress.settling == 8)
        if read:
            panel.faults.add(Fault("status", path="/service/*", method="GET", status=500))
            assert statuses(await run) == {"unknown": 8}
            left = place
        else:
            await asyncio.sleep(1)
            left = await killed(run, place)
        panel.faults.clear()
        options = {}
        match way:
            case "login":
                options = {"password": "wrong"}
            case "suspended":
                panel.faults.add(Fault("error", path=LISTS, codes=("service_suspended",)))
            case "broken lists":
                panel.faults.add(Fault("status", path=LISTS, status=500))
            case "away":
                panel.faults.add(Fault("reset", path="/service*", when="before"))
        async with virtual_client(panel, journal=left, **options) as later:
            left = await end_early(way, panel, later, run.id, left)
        panel.faults.clear()
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.report(run.id)
            page = report.summary()
            assert adds_up(report)
            # Accepted and not read back, or not readable: never that no answer was seen.
            assert {outcome.status for outcome in report.outcomes} <= {Status.UNKNOWN, Status.CHANGED}
            assert not any(outcome.verified for outcome in report.outcomes)
            assert "lost_answer" not in report.causes
            assert "No answer was seen" not in page
            assert not report.ok
            if read and way != "killed":
                # It could not be read then, and was not read since.
                assert statuses(report) == {"unknown": 8}
                assert all(outcome.error is not None for outcome in report.outcomes)
            journal = left()
            await journal.acquire()
            stages = {each.left_at or each.stage for each in (await journal.read(run.id)).targets}
            await journal.release()
            assert stages == {Stage.ACCEPTED}
            await asyncio.sleep(60)
            assert statuses(await later.fleet.resume(run.id)) == {"changed": 8}
        assert set(posts(panel).values()) == {1}

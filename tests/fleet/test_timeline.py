"""Timelines of runs: measured without a timer, thinned, stored."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.clients import virtual_client
from support.steering import until
from support.virtual import VIRTUAL

from aioseflow import FixedLimit, Moment, Status
from aioseflow.fleet.journal.sqlite.tables import APPLICATION_ID, MIGRATIONS
from aioseflow.fleet.model.timeline import MOMENTS_MAX, Timeline, moments_of, rows_of
from aioseflow.sandbox import Fault, Sandbox


def moment(seconds: float, **values: Any) -> Moment:
    """A moment at which nothing was done yet."""
    none = dict.fromkeys(("changed", "unchanged", "failed", "unknown", "not_attempted", "refused"), 0)
    return Moment(seconds=seconds, **{**none, "in_flight": 1, "settling": 0, "limit": 4, **values})


def panel(vms: int = 30, **options: Any) -> Sandbox:
    """Return a panel of one service inside the loop; a stop takes a second, and so does its answer."""
    options = {"stop_time": 1.0, "service_time": 1.0, **options}
    return Sandbox(services=1, vms_per_service=vms, seed=1, listen=False, port=80, **options)


@pytest.mark.parametrize("seconds", [10, MOMENTS_MAX, 1000, 100_000])
def test_there_are_never_more_moments_than_fit_however_long_it_takes(seconds: int) -> None:
    timeline, at = Timeline(), 0.0
    while at <= seconds:
        timeline.add(moment(at, changed=int(at)))
        at += timeline.spacing
    assert min(MOMENTS_MAX, seconds) / 2 <= len(timeline.moments) <= MOMENTS_MAX
    assert timeline.moments[0].seconds == 0.0
    assert timeline.moments[-1].seconds > seconds - timeline.spacing
    assert all(before.seconds < after.seconds for before, after in pairwise(timeline.moments))
    gaps = {after.seconds - before.seconds for before, after in pairwise(timeline.moments[:-1])}
    assert max(gaps, default=1.0) <= timeline.spacing


def test_two_moments_of_one_time_are_one() -> None:
    timeline = Timeline()
    timeline.add(moment(1.0))
    timeline.add(moment(1.0, changed=2))
    timeline.add(moment(0.5, changed=3))
    assert timeline.moments == [moment(1.0, changed=3)]


def test_a_moment_counts() -> None:
    one = moment(2.0, changed=3, failed=1)
    assert one.done == 4
    assert one.counts == {**dict.fromkeys(Status, 0), Status.CHANGED: 3, Status.FAILED: 1}


def test_moments_are_kept_as_rows_and_a_row_of_another_version_is_left_out() -> None:
    moments = (moment(0.0, limit=None), moment(1.25, unknown=2, refused=9))
    assert moments_of([*rows_of(moments), [1, 2, 3], "?"]) == moments


@VIRTUAL
async def test_a_run_is_measured_every_second_and_its_last_moment_is_its_end(tmp_path: Path) -> None:
    async with (
        panel() as sandbox,
        virtual_client(sandbox, limit=FixedLimit(2), journal=tmp_path / "runs.sqlite") as seflow,
    ):
        run = seflow.fleet.stop()
        assert run.timeline == ()
        report = await run
        kept = await seflow.fleet.report(run.id)
    seconds = [each.seconds for each in report.timeline]
    assert seconds[0] == 0.0
    assert seconds[-1] >= 15.0
    assert all(1.0 <= after - before < 4.0 for before, after in pairwise(seconds[:15]))
    assert report.timeline[-1].counts == report.counts
    assert {each.limit for each in report.timeline} == {2}
    assert all(before.done <= after.done for before, after in pairwise(report.timeline))
    assert kept.timeline == report.timeline == run.timeline


@VIRTUAL
async def test_refusals_are_a_part_of_it() -> None:
    refusing = Fault("throttle", method="POST", times=4, after=3, seconds=5)
    async with panel(8, faults=[refusing]) as sandbox, virtual_client(sandbox) as seflow:
        report = await seflow.fleet.stop()
    assert report.timeline[0].refused == 0
    assert report.timeline[-1].refused == 4


@VIRTUAL
async def test_measuring_sets_no_timer() -> None:
    loop = asyncio.get_running_loop()
    hanging = Fault("hang", method="POST", seconds=500.0)
    async with panel(1, faults=[hanging]) as sandbox, virtual_client(sandbox, timeouts=1000.0) as seflow:
        run = seflow.fleet.stop(wait=False).start()
        await until(lambda: run.progress.in_flight == 1)
        began, taken = loop.time(), len(run.timeline)
        await run
        assert loop.time() - began > 400
    assert len(run.timeline) - taken <= 2


@VIRTUAL
async def test_a_run_that_is_resumed_goes_on_with_its_timeline(tmp_path: Path) -> None:
    journal = tmp_path / "runs.sqlite"
    async with panel() as sandbox:
        async with virtual_client(sandbox, limit=FixedLimit(2), journal=journal) as seflow:
            run = seflow.fleet.stop().start()
            await until(lambda: run.progress.done >= 6)
            run.cancel()
            first = await run
        async with virtual_client(sandbox, limit=FixedLimit(2), journal=journal) as seflow:
            again = seflow.fleet.resume(run.id)
            second = await again
            kept = await seflow.fleet.report(run.id)
            over = await seflow.fleet.resume(run.id)
    assert second.timeline[: len(first.timeline)] == first.timeline
    assert len(second.timeline) > len(first.timeline)
    assert all(before.seconds < after.seconds for before, after in pairwise(second.timeline))
    assert second.timeline[-1].counts == second.counts
    assert kept.timeline == second.timeline == over.timeline


@VIRTUAL
async def test_a_journal_of_before_has_runs_without_a_timeline_and_takes_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        MIGRATIONS[0](connection)
        connection.execute(
            "INSERT INTO runs (run_id, action, accounts, created_at, document, note, requested_by, state, "
            "started_at, finished_at, discovered, targets, counts) "
            "VALUES ('old', 'stop', '[\"main\"]', 1, '{\"steps\": [{\"name\": \"stop\"}]}', '', '', "
            "'ended', 1, 2, 1, 0, '{}')"
        )
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    async with panel(2) as sandbox, virtual_client(sandbox, journal=path) as seflow:
        report = await seflow.fleet.stop()
        assert (await seflow.fleet.report("old")).timeline == ()
        assert (await seflow.fleet.report(report.run_id)).timeline == report.timeline != ()

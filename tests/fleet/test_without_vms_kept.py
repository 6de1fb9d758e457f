"""Services without VMs in the journal: of a run that is finished, killed or gone on with."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from support.coherent import NO_PAGE, NO_ROUTE, SHORT, panel_and_client
from support.journals import copy_of, open_and_close, opened
from support.wire import Play

from aioseflow import Journal, Reboot, Start, WithoutVms
from aioseflow.fleet.journal.immediate import complete
from aioseflow.fleet.journal.sqlite.tables import MIGRATIONS

LIST, FUNCTIONS = "GET /service/9/vms", "GET /service/9/methods"
NO_VMS: Final = {"methods": [{"route": "/service/@id/upgrade", "method": "GET"}]}


def found(why: str, service_id: str = "9") -> WithoutVms:
    return WithoutVms(account="main", service_id=service_id, service_name=f"web{service_id}", why=why)


def killed_in(journal: Path, to: Path) -> Path:
    """Copy the journal as a kill at this moment would leave it."""
    return copy_of(journal, to)


async def test_it_is_in_the_journal_as_soon_as_it_is_found(tmp_path: Path) -> None:
    journal, left = tmp_path / "runs", tmp_path / "left"
    async with panel_and_client(journal=journal) as (panel, seflow):
        panel.services.append({"id": "7", "name": "web7", "status": "Active"})
        panel.vms |= {"7": {}}
        panel.says |= {LIST: NO_ROUTE, FUNCTIONS: NO_VMS}
        # The run never ends, because of VM 81.
        held = asyncio.Event()
        panel.vms["8"]["81"]["state"] = "stopping"
        run = seflow.fleet.run(Start(), settle=SHORT)
        seen: list[int] = []

        async def watch() -> None:
            while not seen:
                await asyncio.sleep(0.01)
                # The file is made in another thread.
                rows = _rows(journal) if run.progress.targets else []
                seen.extend(rows if len(rows) == 2 else ())

        async with asyncio.timeout(20):
            run.start()
            await watch()
        killed_in(journal, left)
        held.set()
        run.cancel()
        await run.wait_closed()
    stored = await Journal(left).read(run.run_id)
    assert stored.info.state == "running"
    assert set(stored.without_vms) == {found("no_vm_functions"), found("empty_list", "7")}


def _rows(journal: Path) -> list[int]:
    with closing(sqlite3.connect(journal)) as connection:
        return [row[0] for row in connection.execute("SELECT run FROM without_vms")]


async def test_a_killed_run_names_it_and_so_does_the_run_that_goes_on(tmp_path: Path) -> None:
    journal, left = tmp_path / "runs", tmp_path / "left"
    async with panel_and_client(journal=journal) as (panel, seflow):
        port = panel.port
        panel.says |= {LIST: NO_ROUTE, FUNCTIONS: NO_VMS}
        run = seflow.fleet.stop(settle=SHORT)
        async for _ in run:
            killed_in(journal, left)
            break
        await run
    async with panel_and_client(journal=left, port=port) as (panel, seflow):
        killed = await seflow.fleet.report(run.run_id)
        assert killed.without_vms == (found("no_vm_functions"),)
        panel.says |= {LIST: NO_ROUTE, FUNCTIONS: NO_VMS}
        resumed = await seflow.fleet.resume(run.run_id)
        kept = await seflow.fleet.report(run.run_id)
        again = await seflow.fleet.resume(run.run_id)
    for report in (resumed, kept, again):
        assert report.without_vms == (found("no_vm_functions"),)
        assert len(report.targets) == 3


async def test_a_killed_run_of_a_plan_names_what_the_plan_named(tmp_path: Path) -> None:
    journal, left = tmp_path / "runs", tmp_path / "left"
    async with panel_and_client(journal=journal) as (panel, seflow):
        panel.says |= {LIST: NO_ROUTE, FUNCTIONS: NO_VMS}
        plan = await seflow.fleet.plan(Reboot())
        run = seflow.fleet.run(plan)
        async for _ in run:
            killed_in(journal, left)
            break
        await run
    stored = await Journal(left).read(run.run_id)
    assert stored.info.state == "running"
    assert stored.without_vms == (found("no_vm_functions"),)


async def test_a_run_that_goes_on_and_is_ended_before_it_lists_still_knows_it(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs") as (panel, seflow):
        panel.says |= {"GET /service/8/vms": NO_PAGE, LIST: NO_ROUTE, FUNCTIONS: NO_VMS}
        run = seflow.fleet.stop(settle=SHORT)
        await run
        asked = asyncio.Event()

        def hang() -> Play:
            asked.set()
            return Play(then="hang")

        panel.says["GET /service"] = hang
        again = seflow.fleet.resume(run.id).start()
        await asked.wait()
        again.cancel()
        await again.wait_closed()
        kept = await seflow.fleet.report(run.id)
    for report in (again.report, kept):
        assert report.without_vms == (found("no_vm_functions"),)
        assert "cancelled" in {lost.cause for lost in report.undiscovered}


@pytest.mark.parametrize("kept", [True, False], ids=["journal", "memory"])
async def test_a_finished_run_names_it_for_ever(tmp_path: Path, *, kept: bool) -> None:
    path = tmp_path / "runs" if kept else None
    async with panel_and_client(journal=path) as (panel, seflow):
        panel.vms["9"].clear()
        run = seflow.fleet.stop(settle=SHORT)
        await run
        assert (await seflow.fleet.report(run.id)).without_vms == (found("empty_list"),)
        assert (await seflow.fleet.resume(run.id)).without_vms == (found("empty_list"),)
        await seflow.fleet.reconcile(run.id)
        assert (await seflow.fleet.report(run.id)).without_vms == (found("empty_list"),)


async def test_a_run_that_goes_on_forgets_what_has_vms_now(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs") as (panel, seflow):
        panel.services.append({"id": "7", "name": "web7", "status": "Active"})
        panel.says |= {"GET /service/7/vms": NO_PAGE, "GET /service/7/methods": NO_PAGE}
        vms, panel.vms["9"] = panel.vms["9"], {}
        run = seflow.fleet.stop(settle=SHORT)
        first = await run
        panel.vms["9"] = vms
        del panel.says["GET /service/7/vms"]
        panel.says["GET /service/7/vms"] = NO_ROUTE
        second = await seflow.fleet.resume(run.id)
        kept = await seflow.fleet.report(run.id)
    assert [each.service_id for each in first.undiscovered] == ["7"]
    assert first.without_vms == (found("empty_list"),)
    for report in (second, kept):
        assert report.without_vms == (found("no_such_route", "7"),)
        assert report.undiscovered == ()
        assert len(report.targets) == 6
        assert report.ok


async def test_a_run_that_goes_on_names_a_service_once_also_where_it_cannot_be_listed_now(
    tmp_path: Path,
) -> None:
    async with panel_and_client(journal=tmp_path / "runs") as (panel, seflow):
        panel.services.append({"id": "7", "name": "web7", "status": "Active"})
        panel.says |= {"GET /service/7/vms": NO_PAGE, "GET /service/7/methods": NO_PAGE}
        panel.vms["9"].clear()
        run = seflow.fleet.stop(settle=SHORT)
        await run
        panel.says |= {LIST: NO_PAGE, FUNCTIONS: NO_PAGE}
        second = await seflow.fleet.resume(run.id)
        kept = await seflow.fleet.report(run.id)
    for report in (second, kept):
        assert report.without_vms == ()
        assert sorted(str(each.service_id) for each in report.undiscovered) == ["7", "9"]


def test_a_journal_of_the_version_before_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    complete(open_and_close(path, migrations=MIGRATIONS[:2]))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO runs (run_id, action, accounts, created_at, document, note, requested_by, state) "
            "VALUES ('old', 'stop', '[\"main\"]', 0, '{}', '', '', 'ended')"
        )
        connection.commit()

    async def read() -> Mapping[str, Any]:
        journal = Journal(path)
        before = await journal.read("old")
        async with opened(journal):
            held = await journal.hold("old")
            held.without_vms(found("empty_list"))
            held.without_vms(found("no_such_route"))
            await held.give()
        return {"before": before.without_vms, "after": (await journal.read("old")).without_vms}

    assert asyncio.run(read()) == {"before": (), "after": (found("no_such_route"),)}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


async def test_a_run_that_is_pruned_takes_its_services_along(tmp_path: Path) -> None:
    journal = tmp_path / "runs"
    async with panel_and_client(journal=journal) as (panel, seflow):
        panel.vms["9"].clear()
        for _ in range(2):
            await seflow.fleet.stop(settle=SHORT)
        assert len(_rows(journal)) == 2
        await seflow.fleet.prune(keep=1)
        assert len(_rows(journal)) == 1

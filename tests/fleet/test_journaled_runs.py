"""Runs that are written down: what is durable, whose run it is, and what is never in the file."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.clients import virtual_client
from support.histories import (
    adds_up,
    panel_and_client,
    plain,
    posts,
    refuses,
    small_panel,
    statuses,
    until,
)
from support.journals import JournalPlace, process
from support.virtual import VIRTUAL

from aioseflow import (
    AdaptiveLimit,
    ApiError,
    ConfigurationError,
    Fleet,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Reboot,
    Run,
    RunIsActive,
    RunNotFound,
    RunRefused,
    SeFlow,
    SeFlowError,
    Start,
    Status,
    Stop,
)
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

REBOOTS, STOPS = "/service/@id/vms/@vm/reboot", "/service/@id/vms/@vm/stop"


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> bytes:
    """All bytes of its files."""
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


async def ids_in(journal: Path, panel: Sandbox) -> list[str]:
    """The runs that another client finds."""
    async with virtual_client(panel, journal=journal) as other:
        return [info.header.run_id for info in await other.fleet.runs()]


async def test_a_run_is_durable_before_anything_of_it_is_sent_and_to_read_its_id_makes_no_file(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "runs"
    async with panel_and_client(journal=journal, service_time=0.5) as (panel, seflow):
        run = seflow.fleet.stop(note="patches", requested_by="ann")
        run_id = run.id
        assert names(tmp_path) == []
        run.start()
        await until(lambda: bool(panel.requests))
        assert await ids_in(journal, panel) == [run_id]
        assert [request.method for request in panel.requests] == ["GET"]
        (info,) = await seflow.fleet.runs()
        assert (info.state, info.header.note, info.header.requested_by) == ("running", "patches", "ann")
        assert (await run).ok
        (info,) = await seflow.fleet.runs()
        assert (info.state, info.counts) == ("ended", {"changed": 8})
        assert journal.stat().st_mode & 0o077 == 0


async def test_without_a_journal_no_file_is_written_and_runs_are_known_until_the_end(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    async with panel_and_client(limit=1) as (panel, seflow):
        run = seflow.fleet.stop(requested_by="ann")
        assert (await run).ok
        (info,) = await seflow.fleet.runs()
        assert (info.header.run_id, info.header.requested_by, info.state) == (run.id, "ann", "ended")
        assert (await seflow.fleet.report(run.id)).outcomes == (await run).outcomes
        assert await seflow.fleet.reconcile(run.id) == []
        panel.clear_record()
        assert (await seflow.fleet.resume(run.id)).ok
        assert panel.requests == []
        with pytest.raises(RunNotFound, match="journal"):
            await seflow.fleet.report("other")
        with pytest.raises(ConfigurationError, match="journal"):
            await seflow.fleet.prune(keep=0)
    assert names(tmp_path) == []


async def test_a_report_read_by_another_client_is_the_report_of_the_run(tmp_path: Path) -> None:
    faults = [
        Fault("error", path=STOPS, codes=("vm_locked",), times=1),
        Fault("status", path=STOPS, status=403, times=1),
        Fault("status", path=STOPS, status=404, times=1),
        Fault("reset", path=REBOOTS, when="after", times=1),
        Fault("status", path=REBOOTS, status=500, when="before", times=1),
    ]
    journal = tmp_path / "runs"
    async with panel_and_client(*faults, journal=journal, limit=1) as (panel, seflow):
        reports = [
            await seflow.fleet.reboot(),
            await seflow.fleet.stop(note="n", requested_by="r"),
        ]
        kinds = {type(outcome.error) for report in reports for outcome in report.outcomes}
        assert kinds == {type(None), ApiError, PermissionDenied, NotFound, OutcomeUnknown}
        async with virtual_client(panel, journal=journal) as other:
            for report in reports:
                known = await other.fleet.report(report.run_id)
                assert plain(known.outcomes) == plain(report.outcomes)
                assert (known.counts, known.targets) == (report.counts, report.targets)
                assert (known.note, known.requested_by) == (report.note, report.requested_by)
                assert known.ok == report.ok
                assert known.finished_at == report.finished_at
                rebuilt = {outcome.key: outcome.error for outcome in known.outcomes}
                for outcome in report.outcomes:
                    for field in ("codes", "status", "attempts", "may_have_acted", "call", "request"):
                        said = getattr(outcome.error, field, None)
                        assert getattr(rebuilt[outcome.key], field, None) == said
                with pytest.raises(ExceptionGroup) as caught:
                    known.raise_for_failures()
                assert all(isinstance(error, SeFlowError) for error in caught.value.exceptions)


async def test_no_secret_is_in_the_journal_while_it_is_written_or_afterwards(tmp_path: Path) -> None:
    password = "p4ss-of-the-client"
    page = b'{"error":["x"],"password":"planted-secret","token":"planted-secret"}'
    faults = [Fault("garbage", path=STOPS, times=1), Fault("error", path=STOPS, codes=("no",), times=1)]
    bodies = [
        Fault("html", path=STOPS, body=page, times=2),
        Fault("status", path=STOPS, status=500, body=page),
    ]
    journal = tmp_path / "runs"
    seen = b""
    options = {"dialect": "by_id", "password": password}
    async with panel_and_client(*faults, *bodies, journal=journal, limit=2, **options) as (_, seflow):
        run = seflow.fleet.stop()
        async for _outcome in run:
            seen += contents(tmp_path)
    seen += contents(tmp_path)
    assert b"vm-4001" in seen
    for secret in (password, "secret-of-vm", "planted-secret", "Basic "):
        assert secret.encode() not in seen


# -- one id, one run ----------------------------------------------------------------------------------------


async def test_the_same_call_under_one_id_is_one_run(kept: JournalPlace | None) -> None:
    async with panel_and_client(journal=kept, service_time=0.2) as (panel, seflow):

        def again(**options: Any) -> Run:
            return seflow.fleet.reboot(services=["33301"], run_id="nightly", **options)

        first, second = again(), again()
        assert first.id == second.id == "nightly"
        first.start()
        await until(lambda: first.progress.in_flight > 0)
        reports = await asyncio.gather(first, again(), second)
        assert [statuses(report) for report in reports] == [{"changed": 4}] * 3
        assert statuses(await again()) == {"changed": 4}
        others: list[tuple[Any, str]] = [
            (Reboot(), "33302"),
            (Stop(), "33301"),
            ([Reboot(), Start()], "33301"),
        ]
        for action, service in others:
            with pytest.raises(RunRefused, match="nightly"):
                await refuses(kept, partial(seflow.fleet.run, action, services=[service], run_id="nightly"))
        assert len(await seflow.fleet.runs()) == 1
        assert set(posts(panel).values()) == {1}
        assert len(posts(panel)) == 4


async def test_another_client_that_runs_the_same_id_finds_it_running_and_then_done(
    place: JournalPlace,
) -> None:
    async with panel_and_client(journal=place, stop_time=5.0) as (panel, seflow):
        run = seflow.fleet.stop(run_id="nightly").start()
        await until(lambda: run.progress.settling == 8)
        async with virtual_client(panel, journal=place) as other:
            with pytest.raises(RunIsActive, match="nightly") as caught:
                await other.fleet.stop(run_id="nightly")
            assert caught.value.run_id == "nightly"
            (info,) = await other.fleet.runs()
            assert info.state == "running"
            assert (await run).ok
            panel.clear_record()
            report = await other.fleet.stop(run_id="nightly")
            assert report.ok
            assert statuses(report) == {"changed": 8}
            assert panel.requests == []
            with pytest.raises(RunRefused, match="something else"):
                await refuses(place, lambda: other.fleet.start(run_id="nightly"))


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, 5])
async def test_an_id_that_cannot_name_a_run_is_refused(name: Any, kept: JournalPlace | None) -> None:
    async with panel_and_client(journal=kept) as (panel, seflow):
        with pytest.raises(InvalidArgument, match="run_id"):
            seflow.fleet.stop(run_id=name)
        assert panel.requests == []


# -- two runs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("clients", [1, 2])
async def test_of_two_runs_on_the_same_vms_one_is_refused_and_names_the_other(
    at_once: bool,
    clients: int,
    place: JournalPlace,
) -> None:
    async with panel_and_client(journal=place, reboot_time=0.0, service_time=0.2) as (panel, seflow):
        async with virtual_client(panel, journal=place) as other:
            first = seflow.fleet.reboot().start()
            if not at_once:
                await until(lambda: first.progress.in_flight > 0 and not first.progress.discovering)
                first.pause()
            second = (other if clients == 2 else seflow).fleet.reboot(services=["33302"])
            if not at_once:
                second.start()
                await second.wait_closed()
                first.resume()
            results = await asyncio.gather(first, second, return_exceptions=True)
            refused = [result for result in results if isinstance(result, BaseException)]
            assert len(refused) == 1
            assert isinstance(refused[0], RunRefused)
            winner = second if results[0] is refused[0] else first
            assert winner.id in str(refused[0])
            assert winner.report.ok
            if not at_once:
                assert winner is first
            assert panel.repeated("reboot") == {}
            # What is free now may be run.
            assert (await other.fleet.reboot(services=["33302"])).ok


async def test_runs_on_other_vms_go_on_side_by_side(place: JournalPlace) -> None:
    async with panel_and_client(journal=place, service_time=0.2) as (_, seflow):
        first, second = (seflow.fleet.stop(services=[service]) for service in ("33301", "33302"))
        reports = await asyncio.gather(first, second)
        assert all(report.ok for report in reports)


KILLED = """
import asyncio, sys
from aioseflow import SeFlow

async def main():
    username, password, url, journal = sys.argv[1:]
    async with SeFlow(username, password, base_url=url, journal=journal, limit=2) as seflow:
        run = seflow.fleet.reboot()
        print(run.id, flush=True)
        await run

asyncio.run(main())
"""


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_a_run_whose_process_was_killed_blocks_nobody_and_is_taken_over_at_once(tmp_path: Path) -> None:
    journal = tmp_path / "runs"
    hang = Fault("hang", path=REBOOTS, when="after", after=3)
    async with Sandbox(services=1, vms_per_service=8, seed=1, reboot_time=0.0, faults=[hang]) as panel:
        with process(KILLED, panel.username, panel.password, panel.url, journal) as child:
            assert child.stdout is not None
            run_id = (await asyncio.to_thread(child.stdout.readline)).strip()
            while panel.effect_count("reboot") < 5:  # noqa: ASYNC110 - the panel has no event for it
                await asyncio.sleep(0.01)
            login = {"username": panel.username, "password": panel.password, "base_url": panel.url}
            async with SeFlow(**login, journal=journal) as seflow:  # type: ignore[arg-type]
                with pytest.raises(RunIsActive) as caught:
                    await seflow.fleet.resume(run_id)
                assert caught.value.pid == child.pid
                child.send_signal(signal.SIGKILL)
                await asyncio.to_thread(child.wait)
                panel.faults.clear()
                assert (await seflow.fleet.usage()).ok
                report = await seflow.fleet.resume(run_id)
        assert adds_up(report)
        assert report.counts[Status.CHANGED] + report.counts[Status.UNKNOWN] == 8
        assert report.counts[Status.UNKNOWN] >= 2
        assert panel.repeated("reboot") == {}
        assert set(posts(panel).values()) == {1}


# -- what a journal keeps ------------------------------------------------------------------------------------


async def test_pruning_forgets_ended_runs_and_never_a_living_one(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs", reboot_time=0.0, service_time=0.1) as (_, seflow):
        fleet = seflow.fleet
        ids = []
        for _ in range(4):
            run = fleet.usage(services=["33301"])
            await run
            ids.append(run.id)
        living = fleet.reboot().start()
        await until(lambda: living.progress.in_flight > 0)
        assert await fleet.prune(before=datetime.now(UTC) - timedelta(days=1)) == 0
        assert await fleet.prune(keep=2) == 2
        assert {info.header.run_id for info in await fleet.runs()} == {living.id, *ids[2:]}
        assert await fleet.prune(before=datetime.now(UTC) + timedelta(days=1)) == 2
        assert [info.header.run_id for info in await fleet.runs()] == [living.id]
        assert (await living).ok
        with pytest.raises(RunNotFound):
            await fleet.report(ids[0])


async def test_the_next_client_starts_near_the_limit_that_an_earlier_run_found(tmp_path: Path) -> None:
    peaks, refusals = [], []
    capacity = {"workers": 6, "queue": 0, "service_time": 0.5, "reboot_time": 0.0, "vms_per_service": 60}
    async with small_panel(**capacity) as panel:
        for _ in range(2):
            async with virtual_client(panel, journal=tmp_path / "runs", limit=AdaptiveLimit()) as seflow:
                run = seflow.fleet.reboot().start()
                peak = 0
                while not run.is_over:
                    peak = max(peak, seflow.stats().limit)
                    await asyncio.sleep(0.1)
                assert adds_up(await run)
            peaks.append(peak)
            refusals.append(panel.count(status=429))
            panel.clear_record()
    assert peaks[1] <= 8 < peaks[0]
    assert refusals[1] < refusals[0] / 2


async def test_a_fleet_of_two_accounts_has_one_journal(tmp_path: Path) -> None:
    journal = tmp_path / "runs"
    async with small_panel() as one, small_panel(seed=2, username="b@example.com") as two:
        async with virtual_client(one) as first, virtual_client(two, name="b") as second:
            fleet = Fleet([first, second], journal=journal)
            run = fleet.stop()
            assert (await run).ok
            (info,) = await fleet.runs()
            assert info.header.accounts == ("main", "b")
            assert len((await fleet.report(run.id)).outcomes) == 16
            await first.fleet.stop()
            assert len(await fleet.runs()) == 1
            with pytest.raises(RunRefused, match=run.id):
                await Fleet([first], journal=journal).stop(run_id=run.id)


async def test_a_fleet_of_several_accounts_goes_on_with_all_of_them(tmp_path: Path) -> None:
    journal = tmp_path / "runs"
    async with small_panel() as one, small_panel(seed=2, username="b@example.com") as two:
        async with virtual_client(one, limit=1) as first, virtual_client(two, name="b", limit=1) as second:
            run = Fleet([first, second], journal=journal).stop()
            async for _ in run:
                run.drain()
        async with virtual_client(one) as first, virtual_client(two, name="b") as second:
            with pytest.raises(InvalidArgument, match="'b'"):
                await Fleet([first], journal=journal).resume(run.id)
            report = await Fleet([first, second], journal=journal).resume(run.id)
        assert {outcome.account for outcome in report.outcomes} == {"main", "b"}
        assert report.ok
        assert statuses(report) == {"changed": 16}
        assert set(posts(one).values()) == set(posts(two).values()) == {1}

"""Every kind of run, killed at every stage, and read back: before a resume, after it, after a reconcile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
from support.clients import virtual_client
from support.histories import LISTS, adds_up, killed, panel_and_client, plain, posts, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import Destroy, Report, Resize, Rollout, Run, SeFlow, SettlePolicy, Start, Status, Stop
from aioseflow.cli.exit_code import ExitCode, of_report
from aioseflow.fleet.recovery.stored_report import ending_of_info
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

VM = "/service/@id/vms/@vm"
POLLS = SettlePolicy(first_poll=1.0, longest_poll=1.0, patience=200.0)
SLOW = {"stop_time": 60.0, "start_time": 60.0, "reboot_time": 60.0}
STAGES = ("listing", "queued", "sent", "acted", "accepted", "half")


async def make(kind: str, seflow: SeFlow) -> Run:
    fleet = seflow.fleet
    match kind:
        case "stop":
            return fleet.stop(settle=POLLS)
        case "reboot":
            return fleet.reboot(settle=POLLS)
        case "rolling reboot":
            return fleet.reboot(settle=POLLS, rollout=Rollout(window=100))
        case "resize":
            return fleet.resize(memory=777, settle=POLLS)
        case "sequence":
            return fleet.run([Stop(), Resize(memory=777), Start()], settle=POLLS)
        case "usage":
            return fleet.usage()
        case "wait":
            return fleet.wait(power="stopped", settle=POLLS)
        case _:
            return fleet.run((await fleet.plan(Destroy())).confirm(8))


def fault_of(stage: str, kind: str) -> Fault | None:
    """What keeps a run at its stage."""
    method = {"destroy": "DELETE", "resize": "PUT"}.get(kind, "POST")
    match stage:
        case "listing":
            return Fault("hang", path=LISTS)
        case "half":
            return Fault("hang", path=LISTS, service="33302")
        case "sent" | "acted":
            when: Any = "before" if stage == "sent" else "after"
            reads = kind == "usage"
            return Fault(
                "hang",
                path=f"{VM}/usage/*" if reads else f"{VM}*",
                method="GET" if reads else method,
                when=when,
            )
    return None


@asynccontextmanager
async def left_by(
    kind: str, stage: str, place: JournalPlace
) -> AsyncIterator[tuple[Sandbox, JournalPlace, str]]:
    """The panel, the journal and the id of a run that was killed at a stage."""
    times = {} if stage == "half" else SLOW
    async with panel_and_client(journal=place, limit=20, **times) as (panel, seflow):
        run = await make(kind, seflow)
        if (fault := fault_of(stage, kind)) is not None:
            panel.faults.add(fault)
        if stage == "queued":
            run.pause()
        run.start()
        match stage:
            case "listing":
                await until(lambda: panel.faults.hits(fault) == 2)  # type: ignore[arg-type]
            case "queued":
                await until(lambda: run.progress.queued == 8)
            case "sent" | "acted":
                await until(lambda: run.progress.in_flight == 8)
                await until(lambda: panel.faults.hits(fault) == 8)  # type: ignore[arg-type]
            case "accepted":
                await until(lambda: run.progress.settling == 8)
            case "half":
                await until(lambda: run.progress.done == 4)
        await asyncio.sleep(1)  # until that is durable, too
        left = await killed(run, place)
        panel.faults.clear()
        yield panel, left, run.id


SAME: dict[str, dict[str, int]] = {
    "listing": {},
    "queued": {"not_attempted": 8},
    "sent": {"unknown": 8},
    "acted": {"unknown": 8},
}
"""What any change leaves."""
REBOOT_LOST = {"sent": {"unknown": 8}, "acted": {"unknown": 8}}
TABLE: list[tuple[str, str, dict[str, int], dict[str, int]]] = [
    # kind, stage, before a resume, after it
    *(("stop", stage, before, {"changed": 8}) for stage, before in SAME.items()),
    ("stop", "accepted", {"changed": 8}, {"changed": 8}),
    ("stop", "half", {"changed": 4}, {"changed": 8}),
    *(("reboot", stage, before, REBOOT_LOST.get(stage, {"changed": 8})) for stage, before in SAME.items()),
    ("reboot", "half", {"changed": 4}, {"changed": 8}),
    *(
        ("rolling reboot", stage, before, REBOOT_LOST.get(stage, {"changed": 8}))
        for stage, before in SAME.items()
        if stage != "listing"
    ),
    ("rolling reboot", "accepted", {"changed": 8}, {"changed": 8}),
    *(("resize", stage, before, {"changed": 8}) for stage, before in SAME.items()),
    ("resize", "half", {"changed": 4}, {"changed": 8}),
    *(("sequence", stage, before, {"changed": 8}) for stage, before in SAME.items()),
    ("sequence", "accepted", {"failed": 8}, {"changed": 8}),
    ("sequence", "half", {"changed": 4}, {"changed": 8}),
    ("usage", "listing", {}, {"unchanged": 8}),
    *(("usage", stage, {"not_attempted": 8}, {"unchanged": 8}) for stage in ("queued", "sent")),
    ("usage", "half", {"unchanged": 4}, {"unchanged": 8}),
    ("wait", "accepted", {"not_attempted": 8}, {"failed": 8}),
    ("destroy", "queued", {"not_attempted": 8}, {"changed": 8}),
    ("destroy", "sent", {"unknown": 8}, {"changed": 8}),
    ("destroy", "acted", {"unknown": 8}, {"changed": 8}),
]


def is_whole(report: Report) -> bool:
    """Whether the run left nothing, so that a later reading finds nothing that was interrupted."""
    return not report.undiscovered and not any(outcome.cause == "interrupted" for outcome in report.outcomes)


async def known(seflow: SeFlow, run_id: str) -> Report:
    """The report of the only run, which agrees with the list of runs."""
    report = await seflow.fleet.report(run_id)
    (info,) = await seflow.fleet.runs()
    assert adds_up(report)
    assert info.targets == len(report.targets)
    assert ending_of_info(info, alive=False) == report.ending
    if info.state == "ended":
        assert info.counts == statuses(report)
        assert info.finished_at == report.finished_at
    # However late somebody looks, nothing of it moves.
    await asyncio.sleep(0.01)
    later = await seflow.fleet.report(run_id)
    assert (later.started_at, later.finished_at) == (report.started_at, report.finished_at)
    assert plain(later.outcomes) == plain(report.outcomes)
    assert report.finished_at is not None
    assert all(outcome.finished_at <= report.finished_at for outcome in report.outcomes)
    return report


@pytest.mark.parametrize("place", ["file", "suspending"], indirect=True)
@pytest.mark.parametrize(("kind", "stage", "before", "after"), TABLE)
async def test_a_run_that_was_killed_is_read_back_truthfully(
    place: JournalPlace, kind: str, stage: str, before: dict[str, int], after: dict[str, int]
) -> None:
    async with left_by(kind, stage, place) as (panel, left, run_id):
        sent = posts(panel)
        async with virtual_client(panel, journal=left) as seflow:
            report = await known(seflow, run_id)
            assert statuses(report) == before
            assert (report.ok, report.ending) == (False, "interrupted")
            assert of_report(report) is ExitCode.INTERRUPTED
            assert {each.cause for each in report.undiscovered} == (
                {"interrupted"} if stage in ("listing", "half") else set()
            )
            page = report.summary()
            assert "then interrupted" in page or not report.targets
            assert "its process is gone" in page
            assert "fleet.resume(" in page or before == {"unknown": 8}
            assert ("fleet.reconcile(" in page) is ("unknown" in before)
            assert posts(panel) == sent
            await asyncio.sleep(300)
            await read_back(seflow, panel, run_id, left)
            resumed = await seflow.fleet.resume(run_id)
            assert statuses(resumed) == after
            again = await known(seflow, run_id)
        assert plain(again.outcomes) == plain(attrs.evolve(o, value=None) for o in resumed.outcomes)
        assert (
            (again.ending, again.ok)
            == (resumed.ending, resumed.ok)
            == ("finished", after in ({"changed": 8}, {"unchanged": 8}))
        )
        assert of_report(again) is of_report(resumed)
        assert again.summary() == attrs.evolve(resumed, resumed=0).summary()
        if kind in ("reboot", "rolling reboot"):
            assert panel.repeated("reboot") == {}


async def read_back(seflow: SeFlow, panel: Sandbox, run_id: str, left: JournalPlace) -> None:
    """A reconciliation, in a copy of the journal: nothing is sent, and everything adds up."""
    sent = posts(panel)
    async with virtual_client(panel, journal=left.copy()) as other:
        findings = await other.fleet.reconcile(run_id)
        report = await known(other, run_id)
        assert report.ending == ("finished" if is_whole(report) else "interrupted")
        undecided = [found for found in findings if found.verdict == "cannot_tell"]
        assert report.counts[Status.UNKNOWN] == len(undecided)
        assert {found.verdict for found in findings} <= {"done", "not_done", "cannot_tell"}
    assert posts(panel) == sent

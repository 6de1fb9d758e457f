"""Outcome, report, summary and journal say why a VM could not be read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.coherent import NO_PAGE, SHORT, CoherentPanel, panel_and_client

from aioseflow import DecodeError, Reboot, Resize, Rollout, SeFlowError, Status, Stop

LIST = "GET /service/9/vms"
BROKEN = {"vms": [{"id": "91", "state": "online"}, {"label": "without an id"}]}


def after_the_first(panel: CoherentPanel, said: object) -> None:
    """The list of service 9 is read once, and answers this from then on."""
    asked = iter((None,))
    panel.says[LIST] = lambda: next(asked, said)


async def test_the_error_of_a_list_that_could_not_be_read_back_rides_along(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs") as (panel, seflow):
        after_the_first(panel, BROKEN)
        run = seflow.fleet.stop(settle=SHORT)
        report = await run
        kept = await seflow.fleet.report(run.id)
    for each in (report, kept):
        outcomes = each.causes["not_readable"]
        assert [outcome.vm_id for outcome in outcomes] == ["91", "92", "93"]
        for outcome in outcomes:
            assert outcome.status is Status.UNKNOWN
            assert isinstance(outcome.error, DecodeError)
            assert outcome.error.call == "vms.list"
            assert "$.vms[1].id" in str(outcome.error)
        assert "accepted, but could not be read back" in each.summary()
        assert "$.vms[1].id" in each.summary()


async def test_a_vm_that_is_read_in_the_end_has_no_error() -> None:
    async with panel_and_client() as (panel, seflow):
        asked = iter((None, BROKEN, BROKEN))
        panel.says[LIST] = lambda: next(asked, None)
        report = await seflow.fleet.stop(settle=SHORT)
    assert report.counts[Status.CHANGED] == 6
    assert {outcome.error for outcome in report.outcomes} == {None}


async def test_what_takes_a_vm_down_and_leaves_no_trace_says_why_its_return_was_not_seen() -> None:
    async with panel_and_client() as (panel, seflow):
        after_the_first(panel, NO_PAGE)
        report = await seflow.fleet.run(
            Reboot(), services=["9"], settle=SHORT, rollout=Rollout(batches=[3], same_cause=None)
        )
    assert report.counts[Status.CHANGED] == 3
    for outcome in report.causes["not_readable"]:
        assert outcome.error is not None
        assert outcome.error.status == 404


async def test_a_look_of_its_own_that_fails_says_why() -> None:
    async with panel_and_client() as (panel, seflow):
        for vm in panel.vms["9"].values():
            del vm["memory"]
        panel.says["GET /service/9/vms/91"] = NO_PAGE
        panel.says["PUT /service/9/vms/91"] = {"status": True}
        report = await seflow.fleet.run(Resize(memory=4096), [("9", "91")], settle=SHORT)
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.cause) == (Status.UNKNOWN, "not_readable")
    assert isinstance(outcome.error, SeFlowError)
    assert outcome.error.call == "vms.get"


async def test_a_list_that_worked_again_is_no_reason() -> None:
    async with panel_and_client() as (panel, seflow):
        # Neither the list nor a look of its own says how much memory the VM has.
        del panel.vms["9"]["91"]["memory"]
        panel.says["PUT /service/9/vms/91"] = {"status": True}
        lists = iter((None, BROKEN))
        panel.says[LIST] = lambda: next(lists, None)
        report = await seflow.fleet.run(Resize(memory=4096), [("9", "91")], settle=SHORT)
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.cause, outcome.error) == (Status.UNKNOWN, "not_readable", None)


@pytest.mark.parametrize("kept", [True, False], ids=["journal", "memory"])
async def test_what_is_decided_later_has_no_error_of_a_reading(tmp_path: Path, *, kept: bool) -> None:
    async with panel_and_client(journal=tmp_path / "runs" if kept else None) as (panel, seflow):
        after_the_first(panel, BROKEN)
        run = seflow.fleet.run(Stop(), [("9", "91"), ("9", "92")], settle=SHORT)
        await run
        del panel.says[LIST]
        panel.vms["9"]["92"]["state"] = "online"
        findings = await seflow.fleet.reconcile(run.id, grace=0)
        report = await seflow.fleet.report(run.id)
    assert {finding.vm_id: finding.verdict for finding in findings} == {"91": "done", "92": "not_done"}
    assert {outcome.vm_id: (outcome.status, outcome.error) for outcome in report.outcomes} == {
        "91": (Status.CHANGED, None),
        "92": (Status.FAILED, None),
    }


async def test_a_run_that_is_gone_on_with_reads_back_and_has_no_error_of_the_first_reading(
    tmp_path: Path,
) -> None:
    async with panel_and_client(journal=tmp_path / "runs") as (panel, seflow):
        after_the_first(panel, BROKEN)
        run = seflow.fleet.run(Stop(), [("9", "91")], settle=SHORT)
        await run
        del panel.says[LIST]
        report = await seflow.fleet.resume(run.id)
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.verified) == (Status.CHANGED, True)
    assert not isinstance(outcome.error, DecodeError)

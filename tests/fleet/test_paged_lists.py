"""A list that says to be one page of several: its VMs are acted on, and nobody is taken for gone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from support.coherent import SHORT, CoherentPanel, panel_and_client
from support.journals import copy_of
from support.wire import Play

from aioseflow import (
    Destroy,
    Plan,
    PowerState,
    Reboot,
    Rollout,
    RunRefused,
    SeFlowError,
    StalePlan,
    Status,
    Stop,
    Vm,
)
from aioseflow.fleet.discovery.vm_list import VmList
from aioseflow.fleet.run.availability import AvailabilityCounter

LIST: Final = "GET /service/9/vms"
OF_THREE: Final = {"meta": {"pagination": {"page": 1, "last_page": 3}}}
SAID: Final = "the panel listed only page 1 of 3 (the VMs of service 9): look in the panel for the others"


def paged(panel: CoherentPanel, *shown: str) -> None:
    """The list of service 9 is page 1 of 3 from now on, with these VMs."""
    panel.says[LIST] = lambda: {
        "vms": [row for vm, row in panel.vms["9"].items() if vm in shown],
        **OF_THREE,
    }


async def test_what_is_listed_is_acted_on_and_the_report_is_not_ok(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs") as (panel, seflow):
        paged(panel, "91", "92")
        run = seflow.fleet.stop(settle=SHORT)
        report = await run
        kept = await seflow.fleet.report(run.id)
        assert panel.vms["9"]["93"]["state"] == "online"
    for each in (report, kept):
        assert each.counts[Status.CHANGED] == len(each.targets) == 5
        assert not each.ok
        (lost,) = each.undiscovered
        assert (lost.account, lost.service_id, lost.service_name) == ("main", "9", "web9")
        assert (lost.cause, str(lost.error)) == ("one_page", SAID)
        assert f"service 9 (web9) of main: {SAID}" in each.summary().replace("\n        ", " ")
        with pytest.raises(ExceptionGroup) as caught:
            each.raise_for_failures()
        assert SAID in str(caught.value.exceptions[0])
        assert json.loads(each.to_json())["undiscovered"][0]["cause"] == "one_page"


async def test_a_list_of_services_that_is_one_page_is_the_account_s_matter() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says["GET /service"] = {"services": panel.services[:1], **OF_THREE}
        report = await seflow.fleet.stop(settle=SHORT)
        # What is named and not on this page may exist all the same.
        named = await seflow.fleet.stop(services=["8", "77"], settle=SHORT)
        plan = await seflow.fleet.plan(Stop())
        with pytest.raises(RunRefused, match="strict: 1 could not be listed"):
            await seflow.fleet.stop(strict=True)
    assert report.counts[Status.CHANGED] == 3
    assert named.counts[Status.UNCHANGED] == 3
    for each in (report, named):
        (lost,) = each.undiscovered
        assert (lost.service_id, lost.cause) == (None, "one_page")
        assert "page 1 of 3 (the account's services)" in str(lost.error)
        assert not each.ok
    assert plan.undiscovered[0].startswith("account main: one_page: the panel listed only page 1 of 3")


async def test_an_empty_page_is_no_service_without_vms() -> None:
    async with panel_and_client() as (panel, seflow):
        paged(panel)
        report = await seflow.fleet.stop(settle=SHORT)
    assert report.without_vms == ()
    assert [lost.cause for lost in report.undiscovered] == ["one_page"]


async def test_a_service_that_was_not_selected_is_no_loss() -> None:
    async with panel_and_client() as (panel, seflow):
        paged(panel, "91")
        report = await seflow.fleet.stop(services=["8"], max_targets="90%", settle=SHORT)
    assert report.ok


async def test_a_vm_that_is_named_and_on_another_page_is_not_refused_as_missing() -> None:
    async with panel_and_client() as (panel, seflow):
        paged(panel, "91")
        report = await seflow.fleet.stop([("9", "91"), ("9", "93")], settle=SHORT)
    assert [vm for _, _, vm in report.targets] == ["91"]
    assert [lost.cause for lost in report.undiscovered] == ["one_page"]


async def test_a_read_of_one_s_own_raises_at_its_end() -> None:
    async with panel_and_client() as (panel, seflow):
        paged(panel, "91")
        vms = seflow.fleet.vms(services=["9"])
        _, first = await anext(vms)
        with pytest.raises(SeFlowError, match="page 1 of 3"):
            await anext(vms)
    assert first.id == "91"


# -- what is missing is not gone ------------------------------------------------------------------------


async def test_a_destroyed_vm_is_gone_only_from_a_whole_list() -> None:
    async with panel_and_client() as (panel, seflow):
        plan = (await seflow.fleet.plan(Destroy(), [("9", "91"), ("9", "92")])).confirm(2)
        run = seflow.fleet.run(attrs.evolve(plan, document=with_policy(plan)))
        panel.says["DELETE /service/9/vms/92"] = {"status": True}  # and does not do it

        def page() -> dict[str, Any] | None:
            return None if "91" in panel.vms["9"] else {"vms": [panel.vms["9"]["93"]], **OF_THREE}

        panel.says[LIST] = page
        report = await run
    assert {outcome.vm_id: (outcome.status, outcome.cause) for outcome in report.outcomes} == {
        "91": (Status.UNKNOWN, "not_readable"),
        "92": (Status.UNKNOWN, "not_readable"),
    }
    assert {str(outcome.error) for outcome in report.outcomes} == {SAID}


def with_policy(plan: Plan) -> dict[str, Any]:
    return {**plan.document, "settle": attrs.asdict(SHORT)}


async def test_a_destroyed_vm_is_seen_to_be_gone_once_the_list_is_whole() -> None:
    async with panel_and_client() as (panel, seflow):
        plan = (await seflow.fleet.plan(Destroy(), [("9", "91")])).confirm(1)
        parts = iter([None, *({"vms": [], **OF_THREE} for _ in range(3))])
        panel.says[LIST] = lambda: next(parts, None)
        report = await seflow.fleet.run(attrs.evolve(plan, document=with_policy(plan)))
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.verified, outcome.error) == (Status.CHANGED, True, None)


async def test_a_vm_that_leaves_the_page_while_it_is_read_back_is_unknown_and_not_failed() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says["POST /service/9/vms/91/stop"] = {"status": True}  # and does nothing
        seen = iter([None, None, None])
        panel.says[LIST] = lambda: next(seen, {"vms": [], **OF_THREE})
        report = await seflow.fleet.stop([("9", "91")], settle=SHORT)
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.cause) == (Status.UNKNOWN, "not_readable")
    assert str(outcome.error) == SAID


async def test_a_sighting_that_is_not_confirmed_by_the_next_page_does_not_count() -> None:
    async with panel_and_client() as (panel, seflow):
        # Without a word on locks it takes two sightings in a row.
        for row in panel.vms["9"].values():
            del row["locked"]
        row = {"id": "91", "state": "offline"}
        lists = iter([None, {"vms": [row], **OF_THREE}, {"vms": [], **OF_THREE}, {"vms": [row], **OF_THREE}])
        panel.says["POST /service/9/vms/91/stop"] = {"status": True}
        panel.says[LIST] = lambda: next(lists, {"vms": [], **OF_THREE})
        report = await seflow.fleet.stop([("9", "91")], settle=SHORT)
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.cause) == (Status.UNKNOWN, "not_readable")


async def test_a_reboot_that_waits_for_its_return_is_not_failed_by_another_page() -> None:
    async with panel_and_client() as (panel, seflow):
        first = iter([None])
        panel.says[LIST] = lambda: next(first, {"vms": [], **OF_THREE})
        report = await seflow.fleet.run(
            Reboot(), [("9", "91")], settle=SHORT, rollout=Rollout(batches=[1], same_cause=None)
        )
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.cause) == (Status.CHANGED, "not_readable")


async def test_a_plan_says_what_could_not_be_listed_and_not_that_it_is_gone() -> None:
    async with panel_and_client() as (panel, seflow):
        whole = await seflow.fleet.plan(Stop())
        paged(panel, "91")
        part = await seflow.fleet.plan(Stop())
        with pytest.raises(StalePlan) as stale:
            await seflow.fleet.run(whole)
        assert stale.value.moved == tuple(f"VM {vm} of service 9: could not be listed" for vm in ("92", "93"))
        assert panel.changes == {}
        del panel.says[LIST]
        report = await seflow.fleet.run(attrs.evolve(part, document=with_policy(part)))
    assert part.undiscovered == (f"service 9 (main): one_page: {SAID}",)
    assert "Listed in part; others of their VMs are not included:" in str(part)
    # A plan that did not know everything makes no report that is ok, whatever is listed now.
    assert report.counts[Status.CHANGED] == 4
    (lost,) = report.undiscovered
    assert (lost.cause, lost.service_name, str(lost.error)) == ("one_page", "web9", SAID)


@pytest.mark.parametrize("kept", [True, False], ids=["journal", "memory"])
async def test_reconciling_does_not_take_a_missing_vm_for_a_destroyed_one(
    tmp_path: Path, *, kept: bool
) -> None:
    async with panel_and_client(journal=tmp_path / "runs" if kept else None, retry=None) as (panel, seflow):
        plan = (await seflow.fleet.plan(Destroy(), [("9", "91")])).confirm(1)
        panel.says["DELETE /service/9/vms/91"] = Play(then="reset")
        run = seflow.fleet.run(attrs.evolve(plan, document=with_policy(plan)))
        report = await run
        assert report.counts[Status.UNKNOWN] == 1
        del panel.vms["9"]["91"]
        paged(panel, "92")
        (partial,) = await seflow.fleet.reconcile(run.id, grace=0)
        assert (await seflow.fleet.report(run.id)).counts[Status.UNKNOWN] == 1
        del panel.says[LIST]
        (whole,) = await seflow.fleet.reconcile(run.id, grace=0)
    assert (partial.verdict, partial.why) == (
        "cannot_tell",
        f"its service could not be listed: {SAID}",
    )
    assert (whole.verdict, whole.why) == ("done", "it is gone")


async def test_reconciling_says_why_a_service_could_not_be_listed() -> None:
    async with panel_and_client(retry=None) as (panel, seflow):
        panel.says["POST /service/9/vms/91/reboot"] = Play(then="reset")
        run = seflow.fleet.reboot([("9", "91")])
        await run
        panel.says[LIST] = {"vms": 7}
        (finding,) = await seflow.fleet.reconcile(run.id, grace=0)
    assert finding.verdict == "cannot_tell"
    assert finding.why.startswith("its service could not be listed: the panel's answer cannot be read ")


async def test_a_run_that_goes_on_does_not_take_a_missing_vm_for_a_destroyed_one(tmp_path: Path) -> None:
    journal, left = tmp_path / "runs", tmp_path / "left"
    async with panel_and_client(journal=journal) as (panel, seflow):
        port = panel.port
        plan = (await seflow.fleet.plan(Destroy(), [("9", "91")])).confirm(1)
        run = seflow.fleet.run(attrs.evolve(plan, document=with_policy(plan)))
        deleted = asyncio.Event()

        def gone() -> Play:
            copy_of(journal, left)
            deleted.set()
            return Play(then="hang")

        panel.says["DELETE /service/9/vms/91"] = gone
        run.start()
        await deleted.wait()
        run.cancel()
        await run.wait_closed()
    async with panel_and_client(journal=left, port=port) as (panel, seflow):
        del panel.vms["9"]["91"]
        paged(panel, "92")
        partial = await seflow.fleet.resume(run.run_id)
        assert panel.changes == {}
        del panel.says[LIST]
        whole = await seflow.fleet.resume(run.run_id)
    (outcome,) = partial.outcomes
    assert outcome.status is Status.UNKNOWN
    assert [lost.cause for lost in partial.undiscovered] == ["one_page"]
    (outcome,) = whole.outcomes
    assert (outcome.status, outcome.verified) == (Status.CHANGED, True)


def vm(number: int, state: PowerState) -> Vm:
    return Vm(id=str(number), power=state, power_word=state.value, locked=False)


def listed(*vms: Vm, pages: str | None = None, at: float = 1.0) -> VmList:
    return VmList(list(vms), at, pages)


def test_what_is_down_stays_down_while_only_another_page_is_seen() -> None:
    up, down = PowerState.RUNNING, PowerState.STOPPED
    availability = AvailabilityCounter(allowed=1, stays_down=False)
    availability.note_list("main", "9", listed(vm(1, down), vm(2, down), vm(3, up)))
    assert availability.count == 2
    availability.note_list("main", "9", listed(vm(1, up), vm(3, down), pages="page 2 of 3"))
    assert availability.count == 2
    availability.note_list("main", "9", listed(vm(1, up), pages="page 3 of 3"))
    assert availability.count == 2
    # Gone is what a whole list does not have.
    availability.note_list("main", "9", listed(vm(1, up)))
    assert availability.count == 0


async def test_max_unavailable_counts_what_was_down_on_a_page_that_is_not_shown_any_more() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.vms["9"]["93"]["state"] = "offline"
        first = iter([None])
        panel.says[LIST] = lambda: next(
            first, {"vms": [panel.vms["9"]["91"], panel.vms["9"]["92"]], **OF_THREE}
        )
        report = await seflow.fleet.reboot(
            services=["9"], settle=SHORT, rollout=Rollout(max_unavailable=2, same_cause=None)
        )
        lines = [f"{seen.method} {seen.target.removeprefix('/api')}" for seen in panel.requests]
        first_post, second_post = (place for place, line in enumerate(lines) if line.startswith("POST"))
        # The second begins when the first is seen running: the one that is not shown still counts.
        assert lines[first_post:second_post].count(LIST) >= 2
    assert report.counts[Status.CHANGED] == 2
    assert report.causes.keys() == {"not_running"}

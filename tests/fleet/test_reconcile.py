"""What became of lost answers: decided only by what was read, and only when it is late enough to say so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
from support.clients import virtual_client
from support.histories import LISTS, killed, panel_and_client, posts, statuses, until
from support.journals import JournalPlace
from support.listing import ListingPanel
from support.virtual import VIRTUAL, SocketPairConnector

from aioseflow import (
    Destroy,
    Finding,
    Reboot,
    Report,
    Resize,
    RunIsActive,
    RunNotFound,
    Safety,
    SeFlow,
    Service,
    SettlePolicy,
    Skip,
    Status,
    Stop,
    Vm,
)
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

ACTIONS = "/service/@id/vms/@vm/*"
SHORT = SettlePolicy(first_poll=1.0, longest_poll=1.0, patience=3.0)
LOST = Fault("reset", path=ACTIONS, when="before")


def verdicts(findings: list[Finding]) -> dict[str, str]:
    """By VM id."""
    return {finding.vm_id: finding.verdict for finding in findings}


async def test_a_lost_stop_is_decided_by_what_the_vm_is_read_as(kept: JournalPlace | None) -> None:
    async with panel_and_client(LOST, journal=kept, vms_per_service=2) as (panel, seflow):
        run = seflow.fleet.stop(settle=SHORT)
        assert statuses(await run) == {"unknown": 4}
        panel.faults.clear()
        panel.services["33301"].vms["4001"].power = "stopped"
        panel.services["33301"].vms["4002"].power = "transitional"
        service = panel.services["33302"]
        service.destroy(service.vms["4003"])
        panel.clear_record()

        early = await seflow.fleet.reconcile(run.id)
        assert verdicts(early) == dict.fromkeys(("4001",), "done") | dict.fromkeys(
            ("4002", "4003", "4004"), "cannot_tell"
        )
        late = await seflow.fleet.reconcile(run.id, grace=0)
        assert verdicts(late) == {"4002": "cannot_tell", "4003": "cannot_tell", "4004": "not_done"}
        assert posts(panel) == {}

        by_vm = {finding.vm_id: finding for finding in (*early, *late)}
        assert by_vm["4001"].evidence["power"] == "stopped"
        assert by_vm["4003"].evidence["listed"] is False
        assert by_vm["4004"].evidence["power"] == "running"
        for finding in by_vm.values():
            assert (finding.action, finding.step, finding.account) == ("stop", None, "main")
            assert finding.evidence["sent_at"] <= finding.evidence["read_at"]
            assert finding.vm_id in str(finding)
            assert finding.why in str(finding)
        report = await seflow.fleet.report(run.id)
        found = {outcome.vm_id: (outcome.status, outcome.verified) for outcome in report.outcomes}
        assert found["4001"] == (Status.CHANGED, True)
        assert found["4004"][0] is Status.FAILED
        assert found["4002"][0] is found["4003"][0] is Status.UNKNOWN
        assert {outcome.cause for outcome in report.outcomes if outcome.vm_id == "4004"} == {"not_done"}
        (info,) = await seflow.fleet.runs()
        assert info.counts == {**info.counts, "changed": 1, "failed": 1, "unknown": 2}

        panel.services["33301"].vms["4002"].power = "running"
        again = seflow.fleet.retry(run.id)
        assert {key[2] for key in (await again).targets} == {"4004"}
        assert panel.effect_count("stop") == 1


async def test_a_lost_resize_and_a_lost_destruction_are_decided_too(place: JournalPlace) -> None:
    lost = [Fault("reset", method=method, when="before") for method in ("PUT", "DELETE")]
    async with panel_and_client(*lost, journal=place, vms_per_service=2) as (panel, seflow):
        resized = seflow.fleet.run(Resize(memory=777), services=["33301"], settle=SHORT)
        plan = await seflow.fleet.plan(Destroy(), services=["33302"], settle=SHORT)
        destroyed = seflow.fleet.run(plan.confirm(2))
        assert statuses(await resized) == statuses(await destroyed) == {"unknown": 2}
        panel.faults.clear()
        panel.services["33301"].vms["4001"].memory = 777
        service = panel.services["33302"]
        service.destroy(service.vms["4003"])
        assert verdicts(await seflow.fleet.reconcile(resized.id, grace=0)) == {
            "4001": "done",
            "4002": "not_done",
        }
        findings = await seflow.fleet.reconcile(destroyed.id, grace=0)
        assert verdicts(findings) == {"4003": "done", "4004": "not_done"}
        assert next(each for each in findings if each.vm_id == "4003").evidence["listed"] is False
        assert statuses(await seflow.fleet.report(destroyed.id)) == {"changed": 1, "failed": 1}
        assert posts(panel).keys() & {"/service/33302/vms/4004"}
        assert len(service.vms) == 1


async def test_a_vm_that_cannot_be_listed_is_not_decided(place: JournalPlace) -> None:
    async with panel_and_client(LOST, journal=place, vms_per_service=1) as (panel, seflow):
        run = seflow.fleet.stop(settle=SHORT)
        await run
        panel.faults.clear()
        panel.faults.add(Fault("status", path="/service/@id/vms", service="33301", status=500))
        findings = await seflow.fleet.reconcile(run.id, grace=0)
        assert verdicts(findings) == {"4001": "cannot_tell", "4002": "not_done"}
        assert statuses(await seflow.fleet.report(run.id)) == {"unknown": 1, "failed": 1}


async def test_a_list_that_says_one_thing_and_then_another_decides_nothing(place: JournalPlace) -> None:
    async with panel_and_client(LOST, journal=place, services=1, vms_per_service=1) as (
        panel,
        seflow,
    ):
        run = seflow.fleet.stop(settle=SHORT)
        await run
        panel.faults.clear()
        vm = panel.services["33301"].vms["4001"]
        vm.turn("running", "stopped", 1.0)  # seen running at the first look, and stopped at the second
        assert verdicts(await seflow.fleet.reconcile(run.id, grace=0)) == {"4001": "cannot_tell"}
        assert statuses(await seflow.fleet.report(run.id)) == {"unknown": 1}
        assert verdicts(await seflow.fleet.reconcile(run.id, grace=0)) == {"4001": "done"}


async def test_one_of_two_readings_decides_nothing(kept: JournalPlace | None) -> None:
    async with panel_and_client(LOST, journal=kept, services=1) as (panel, seflow):
        run = seflow.fleet.stop(settle=SHORT)
        assert statuses(await run) == {"unknown": 4}
        panel.faults.clear()
        for vm in panel.services["33301"].vms.values():
            vm.power = "stopped"
        panel.faults.add(Fault("html", path=LISTS, status=403, times=1))
        findings = await seflow.fleet.reconcile(run.id, grace=0)
        assert set(verdicts(findings).values()) == {"cannot_tell"}
        assert all("could not be listed" in finding.why for finding in findings)
        assert set(verdicts(await seflow.fleet.reconcile(run.id, grace=0)).values()) == {"done"}


async def test_a_killed_run_is_reconciled_without_being_gone_on_with(place: JournalPlace) -> None:
    hang = Fault("hang", path="/service/@id/vms/@vm/stop", when="after", times=2)
    async with panel_and_client(hang, journal=place, limit=2) as (panel, seflow):
        run = seflow.fleet.stop(wait=False).start()
        await until(lambda: panel.faults.hits(hang) == 2)
        with pytest.raises(RunIsActive):
            await seflow.fleet.reconcile(run.id)
        left = await killed(run, place)
        await asyncio.sleep(5)
        panel.clear_record()
        async with virtual_client(panel, journal=left) as later:
            before = await later.fleet.report(run.id)
            findings = await later.fleet.reconcile(run.id, grace=0)
            assert posts(panel) == {}
            stopped = {
                vm.id
                for service in panel.services.values()
                for vm in service.vms.values()
                if vm.power == "stopped"
            }
            assert {vm for vm, verdict in verdicts(findings).items() if verdict == "done"} == stopped
            assert len(findings) == before.counts[Status.UNKNOWN]
            report = await later.fleet.report(run.id)
            assert report.counts[Status.UNKNOWN] == 0
            assert report.counts[Status.NOT_ATTEMPTED] == before.counts[Status.NOT_ATTEMPTED]
            resumed = await later.fleet.resume(run.id)
            assert resumed.counts[Status.CHANGED] >= report.counts[Status.NOT_ATTEMPTED] + 2
            with pytest.raises(RunNotFound):
                await later.fleet.reconcile("no such run")


async def test_a_run_killed_before_it_knew_all_its_vms_is_not_made_whole_by_a_reconciliation(
    place: JournalPlace,
) -> None:
    hang = Fault("hang", path="/service/@id/vms", service="33302")
    async with panel_and_client(hang, journal=place) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.report.counts[Status.CHANGED] == 4)
        left = await killed(run, place)
        panel.faults.clear()
        async with virtual_client(panel, journal=left) as later:
            for _ in range(2):
                report = await later.fleet.report(run.id)
                assert statuses(report) == {"changed": 4}
                assert [(lost.account, lost.cause) for lost in report.undiscovered] == [
                    ("main", "interrupted")
                ]
                assert not report.ok
                assert await later.fleet.reconcile(run.id) == []
            report = await later.fleet.resume(run.id)
            assert report.ok
            assert statuses(report) == {"changed": 8}


# -- at most once -------------------------------------------------------------------------------------------


@asynccontextmanager
async def listing(journal: JournalPlace, **vms: dict[str, Any]) -> AsyncIterator[tuple[ListingPanel, SeFlow]]:
    """A panel that loses every answer to a change, and a client of it."""
    panel = ListingPanel(**vms)
    login = {"username": panel.username, "password": panel.password, "base_url": panel.url}
    try:
        async with SocketPairConnector(panel) as connector:
            async with SeFlow(**login, connector=connector, journal=journal()) as seflow:  # type: ignore[arg-type]
                yield panel, seflow
    finally:
        await panel.close()


async def lost_reboot(seflow: SeFlow) -> Report:
    report = await seflow.fleet.reboot()
    assert set(statuses(report)) == {"unknown"}
    return report


RUNNING = {"status": "running"}


@pytest.mark.parametrize(
    ("after", "grace", "verdict", "status"),
    [
        ({}, 0.0, "cannot_tell", Status.UNKNOWN),
        ({"uptime": "3 days"}, 0.0, "cannot_tell", Status.UNKNOWN),
        ({"uptime": 0}, 180.0, "done", Status.CHANGED),
        ({"uptime": 20}, 0.0, "cannot_tell", Status.UNKNOWN),
        ({"uptime": 90_000}, 0.0, "not_done", Status.FAILED),
        ({"uptime": 90_000}, 180.0, "cannot_tell", Status.UNKNOWN),
    ],
    ids=["none", "words", "just booted", "too close", "long before", "within the grace time"],
)
@pytest.mark.parametrize("by", ["reconcile", "resume"])
async def test_a_lost_reboot_is_decided_by_the_uptime_alone(
    by: str, after: dict[str, Any], grace: float, verdict: str, status: Status, place: JournalPlace
) -> None:
    async with listing(place, **{"4": RUNNING}) as (panel, seflow):
        run_id = (await lost_reboot(seflow)).run_id
        panel.vms["4"] = {**RUNNING, **after}
        await asyncio.sleep(5)
        if by == "reconcile":
            (finding,) = await seflow.fleet.reconcile(run_id, grace=grace)
            assert finding.verdict == verdict
            assert finding.evidence["uptime"] == after.get("uptime")
            report = await seflow.fleet.report(run_id)
        else:
            report = await seflow.fleet.resume(run_id)
            # A resume waits out the usual grace time.
            status = Status.UNKNOWN if status is Status.FAILED else status
        (outcome,) = report.outcomes
        assert outcome.status is status
        assert set(panel.changes.values()) == {1}


async def test_an_unknown_reboot_stays_unknown_until_the_operator_says_so(place: JournalPlace) -> None:
    async with listing(place, **{"4": RUNNING, "5": RUNNING}) as (panel, seflow):
        run_id = (await lost_reboot(seflow)).run_id
        for _ in range(3):
            assert set(verdicts(await seflow.fleet.reconcile(run_id, grace=0)).values()) == {"cannot_tell"}
            assert statuses(await seflow.fleet.resume(run_id)) == {"unknown": 2}
        assert set(panel.changes.values()) == {1}
        panel.lose = False
        assert statuses(await seflow.fleet.resume(run_id, repeat_unknown=True)) == {"changed": 2}
        assert set(panel.changes.values()) == {2}


async def test_a_reboot_that_a_reconciliation_saw_done_is_not_sent_again_by_a_resume(
    place: JournalPlace,
) -> None:
    async with listing(place, **{"4": RUNNING}) as (panel, seflow):
        run = seflow.fleet.run([Reboot(), Stop()], settle=SHORT)
        assert statuses(await run) == {"unknown": 1}
        panel.vms["4"] = {**RUNNING, "uptime": 0}
        await asyncio.sleep(5)
        assert verdicts(await seflow.fleet.reconcile(run.id)) == {"4": "done"}
        (outcome,) = (await seflow.fleet.report(run.id)).outcomes
        assert (outcome.status, outcome.step) == (Status.FAILED, "reboot")
        panel.lose = False
        again = seflow.fleet.resume(run.id).start()
        await until(lambda: len(panel.changes) == 2)
        panel.vms["4"] = {"status": "stopped"}
        assert statuses(await again) == {"changed": 1}
        assert panel.changes == {"/service/9/vms/4/reboot": 1, "/service/9/vms/4/stop": 1}


@attrs.frozen
class Assign:
    """Like assigning an address: sent at most once, and readable (the VM then has a note)."""

    settles: bool = True
    takes_down: bool = False
    ends_down: bool = False
    name: str = "assign"
    safety: Safety = Safety.ONCE

    def skip(self, vm: Vm) -> Skip | None:
        return None

    async def perform(self, account: Any, service: Service, vm: Vm) -> Any:
        await account.vms.reboot(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return (vm is not None and vm.memory == 777) if self.settles else None

    async def look(self, account: Any, service: Service, vm: Vm) -> bool | None:
        return None


@pytest.mark.parametrize(
    ("settles", "memory", "verdict"),
    [(True, 777, "done"), (True, 5, "not_done"), (False, 777, "cannot_tell")],
)
async def test_an_action_of_one_s_own_is_decided_by_its_own_reading_and_never_by_an_uptime(
    settles: bool, memory: int, verdict: str, place: JournalPlace
) -> None:
    row = {**RUNNING, "uptime": 90_000, "memory": 1}
    async with listing(place, **{"4": row}) as (panel, seflow):
        action = Assign(settles=settles)
        run = seflow.fleet.run(action, settle=SHORT)
        assert statuses(await run) == {"unknown": 1}
        panel.vms["4"] = {**row, "memory": memory}
        (finding,) = await seflow.fleet.reconcile(run.id, grace=0, action=action)
        assert finding.verdict == verdict
        assert set(panel.changes.values()) == {1}


async def test_a_lost_step_of_a_sequence_is_named_by_the_finding(place: JournalPlace) -> None:
    lost = Fault("reset", method="PUT", when="before")
    async with panel_and_client(lost, journal=place, services=1, vms_per_service=2) as (
        panel,
        seflow,
    ):
        run = seflow.fleet.run([Stop(), Resize(memory=777)], settle=SHORT)
        assert statuses(await run) == {"unknown": 2}
        panel.faults.clear()
        panel.services["33301"].vms["4001"].memory = 777
        findings = await seflow.fleet.reconcile(run.id, grace=0)
        assert verdicts(findings) == {"4001": "done", "4002": "not_done"}
        assert {finding.step for finding in findings} == {"resize"}
        report = await seflow.fleet.report(run.id)
        assert {(o.vm_id, o.status.value, o.step) for o in report.outcomes} == {
            ("4001", "changed", None),
            ("4002", "failed", "resize"),
        }
        assert {key[2] for key in (await seflow.fleet.restore(run)).targets} == {"4001", "4002"}

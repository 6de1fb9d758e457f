"""A run that was broken off goes on: nothing is lost, and nothing is sent twice that must not be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from support.clients import virtual_client
from support.histories import (
    LISTS,
    adds_up,
    killed,
    panel_and_client,
    plain,
    posts,
    powers,
    refuses,
    statuses,
    until,
)
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import (
    ALL,
    InvalidArgument,
    OutcomeUnknown,
    Reboot,
    Resize,
    Rollout,
    Run,
    RunIsActive,
    RunNotFound,
    RunRefused,
    Safety,
    Service,
    SettlePolicy,
    Skip,
    Start,
    Status,
    Stop,
    Vm,
)
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

CHANGED, FAILED, UNKNOWN, NOT_ATTEMPTED = Status.CHANGED, Status.FAILED, Status.UNKNOWN, Status.NOT_ATTEMPTED
REBOOTS, STOPS = "/service/@id/vms/@vm/reboot", "/service/@id/vms/@vm/stop"


async def test_a_killed_reboot_run_goes_on_and_what_may_have_left_is_never_sent_again(
    place: JournalPlace,
) -> None:
    hangs = Fault("hang", path=REBOOTS, when="after", after=2, times=2)
    async with panel_and_client(hangs, journal=place, limit=2) as (panel, seflow):
        run = seflow.fleet.reboot()
        run.start()
        await until(lambda: panel.faults.hits(hangs) == 2)
        left = await killed(run, place)
        sent = set(posts(panel))

        async with virtual_client(panel, journal=left) as later:
            known = await later.fleet.report(run.id)
            open_intents = known.counts[UNKNOWN]
            assert 2 <= open_intents <= 4
            assert known.counts[CHANGED] == 2
            resumed = later.fleet.resume(run.id)
            assert resumed.id == run.id
            yielded = [outcome async for outcome in resumed]
            report = await resumed
            assert {outcome.key for outcome in yielded} == {
                outcome.key for outcome in known.outcomes if outcome.status is not CHANGED
            }
            assert adds_up(report)
            assert statuses(report) == {"changed": 8 - open_intents, "unknown": open_intents}
            assert set(posts(panel).values()) == {1}
            assert sent <= set(posts(panel))
            assert panel.repeated("reboot") == {}
            for outcome in report.outcomes:
                if outcome.status is UNKNOWN:
                    assert isinstance(outcome.error, OutcomeUnknown)
                    assert outcome.error.sent_at is not None

            before = posts(panel)
            again = await later.fleet.resume(run.id)
            assert posts(panel) == before
            assert statuses(again) == statuses(report)

            await asyncio.sleep(2)
            lost = [outcome.key[1:] for outcome in report.outcomes if outcome.status is UNKNOWN]
            repeated = await later.fleet.resume(run.id, repeat_unknown=True)
            assert statuses(repeated) == {"changed": 8}
            assert posts(panel) - before == {f"/service/{s}/vms/{v}/reboot": 1 for s, v in lost}


async def test_a_killed_stop_run_reads_back_first_and_sends_only_what_is_not_done(
    place: JournalPlace,
) -> None:
    acted = Fault("hang", path=STOPS, when="after", times=2)
    never = Fault("hang", path=STOPS, when="before", after=0, times=2)
    async with panel_and_client(acted, never, journal=place) as (panel, seflow):
        run = seflow.fleet.stop(note="tonight", requested_by="ann")
        run.start()
        await until(lambda: panel.faults.hits(acted) + panel.faults.hits(never) == 4)
        left = await killed(run, place)
        panel.faults.clear()
        await asyncio.sleep(2)
        panel.requests.clear()

        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.resume(run.id)
            first_post = next(seen.number for seen in panel.requests if seen.method == "POST")
            lists = panel.matching(method="GET", path=LISTS)
            assert any(seen.number < first_post for seen in lists)
            assert statuses(report) == {"changed": 8}
            assert all(outcome.verified for outcome in report.outcomes)
            assert (report.note, report.requested_by) == ("tonight", "ann")
            assert len(posts(panel)) == 6
            assert panel.repeated("stop") == {}

            panel.clear_record()
            again = later.fleet.resume(run.id)
            assert [outcome async for outcome in again] == []
            assert plain((await again).outcomes) == plain((await later.fleet.report(run.id)).outcomes)
            assert statuses(await again) == {"changed": 8}
            assert panel.requests == []


CHOICES: list[tuple[Any, bool]] = [
    (ALL, False),
    ('power == "running"', False),
    ([("33301", "4001"), ("33302", "4005")], False),
    (lambda service, vm: True, True),
]


@pytest.mark.parametrize(("where", "lost"), CHOICES, ids=["all", "text", "pairs", "predicate"])
async def test_a_run_killed_before_it_knew_all_its_vms_discovers_again(
    where: Any, lost: bool, place: JournalPlace
) -> None:
    hang = Fault("hang", path=LISTS, service="33302")
    wanted = 2 if isinstance(where, list) else 8
    async with panel_and_client(hang, journal=place) as (panel, seflow):
        run = seflow.fleet.stop(where)
        run.start()
        await until(lambda: panel.faults.hits(hang) == 1)
        await asyncio.sleep(5)
        left = await killed(run, place)
        panel.faults.clear()
        async with virtual_client(panel, journal=left) as later:
            assert not (await later.fleet.report(run.id)).ok
            if lost:
                before = len(posts(panel))
                with pytest.raises(InvalidArgument, match="where="):
                    await later.fleet.resume(run.id)
                assert len(posts(panel)) == before
            given = where if lost else None
            report = await later.fleet.resume(run.id, where=given)
            assert report.ok
            assert statuses(report) == {"changed": wanted}
            assert set(posts(panel).values()) == {1}
            panel.clear_record()
            assert (await later.fleet.resume(run.id, where=given)).counts == report.counts
            assert panel.requests == []


async def test_a_sequence_goes_on_at_the_step_at_which_it_was_killed(place: JournalPlace) -> None:
    resizes = Fault("hang", method="PUT", when="before", times=2)
    starts = Fault("hang", path="/service/@id/vms/@vm/start", when="after", times=2)
    async with panel_and_client(resizes, starts, journal=place, limit=6) as (panel, seflow):
        run = seflow.fleet.run([Stop(), Resize(memory=777), Start()])
        run.start()
        await until(lambda: panel.faults.hits(resizes) + panel.faults.hits(starts) == 4)
        left = await killed(run, place)
        panel.faults.clear()
        await asyncio.sleep(2)
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.resume(run.id)
            assert statuses(report) == {"changed": 8}
            assert adds_up(report)
            assert powers(panel) == ["running"] * 8
            memories = {vm.memory for service in panel.services.values() for vm in service.vms.values()}
            assert memories == {777}
            assert {panel.effect_count(action) for action in ("stop", "start")} == {8}
            panel.clear_record()
            assert statuses(await later.fleet.resume(run.id)) == {"changed": 8}
            assert panel.requests == []


@pytest.mark.parametrize("end", [Run.drain, Run.cancel])
async def test_a_run_that_was_drained_or_cancelled_goes_on(
    end: Callable[[Run], None], kept: JournalPlace | None
) -> None:
    async with panel_and_client(journal=kept, limit=2, service_time=0.2) as (panel, seflow):
        run = seflow.fleet.reboot()
        async for _ in run:
            end(run)
        first = await run
        assert adds_up(first)
        assert first.counts[NOT_ATTEMPTED]
        lost = first.counts[UNKNOWN]
        report = await seflow.fleet.resume(run.id)
        assert adds_up(report)
        assert statuses(report) == {"changed": 8 - lost, **({"unknown": lost} if lost else {})}
        assert panel.repeated("reboot") == {}
        assert set(posts(panel).values()) == {1}
        assert run.id == report.run_id
        assert (await seflow.fleet.report(run.id)).counts == report.counts
        assert len(await seflow.fleet.runs()) == 1


async def test_a_run_that_was_stopped_by_its_threshold_goes_on(place: JournalPlace) -> None:
    locked = Fault("error", path=STOPS, codes=("vm_locked",), times=2)
    async with panel_and_client(locked, journal=place, limit=1) as (panel, seflow):
        run = seflow.fleet.stop(rollout=Rollout(max_failures=1, same_cause=None))
        first = await run
        assert first.counts[FAILED] == 2
        assert first.counts[NOT_ATTEMPTED] == 6
        report = await seflow.fleet.resume(run.id)
        assert statuses(report) == {"changed": 6, "failed": 2}
        assert set(posts(panel).values()) == {1}


async def test_a_reboot_that_was_accepted_in_a_sequence_is_not_sent_again_by_a_resume(
    kept: JournalPlace | None,
) -> None:
    async with panel_and_client(journal=kept, reboot_time=100.0) as (panel, seflow):
        run = seflow.fleet.run([Reboot(), Resize(memory=777)], rollout=Rollout(max_failures=3))
        run.start()
        await until(lambda: run.progress.settling >= 1)
        run.cancel()
        assert adds_up(await run)
        await asyncio.sleep(200)
        report = await seflow.fleet.resume(run.id)
        assert adds_up(report)
        assert panel.repeated("reboot") == {}
        rebooted = {key for key, effects in panel.effects.items() if effects["reboot"]}
        done = {outcome.key[1:] for outcome in report.outcomes if outcome.status is CHANGED}
        assert done <= rebooted
        assert len(done) >= 4


@pytest.mark.parametrize("wait", [True, False])
async def test_what_a_sequence_sent_last_is_sent_once_however_often_it_is_resumed(
    kept: JournalPlace | None, *, wait: bool
) -> None:
    async with panel_and_client(journal=kept, reboot_time=100.0) as (panel, seflow):
        rollout = Rollout(max_failures=3)
        run = seflow.fleet.run([Resize(memory=777), Reboot()], rollout=rollout, wait=wait).start()
        await until(lambda: any(effects["reboot"] for effects in panel.effects.values()))
        run.cancel()
        first = await run
        assert "cancelled" in first.causes
        for _ in range(3):
            again = seflow.fleet.resume(run.id).start()
            await asyncio.sleep(1.0)
            again.cancel()
            assert adds_up(await again)
        await asyncio.sleep(200)
        assert statuses(await seflow.fleet.resume(run.id)) == {"changed": 8}
        assert panel.repeated("reboot") == {}


async def test_what_was_accepted_and_could_not_be_read_is_read_and_not_sent_again(
    kept: JournalPlace | None,
) -> None:
    short = SettlePolicy(first_poll=1.0, longest_poll=1.0, patience=5.0)
    async with panel_and_client(journal=kept, stop_time=60.0) as (panel, seflow):
        run = seflow.fleet.stop(settle=short).start()
        await until(lambda: len(posts(panel)) == 8)
        panel.faults.add(Fault("status", path=LISTS, status=500))
        first = await run
        assert {outcome.cause for outcome in first.outcomes} == {"not_readable"}
        assert {outcome.status for outcome in first.outcomes} == {UNKNOWN}
        panel.faults.clear()
        # In no list one is stopped or held yet: a stop whose answer was lost would be sent again.
        for vm in (vm for service in panel.services.values() for vm in service.vms.values()):
            vm.power = "running"
        again = seflow.fleet.resume(run.id).start()
        await asyncio.sleep(3.0)
        for vm in (vm for service in panel.services.values() for vm in service.vms.values()):
            vm.power = "stopped"
        assert statuses(await again) == {"changed": 8}
        assert set(posts(panel).values()) == {1}


async def test_a_resumed_sequence_that_is_stopped_again_says_that_an_earlier_step_changed_the_vm(
    kept: JournalPlace | None,
) -> None:
    async with panel_and_client(journal=kept, services=1) as (panel, seflow):
        panel.faults.add(Fault("throttle", path="/service/@id/vms/@vm/stop"))
        run = seflow.fleet.run([Resize(memory=777), Stop()]).start()
        await until(lambda: panel.count(method="POST") >= 4)
        run.cancel()
        assert statuses(await run) == {"failed": 4}
        panel.faults.clear()
        panel.faults.add(Fault("latency", path=LISTS, seconds=10.0))
        again = seflow.fleet.resume(run.id).start()
        await asyncio.sleep(1.0)
        again.cancel()
        report = await again
        assert adds_up(report)
        assert statuses(report) == {"failed": 4}
        assert {outcome.step for outcome in report.outcomes} == {"stop"}


async def test_a_service_that_could_not_be_listed_is_listed_by_the_resume(place: JournalPlace) -> None:
    broken = Fault("status", path=LISTS, service="33302", status=500)
    async with panel_and_client(broken, journal=place) as (panel, seflow):
        run = seflow.fleet.stop()
        first = await run
        assert statuses(first) == {"changed": 4}
        assert len(first.undiscovered) == 1
        (lost,) = (await seflow.fleet.report(run.id)).undiscovered
        assert (lost.service_id, lost.cause) == ("33302", "server_error")
        panel.faults.clear()
        report = await seflow.fleet.resume(run.id)
        assert report.ok
        assert statuses(report) == {"changed": 8}
        assert set(posts(panel).values()) == {1}


async def test_a_vm_that_is_gone_meanwhile_is_not_attempted(place: JournalPlace) -> None:
    async with panel_and_client(journal=place, limit=1) as (panel, seflow):
        run = seflow.fleet.reboot()
        async for _ in run:
            run.drain()
        service = panel.services["33302"]
        gone = service.vms["4008"]
        service.destroy(gone)
        report = await seflow.fleet.resume(run.id)
        (outcome,) = report.causes["not_found"]
        assert (outcome.vm_id, outcome.status, outcome.attempts) == (gone.id, NOT_ATTEMPTED, 0)
        assert adds_up(report)


async def test_one_run_has_one_runner_which_the_error_names(place: JournalPlace) -> None:
    async with panel_and_client(journal=place, stop_time=5.0) as (panel, seflow):
        run = seflow.fleet.stop()
        run.start()
        await until(lambda: run.progress.settling > 0)
        with pytest.raises(RunIsActive, match="this process"):
            seflow.fleet.resume(run.id)
        async with virtual_client(panel, journal=place) as other:
            with pytest.raises(RunIsActive) as caught:
                await other.fleet.resume(run.id)
            assert caught.value.run_id == run.id
            assert caught.value.pid
            assert caught.value.host
            assert caught.value.since is not None
            assert str(caught.value.pid) in str(caught.value)
            known = await other.fleet.report(run.id)
            assert known.finished_at is None
            with pytest.raises(RunNotFound, match=run.id):
                await refuses(place, lambda: other.fleet.resume(run.id[:-2]))
        assert (await run).ok
        assert set(posts(panel).values()) == {1}


async def test_a_dead_run_goes_on_only_where_no_living_run_is_at_its_vms(place: JournalPlace) -> None:
    hangs = Fault("hang", path=STOPS, when="before", times=4)
    async with panel_and_client(hangs, journal=place, limit=6, service_time=0.3) as (panel, seflow):
        dead = seflow.fleet.stop()
        dead.start()
        await until(lambda: panel.faults.hits(hangs) == 4 and not dead.progress.discovering)
        left = await killed(dead, place)
        await asyncio.sleep(2)
        async with virtual_client(panel, journal=left) as later:
            alive = later.fleet.resize(memory=777)
            alive.start()
            await until(lambda: alive.progress.in_flight > 0)
            alive.pause()
            before = panel.effect_count("stop") + panel.count(method="POST", path=STOPS)
            with pytest.raises(RunRefused, match=alive.id):
                await later.fleet.resume(dead.id)
            assert panel.effect_count("stop") + panel.count(method="POST", path=STOPS) == before
            alive.resume()
            assert (await alive).ok
            assert (await later.fleet.resume(dead.id)).ok
            assert panel.repeated("stop") == {}


@attrs.frozen
class Snapshot:
    """An action of one's own."""

    name: str = "snapshot"
    safety: Safety = Safety.ONCE
    settles: bool = False
    takes_down: bool = False
    ends_down: bool = False

    def skip(self, vm: Vm) -> Skip | None:
        return None

    async def perform(self, account: Any, service: Service, vm: Vm) -> Any:
        await account.vms.reboot(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return None

    async def look(self, account: Any, service: Service, vm: Vm) -> bool | None:
        return None


async def always(service: Service, vm: Vm) -> bool:
    return True


async def test_what_no_file_can_hold_is_asked_for_by_the_resume(place: JournalPlace) -> None:
    async with panel_and_client(journal=place, limit=1) as (panel, seflow):
        own = seflow.fleet.run(Snapshot(), rollout=Rollout(healthy=always, window=1))
        async for _ in own:
            own.drain()
        with pytest.raises(InvalidArgument, match="action="):
            await refuses(place, lambda: seflow.fleet.resume(own.id))
        with pytest.raises(InvalidArgument, match="healthy="):
            await refuses(place, lambda: seflow.fleet.resume(own.id, action=Snapshot()))
        report = await seflow.fleet.resume(own.id, action=Snapshot(), healthy=always)
        assert statuses(report) == {"changed": 8}
        assert panel.repeated("reboot") == {}


async def test_wherever_a_journal_is_cut_off_the_run_can_be_finished_from_it(place: JournalPlace) -> None:
    """Many copies of one run, taken all along it; the panel is by then as the run left it."""

    async def finish(panel: Sandbox, left: JournalPlace, run_id: str) -> None:
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.resume(run_id)
            assert adds_up(report)
            assert report.ok
            assert len(report.targets) == 8

    async with panel_and_client(journal=place, limit=3) as (panel, seflow):
        run: Run = seflow.fleet.stop()
        run.start()
        await until(lambda: bool(panel.requests))
        copies: list[JournalPlace] = []
        while not run.is_over:
            copies.append(place.copy())
            await asyncio.sleep(0.4)
        assert (await run).ok
        panel.requests.clear()
        for left in copies:
            await finish(panel, left, run.id)
        assert posts(panel) == {}
        assert len(copies) > 3

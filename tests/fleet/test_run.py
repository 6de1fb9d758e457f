"""Runs against the sandbox: the panel's own record is the witness."""

from __future__ import annotations

import asyncio
import gc
import random
import re
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support.clients import QUICK_SETTLE

from aioseflow import (
    ALL,
    ApiError,
    AuthenticationError,
    ConfigurationError,
    Fleet,
    InvalidArgument,
    Outcome,
    OutcomeUnknown,
    PowerState,
    Report,
    Run,
    SeFlow,
    SettlePolicy,
    Status,
    UsageGraphs,
)
from aioseflow.sandbox import Fault, Sandbox

CHANGED, UNCHANGED, FAILED = Status.CHANGED, Status.UNCHANGED, Status.FAILED
UNKNOWN, NOT_ATTEMPTED = Status.UNKNOWN, Status.NOT_ATTEMPTED


def stop(seflow: SeFlow, **options: Any) -> Run:
    return seflow.fleet.stop(**{"settle": QUICK_SETTLE, **options})


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop run until something holds; the test's own time-out is the bound."""
    while not holds():  # noqa: ASYNC110 - the panel's state has no event to wait for
        await asyncio.sleep(0)


def adds_up(report: Report) -> bool:
    keys = [outcome.key for outcome in report.outcomes]
    return sum(report.counts.values()) == len(report.targets) and set(keys) == set(report.targets)


def statuses(report: Report) -> dict[str, int]:
    return {str(status): number for status, number in report.counts.items() if number}


async def test_stop_means_that_every_vm_was_read_back_as_stopped(panel: Sandbox, seflow: SeFlow) -> None:
    report = await stop(seflow)
    assert report.ok
    assert adds_up(report)
    assert statuses(report) == {"changed": 24}
    assert list(report.counts) == list(Status)
    assert all(outcome.verified for outcome in report.outcomes)
    assert all(vm.power == "stopped" for service in panel.services.values() for vm in service.vms.values())
    assert panel.effect_count("stop") == 24
    assert panel.repeated("stop") == {}


async def test_what_is_so_already_is_unchanged_and_gets_nothing(panel: Sandbox, seflow: SeFlow) -> None:
    await stop(seflow)
    panel.clear_record()
    report = await stop(seflow)
    assert report.ok
    assert statuses(report) == {"unchanged": 24}
    assert report.causes.keys() == {"already_stopped"}
    assert panel.count(method="POST") == 0


async def test_start_reboot_and_usage_of_a_mixed_fleet(panel: Sandbox, seflow: SeFlow) -> None:
    stopped = {("33301", vm) for vm in list(panel.services["33301"].vms)[:3]}
    for service, vm in stopped:
        panel.services[service].vms[vm].power = "stopped"

    rebooted = await seflow.fleet.reboot()
    assert statuses(rebooted) == {"changed": 21, "not_attempted": 3}
    assert {o.key[1:] for o in rebooted.causes["not_running"]} == stopped
    # Skipped is not failed.
    assert rebooted.ok
    rebooted.raise_for_failures()
    assert not any(outcome.verified for outcome in rebooted.outcomes if outcome.status is CHANGED)
    assert panel.effect_count("reboot") == 21

    started = await seflow.fleet.start(settle=QUICK_SETTLE)
    assert started.ok
    assert statuses(started) == {"changed": 3, "unchanged": 21}
    assert panel.effect_count("start") == 3

    used = await seflow.fleet.usage()
    assert used.ok
    assert statuses(used) == {"unchanged": 24}
    for outcome in used.outcomes:
        assert isinstance(outcome.value, UsageGraphs)
        assert "<" in outcome.value.net.html
        assert outcome.attempts == 3


async def test_without_waiting_an_acceptance_is_changed_and_not_verified(
    panel: Sandbox, seflow: SeFlow
) -> None:
    report = await stop(seflow, wait=False)
    assert statuses(report) == {"changed": 24}
    assert not any(outcome.verified for outcome in report.outcomes)
    assert panel.count(method="GET", path="/service/@id/vms") == 3


async def test_a_reboot_whose_answer_is_lost_is_unknown_and_was_never_sent_again(
    panel: Sandbox, seflow: SeFlow
) -> None:
    for when in ("before", "after"):
        panel.faults.add(Fault("reset", path="/service/@id/vms/@vmid/reboot", when=when, probability=0.3))
    report = await seflow.fleet.reboot()
    assert adds_up(report)
    assert not report.ok
    sent = Counter(seen.path for seen in panel.requests if seen.path.endswith("/reboot"))
    assert set(sent.values()) == {1}
    assert panel.repeated("reboot") == {}
    lost = [outcome for outcome in report.outcomes if outcome.status is UNKNOWN]
    assert 0 < len(lost) < 24
    assert {outcome.cause for outcome in lost} == {"lost_answer"}
    for outcome in lost:
        assert isinstance(outcome.error, OutcomeUnknown)
        assert outcome.attempts == 1
    for outcome in report.outcomes:
        if outcome.status is CHANGED:
            assert panel.effects[outcome.service_id, outcome.vm_id]["reboot"] == 1


async def test_a_stop_whose_every_answer_is_lost_is_read_back(panel: Sandbox, seflow: SeFlow) -> None:
    panel.faults.add(Fault("reset", path="/service/@id/vms/@vmid/stop", when="after"))
    report = await stop(seflow)
    assert report.ok
    assert statuses(report) == {"changed": 24}
    assert all(outcome.verified and outcome.attempts >= 1 for outcome in report.outcomes)
    assert panel.count(method="POST") == sum(outcome.attempts for outcome in report.outcomes)
    assert panel.repeated("stop") == {}


async def test_a_stop_that_never_arrived_and_was_never_answered_is_unknown(
    panel: Sandbox, seflow: SeFlow
) -> None:
    panel.faults.add(Fault("reset", path="/service/@id/vms/@vmid/stop", service="33301", when="before"))
    patience = SettlePolicy(first_poll=0.02, longest_poll=0.02, patience=0.2)
    report = await stop(seflow, settle=patience)
    assert statuses(report) == {"changed": 16, "unknown": 8}
    unknown = [outcome for outcome in report.outcomes if outcome.status is UNKNOWN]
    assert {(outcome.service_id, outcome.cause) for outcome in unknown} == {("33301", "unreachable")}
    assert all(outcome.error is not None and outcome.error.may_have_acted for outcome in unknown)


async def test_without_waiting_a_lost_stop_is_unknown(panel: Sandbox, seflow: SeFlow) -> None:
    panel.faults.add(Fault("reset", path="/service/@id/vms/@vmid/stop", service="33301", when="after"))
    report = await stop(seflow, wait=False, services=["33301"])
    assert statuses(report) == {"unknown": 8}


async def test_what_is_accepted_and_never_done_is_failed(panel: Sandbox, seflow: SeFlow) -> None:
    vm = next(iter(panel.services["33301"].vms.values()))
    vm.ignores_power = True
    patience = SettlePolicy(first_poll=0.02, longest_poll=0.02, patience=0.2)
    report = await stop(seflow, settle=patience)
    assert statuses(report) == {"changed": 23, "failed": 1}
    (outcome,) = report.causes["not_settled"]
    assert (outcome.vm_id, outcome.status, outcome.verified) == (vm.id, FAILED, False)


async def test_what_can_never_be_read_again_is_unknown(panel: Sandbox, seflow: SeFlow) -> None:
    # The list works for the discovery and never after.
    panel.faults.add(Fault("status", path="/service/@id/vms", service="33301", status=400, after=1))
    patience = SettlePolicy(first_poll=0.02, longest_poll=0.02, patience=0.2)
    report = await stop(seflow, settle=patience)
    assert statuses(report) == {"changed": 16, "unknown": 8}
    assert len(report.causes["not_readable"]) == 8


async def test_a_list_that_is_stale_after_the_change_is_not_believed() -> None:
    async with Sandbox(
        services=1, vms_per_service=3, seed=1, stop_time=0.0, faults=[Fault("stale", seconds=0.3)]
    ) as panel:
        async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
            report = await stop(seflow)
    assert statuses(report) == {"changed": 3}
    assert all(outcome.verified for outcome in report.outcomes)


async def test_waiting_polls_each_service_and_not_each_vm() -> None:
    async with Sandbox(services=2, vms_per_service=60, seed=1, stop_time=0.3) as panel:
        async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
            report = await stop(seflow, settle=SettlePolicy(first_poll=0.1, longest_poll=0.1))
        assert statuses(report) == {"changed": 120}
        polls = panel.count(method="GET", path="/service/@id/vms") - 2
        assert polls <= 60
        assert panel.count(method="GET", path="/service/@id/vms/@vmid") == 0


async def test_a_service_that_cannot_be_listed_is_undiscovered_and_never_ok(
    panel: Sandbox, seflow: SeFlow
) -> None:
    panel.faults.add(Fault("status", path="/service/@id/vms", service="33302", status=500))
    report = await stop(seflow)
    assert statuses(report) == {"changed": 16}
    assert not report.ok
    (lost,) = report.undiscovered
    assert (lost.account, lost.service_id, lost.cause) == ("main", "33302", "server_error")
    assert "1 undiscovered" in str(report)
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()
    assert caught.value.exceptions == (lost.error,)


@pytest.mark.parametrize("dialect", ["seflow", "by_id", "list"])
async def test_a_service_without_vm_functions_gives_no_targets_and_is_no_failure(dialect: str) -> None:
    async with Sandbox(
        services=2, vms_per_service=3, services_without_vms=2, seed=1, stop_time=0.0, dialect=dialect
    ) as panel:
        async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
            assert len(await seflow.services.list()) == 4
            report = await stop(seflow)
    assert report.ok
    assert statuses(report) == {"changed": 6}


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("dialect", ["seflow", "by_id", "list"])
async def test_one_client_works_with_every_dialect(dialect: str, *, noise: bool) -> None:
    quick = {"stop_time": 0.0, "start_time": 0.0}
    async with Sandbox(services=2, vms_per_service=5, seed=3, dialect=dialect, noise=noise, **quick) as panel:  # type: ignore[arg-type]
        async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
            assert (await stop(seflow)).ok
            assert (await seflow.fleet.start(settle=QUICK_SETTLE)).ok
            assert (await seflow.fleet.reboot()).ok
            assert (await seflow.fleet.usage()).ok


async def test_a_refused_vm_is_failed_with_the_panel_s_own_word(panel: Sandbox, seflow: SeFlow) -> None:
    panel.faults.add(
        Fault("error", path="/service/@id/vms/@vmid/stop", service="33301", codes=("quota", "x"))
    )
    panel.faults.add(
        Fault("error", path="/service/@id/vms/@vmid/stop", service="33302", codes=("No. Sorry!",))
    )
    report = await stop(seflow)
    assert statuses(report) == {"changed": 8, "failed": 16}
    assert {cause: len(group) for cause, group in report.causes.items()} == {"quota": 8, "refused": 8}
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()
    assert len(caught.value.exceptions) == 16


async def test_a_wrong_password_raises_after_one_request(panel: Sandbox) -> None:
    async with SeFlow(panel.username, "wrong", base_url=panel.url) as seflow:
        run = stop(seflow)
        with pytest.raises(AuthenticationError):
            await run
        with pytest.raises(AuthenticationError):
            await anext(aiter(run))
        assert not run.report.ok
        assert run.report.undiscovered[0].cause == "authentication"
    assert len(panel.requests) == 1


async def test_of_several_accounts_one_that_is_refused_is_undiscovered(
    panel: Sandbox, seflow: SeFlow
) -> None:
    async with SeFlow(panel.username, "wrong", base_url=panel.url, name="other") as refused:
        report = await Fleet([seflow, refused]).stop(settle=QUICK_SETTLE)
    assert statuses(report) == {"changed": 24}
    assert not report.ok
    assert [(lost.account, lost.service_id) for lost in report.undiscovered] == [("other", None)]


async def test_several_accounts_are_one_fleet(panel: Sandbox, seflow: SeFlow) -> None:
    async with Sandbox(services=1, vms_per_service=5, seed=2, stop_time=0.0) as second:
        other = SeFlow(second.username, second.password, base_url=second.url, name="other")
        async with other:
            report = await Fleet([seflow, other]).stop(settle=QUICK_SETTLE)
    assert Counter(outcome.account for outcome in report.outcomes) == {"main": 24, "other": 5}
    assert second.effect_count("stop") == 5
    with pytest.raises(ConfigurationError, match="same name"):
        Fleet([seflow, seflow])
    with pytest.raises(ConfigurationError, match="at least one"):
        Fleet([])


async def test_credentials_that_are_refused_half_way_end_the_rest_without_sending(
    panel: Sandbox, seflow: SeFlow
) -> None:
    panel.faults.add(Fault("wronglogin", path="/service/@id/vms/@vmid/stop", after=5))
    async with SeFlow(panel.username, panel.password, base_url=panel.url, limit=1) as single:
        report = await stop(single, wait=False)
    assert statuses(report) == {"changed": 5, "failed": 1, "not_attempted": 18}
    assert panel.count(method="POST", path="/service/@id/vms/@vmid/stop") == 6
    assert {outcome.attempts for outcome in report.outcomes if outcome.status is NOT_ATTEMPTED} == {0}


@pytest.mark.parametrize("seed", range(8))
async def test_wherever_a_run_is_cancelled_every_vm_has_one_true_outcome(seed: int) -> None:
    chance = random.Random(seed)
    async with Sandbox(
        services=3, vms_per_service=15, seed=seed, stop_time=0.05, service_time=(0.001, 0.01)
    ) as panel:
        async with SeFlow(panel.username, panel.password, base_url=panel.url, limit=6) as seflow:
            run = stop(seflow) if seed % 2 else seflow.fleet.reboot()
            seen: list[Outcome] = []
            enough = chance.randrange(40)

            async def follow() -> None:
                async for outcome in run:
                    seen.append(outcome)
                    if len(seen) == enough:
                        run.cancel()

            run.start()
            if enough == 0:
                run.cancel()
            await follow()
            report = await run
            assert seen == list(report.outcomes)
            assert adds_up(report)
            action = report.action
            for outcome in report.outcomes:
                effects = panel.effects[outcome.service_id, outcome.vm_id][action]
                assert effects <= 1
                if outcome.status is NOT_ATTEMPTED:
                    assert effects == 0
                if outcome.status is CHANGED and not outcome.verified:
                    assert effects == 1
            listed = {key[1] for key in report.targets} | {lost.service_id for lost in report.undiscovered}
            assert set(panel.services) <= listed or None in listed


async def test_a_run_that_was_cancelled_is_never_ok(seflow: SeFlow) -> None:
    run = stop(seflow)
    run.cancel()
    report = await run
    assert not report.ok
    assert report.undiscovered[0].cause == "cancelled"
    run.cancel()


async def test_drain_finishes_what_is_sent_and_starts_nothing_more(panel: Sandbox) -> None:
    async with SeFlow(panel.username, panel.password, base_url=panel.url, limit=2) as seflow:
        run = stop(seflow, wait=False)
        async for _ in run:
            run.drain()
            break
        report = await run
    assert adds_up(report)
    assert set(statuses(report)) == {"changed", "not_attempted"}
    assert {o.cause for o in report.outcomes if o.status is NOT_ATTEMPTED} == {"drained"}
    assert report.counts[CHANGED] == panel.effect_count("stop") < 24


async def test_a_drain_before_the_lists_are_read_says_that_they_were_not(panel: Sandbox) -> None:
    async with SeFlow(panel.username, panel.password, base_url=panel.url, limit=1) as seflow:
        run = seflow.fleet.reboot()
        run.drain()
        report = await run
    assert panel.count(method="POST") == 0
    assert not report.ok
    assert {lost.cause for lost in report.undiscovered} == {"drained"}


async def test_pause_starts_nothing_new_and_resume_goes_on(panel: Sandbox) -> None:
    async with SeFlow(panel.username, panel.password, base_url=panel.url, limit=1) as seflow:
        run = stop(seflow, wait=False)
        async for _ in run:
            run.pause()
            break
        await until(lambda: not run.progress.in_flight)
        sent = panel.count(method="POST")
        assert await seflow.services.list()
        assert panel.count(method="POST") == sent < 24
        assert run.progress.done == sent
        run.resume()
        report = await run
    assert statuses(report) == {"changed": 24}


async def test_progress_adds_up_at_every_moment(seflow: SeFlow) -> None:
    run = stop(seflow)
    assert run.progress.targets == 0
    run.start()
    finished = asyncio.create_task(run.wait_closed())
    seen = []
    while not finished.done():
        progress = run.progress
        assert (
            sum(progress.counts.values()) + progress.in_flight + progress.settling + progress.queued
            == progress.targets
        )
        seen.append(progress)
        await asyncio.sleep(0)
    assert any(progress.in_flight for progress in seen)
    assert any(progress.settling for progress in seen)
    assert seen[0].discovering
    assert not run.progress.discovering
    assert run.progress.done == 24


async def test_every_iterator_gets_every_outcome_and_leaving_one_stops_nothing(seflow: SeFlow) -> None:
    run = stop(seflow)
    async for first in run:
        assert first.action == "stop"
        break
    one, other = [o async for o in run], [o async for o in run]
    report = await run
    assert one == other == list(report.outcomes)
    assert len(one) == 24
    assert (await run).outcomes == report.outcomes


async def test_a_waiter_that_is_cancelled_does_not_take_the_run_with_it(
    panel: Sandbox, seflow: SeFlow
) -> None:
    run = stop(seflow)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await run
    assert (await run).ok
    assert panel.effect_count("stop") == 24


async def test_entering_a_run_waits_for_it_and_a_failing_block_cancels_it(
    panel: Sandbox, seflow: SeFlow
) -> None:
    async with stop(seflow, services=["33301"]) as run:
        pass
    assert run.report.ok

    with pytest.raises(RuntimeError, match="mine"):
        async with stop(seflow) as run:
            raise RuntimeError("mine")
    assert run.report.finished_at is not None
    assert not run.report.ok


async def test_closing_the_client_cancels_its_runs_and_they_keep_their_word(panel: Sandbox) -> None:
    panel.faults.add(Fault("hang", path="/service/@id/vms/@vmid/reboot", when="after"))
    async with SeFlow(panel.username, panel.password, base_url=panel.url, limit=3) as seflow:
        run = seflow.fleet.reboot().start()
        await until(lambda: panel.effect_count("reboot") == 3)
    report = run.report
    assert adds_up(report)
    assert {outcome.cause for outcome in report.outcomes} == {"cancelled"}
    assert report.counts[UNKNOWN] == panel.effect_count("reboot") == 3
    assert (await run) == report


async def test_nothing_is_sent_before_the_start_and_a_run_never_started_warns(
    panel: Sandbox, seflow: SeFlow
) -> None:
    run = stop(seflow)
    assert re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{8}", run.id)
    await seflow.services.list()
    assert len(panel.requests) == 1
    runs = [run]
    del run
    with pytest.warns(RuntimeWarning, match="never started"):
        runs.clear()


async def test_a_refused_selection_makes_no_run_and_no_warning(seflow: SeFlow) -> None:
    with warnings.catch_warnings(record=True) as caught:
        with pytest.raises(InvalidArgument):
            stop(seflow, where=None)
        gc.collect()
    assert caught == []


async def test_a_run_needs_an_open_client(panel: Sandbox) -> None:
    seflow = SeFlow(panel.username, panel.password, base_url=panel.url)
    run = stop(seflow)
    with pytest.raises(ConfigurationError, match="not open"):
        await run
    run.cancel()
    assert panel.requests == []


async def test_a_predicate_that_raises_for_every_vm_selects_none_and_the_report_is_not_ok(
    panel: Sandbox, seflow: SeFlow
) -> None:
    def broken(service: object, vm: object) -> bool:
        raise ZeroDivisionError

    report = await stop(seflow, where=broken)
    assert (report.ok, len(report.outcomes), len(report.undiscovered)) == (False, 0, 3)
    assert panel.count(method="POST") == 0

    report = await stop(seflow, where=broken, services=["33301"])
    assert adds_up(report)
    [lost] = report.undiscovered
    assert isinstance(lost.error.__cause__ if lost.error else None, ZeroDivisionError)


async def test_a_fleet_is_never_a_task_for_each_vm() -> None:
    async with Sandbox(services=4, vms_per_service=500, seed=1, stop_time=0.0) as panel:
        async with SeFlow(panel.username, panel.password, base_url=panel.url, limit=8) as seflow:
            run = stop(seflow, where=lambda service, vm: int(vm.id) % 2)
            most = 0
            async for _ in run:
                most = max(most, sum("aioseflow" in repr(task.get_coro()) for task in asyncio.all_tasks()))
            report = await run
    assert statuses(report) == {"changed": 1000}
    assert most <= 40


async def test_the_fleet_s_vms_are_read_one_by_one(panel: Sandbox, seflow: SeFlow) -> None:
    pairs = [(service.id, vm.id) async for service, vm in seflow.fleet.vms()]
    assert len(set(pairs)) == 24
    running = seflow.fleet.vms(lambda service, vm: vm.power is PowerState.RUNNING, services=["33301"])
    assert len([vm async for _, vm in running]) == 8
    panel.faults.add(Fault("status", path="/service/@id/vms", service="33302", status=400))
    found = []

    async def read() -> None:
        async for _, vm in seflow.fleet.vms():
            found.append(vm)

    with pytest.raises(ApiError, match=r"vms\.list"):
        await read()
    assert len(found) == 16
    panel.faults.add(Fault("status", path="/service/@id/vms", service="33303", status=400))
    with pytest.raises(ExceptionGroup, match="could not be listed"):
        await read()


async def test_the_report_reads_well(seflow: SeFlow) -> None:
    run = stop(seflow, where=ALL)
    assert repr(run).endswith("stop, 0 of 0>")
    report = await run
    assert str(report) == (
        f"stop of 24 VMs ({run.id}): 24 changed, 0 unchanged, 0 failed, 0 unknown, 0 not_attempted"
    )
    assert report.run_id == run.id
    report.raise_for_failures()
    outcome = report.outcomes[0]
    assert (outcome.account, outcome.action, outcome.step) == ("main", "stop", None)
    assert outcome.vm_label == f"vm-{outcome.vm_id}"
    assert outcome.service_name
    assert outcome.started_at.utcoffset() is not None
    assert outcome.started_at <= outcome.finished_at

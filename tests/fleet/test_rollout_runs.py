"""Rollouts against a panel: who is sent what and when, by the panel's own record, on a virtual clock."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from support.clients import QUICK_SETTLE
from support.steering import (
    FIRST,
    SECOND,
    SLOW,
    THIRD,
    causes,
    check_adds_up,
    down,
    peak,
    sent,
    small_world,
    statuses,
    until,
)
from support.virtual import VIRTUAL

from aioseflow import (
    Reboot,
    Rollout,
    SeFlow,
    Service,
    SettlePolicy,
    Start,
    Status,
    Stop,
    Vm,
    http_check,
    tcp_check,
)
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

STUCK = SettlePolicy(patience=30.0)


def batches_of(panel: Sandbox, sizes: list[int]) -> list[list[float]]:
    """When the changes of each batch arrived, by the sizes of the batches."""
    times = iter(change.at for change in sent(panel))
    return [[next(times) for _ in range(size)] for size in sizes]


async def test_a_batch_begins_only_when_the_one_before_is_seen_as_asked() -> None:
    async with small_world((6, 4)) as (panel, seflow):
        rollout = Rollout(canary=1, batches=["20%", "50%", "100%"])
        report = await seflow.fleet.stop(rollout=rollout)
    assert report.ok
    assert statuses(report) == {"changed": 10}
    first, *_ = batches = batches_of(panel, [1, 2, 5, 2])
    assert sent(panel)[0].vm[0] == FIRST  # which has most to do
    assert first
    for before, after in pairwise(batches):
        assert min(after) >= max(before) + SLOW


async def test_a_batch_of_reboots_is_done_when_all_of_it_runs_again() -> None:
    async with small_world((6,)) as (panel, seflow):
        report = await seflow.fleet.reboot(rollout=Rollout(batches=[2]))
    assert statuses(report) == {"changed": 6}
    assert not any(outcome.verified for outcome in report.outcomes)
    batches = batches_of(panel, [2, 2, 2])
    for before, after in pairwise(batches):
        assert min(after) >= max(before) + SLOW


async def test_a_reboot_under_a_rollout_that_never_comes_back_has_failed() -> None:
    async with small_world((4,)) as (panel, seflow):
        stuck = next(iter(panel.services[FIRST].vms.values()))
        stuck.stuck = True
        rollout = Rollout(batches=[1], max_failures=0)
        report = await seflow.fleet.reboot(rollout=rollout, settle=STUCK)
    assert statuses(report) == {"failed": 1, "not_attempted": 3}
    assert causes(report) == {"not_settled": 1, "max_failures": 3}
    assert len(sent(panel)) == 1


@pytest.mark.parametrize("action", [Stop(), Reboot()])
async def test_no_more_than_the_window_are_begun_and_not_yet_seen_done(action: Stop | Reboot) -> None:
    async with small_world((12,)) as (panel, seflow):
        report = await seflow.fleet.run(action, rollout=Rollout(window=3))
    assert statuses(report) == {"changed": 12}
    assert peak((change.at for change in sent(panel)), SLOW) == 3


@pytest.mark.parametrize("rollout", [Rollout(window=3), Rollout(batches=["100%"], window=3)])
async def test_one_stuck_vm_holds_up_only_its_own_place_of_the_window(rollout: Rollout) -> None:
    async with small_world((12,)) as (panel, seflow):
        stuck = next(iter(panel.services[FIRST].vms.values()))
        stuck.stuck = True
        run = seflow.fleet.stop(rollout=rollout).start()
        await until(lambda: run.progress.done == 11)
        assert (run.progress.settling, run.progress.queued) == (1, 0)
        stuck.stuck = False
        assert statuses(await run) == {"changed": 12}


async def test_a_request_that_hangs_holds_up_no_other_vm() -> None:
    async with small_world((6, 6), client={"limit": 4, "retry": None}) as (panel, seflow):
        panel.faults.add(Fault("hang", path="/service/@id/vms/@vmid/stop", times=1, when="after"))
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.done == 11)
        assert run.progress.in_flight == 1
        assert statuses(await run) == {"changed": 12}


async def test_a_service_gets_no_more_requests_at_once_than_per_service() -> None:
    work = 1.0
    async with small_world((9, 5, 2), service_time=work) as (panel, seflow):
        report = await seflow.fleet.stop(rollout=Rollout(per_service=2))
    assert statuses(report) == {"changed": 16}
    for service, most in ((FIRST, 2), (SECOND, 2), (THIRD, 2)):
        assert peak([s.at for s in sent(panel) if s.vm[0] == service], work) == most


async def test_a_step_that_waits_for_its_service_holds_up_no_other_service() -> None:
    async with small_world((2, 2), client={"retry": None}) as (panel, seflow):
        panel.faults.add(
            Fault("hang", path="/service/@id/vms/@vmid/stop", service=FIRST, after=1, when="after"),
            # The other service's steps come up after the one that has to wait.
            Fault("latency", path="/service/@id/vms", method="GET", service=SECOND, seconds=6.0),
        )
        rollout = Rollout(per_service=1)
        run = seflow.fleet.run([Stop(), Start()], rollout=rollout).start()
        await until(lambda: run.progress.counts[Status.CHANGED] == 2)
        assert run.progress.in_flight == 1
        assert {o.service_id for o in run.report.outcomes} == {SECOND}
        assert statuses(await run) == {"changed": 4}


async def test_the_service_with_most_left_comes_first_and_all_end_together() -> None:
    sizes, work = (2, 40, 5, 3), 1.0
    async with small_world(sizes, service_time=work, stop_time=0.0) as (panel, seflow):
        report = await seflow.fleet.stop(rollout=Rollout(per_service=4), wait=False)
        begun = sent(panel)
        makespan = max(change.at for change in begun) + work - min(change.at for change in begun)
    assert report.ok
    # With four at a time the long service needs 10 s, whatever the others do; it never waits for them.
    assert makespan == pytest.approx(40 / 4 * work)


async def test_of_equal_services_each_has_its_turn() -> None:
    async with small_world((4, 4, 4), client={"limit": 1}, service_time=0.5) as (panel, seflow):
        await seflow.fleet.stop(rollout=Rollout(batches=["100%"]), wait=False)
    order = [change.vm[0] for change in sent(panel)]
    assert [len(set(order[place : place + 3])) for place in range(0, 12, 3)] == [3, 3, 3, 3]


async def test_between_batches_it_pauses() -> None:
    async with small_world((6,), stop_time=0.0) as (panel, seflow):
        rollout = Rollout(batches=[2], pause_between=60.0, progress_deadline=30.0)
        run = seflow.fleet.stop(rollout=rollout).start()
        await until(lambda: run.progress.done == 2)
        assert (run.progress.batch, run.progress.batches) == (1, 3)
        report = await run
    assert statuses(report) == {"changed": 6}
    batches = batches_of(panel, [2, 2, 2])
    for before, after in pairwise(batches):
        assert min(after) >= max(before) + 60.0


async def test_after_the_deadline_nothing_new_begins_and_what_was_begun_is_finished() -> None:
    async with small_world((10,), service_time=2.0) as (panel, seflow):
        rollout = Rollout(window=2, deadline=20.0)
        report = await seflow.fleet.stop(rollout=rollout)
    check_adds_up(report)
    assert causes(report) == {"deadline": report.counts[Status.NOT_ATTEMPTED]}
    assert report.counts[Status.CHANGED] == len(sent(panel)) == len(down(panel)) > 0
    assert report.counts[Status.NOT_ATTEMPTED] > 0


async def test_without_progress_nothing_new_begins() -> None:
    async with small_world((10,)) as (panel, seflow):
        for vm in list(panel.services[FIRST].vms.values())[:2]:
            vm.stuck = True
        rollout = Rollout(window=2, progress_deadline=60.0)
        report = await seflow.fleet.stop(rollout=rollout, settle=SettlePolicy(patience=300.0))
    check_adds_up(report)
    assert causes(report) == {"not_settled": 2, "no_progress": 8}
    assert len(sent(panel)) == 2


async def test_a_pause_is_no_lack_of_progress() -> None:
    async with small_world((4,)) as (panel, seflow):
        second = panel.services[FIRST].vms["4002"]
        second.stuck = True
        rollout = Rollout(window=1, progress_deadline=40.0)
        run = seflow.fleet.stop(rollout=rollout, settle=SettlePolicy(longest_poll=2.0)).start()
        await until(lambda: run.progress.done == 1)
        run.pause()
        await asyncio.sleep(26.0)
        run.resume()
        await asyncio.sleep(20.0)  # so that, were the pause counted, there was no progress for 46 s
        second.stuck = False
        report = await run
    assert statuses(report) == {"changed": 4}


# -- health --------------------------------------------------------------------------------------------


class Health:
    """A check by VM; those in ``ill`` are not healthy, for so many seconds from the first question on."""

    def __init__(self, ill: dict[int, float], *, how: str = "false") -> None:
        self.ill = ill
        self.how = how
        self.first: dict[str, float] = {}
        self.well: dict[str, float] = {}

    async def __call__(self, service: Service, vm: Vm) -> bool:
        now = asyncio.get_running_loop().time()
        since = self.first.setdefault(vm.id, now)
        if now - since >= self.ill.get(int(vm.id) - 4001, 0.0):
            self.well.setdefault(vm.id, now)
            return True
        if self.how == "raises":
            raise RuntimeError("the check itself is broken")
        if self.how == "hangs":
            await asyncio.get_running_loop().create_future()
        return False


async def test_a_batch_waits_until_all_of_it_is_healthy() -> None:
    health = Health({0: 30.0, 1: 50.0})
    async with small_world((4,)) as (panel, seflow):
        report = await seflow.fleet.reboot(rollout=Rollout(batches=[2], healthy=health))
    assert statuses(report) == {"changed": 4}
    _, second = batches_of(panel, [2, 2])
    assert min(second) >= max(health.well["4001"], health.well["4002"])


@pytest.mark.parametrize("how", ["false", "raises", "hangs"])
async def test_what_never_becomes_healthy_has_failed_and_stops_the_next_batch(how: str) -> None:
    health = Health({1: 1e9}, how=how)
    async with small_world((4,)) as (panel, seflow):
        rollout = Rollout(batches=[2], max_failures=0, healthy=health)
        report = await seflow.fleet.reboot(rollout=rollout, settle=STUCK)
    assert causes(report) == {"unhealthy": 1, "max_failures": 2}
    assert statuses(report) == {"changed": 1, "failed": 1, "not_attempted": 2}
    assert len(sent(panel)) == 2


async def test_what_was_so_already_is_not_asked_for_its_health() -> None:
    health = Health({0: 1e9})
    async with small_world((3,)) as (panel, seflow):
        panel.services[FIRST].vms["4001"].power = "stopped"
        panel.services[FIRST].vms["4002"].power = "stopped"
        rollout = Rollout(healthy=health)
        report = await seflow.fleet.start(exclude=[(FIRST, "4001")], rollout=rollout)
    assert statuses(report) == {"changed": 1, "unchanged": 1}
    assert set(health.first) == {"4002"}


@pytest.mark.asyncio  # with real sockets: on the usual loop
@pytest.mark.parametrize("kind", ["tcp", "http"])
async def test_the_supplied_checks_hold_a_batch_until_the_port_answers(kind: str) -> None:
    asked: list[str] = []
    ill = {"4001": 2}

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        asked.append(line.split(" ")[1] if line else "")
        vm = asked[-1].removeprefix("/health/")
        ill[vm] = ill.get(vm, 0) - 1
        writer.write(f"HTTP/1.1 {503 if ill[vm] >= 0 else 204} \r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    check = tcp_check(port, address=lambda service, vm: "127.0.0.1")
    if kind == "http":
        check = http_check(f"http://127.0.0.1:{port}/health/{{id}}")
    quick = {"start_time": 0.0, "stop_time": 0.0, "reboot_time": 0.0}
    async with server, Sandbox(services=1, vms_per_service=3, **quick) as panel:  # type: ignore[arg-type]
        async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
            rollout = Rollout(batches=[1], healthy=check, max_failures=0)
            report = await seflow.fleet.reboot(rollout=rollout, settle=QUICK_SETTLE)
    assert statuses(report) == {"changed": 3}
    assert len(asked) == (5 if kind == "http" else 3)
    assert asked == sorted(asked)

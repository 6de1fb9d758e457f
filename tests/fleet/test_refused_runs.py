"""A run that is refused before it began is no run; and what `begun`, `state` and `error` say of it."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from support.clients import virtual_client
from support.histories import LISTS, panel_and_client, posts, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import (
    AuthenticationError,
    InvalidArgument,
    Rollout,
    Run,
    RunNotFound,
    RunRefused,
    SeFlow,
    StalePlan,
    Start,
)
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL


async def working(seflow: SeFlow) -> Run:
    """A run that stops all VMs and is under way."""
    run = seflow.fleet.stop().start()
    await until(lambda: run.progress.settling > 0)
    return run


def names_here(refused: RunRefused, run: Run) -> bool:
    """Whether an error names a run of this process."""
    place = f"run {run.id} (process {os.getpid()} on {socket.gethostname()}) is working on "
    known = (refused.reason, refused.run_id, refused.pid, refused.host)
    return str(refused).startswith(place) and known == (
        "in_another_run",
        run.id,
        os.getpid(),
        socket.gethostname(),
    )


async def test_two_runs_on_the_same_vms_are_refused_in_one_way(kept: JournalPlace | None) -> None:
    async with panel_and_client(journal=kept, stop_time=100.0) as (panel, seflow):
        first = await working(seflow)
        sent = posts(panel)
        async with virtual_client(panel, journal=kept) as other:
            for fleet in (seflow.fleet, other.fleet):
                for ask in (Run.begun, lambda run: run, iterated):
                    second = fleet.start()
                    with pytest.raises(RunRefused) as refused:
                        await ask(second)
                    assert names_here(refused.value, first)
                    assert second.error is refused.value
                    assert (second.state, second.report.ending) == ("refused", "refused")
                    assert set(posts(panel)) == set(sent)
            # Of other VMs, and of none, it is no matter.
            assert (await other.fleet.start(where=lambda service, vm: False)).matched_nothing
        assert statuses(await first) == {"changed": 8}


async def iterated(run: Run) -> None:
    async for outcome in run:
        assert (outcome.cause, outcome.attempts) == ("in_another_run", 0)


async def test_a_run_that_was_listed_faster_refuses_the_one_that_began_before(place: JournalPlace) -> None:
    """The first saw no other run when it began, and its lists take longer than those of the second."""
    slow = Fault("latency", path=LISTS, seconds=20.0, times=2)
    reboots = Fault("latency", path="/service/@id/vms/@vm/reboot", seconds=60.0)
    async with panel_and_client(slow, reboots, journal=place) as (panel, seflow):
        first = seflow.fleet.stop().start()
        await until(lambda: panel.faults.hits(slow) == 2)
        async with virtual_client(panel, journal=place) as other:
            second = other.fleet.reboot().start()
            await second.begun()
            panel.clear_record()
            with pytest.raises(RunRefused) as refused:
                await first.begun()
            assert names_here(refused.value, second)
            assert panel.effect_count("stop") == 0
            await second
            assert [info.header.run_id for info in await other.fleet.runs()] == [second.id]


async def test_a_refused_run_is_in_no_list_and_is_not_resumed(kept: JournalPlace | None) -> None:
    async with panel_and_client(journal=kept, stop_time=100.0) as (_, seflow):
        first = await working(seflow)
        refused = [
            seflow.fleet.start(run_id="contested"),
            seflow.fleet.start(max_targets=3, run_id="too many"),
            seflow.fleet.start(vms=["999"], run_id="nowhere"),
        ]
        for run in refused:
            with pytest.raises(InvalidArgument):
                await run
            assert run.state == "refused"
            assert "resume" not in run.report.summary()
        assert [info.header.run_id for info in await seflow.fleet.runs()] == [first.id]
        for run in refused:
            with pytest.raises(RunNotFound):
                await seflow.fleet.report(run.id)
        await first
        # Under the same id it is begun, not gone on with.
        again = await seflow.fleet.start(run_id="contested")
        assert (statuses(again), again.resumed, again.repeated) == ({"changed": 8}, 0, False)


async def test_a_stale_plan_is_no_run(kept: JournalPlace | None) -> None:
    async with panel_and_client(journal=kept) as (panel, seflow):
        plan = await seflow.fleet.plan(Start())
        panel.services["33301"].vms["4001"].power = "stopped"
        run = seflow.fleet.run(plan)
        with pytest.raises(StalePlan):
            await run.begun()
        assert await seflow.fleet.runs() == []


async def test_a_resume_that_is_refused_leaves_the_run_in_the_list(kept: JournalPlace | None) -> None:
    reboots = Fault("latency", path="/service/@id/vms/@vm/reboot", seconds=60.0)
    async with panel_and_client(reboots, journal=kept, limit=1) as (_, seflow):
        first = seflow.fleet.stop(rollout=Rollout(window=1))
        async for _ in first:
            first.drain()
        report = await first
        assert report.ending == "drained"
        second = seflow.fleet.reboot()
        await second.begun()
        with pytest.raises(RunRefused, match=second.id):
            await seflow.fleet.resume(first.id)
        assert {info.header.run_id for info in await seflow.fleet.runs()} == {first.id, second.id}
        assert (await seflow.fleet.report(first.id)).ending == "drained"
        await second
        assert (await seflow.fleet.resume(first.id)).ok


async def test_begun_returns_before_the_end_and_raises_what_awaiting_would(kept: JournalPlace | None) -> None:
    async with panel_and_client(journal=kept) as (panel, seflow):
        for options in ({}, {"max_targets": 8}):
            run = seflow.fleet.stop(**options) if not options else seflow.fleet.start(**options)  # type: ignore[arg-type]
            assert (run.state, run.error) == ("new", None)
            await run.begun()
            assert (run.state, run.error) == ("running", None)
            assert run.progress.targets > 0
            assert not any(run.report.counts.values())
            assert (await run).ok
            assert run.state == "ended"
            await run.begun()
        empty = seflow.fleet.stop(where=lambda service, vm: False)
        await empty.begun()
        panel.password = "another"
        wrong = virtual_client(panel, journal=kept, password="wrong")
        async with wrong as other:
            run = other.fleet.stop()
            with pytest.raises(AuthenticationError):
                await run.begun()
            assert (run.state, type(run.error)) == ("ended", AuthenticationError)


async def test_a_cancelled_waiter_of_begun_does_not_stop_the_run() -> None:
    slow = Fault("latency", path=LISTS, seconds=5.0)
    async with panel_and_client(slow) as (_, seflow):
        run = seflow.fleet.stop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await run.begun()
        assert run.state == "running"
        assert (await run).ok


async def test_a_run_that_has_acted_leaves_what_another_run_has_taken_and_names_it(
    place: JournalPlace,
) -> None:
    slow = Fault("latency", path=LISTS, service="33302", seconds=20.0, times=1)
    async with panel_and_client(slow, journal=place) as (panel, seflow):
        first = seflow.fleet.stop().start()
        await until(lambda: sum(posts(panel).values()) > 0)
        async with virtual_client(panel, journal=place) as other:
            panel.faults.add(Fault("latency", path="/service/33302/vms/@vm/reboot", seconds=60.0))
            second = other.fleet.reboot(services=["33302"]).start()
            await second.begun()
            report = await first
            assert statuses(report) == {"changed": 4, "not_attempted": 4}
            assert report.causes.keys() == {"in_another_run"}
            assert second.id in report.summary()
            assert (report.ok, report.ending) == (False, "finished")
            await second


async def test_a_run_of_which_another_has_a_part_is_refused_before_it_has_sent_anything(
    place: JournalPlace,
) -> None:
    slow = [
        Fault("latency", path=LISTS, service=service, seconds=seconds, times=1)
        for service, seconds in (("33301", 30.0), ("33302", 20.0))
    ]
    reboots = Fault("latency", path="/service/@id/vms/@vm/reboot", seconds=60.0)
    async with panel_and_client(*slow, reboots, journal=place) as (panel, seflow):
        first = seflow.fleet.stop().start()
        await until(lambda: all(panel.faults.hits(fault) for fault in slow))
        async with virtual_client(panel, journal=place) as other:
            second = other.fleet.reboot(services=["33302"])
            await second.begun()
            with pytest.raises(RunRefused, match=second.id):
                await first
            assert panel.effect_count("stop") == 0
            await second

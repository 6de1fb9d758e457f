"""A panel that goes away during a run, and refusals that end waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest
from support.steering import (
    FIRST,
    SECOND,
    check_adds_up,
    sent,
    small_world,
    statuses,
    until,
)
from support.virtual import VIRTUAL

from aioseflow import (
    AddressNotAllowed,
    AuthenticationError,
    Rollout,
    Run,
    SettlePolicy,
    Status,
)
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

STOP = "/service/@id/vms/@vmid/stop"
LISTS = "/service/@id/vms"
IMPATIENT = SettlePolicy(patience=30.0)


async def test_a_panel_that_dies_half_way_is_waited_for_and_then_ends_the_run() -> None:
    loop = asyncio.get_running_loop()
    async with small_world((30,), client={"retry": None, "limit": 2}) as (panel, seflow):
        run = seflow.fleet.stop(rollout=Rollout(max_failures=3, window=2), settle=IMPATIENT).start()
        await until(lambda: run.progress.done >= 4)
        await panel.stop()
        began = loop.time()
        report = await run
        assert 120 <= loop.time() - began < 180
    check_adds_up(report)
    assert not report.ok
    begun = {change.vm for change in sent(panel)}
    assert {o.key[1:] for o in report.outcomes if o.status in (Status.CHANGED, Status.UNKNOWN)} == begun
    left = [outcome for outcome in report.outcomes if outcome.status is Status.NOT_ATTEMPTED]
    assert {outcome.cause for outcome in left} == {"unreachable"}
    assert len(left) == 30 - len(begun) > 20


@pytest.mark.parametrize("verb", ["stop", "reboot", "usage"])
@pytest.mark.parametrize("away", ["refuses connections", "has a balancer that finds no panel"])
async def test_a_panel_that_is_away_for_a_while_is_waited_for(verb: str, away: str) -> None:
    """Nothing is used up by it: what was not sent is sent later, and what was lost is not sent twice."""
    async with small_world((40, 40), client={"limit": 4}, service_time=0.2) as (panel, seflow):
        fleet = seflow.fleet
        rollout = Rollout(window=4, same_cause=None)
        run = fleet.usage(rollout=rollout) if verb == "usage" else getattr(fleet, verb)(rollout=rollout)
        run.start()
        await until(lambda: run.progress.done >= 6, step=0.01)
        assert run.progress.done < 40
        if away == "refuses connections":
            await panel.stop()
        else:
            panel.faults.add(Fault("html", status=502))
        await asyncio.sleep(90.0)
        assert run.progress.done < 40
        if away == "refuses connections":
            await panel.start()
        else:
            panel.faults.clear()
        report = await run
    check_adds_up(report)
    good = {Status.CHANGED, Status.UNCHANGED}
    assert len([outcome for outcome in report.outcomes if outcome.status in good]) >= 80 - 4 - 5
    if verb != "reboot":
        assert {outcome.status for outcome in report.outcomes} <= good
    else:
        assert {outcome.status for outcome in report.outcomes} <= {*good, Status.UNKNOWN}
        assert max(Counter(change.vm for change in sent(panel)).values()) == 1
        lost = {outcome.key[1:] for outcome in report.outcomes if outcome.status is Status.UNKNOWN}
        assert lost <= {change.vm for change in sent(panel)}


@pytest.mark.parametrize("refusal", ["wronglogin", "ipnotallowed"])
async def test_credentials_that_are_refused_end_reading_back_at_once(refusal: Any) -> None:
    loop = asyncio.get_running_loop()
    async with small_world((24,), client={"limit": 4}) as (panel, seflow):
        run = seflow.fleet.stop(rollout=Rollout(window=4)).start()
        await until(lambda: run.progress.settling == 4, step=0.01)
        panel.faults.add(Fault(refusal))
        panel.clear_record()
        began = loop.time()
        report = await run
        assert loop.time() - began < 10
        assert len(panel.requests) == 1
    check_adds_up(report)
    assert statuses(report) == {"unknown": 4, "not_attempted": 20}
    for outcome in report.causes["not_readable"]:
        assert isinstance(outcome.error, AuthenticationError | AddressNotAllowed)


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        (Fault("status", path=LISTS, service=FIRST, status=403), True),
        (Fault("error", path=LISTS, service=FIRST, codes=("service_suspended",)), False),
    ],
)
async def test_a_service_that_is_refused_gives_its_places_to_others(fault: Fault, *, ends: bool) -> None:
    """Two VMs of the first service fill the window, and can never be read back."""
    loop = asyncio.get_running_loop()
    async with small_world((8, 6), client={"limit": 4}) as (panel, seflow):
        rollout = Rollout(window=2, batches=["100%"], same_cause=None)
        run = seflow.fleet.stop(rollout=rollout).start()
        await until(lambda: bool(sent(panel)))
        panel.faults.add(fault)
        began = loop.time()
        report = await run
        others = [change.at - began for change in sent(panel) if change.vm[0] == SECOND]
        assert len(others) == 6
        assert max(others) < 150  # long before the patience of 180 s ends
        assert (loop.time() - began < 180) is ends
    check_adds_up(report)
    assert {o.status for o in report.outcomes if o.service_id == SECOND} == {Status.CHANGED}
    unread = [o for o in report.outcomes if o.service_id == FIRST and o.cause == "not_readable"]
    assert unread
    assert all(outcome.error is not None for outcome in unread)


def _has_done(run: Run, number: int) -> bool:
    return run.progress.done >= number


async def test_a_run_that_waits_for_a_panel_drains_and_is_cancelled_at_once() -> None:
    for end in ("drain", "cancel"):
        async with small_world((12,), client={"limit": 2}) as (panel, seflow):
            run = seflow.fleet.stop(rollout=Rollout(window=2)).start()
            await until(partial(_has_done, run, 2))
            await panel.stop()
            await asyncio.sleep(60.0)
            began = asyncio.get_running_loop().time()
            getattr(run, end)()
            report = await run
            # Connections are refused at once: nothing waits for a time-out.
            assert asyncio.get_running_loop().time() - began < 200 if end == "drain" else 1
            check_adds_up(report)
            again = [o.cause for o in report.outcomes if o.status is Status.NOT_ATTEMPTED]
            assert set(again) == {"drained" if end == "drain" else "cancelled"}
            await panel.start()
            assert set(statuses(await seflow.fleet.resume(run.id))) == {"changed"}

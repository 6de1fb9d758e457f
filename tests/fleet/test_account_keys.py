"""A journal that several people share: the key of an account identifies it, its name is for people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.clients import virtual_client
from support.histories import LISTS, adds_up, killed, posts, refuses, small_panel, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import Fleet, InvalidArgument, Run, RunRefused, SeFlow, Status
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL


@asynccontextmanager
async def two_panels(**options: Any) -> AsyncIterator[tuple[Sandbox, Sandbox]]:
    """Two accounts of panels that have the same ids."""
    async with small_panel(**options) as one, small_panel(username="b@example.com", **options) as two:
        yield one, two


def names(run: Run) -> set[str]:
    """What its report calls its accounts."""
    report = run.report
    lost = {loss.account for loss in report.undiscovered}
    return {outcome.account for outcome in report.outcomes} | {key[0] for key in report.targets} | lost


async def test_two_accounts_of_one_name_do_not_exclude_each_other(place: JournalPlace) -> None:
    async with two_panels(service_time=0.3) as (one, two):
        async with (
            virtual_client(one, journal=place, limit=1) as first,
            virtual_client(two, journal=place, limit=1) as second,
        ):
            assert first.name == second.name == "main"
            runs = [client.fleet.stop().start() for client in (first, second)]
            reports = await asyncio.gather(*runs)
            assert [statuses(report) for report in reports] == [{"changed": 8}] * 2
            assert len(posts(one)) == len(posts(two)) == 8


async def test_one_account_under_two_names_is_one_account(place: JournalPlace) -> None:
    async with small_panel(service_time=0.3) as panel:
        async with (
            virtual_client(panel, journal=place, limit=1) as first,
            virtual_client(panel, journal=place, limit=1, name="ours") as second,
        ):
            run = first.fleet.reboot().start()
            await until(lambda: run.progress.in_flight > 0 and not run.progress.discovering)
            run.pause()
            with pytest.raises(RunRefused, match=run.id):
                await second.fleet.reboot(services=["33302"])
            run.resume()
            assert (await run).ok
            assert panel.repeated("reboot") == {}
            assert (await second.fleet.reboot(services=["33302"])).ok


async def test_the_limit_that_was_found_is_that_of_the_account_and_not_of_its_name(
    place: JournalPlace,
) -> None:
    async with two_panels() as (one, two):
        async with virtual_client(one, journal=place) as first, virtual_client(two, journal=place) as second:
            assert (await first.fleet.stop()).ok
            again = await first.fleet.plan(first.fleet.stop(services=["33301"]))
            other = await second.fleet.plan(second.fleet.stop(services=["33301"]))
            assert other.seconds is None
            assert again.seconds is not None
        async with virtual_client(one, journal=place, name="ours") as renamed:
            plan = await renamed.fleet.plan(renamed.fleet.stop(services=["33301"]))
            assert plan.seconds is not None


@asynccontextmanager
async def renamed_after_a_kill(
    place: JournalPlace, *faults: Fault
) -> AsyncIterator[tuple[Sandbox, Run, SeFlow, JournalPlace]]:
    """A stop of account ``main`` that was killed with two answers missing; the account is ``ours`` now."""
    hangs = Fault("hang", path="/service/@id/vms/@vm/stop", when="after", after=2, times=2)
    async with small_panel(hangs, *faults) as panel:
        async with virtual_client(panel, journal=place, limit=2) as seflow:
            run = seflow.fleet.stop().start()
            await until(lambda: panel.faults.hits(hangs) == 2)
            left = await killed(run, place)
        panel.faults.clear()
        await asyncio.sleep(5)
        async with virtual_client(panel, journal=left, name="ours") as later:
            yield panel, run, later, left


async def test_a_run_goes_on_under_the_name_that_its_account_has_now(place: JournalPlace) -> None:
    async with renamed_after_a_kill(place) as (panel, run, later, left):
        before = await later.fleet.report(run.id)
        assert {outcome.account for outcome in before.outcomes} == {"ours"}
        again = later.fleet.resume(run.id)
        report = await again
        assert adds_up(report)
        assert statuses(report) == {"changed": 8}
        assert names(again) == {"ours"}
        assert panel.repeated("stop") == {}
        kept = await later.fleet.report(run.id)
        assert (kept.targets, kept.counts) == (report.targets, report.counts)
        # One name in the journal, and the name of each reader in a report.
        async with virtual_client(panel, journal=left) as named_as_before:
            kept = await named_as_before.fleet.report(run.id)
            assert {outcome.account for outcome in kept.outcomes} == {"main"}
            assert adds_up(kept)
            # It is over, and looked up with the present name as well.
            assert statuses(await later.fleet.resume(run.id)) == {"changed": 8}


async def test_what_could_not_be_listed_keeps_its_account(place: JournalPlace) -> None:
    broken = Fault("status", path=LISTS, service="33302", status=500)
    async with small_panel(broken) as panel:
        async with virtual_client(panel, journal=place) as seflow:
            run = seflow.fleet.stop()
            assert len((await run).undiscovered) == 1
        async with virtual_client(panel, journal=place, name="ours") as later:
            again = later.fleet.resume(run.id)
            report = await again
            assert [loss.account for loss in report.undiscovered] == ["ours"]
            assert names(again) == {"ours"}
            panel.faults.clear()
            report = await later.fleet.resume(run.id)
            assert report.ok
            assert statuses(report) == {"changed": 8}
        async with virtual_client(panel, journal=place) as named_as_before:
            kept = await named_as_before.fleet.report(run.id)
            assert {outcome.account for outcome in kept.outcomes} == {"main"}
            assert len(kept.outcomes) == 8


@pytest.mark.parametrize("verb", ["retry", "restore", "reconcile"])
async def test_what_follows_a_run_finds_its_account_under_another_name(
    place: JournalPlace, verb: str
) -> None:
    async with renamed_after_a_kill(place) as (panel, run, later, _):
        if verb == "reconcile":
            findings = await later.fleet.reconcile(run.id, grace=0)
            assert findings
            assert {finding.account for finding in findings} == {"ours"}
            report = await later.fleet.report(run.id)
            assert report.counts[Status.UNKNOWN] == 0
            assert {outcome.account for outcome in report.outcomes} == {"ours"}
            return
        options: dict[str, Any] = {"unknown": True} if verb == "retry" else {}
        child = getattr(later.fleet, verb)(run.id, **options)
        report = await child
        assert names(child) == {"ours"}
        assert report.targets
        assert report.ok
        # A run for some VMs names them with their account: it goes on under another name, too.
        async with virtual_client(panel, journal=later.fleet.journal, name="third") as third:
            again = third.fleet.resume(child.id)
            assert (await again).counts == report.counts
            assert names(again) == {"third"}


async def test_a_child_that_was_killed_before_its_lists_finds_its_vms_under_another_name(
    place: JournalPlace,
) -> None:
    async with small_panel() as panel:
        async with virtual_client(panel, journal=place) as seflow:
            run = seflow.fleet.stop(services=["33301"])
            assert (await run).ok
            hang = Fault("hang", path=LISTS)
            panel.faults.add(hang)
            child = seflow.fleet.restore(run.id).start()
            await until(lambda: panel.faults.hits(hang) > 0)
            left = await killed(child, place)
            panel.faults.clear()
        async with virtual_client(panel, journal=left, name="ours") as later:
            report = await later.fleet.resume(child.id)
            assert statuses(report) == {"changed": 4}
            assert {outcome.account for outcome in report.outcomes} == {"ours"}


async def test_the_same_call_under_one_id_is_one_run_under_every_name(place: JournalPlace) -> None:
    async with two_panels() as (one, two):
        async with virtual_client(one, journal=place) as first:
            assert (await first.fleet.stop(run_id="nightly")).ok
        async with virtual_client(one, journal=place, name="ours") as again:
            one.clear_record()
            assert statuses(await again.fleet.stop(run_id="nightly")) == {"changed": 8}
            assert posts(one) == {}
        # Another account of the same name asks for something else.
        async with virtual_client(two, journal=place) as second:
            with pytest.raises(RunRefused, match="something else"):
                await refuses(place, lambda: second.fleet.stop(run_id="nightly"))
            with pytest.raises(InvalidArgument, match="'main'"):
                await refuses(place, lambda: second.fleet.resume("nightly"))


async def test_two_accounts_that_change_their_names_keep_their_vms(place: JournalPlace) -> None:
    async with two_panels(service_time=0.2) as (one, two):
        async with (
            virtual_client(one, name="a", limit=1) as first,
            virtual_client(two, name="b", limit=1) as second,
        ):
            run = Fleet([first, second], journal=place()).reboot(services=["33301"])
            async for _ in run:
                run.drain()
            assert not (await run).ok
        before = dict(posts(one)), dict(posts(two))
        async with virtual_client(one, name="b") as first, virtual_client(two, name="a") as second:
            fleet = Fleet([second, first], journal=place())
            again = fleet.resume(run.id)
            report = await again
            assert adds_up(report)
            assert statuses(report) == {"changed": 8}
            assert names(again) == {"a", "b"}
            assert set(posts(one).values()) == set(posts(two).values()) == {1}
            assert (dict(posts(one)), dict(posts(two))) != before
            kept = await fleet.report(run.id)
            assert kept.counts == report.counts

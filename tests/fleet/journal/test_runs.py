"""What every store of a journal keeps of runs, whatever place it is in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from support.journals import (
    NOW,
    RUN,
    JournalPlace,
    KnownAccount,
    begin,
    finish,
    header,
    later,
    opened,
    rows,
    store_of,
)
from support.virtual import VIRTUAL

from aioseflow.errors import ApiError, ConfigurationError, InvalidArgument, OutcomeUnknown
from aioseflow.fleet.journal import Journal, JournalError, RunNotFound, StoredTarget
from aioseflow.fleet.model.target import Stage
from aioseflow.fleet.model.undiscovered import Undiscovered, WithoutVms

pytestmark = VIRTUAL


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def target(journal: Journal, number: int = 0, run_id: str = RUN) -> StoredTarget:
    return next(each for each in (await journal.read(run_id)).targets if each.row.number == number)


async def test_each_step_of_a_target_is_read_back_as_it_was_recorded(new_journal: JournalPlace) -> None:
    error = OutcomeUnknown("no answer", sent_at=NOW)
    async with opened(new_journal()) as journal:
        held = await begin(journal)
        (row,) = rows(1)
        assert await held.selected([row]) == []
        expected = StoredTarget(row=row)
        assert await target(journal) == expected

        await held.intend(0, 1, later(1), panel_at=later(60))
        expected = attrs.evolve(
            expected,
            stage=Stage.SENT,
            step=1,
            sent_at=later(1),
            started_at=later(1),
            sent_panel_at=later(60),
        )
        assert await target(journal) == expected

        held.accepted(0, attempts=2, answer_lost=True, error=error)
        seen = await target(journal)
        assert isinstance(seen.error, OutcomeUnknown)
        assert seen.error.sent_at == NOW
        # A lost answer is no acceptance.
        expected = attrs.evolve(expected, stage=Stage.SENT, attempts=2, answer_lost=True, error=seen.error)
        assert seen == expected

        held.requeued(0, step=2, attempts=3, answer_lost=True)
        seen = await target(journal)
        # Why it may have acted is not forgotten.
        assert str(seen.error) == "no answer"
        assert seen == attrs.evolve(expected, stage=Stage.QUEUED, step=2, attempts=3, error=seen.error)

        held.requeued(0, step=2, attempts=3, answer_lost=False, changed_before=True)
        expected = attrs.evolve(
            expected,
            stage=Stage.QUEUED,
            step=2,
            attempts=3,
            answer_lost=False,
            changed_before=True,
            error=None,
        )
        assert await target(journal) == expected

        await held.intend(0, 2, later(3))
        finish(
            held,
            0,
            status="failed",
            cause="locked",
            step_name="start",
            error=ApiError("locked"),
            attempts=4,
        )
        seen = await target(journal)
        assert type(seen.error) is ApiError
        expected = attrs.evolve(
            expected,
            stage=Stage.DONE,
            attempts=4,
            answer_lost=True,
            status="failed",
            verified=True,
            cause="locked",
            step_name="start",
            error=seen.error,
            sent_at=later(3),
            sent_panel_at=None,
            started_at=NOW,
            finished_at=later(2),
            left_at=Stage.SENT,
        )
        assert seen == expected

        held.reopened([0])
        seen = await target(journal)
        assert seen == attrs.evolve(
            expected,
            stage=Stage.SENT,
            left_at=None,
            status=None,
            verified=False,
            cause=None,
            step_name=None,
            error=seen.error,
            finished_at=None,
        )
        await held.give()


async def test_an_unknown_outcome_that_is_opened_again_still_says_that_something_was_sent(
    new_journal: JournalPlace,
) -> None:
    async with opened(new_journal()) as journal:
        held = await begin(journal)
        await held.selected(rows(1))
        finish(held, 0, status="unknown", answer_lost=False)
        held.reopened([0])
        assert (await target(journal)).answer_lost
        await held.give()


async def test_a_run_is_listed_as_far_as_it_has_come(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal:
        made = header("second", parent="first", note="Tuesday", requested_by="ann", created_at=later(5))
        assert await journal.create(header("first"))
        assert await journal.create(made)
        assert not await journal.create(header("second"))
        second, first = await journal.runs()
        assert (first.header, second.header) == (header("first"), made)
        assert (second.state, second.targets, second.counts, second.pid) == ("created", 0, {}, None)

        held = await journal.hold("second")
        held.selected(rows(4))
        finish(held, 0)
        finish(held, 1, status="failed")
        await journal.flush()
        running = await journal.look_up("second")
        assert running is not None
        assert (running.state, running.targets, running.counts) == (
            "running",
            4,
            {"changed": 1, "failed": 1},
        )
        assert running.started_at is not None
        assert not (await journal.read("second")).discovered

        held.discovered()
        finish(held, 2)
        error = ApiError("no such service")
        loss = Undiscovered(
            account="main", service_id="9", service_name="Cloud", cause="refused", error=error
        )
        held.ended(finished_at=later(9), error="KeyboardInterrupt", undiscovered=[loss], ended_by="cancelled")
        stored = await journal.read("second")
        assert stored.discovered
        (lost,) = stored.info.undiscovered
        assert (type(lost.error), str(lost.error)) == (ApiError, "no such service")
        assert stored.info == attrs.evolve(
            running,
            state="ended",
            finished_at=later(9),
            error="KeyboardInterrupt",
            counts={"changed": 2, "failed": 1},
            discovered=True,
            ended_by="cancelled",
            undiscovered=(attrs.evolve(loss, error=lost.error),),
        )
        await held.give()

        # Resumed: it runs again, from where it was, and began when it began.
        held = await journal.hold("second")
        again = await journal.look_up("second")
        assert again is not None
        kept = again.undiscovered
        assert again == attrs.evolve(
            running, counts={"changed": 2, "failed": 1}, undiscovered=kept, discovered=True
        )
        assert [each.service_id for each in kept] == ["9"]
        finish(held, 3)
        held.ended(finished_at=later(20), error=None, undiscovered=[])
        ended = await journal.look_up("second")
        assert ended is not None
        assert (ended.counts, ended.undiscovered) == ({"changed": 3, "failed": 1}, ())
        assert ended.ended_by == ""
        await held.give()
        assert await journal.look_up("third") is None


async def test_what_a_run_found_without_vms_and_its_timeline_are_kept_until_they_are_replaced(
    new_journal: JournalPlace,
) -> None:
    def found(service_id: str, why: str) -> WithoutVms:
        return WithoutVms(account="main", service_id=service_id, service_name="Cloud", why=why)

    async with opened(new_journal()) as journal:
        held = await begin(journal)
        for service_id, why in (("10", "empty_list"), ("9", "empty_list"), ("10", "no_such_route")):
            held.without_vms(found(service_id, why))
        stored = await journal.read(RUN)
        assert stored.without_vms == (found("9", "empty_list"), found("10", "no_such_route"))
        ended: dict[str, Any] = {"finished_at": NOW, "error": None, "undiscovered": []}
        held.ended(**ended, timeline=[[1, 2.5]])
        held.ended(**ended)
        stored = await journal.read(RUN)
        assert len(stored.without_vms) == 2
        assert stored.timeline == [[1, 2.5]]
        held.ended(**ended, without_vms=[found("7", "empty_list")], timeline=[])
        stored = await journal.read(RUN)
        assert stored.without_vms == (found("7", "empty_list"),)
        assert stored.timeline == []
        await held.give()


async def test_reading_soon_is_the_same_as_reading(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal:
        held = await begin(journal)
        held.selected(rows(3))
        finish(held, 1)
        looked_up = await journal.look_up(RUN)
        assert looked_up is not None
        assert (looked_up.targets, looked_up.counts) == (3, {"changed": 1})
        assert await journal.look_up("another") is None
        assert await journal.read(RUN, soon=True) == await journal.read(RUN)
        with pytest.raises(RunNotFound):
            await journal.read("another", soon=True)
        await held.give()


async def test_the_other_runs_that_are_recorded_as_running_live_or_are_dead(
    new_journal: JournalPlace,
) -> None:
    async with opened(new_journal()) as journal:
        held = {run_id: await begin(journal, run_id) for run_id in ("first", "second", "third", "fifth")}
        await journal.create(header("fourth"))
        held["second"].ended(finished_at=NOW, error=None, undiscovered=[])
        for run_id in ("first", "second"):
            await held[run_id].give()
        others = await journal.others("fifth")
        assert others.living == {"third"}
        assert others.dead == {"first"}
        assert await journal.living(["first", "second", "third", "none"]) == {"third"}
        for run_id in ("third", "fifth"):
            await held[run_id].give()


async def test_an_unknown_run_is_named_with_those_that_are_near(new_journal: JournalPlace) -> None:
    journal = new_journal()
    with pytest.raises(RunNotFound, match="has no run 'x'; it has no runs yet"):
        await journal.read("x")
    for run_id in ("2026-03-01-stop-a1b2", "2026-03-02-stop-c3d4", "nightly"):
        await journal.create(header(run_id))
    with pytest.raises(RunNotFound, match="did you mean 2026-03-01-stop-a1b2"):
        await journal.read("2026-03-01-stop-a1b3")
    with pytest.raises(RunNotFound, match="did you mean 2026-03-02-stop-c3d4"):
        await journal.hold("2026-03-02")
    with pytest.raises(RunNotFound, match="the newest is nightly"):
        await journal.hold("zzz")
    assert journal.broken is None


async def test_what_another_run_is_not_done_with_is_not_selected_again(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal:
        first, second = await begin(journal, "first"), await begin(journal, "second")
        await first.selected(rows(5))
        finish(first, 1)
        await first.intend(2, 0, NOW)
        first.accepted(3, attempts=1, answer_lost=True, error=None)
        conflicts = await second.selected(rows(7))
        assert conflicts == [(0, "first"), (2, "first"), (3, "first"), (4, "first")]
        taken = (await journal.read("second")).targets
        assert [each.row.number for each in taken if each.stage == Stage.QUEUED] == [1, 5, 6]
        contested = [each for each in taken if each.stage == Stage.DONE]
        assert [(each.row.number, each.status, each.cause) for each in contested] == [
            (number, "not_attempted", "in_another_run") for number in (0, 2, 3, 4)
        ]
        assert (await target(journal, 4, "second")).row == rows(7)[4]
        elsewhere = await second.open_elsewhere(frozenset())
        assert set(elsewhere.values()) == {"first"}
        assert len(elsewhere) == 4
        # The first is known to be dead: the third takes what it has.
        third = await begin(journal, "third")
        assert await third.selected(rows(3), dead={"first", "second"}) == []
        assert await third.open_elsewhere({"first", "second"}) == {}
        for held in (first, second, third):
            await held.give()


KEYS = [
    ({"main": "key-1"}, {"main": "key-1"}, True),
    ({"main": "key-1"}, {"main": "key-2"}, False),
    ({"main": "key-1"}, {"renamed": "key-1"}, True),
    ({"main": "key-1", "b": "key-2"}, {"main": "key-2", "b": "key-1"}, False),
    ({"main": "key-1", "b": "key-2"}, {"b": "key-1", "main": "key-2"}, True),
    # Runs of journals without keys are distinguished by name.
    ({}, {"main": "key-1"}, True),
    ({"main": "key-1"}, {}, True),
    ({}, {}, True),
]


@pytest.mark.parametrize(("first_keys", "second_keys", "contested"), KEYS)
async def test_two_runs_contest_the_vms_of_one_account_whatever_it_is_called(
    new_journal: JournalPlace, first_keys: dict[str, str], second_keys: dict[str, str], contested: bool
) -> None:
    name = next(iter(second_keys), "main")
    async with opened(new_journal()) as journal:
        first = await begin(
            journal, "first", accounts=tuple(first_keys) or ("main",), account_keys=first_keys
        )
        await first.selected(rows(2))
        second = await begin(
            journal, "second", accounts=tuple(second_keys) or ("main",), account_keys=second_keys
        )
        mine = [attrs.evolve(row, account=name) for row in rows(2)]
        expected = [(0, "first"), (1, "first")] if contested else []
        assert await second.selected(mine) == expected
        elsewhere = await second.open_elsewhere(frozenset())
        keys = {(row.account, row.service_id, row.vm_id): "first" for row in mine}
        assert {key: run for key, run in elsewhere.items() if key in keys} == (keys if contested else {})
        await first.give()
        await second.give()


async def test_an_account_that_was_renamed_has_one_name_in_the_journal(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal:
        first = await begin(journal, account_keys={"main": "key-1"})
        await first.selected(rows(2))
        await first.give()
        names = {"renamed": "main"}
        held = await journal.hold(RUN, account_keys={"renamed": "key-1"}, stored_names=names)
        await held.selected([attrs.evolve(row, account="renamed") for row in rows(1, first=2)])
        held.without_vms(
            WithoutVms(account="renamed", service_id="7", service_name="Cloud", why="empty_list")
        )
        held.lost([Undiscovered(account="renamed", cause="refused")])
        stored = await journal.read(RUN)
        assert {each.row.account for each in stored.targets} == {"main"}
        assert [each.account for each in stored.without_vms] == ["main"]
        assert [each.account for each in stored.info.undiscovered] == ["main"]
        assert stored.info.header.account_keys == {"main": "key-1"}
        other = await begin(journal, "other", accounts=("x",), account_keys={"x": "key-1"})
        await other.selected([attrs.evolve(row, account="x") for row in rows(1, first=9)])
        assert await held.open_elsewhere(frozenset()) == {("renamed", "0", "9"): "other"}
        loss = Undiscovered(account="renamed", cause="refused")
        found = WithoutVms(account="renamed", service_id="8", service_name="Cloud", why="empty_list")
        held.ended(finished_at=NOW, error=None, undiscovered=[loss], without_vms=[found])
        stored = await journal.read(RUN)
        assert [each.account for each in stored.without_vms] == ["main"]
        assert [each.account for each in stored.info.undiscovered] == ["main"]
        await held.give()
        await other.give()


async def test_keys_are_recorded_once_for_a_run_that_has_none(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal:
        await (await begin(journal)).give()
        for keys in ({}, {"main": "key-1"}, {"main": "key-2"}):
            held = await journal.hold(RUN, account_keys=keys)
            await held.give()
        info = await journal.look_up(RUN)
        assert info is not None
        assert info.header.account_keys == {"main": "key-1"}
        # By the names that the journal has.
        await (await begin(journal, "another")).give()
        held = await journal.hold(
            "another", account_keys={"renamed": "key-1"}, stored_names={"renamed": "main"}
        )
        await held.give()
        info = await journal.look_up("another")
        assert info is not None
        assert info.header.account_keys == {"main": "key-1"}


@pytest.mark.parametrize("ended", [True, False])
async def test_runs_that_have_ended_or_not_begun_keep_nothing_from_others(
    new_journal: JournalPlace, ended: bool
) -> None:
    async with opened(new_journal()) as journal:
        if ended:
            first = await begin(journal, "first")
            await first.selected(rows(3))
            first.ended(finished_at=NOW, error=None, undiscovered=[])
            await first.give()
        else:
            await journal.create(header("first"))
        second = await begin(journal, "second")
        assert await second.selected(rows(3)) == []
        await second.give()


async def test_what_was_learned_is_remembered_by_account(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal:
        mine, theirs = KnownAccount("main", "key-1"), KnownAccount("main", "key-2")
        journal.learn(mine, "limit", 24)
        journal.learn(mine, "settle.stop", 8.25)
        journal.learn(theirs, "limit", 3)
        journal.learn(mine, "limit", 32)
        with pytest.raises(InvalidArgument, match="is not a number"):
            journal.learn(mine, "limit", float("nan"))
    # The name is for people: the key decides.
    for name in ("main", "renamed"):
        known = await new_journal().learned(KnownAccount(name, "key-1"))
        assert known == {"limit": 32.0, "settle.stop": 8.25}
    assert await new_journal().learned(theirs) == {"limit": 3.0}
    assert await new_journal().learned(KnownAccount("main", "key-3")) == {}


async def test_what_was_learned_by_name_counts_until_there_is_a_number_by_key(
    new_journal: JournalPlace,
) -> None:
    async with opened(new_journal()) as journal:
        # As journals without account keys kept it.
        journal.learn(KnownAccount("", "main"), "limit", 7)
        journal.learn(KnownAccount("", "main"), "settle.stop", 2)
        account = KnownAccount("main", "key-1")
        assert await journal.learned(account) == {"limit": 7.0, "settle.stop": 2.0}
        journal.learn(account, "limit", 9)
        assert await journal.learned(account) == {"limit": 9.0, "settle.stop": 2.0}
        assert await journal.learned(KnownAccount("other", "key-2")) == {}


async def test_a_group_of_changes_is_made_whole_or_not_at_all(new_journal: JournalPlace) -> None:
    journal = new_journal()
    await journal.acquire()
    held = await begin(journal)
    await held.selected(rows(2))
    finish(held, 0)
    held.discovered()
    # There is no such target, so that nothing of the group is made.
    finish(held, 7)
    with pytest.raises(JournalError, match="does not have a target"):
        await journal.flush()
    await held.give()
    await journal.release()
    stored = await new_journal().read(RUN)
    assert not stored.discovered
    assert [each.stage for each in stored.targets] == [Stage.QUEUED, Stage.QUEUED]


# -- old runs -----------------------------------------------------------------------------------------------


async def fill(journal: Journal) -> None:
    """Runs 0 to 4, ended a second after one another, 5 running, 6 not begun."""
    for number in range(7):
        run_id = str(number)
        await journal.create(header(run_id, created_at=later(number)))
        if number < 6:
            held = await journal.hold(run_id)
            await held.selected(rows(2), dead=set(map(str, range(7))))
            if number < 5:
                loss = Undiscovered(account="main", cause="refused")
                held.ended(finished_at=later(number), error=None, undiscovered=[loss])
            await held.give()


CHOICES: list[tuple[dict[str, Any], str]] = [
    ({"keep": 2}, "3456"),
    ({"keep": 0}, "56"),
    ({"keep": 9}, "0123456"),
    ({"before": later(3)}, "3456"),
    ({"before": later(3), "keep": 4}, "123456"),
    ({"before": later(1), "keep": 0}, "123456"),
]


@pytest.mark.parametrize(("arguments", "left"), CHOICES)
async def test_old_runs_are_deleted(new_journal: JournalPlace, arguments: dict[str, Any], left: str) -> None:
    async with opened(new_journal()) as journal:
        await fill(journal)
        assert await journal.prune(**arguments) == 7 - len(left)
        assert "".join(sorted(run.header.run_id for run in await journal.runs())) == left
        assert await journal.prune(**arguments) == 0


async def test_a_run_is_deleted_with_all_that_belongs_to_it(path: Path) -> None:
    async with opened(path) as journal:
        await fill(journal)
        assert await journal.prune(keep=2) == 3
        connection = store_of(journal)._connection
        assert connection is not None
        targets = connection.execute("SELECT count(DISTINCT run) FROM targets").fetchone()
        losses = connection.execute("SELECT count(*) FROM losses").fetchone()
        assert targets == (3,)
        assert losses == (2,)
        # None for the run that did not begin, one for the making of the file.
        assert len(names(path.with_name("runs.sqlite.locks"))) == 4


async def test_a_run_that_is_held_is_not_deleted(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal, opened(new_journal()) as other:
        await fill(journal)
        held = await journal.hold("3")
        assert await other.prune(keep=0) == 4
        # Its report is being written: it has ended, and is not free yet.
        held.ended(finished_at=NOW, error=None, undiscovered=[])
        await journal.flush()
        assert await other.prune(keep=0) == 0
        assert {run.header.run_id for run in await other.runs()} == {"3", "5", "6"}
        await held.give()
        assert await other.prune(keep=0) == 1


async def test_a_deleted_id_is_free_and_its_number_is_not_used_again(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal, opened(new_journal()) as other:
        held = await begin(journal)
        await held.selected(rows(1))
        held.ended(finished_at=NOW, error=None, undiscovered=[])
        await journal.flush()
        await held.give()
        assert await other.prune(keep=0) == 1
        again = await begin(other)
        await again.selected(rows(1))
        # It still knows the number of the run that was: that must not get into the new one.
        finish(held, 0)
        with pytest.raises(JournalError, match="does not have a"):
            await journal.flush()
        assert (await target(other)).stage == Stage.QUEUED
        await again.give()


@pytest.mark.parametrize(
    "arguments", [{}, {"keep": -1}, {"keep": True}, {"before": NOW.replace(tzinfo=None)}]
)
async def test_which_runs_to_delete_has_to_be_said(
    new_journal: JournalPlace, arguments: dict[str, Any], path: Path
) -> None:
    with pytest.raises(InvalidArgument):
        await new_journal().prune(**arguments)
    assert not names(path.parent)


async def test_a_journal_that_is_not_open_takes_nothing(new_journal: JournalPlace) -> None:
    journal = new_journal()
    held = await begin(journal)
    with pytest.raises(ConfigurationError, match=r"is not open; acquire\(\) it"):
        finish(held, 0)
    with pytest.raises(ConfigurationError, match="is not open"):
        journal.learn(KnownAccount("main", "key-1"), "limit", 1)
    with pytest.raises(ConfigurationError, match="is not open"):
        await journal.flush()
    with pytest.raises(ConfigurationError, match="released more often"):
        await journal.release()
    await held.give()

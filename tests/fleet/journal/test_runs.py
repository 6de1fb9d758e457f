from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from support.journals import NOW, RUN, begin, finish, header, later, opened, rows
from support.virtual import VIRTUAL

from aioseflow.errors import ApiError, ConfigurationError, InvalidArgument, OutcomeUnknown
from aioseflow.fleet.journal import Journal, JournalError, RunNotFound, StoredTarget
from aioseflow.fleet.model.target import Stage
from aioseflow.fleet.model.undiscovered import Undiscovered

pytestmark = VIRTUAL


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def target(journal: Journal, number: int = 0, run_id: str = RUN) -> StoredTarget:
    return next(each for each in (await journal.read(run_id)).targets if each.row.number == number)


async def test_each_step_of_a_target_is_read_back_as_it_was_told(path: Path) -> None:
    error = OutcomeUnknown("no answer", sent_at=NOW)
    with opened(path) as journal:
        begin(journal)
        (row,) = rows(1)
        assert await journal.selected(RUN, [row]) == []
        expected = StoredTarget(row=row)
        assert await target(journal) == expected

        await journal.intend(RUN, 0, 1, later(1))
        expected = attrs.evolve(expected, stage=Stage.SENT, step=1, sent_at=later(1), started_at=later(1))
        assert await target(journal) == expected

        journal.accepted(RUN, 0, attempts=2, answer_lost=True, error=error)
        seen = await target(journal)
        assert isinstance(seen.error, OutcomeUnknown)
        assert seen.error.sent_at == NOW
        # A lost answer is no acceptance.
        expected = attrs.evolve(expected, stage=Stage.SENT, attempts=2, answer_lost=True, error=seen.error)
        assert seen == expected

        journal.requeued(RUN, 0, step=2, attempts=3, answer_lost=True)
        seen = await target(journal)
        # Why it may have acted is not forgotten.
        assert str(seen.error) == "no answer"
        assert seen == attrs.evolve(expected, stage=Stage.QUEUED, step=2, attempts=3, error=seen.error)

        journal.requeued(RUN, 0, step=2, attempts=3, answer_lost=False)
        expected = attrs.evolve(
            expected, stage=Stage.QUEUED, step=2, attempts=3, answer_lost=False, error=None
        )
        assert await target(journal) == expected

        await journal.intend(RUN, 0, 2, later(3))
        finish(
            journal,
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
            started_at=NOW,
            finished_at=later(2),
            left_at=Stage.SENT,
        )
        assert seen == expected

        journal.reopened(RUN, [0])
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
        journal.unhold(RUN)


async def test_a_run_is_listed_as_far_as_it_has_come(path: Path) -> None:
    with opened(path) as journal:
        made = header("second", parent="first", note="Tuesday", requested_by="ann", created_at=later(5))
        assert journal.create(header("first"))
        assert journal.create(made)
        assert not journal.create(header("second"))
        second, first = await journal.runs()
        assert (first.header, second.header) == (header("first"), made)
        assert (second.state, second.targets, second.counts, second.pid) == ("created", 0, {}, None)

        journal.hold("second")
        journal.selected("second", rows(4))
        finish(journal, 0, "second")
        finish(journal, 1, "second", status="failed")
        running = await journal.find("second")
        assert running is not None
        assert (running.state, running.targets, running.counts) == (
            "running",
            4,
            {"changed": 1, "failed": 1},
        )
        assert running.started_at is not None
        assert not (await journal.read("second")).discovered

        journal.discovered("second")
        finish(journal, 2, "second")
        loss = Undiscovered(account="main", service_id="9", service_name="Cloud", cause="refused")
        journal.ended("second", finished_at=later(9), error="KeyboardInterrupt", undiscovered=[loss])
        stored = await journal.read("second")
        assert stored.discovered
        assert stored.info == attrs.evolve(
            running,
            state="ended",
            finished_at=later(9),
            error="KeyboardInterrupt",
            counts={"changed": 2, "failed": 1},
            undiscovered=(loss,),
        )
        journal.unhold("second")

        # Resumed: it runs again, from where it was, and began when it began.
        journal.hold("second")
        again = await journal.find("second")
        assert again == attrs.evolve(running, counts={"changed": 2, "failed": 1}, undiscovered=(loss,))
        finish(journal, 3, "second")
        journal.ended("second", finished_at=later(20), error=None, undiscovered=[])
        ended = await journal.find("second")
        assert ended is not None
        assert (ended.counts, ended.undiscovered) == ({"changed": 3, "failed": 1}, ())
        journal.unhold("second")
        assert await journal.find("third") is None


async def test_a_run_can_be_looked_up_without_waiting(path: Path) -> None:
    with opened(path) as journal:
        begin(journal)
        journal.selected(RUN, rows(3))
        finish(journal, 1)
        looked_up = journal.look_up(RUN)
        assert looked_up is not None
        assert (looked_up.targets, looked_up.counts) == (3, {"changed": 1})
        assert looked_up == await journal.find(RUN)
        assert journal.look_up("another") is None
        assert journal.read_now(RUN) == await journal.read(RUN)
        with pytest.raises(RunNotFound):
            journal.read_now("another")
        journal.unhold(RUN)


async def test_runs_that_are_recorded_as_running_are_listed(path: Path) -> None:
    with opened(path) as journal:
        for run_id in ("first", "second", "third"):
            begin(journal, run_id)
            journal.unhold(run_id)
        journal.create(header("fourth"))
        journal.ended("second", finished_at=NOW, error=None, undiscovered=[])
        assert sorted(await journal.running()) == ["first", "third"]


async def test_an_unknown_run_is_named_with_those_that_are_near(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(RunNotFound, match="has no run 'x'; it has no runs yet"):
        await journal.read("x")
    for run_id in ("2026-03-01-stop-a1b2", "2026-03-02-stop-c3d4", "nightly"):
        journal.create(header(run_id))
    with pytest.raises(RunNotFound, match="did you mean 2026-03-01-stop-a1b2"):
        await journal.read("2026-03-01-stop-a1b3")
    with pytest.raises(RunNotFound, match="did you mean 2026-03-02-stop-c3d4"):
        journal.hold("2026-03-02")
    with opened(path) as open_journal:
        with pytest.raises(RunNotFound, match="the newest is nightly"):
            open_journal.discovered("zzz")
        with pytest.raises(RunNotFound):
            await open_journal.intend("zzz", 0, 0, NOW)
        assert open_journal.broken is None


async def test_what_another_run_is_not_done_with_is_not_selected_again(path: Path) -> None:
    with opened(path) as journal:
        begin(journal, "first")
        begin(journal, "second")
        await journal.selected("first", rows(5))
        finish(journal, 1, "first")
        await journal.intend("first", 2, 0, NOW)
        journal.accepted("first", 3, attempts=1, answer_lost=True, error=None)
        conflicts = await journal.selected("second", rows(7))
        assert conflicts == [(0, "first"), (2, "first"), (3, "first"), (4, "first")]
        taken = (await journal.read("second")).targets
        assert [each.row.number for each in taken if each.stage == Stage.QUEUED] == [1, 5, 6]
        contested = [each for each in taken if each.stage == Stage.DONE]
        assert [(each.row.number, each.status, each.cause) for each in contested] == [
            (number, "not_attempted", "in_another_run") for number in (0, 2, 3, 4)
        ]
        assert (await target(journal, 4, "second")).row == rows(7)[4]
        elsewhere = await journal.open_elsewhere("second", frozenset())
        assert set(elsewhere.values()) == {"first"}
        assert len(elsewhere) == 4
        # The first is known to be dead: the third takes what it has.
        begin(journal, "third")
        assert await journal.selected("third", rows(3), dead={"first", "second"}) == []
        assert await journal.open_elsewhere("third", {"first", "second"}) == {}
        for run_id in ("first", "second", "third"):
            journal.unhold(run_id)


@pytest.mark.parametrize("ended", [True, False])
async def test_runs_that_have_ended_or_not_begun_keep_nothing_from_others(path: Path, ended: bool) -> None:
    with opened(path) as journal:
        journal.create(header("first"))
        if ended:
            journal.hold("first")
            await journal.selected("first", rows(3))
            journal.ended("first", finished_at=NOW, error=None, undiscovered=[])
            journal.unhold("first")
        else:
            await journal.selected("first", rows(3))
        begin(journal, "second")
        assert await journal.selected("second", rows(3)) == []
        journal.unhold("second")


async def test_what_was_learned_is_remembered_by_account(path: Path) -> None:
    with opened(path) as journal:
        journal.learn("main", "limit", 24)
        journal.learn("main", "settle.stop", 8.25)
        journal.learn("other", "limit", 3)
        journal.learn("main", "limit", 32)
        with pytest.raises(InvalidArgument, match="is not a number"):
            journal.learn("main", "limit", float("nan"))
    assert await Journal(path).learned("main") == {"limit": 32.0, "settle.stop": 8.25}
    assert await Journal(path).learned("nobody") == {}


async def fill(journal: Journal) -> None:
    """Runs 0 to 4, ended a second after one another, 5 running, 6 not begun."""
    for number in range(7):
        run_id = str(number)
        journal.create(header(run_id, created_at=later(number)))
        if number < 6:
            journal.hold(run_id)
            await journal.selected(run_id, rows(2), dead=set(map(str, range(7))))
            journal.unhold(run_id)
        if number < 5:
            loss = Undiscovered(account="main", cause="refused")
            journal.ended(run_id, finished_at=later(number), error=None, undiscovered=[loss])


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ({"keep": 2}, "3456"),
        ({"keep": 0}, "56"),
        ({"keep": 9}, "0123456"),
        ({"before": later(3)}, "3456"),
        ({"before": later(3), "keep": 4}, "123456"),
        ({"before": later(1), "keep": 0}, "123456"),
    ],
)
async def test_old_runs_are_deleted_with_all_that_belongs_to_them(
    path: Path, arguments: dict[str, object], left: str
) -> None:
    with opened(path) as journal:
        await fill(journal)
        assert await journal.prune(**arguments) == 7 - len(left)  # type: ignore[arg-type]
        assert "".join(sorted(run.header.run_id for run in await journal.runs())) == left
        with journal._leased() as (store, _):
            connection = store._connection
            targets = connection.execute("SELECT count(DISTINCT run) FROM targets").fetchone()
            losses = connection.execute("SELECT count(*) FROM losses").fetchone()
        assert targets == (len(left) - 1,)
        assert losses == (len(left) - 2,)
        # None for the run that did not begin, one for the making of the file.
        assert len(names(path.with_name("runs.sqlite.locks"))) == len(left)
        assert await journal.prune(**arguments) == 0  # type: ignore[arg-type]


async def test_a_run_that_is_held_is_not_deleted(path: Path) -> None:
    with opened(path) as journal, opened(path) as other:
        await fill(journal)
        journal.hold("3")
        assert await other.prune(keep=0) == 4
        # Its report is being written: it has ended, and is not free yet.
        journal.ended("3", finished_at=NOW, error=None, undiscovered=[])
        await journal.flush()
        assert await other.prune(keep=0) == 0
        assert {run.header.run_id for run in await other.runs()} == {"3", "5", "6"}
        journal.unhold("3")
        assert await other.prune(keep=0) == 1


async def test_a_deleted_id_is_free_and_its_number_is_not_used_again(path: Path) -> None:
    with opened(path) as journal, opened(path) as other:
        begin(journal)
        await journal.selected(RUN, rows(1))
        journal.ended(RUN, finished_at=NOW, error=None, undiscovered=[])
        await journal.flush()
        journal.unhold(RUN)
        assert await other.prune(keep=0) == 1
        begin(other)
        await other.selected(RUN, rows(1))
        # It still knows the number of the run that was: that must not get into the new one.
        finish(journal, 0)
        with pytest.raises(JournalError, match="a target or run that it does not have"):
            await journal.flush()
        assert (await target(other)).stage == Stage.QUEUED
        other.unhold(RUN)


@pytest.mark.parametrize(
    "arguments", [{}, {"keep": -1}, {"keep": True}, {"before": NOW.replace(tzinfo=None)}]
)
async def test_which_runs_to_delete_has_to_be_said(path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        await Journal(path).prune(**arguments)  # type: ignore[arg-type]
    assert not names(path.parent)


async def test_what_is_not_open_cannot_be_told_anything(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(ConfigurationError, match=r"is not open; acquire\(\) it"):
        finish(journal, 0)
    with pytest.raises(ConfigurationError, match="is not open"):
        journal.learn("main", "limit", 1)
    with pytest.raises(ConfigurationError, match="is not open"):
        await journal.flush()

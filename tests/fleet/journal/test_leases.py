"""A run has one runner: who that is, who may take over, and what becomes of one that was taken over."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path

import filelock
import pytest
from support.journals import (
    NOW,
    RUN,
    JournalPlace,
    begin,
    done,
    finish,
    header,
    opened,
    process,
    rows,
    select,
)
from support.memory_journal.memory_database import MemoryDatabase
from support.memory_journal.memory_store import MemoryStore
from support.virtual import VIRTUAL

from aioseflow.fleet.journal import Journal, JournalError, LeaseLost, RunIsActive, RunNotFound
from aioseflow.fleet.journal.sqlite import run_lock as lock
from aioseflow.fleet.model.target import Stage

TESTS = Path(__file__).parents[2]
HOLD = f"""
import asyncio, sys
sys.path.insert(0, {str(TESTS)!r})
from support.journals import *

async def main():
    journal = Journal(sys.argv[1])
    await journal.create(header())
    held = await journal.hold(RUN)
    print("held", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""
INTEND = f"""
import asyncio, itertools, os, sys
sys.path.insert(0, {str(TESTS)!r})
from support.journals import *

async def work(held, first):
    for step in itertools.count(1):
        for number in range(first, 40, 8):
            await held.intend(number, step, NOW)
            os.write(1, b"%d %d\\n" % (number, step))
            if number % 2:
                finish(held, number, attempts=step)
            else:
                held.requeued(number, step=step, attempts=step, answer_lost=True)

async def main():
    journal = Journal(sys.argv[1])
    await journal.acquire()
    held = await begin(journal)
    await held.selected(rows(40))
    async with asyncio.TaskGroup() as tasks:
        for first in range(8):
            tasks.create_task(work(held, first))

asyncio.run(main())
"""


async def test_a_second_process_learns_who_has_the_run_and_takes_it_over_when_that_is_killed(
    path: Path,
) -> None:
    began = datetime.now(UTC)
    with process(HOLD, path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        async with opened(path) as journal:
            assert await journal.living([RUN]) == {RUN}
            with pytest.raises(RunIsActive, match=f"is being run by process {child.pid} on ") as caught:
                await journal.hold(RUN)
            error = caught.value
            assert (error.run_id, error.pid, error.host) == (RUN, child.pid, socket.gethostname())
            assert error.since is not None
            assert began <= error.since <= datetime.now(UTC)
            child.send_signal(signal.SIGKILL)
            child.wait(30)
            assert await journal.living([RUN]) == frozenset()
            held = await journal.hold(RUN)
            assert await journal.living([RUN]) == {RUN}
            with pytest.raises(RunIsActive, match=f"process {os.getpid()} on"):
                await journal.hold(RUN)
            await held.give()


@pytest.mark.parametrize("seed", range(5))
async def test_every_acknowledged_intent_survives_kill_9(path: Path, seed: int) -> None:
    choose = random.Random(seed)
    acknowledged: dict[int, int] = {}
    with process(INTEND, path) as child:
        assert child.stdout is not None
        for _ in range(choose.randrange(1, 600)):
            number, step = map(int, child.stdout.readline().split())
            acknowledged[number] = step
        child.send_signal(signal.SIGKILL)
        # Also what it had written when it died.
        for line in child.stdout.read().splitlines(keepends=True):
            if line.endswith("\n"):
                number, step = map(int, line.split())
                acknowledged[number] = step
        child.wait(30)
    async with opened(path) as journal:
        assert await journal.living([RUN]) == frozenset()
        held = await journal.hold(RUN)
        run = await journal.read(RUN)
        assert len(run.targets) == 40
        for target in run.targets:
            step = acknowledged.get(target.row.number, 0)
            # One more may have become durable without its acknowledgement being seen.
            assert target.step in (step, step + 1)
            assert target.attempts in (target.step, target.step - 1)
        await held.give()


@VIRTUAL
async def test_journals_of_one_place_keep_each_other_out(new_journal: JournalPlace) -> None:
    journal, other = new_journal(), new_journal()
    held = await begin(journal)
    assert await other.living([RUN, "none"]) == {RUN}
    with pytest.raises(RunIsActive) as caught:
        await other.hold(RUN)
    assert (caught.value.run_id, caught.value.pid) == (RUN, os.getpid())
    held.require_lease()
    await held.give()
    await held.give()
    assert await journal.living([RUN]) == frozenset()
    again = await other.hold(RUN)
    with pytest.raises(LeaseLost):
        held.require_lease()
    again.require_lease()
    await again.give()


async def test_each_run_has_a_lock_of_its_own_whatever_its_id(path: Path) -> None:
    names = ["a/b", "..", "a b", "ü" * 200, "a", "A"]
    async with opened(path) as journal:
        held = [await begin(journal, name) for name in names]
        files = list(lock.folder(path).iterdir())
        assert len(files) == len(names) + 1
        for each in held:
            await each.give()


@VIRTUAL
async def test_a_holder_that_is_not_recorded_yet_is_another_process(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal, opened(new_journal()) as other:
        await journal.create(header())
        lease = await other._store.leases.take(RUN, lambda: None)
        assert lease is not None
        with pytest.raises(RunIsActive, match="by another process;") as caught:
            await journal.hold(RUN)
        assert (caught.value.pid, caught.value.host, caught.value.since) == (None, None, None)
        await lease.give()


async def test_one_who_only_asks_does_not_keep_a_run_from_its_runner(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as journal:
        await journal.create(header())
        asking = lock.take(lock.place(path, RUN))
        assert asking is not None
        # It goes while the other tries.
        monkeypatch.setattr("time.sleep", lambda _: asking.release())
        held = await journal.hold(RUN)
        await held.give()


@VIRTUAL
async def test_a_run_that_is_not_there_cannot_be_held(new_journal: JournalPlace, path: Path) -> None:
    async with opened(new_journal()) as journal:
        with pytest.raises(RunNotFound):
            await journal.hold("nothing")
        assert await journal.living(["nothing"]) == frozenset()
    assert not lock.place(path, "nothing").exists()


@VIRTUAL
async def test_a_run_that_was_deleted_just_before_is_not_held(
    new_journal: JournalPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(new_journal()) as journal, opened(new_journal()) as other:
        held = await begin(journal)
        held.ended(finished_at=NOW, error=None, undiscovered=[])
        await held.give()
        leases, pruned = journal._store.leases, False
        take = leases.take

        async def late(run_id: str, lost: object) -> object:
            nonlocal pruned
            if not pruned:
                pruned = True
                assert await other.prune(keep=0) == 1
            return await take(run_id, lost)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(type(leases), "take", lambda _, *arguments: late(*arguments))
            with pytest.raises(RunNotFound):
                await journal.hold(RUN)
        assert await journal.living([RUN]) == frozenset()
        assert journal.broken is None


@VIRTUAL
async def test_a_hold_that_cannot_be_recorded_is_given_back(
    new_journal: JournalPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(changes: object) -> list[object]:
        raise OSError("the disk is gone")

    async with opened(new_journal()) as journal:
        await journal.create(header())
        monkeypatch.setattr(journal._store, "apply", gone)
        with pytest.raises(JournalError, match="the disk is gone"):
            await journal.hold(RUN)
        assert await journal.living([RUN]) == frozenset()


@VIRTUAL
async def test_a_hold_that_is_cancelled_is_given_back() -> None:
    database = MemoryDatabase()
    async with opened(Journal(MemoryStore(database, delay=1.0))) as journal:
        await journal.create(header())
        for seconds in (0.5, 1.5, 2.5, 3.5):
            holding = asyncio.create_task(journal.hold(RUN))
            await asyncio.sleep(seconds)
            holding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await holding
            assert not database.leases
        await asyncio.sleep(1)
        # What is recorded under a lease that was given meanwhile is left out.
        assert database.runs[1].info.state == "created"
        held = await journal.hold(RUN)
        await held.give()


def test_without_real_locks_nothing_is_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filelock, "FileLock", filelock.SoftFileLock)
    with pytest.raises(JournalError, match="a file system without locks"):
        lock.take(path)
    assert not path.exists()


async def test_a_lock_that_cannot_be_made_is_said_so(path: Path) -> None:
    lock.folder(path).write_text("in the way", encoding="utf-8")
    with pytest.raises(JournalError, match="cannot be made: File exists"):
        await Journal(path).acquire()
    lock.folder(path).unlink()
    (lock.folder(path) / "making.lock").mkdir(parents=True)
    with pytest.raises(JournalError, match=r"making\.lock cannot be locked"):
        await Journal(path).acquire()


async def test_processes_that_open_a_new_journal_at_once_have_one_and_the_same(path: Path) -> None:
    code = (
        f"import asyncio, sys\nsys.path.insert(0, {str(TESTS)!r})\nfrom support.journals import *\n"
        "print('ready', flush=True)\nsys.stdin.readline()\n"
        "asyncio.run(Journal(sys.argv[1]).create(header(sys.argv[2])))\n"
    )
    with (
        process(code, path, "a") as first,
        process(code, path, "b") as second,
        process(code, path, "c") as third,
    ):
        children = (first, second, third)
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        assert [child.wait(30) for child in children] == [0, 0, 0]
    assert sorted(run.header.run_id for run in await Journal(path).runs()) == ["a", "b", "c"]


# -- a lease that is lost -----------------------------------------------------------------------------------


@VIRTUAL
@pytest.mark.parametrize("delay", [None, 0.01], ids=["memory", "suspending"])
async def test_one_who_lost_its_lease_records_nothing_more_and_the_new_holder_is_named(
    delay: float | None,
) -> None:
    database = MemoryDatabase()
    lost: list[str] = []
    async with opened(Journal(MemoryStore(database, delay=delay))) as journal:
        await journal.create(header())
        held = await journal.hold(RUN, lost=lambda: lost.append("called"))
        await select(journal, held, 4)
        finish(held, 0)
        await journal.flush()
        database.take_away(RUN)
        async with opened(Journal(MemoryStore(database, delay=delay))) as other:
            taken = await other.hold(RUN)
            assert lost == []
            finish(held, 1)
            held.ended(finished_at=NOW, error=None, undiscovered=[])
            with pytest.raises(LeaseLost, match=f"lost its lease of run {RUN}") as caught:
                await held.intend(2, 0, NOW)
            assert caught.value.run_id == RUN
            assert set(lost) == {"called"}
            with pytest.raises(LeaseLost):
                held.require_lease()
            # Another run of the same process goes on, and the journal is not broken.
            another = await begin(journal, "another")
            await another.selected(rows(1, first=9))
            await another.intend(9, 0, NOW)
            assert journal.broken is None
            stored = await other.read(RUN)
            assert done(stored) == [0]
            assert [each.stage for each in stored.targets[1:]] == [Stage.QUEUED] * 3
            assert stored.info.state == "running"
            await taken.intend(2, 0, NOW)
            error = await journal.lost(RUN)
            assert f"taken over by process {os.getpid()} on" in str(error)
            assert (error.pid, error.host) == (os.getpid(), socket.gethostname())
            # To give what is not held any more takes nothing from its holder.
            await held.give()
            taken.require_lease()
            await taken.give()
        await another.give()
    assert "resume it" in str(await journal.lost(RUN))


@VIRTUAL
async def test_a_lease_that_is_lost_while_nobody_has_it_can_be_taken_again_by_its_holder() -> None:
    database = MemoryDatabase()
    async with opened(Journal(MemoryStore(database))) as journal:
        held = await begin(journal)
        await select(journal, held, 2)
        database.take_away(RUN)
        with pytest.raises(LeaseLost):
            held.require_lease()
        again = await journal.hold(RUN)
        await again.intend(0, 0, NOW)
        with pytest.raises(LeaseLost):
            held.require_lease()
        await again.give()

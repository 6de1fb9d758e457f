from __future__ import annotations

import os
import random
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import filelock
import pytest
from support.journals import RUN, begin, header, opened, process

from aioseflow.fleet.journal import Journal, JournalError, RunIsActive, RunNotFound
from aioseflow.fleet.journal.sqlite import run_lock as lock

TESTS = Path(__file__).parents[2]
HOLD = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from support.journals import *
journal = Journal(sys.argv[1])
journal.create(header())
journal.hold(RUN)
print("held", flush=True)
sys.stdin.read()
"""
INTEND = f"""
import asyncio, itertools, os, sys
sys.path.insert(0, {str(TESTS)!r})
from support.journals import *

async def work(journal, first):
    for step in itertools.count(1):
        for number in range(first, 40, 8):
            await journal.intend(RUN, number, step, NOW)
            os.write(1, b"%d %d\\n" % (number, step))
            if number % 2:
                finish(journal, number, attempts=step)
            else:
                journal.requeued(RUN, number, step=step, attempts=step, answer_lost=True)

async def main():
    journal = Journal(sys.argv[1])
    journal.acquire()
    begin(journal)
    await journal.selected(RUN, rows(40))
    async with asyncio.TaskGroup() as tasks:
        for first in range(8):
            tasks.create_task(work(journal, first))

asyncio.run(main())
"""


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with opened(path) as journal:
        yield journal


def test_a_second_process_is_told_who_has_the_run_and_takes_it_over_when_that_is_killed(path: Path) -> None:
    began = datetime.now(UTC)
    with process(HOLD, path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with opened(path) as journal:
            assert journal.is_held(RUN)
            with pytest.raises(RunIsActive, match=f"is being run by process {child.pid} on ") as caught:
                journal.hold(RUN)
            error = caught.value
            assert (error.run_id, error.pid, error.host) == (RUN, child.pid, socket.gethostname())
            assert error.since is not None
            assert began <= error.since <= datetime.now(UTC)
            child.send_signal(signal.SIGKILL)
            child.wait(30)
            assert not journal.is_held(RUN)
            journal.hold(RUN)
            assert journal.is_held(RUN)
            with pytest.raises(RunIsActive, match=f"process {os.getpid()} on"):
                journal.hold(RUN)
            journal.unhold(RUN)


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
    with opened(path) as journal:
        assert not journal.is_held(RUN)
        journal.hold(RUN)
        run = await journal.read(RUN)
        assert len(run.targets) == 40
        for target in run.targets:
            step = acknowledged.get(target.row.number, 0)
            # One more may have become durable without its acknowledgement being seen.
            assert target.step in (step, step + 1)
            assert target.attempts in (target.step, target.step - 1)
        journal.unhold(RUN)


def test_two_journals_of_one_process_keep_each_other_out(journal: Journal, path: Path) -> None:
    begin(journal)
    other = Journal(path)
    assert other.is_held(RUN)
    with pytest.raises(RunIsActive):
        other.hold(RUN)
    journal.unhold(RUN)
    journal.unhold(RUN)
    assert not journal.is_held(RUN)
    other.hold(RUN)
    other.unhold(RUN)


def test_each_run_has_a_lock_of_its_own_whatever_its_id(journal: Journal, path: Path) -> None:
    names = ["a/b", "..", "a b", "ü" * 200, "a", "A"]
    for name in names:
        begin(journal, name)
    files = list(lock.folder(path).iterdir())
    assert len(files) == len(names) + 1
    for name in names:
        journal.unhold(name)


def test_a_holder_that_has_not_written_its_name_yet_is_somebody(journal: Journal, path: Path) -> None:
    journal.create(header())
    held = lock.take(lock.place(path, RUN))
    assert held is not None
    with pytest.raises(RunIsActive, match="by another process;") as caught:
        journal.hold(RUN)
    assert (caught.value.pid, caught.value.host, caught.value.since) == (None, None, None)
    held.release()


def test_somebody_who_only_asks_does_not_keep_a_run_from_its_runner(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.create(header())
    asking = lock.take(lock.place(path, RUN))
    assert asking is not None
    # It goes while the other tries.
    monkeypatch.setattr("time.sleep", lambda _: asking.release())
    journal.hold(RUN)
    journal.unhold(RUN)


def test_a_run_that_is_not_there_cannot_be_held_and_leaves_no_lock(journal: Journal, path: Path) -> None:
    with pytest.raises(RunNotFound):
        journal.hold("nothing")
    assert not journal.is_held("nothing")
    assert not lock.place(path, "nothing").exists()


def test_a_run_that_was_deleted_just_before_is_not_held(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.create(header())
    take = lock.take

    def late(place: Path, **options: float) -> filelock.BaseFileLock | None:
        with journal._leased() as (store, _):
            store._connection.execute("DELETE FROM runs")
        return take(place, **options)

    monkeypatch.setattr(lock, "take", late)
    with pytest.raises(RunNotFound):
        journal.hold(RUN)
    assert not journal.is_held(RUN)
    assert journal.broken is None


def test_a_hold_that_cannot_be_recorded_is_given_back(journal: Journal, path: Path) -> None:
    journal.create(header())
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(JournalError):
        journal.hold(RUN)
    assert not journal.is_held(RUN)


def test_without_real_locks_nothing_is_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filelock, "FileLock", filelock.SoftFileLock)
    with pytest.raises(JournalError, match="a file system without locks"):
        lock.take(path)
    assert not path.exists()


def test_a_lock_that_cannot_be_made_is_said_so(path: Path) -> None:
    lock.folder(path).write_text("in the way", encoding="utf-8")
    with pytest.raises(JournalError, match="cannot be locked"):
        Journal(path).acquire()


async def test_processes_that_open_a_new_journal_at_once_have_one_and_the_same(path: Path) -> None:
    code = (
        f"import sys\nsys.path.insert(0, {str(TESTS)!r})\nfrom support.journals import *\n"
        "print('ready', flush=True)\nsys.stdin.readline()\n"
        "Journal(sys.argv[1]).create(header(sys.argv[2]))\n"
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

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import attrs
import pytest
from support.journals import KnownAccount, header, open_and_close, opened

from aioseflow.fleet.journal import Journal, JournalError, TargetRow
from aioseflow.fleet.journal.account_names import find_accounts
from aioseflow.fleet.journal.immediate import complete
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.fleet.journal.sqlite.tables import APPLICATION_ID, MIGRATIONS
from aioseflow.fleet.model.target import Stage


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal of a version 0 that never was, with one run in it."""
    path = tmp_path / "runs.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("CREATE TABLE old (name TEXT)")
        connection.execute("INSERT INTO old VALUES ('kept')")
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    return path


def tables(path: Path) -> tuple[int, list[str]]:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        return version, [name for (name,) in names if not name.startswith("sqlite_")]


def rename(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE old RENAME TO renamed")


def add_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE added AS SELECT name FROM renamed")


def fail(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE half (a)")
    connection.execute("INSERT INTO nowhere VALUES (1)")


async def test_an_old_journal_is_brought_up_to_date(old: Path) -> None:
    await open_and_close(old, migrations=(rename,))
    assert tables(old) == (1, ["renamed"])


async def test_a_journal_that_missed_a_version_gets_each_step_once(old: Path) -> None:
    await open_and_close(old, migrations=(rename, add_table))
    await open_and_close(old, migrations=(rename, add_table))
    assert tables(old) == (2, ["added", "renamed"])


def test_a_step_that_fails_leaves_the_old_file_as_it_was(old: Path) -> None:
    before = old.read_bytes()
    with pytest.raises(JournalError, match=r"could not be brought to version 2 and stays as it was.*nowhere"):
        complete(open_and_close(old, migrations=(rename, fail)))
    assert old.read_bytes() == before
    assert tables(old) == (0, ["old"])


async def test_a_journal_of_today_goes_on_into_the_next_version(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    async with opened(path) as journal:
        await journal.create(header())

    def next_version(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN ticket TEXT")

    store = SqliteStore(path, migrations=(*MIGRATIONS, next_version))
    await store.open()
    assert store.number_of("run-1") == 1
    await store.close()
    assert tables(path)[0] == len(MIGRATIONS) + 1
    with pytest.raises(JournalError, match="newer aioseflow"):
        await Journal(path).acquire()


@pytest.mark.parametrize(
    ("row", "left_at", "answer_lost", "changed_before"),
    [
        ("3, 'changed', 1, NULL, 0, 1", Stage.ACCEPTED, False, False),
        ("3, 'unknown', 1, '{}', 0, 1", Stage.SENT, True, False),
        ("3, 'failed', 1, NULL, 1, 2", Stage.ACCEPTED, False, True),
        ("3, 'failed', 0, '{}', 0, 1", Stage.QUEUED, False, False),
        ("3, 'not_attempted', 0, NULL, 0, 0", Stage.QUEUED, False, False),
        ("1, NULL, 0, NULL, 0, 0", None, False, False),
        ("2, NULL, 1, '{}', 0, 1", None, True, False),
    ],
)
async def test_a_journal_of_version_3_says_how_far_its_targets_had_come(
    tmp_path: Path, row: str, left_at: Stage | None, *, answer_lost: bool, changed_before: bool
) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for migration in MIGRATIONS[:3]:
            migration(connection)
        connection.execute(
            "INSERT INTO runs (run_id, action, accounts, created_at, document, note, requested_by) "
            "VALUES ('old', 'stop', '[\"main\"]', 1, '{}', '', '')"
        )
        columns = "run, number, account, service_id, service_name, vm_id, vm_label, power"
        progress = "stage, status, may_have_acted, error, step, attempts"
        values = f"1, 0, 'main', '9', '', '4', '', '', {row}"
        connection.execute(f"INSERT INTO targets ({columns}, {progress}) VALUES ({values})")  # noqa: S608
        connection.execute("PRAGMA user_version = 3")
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    async with opened(path) as journal:
        (target,) = (await journal.read("old")).targets
    assert (target.left_at, target.answer_lost, target.changed_before) == (
        left_at,
        answer_lost,
        changed_before,
    )


V4_RUN = (
    "INSERT INTO runs (run_id, action, accounts, created_at, document, note, requested_by, state, pid, host, "
    "held_at, discovered) VALUES (?, 'stop', ?, 1, '{}', '', '', ?, 7, 'here', 5, 1)"
)
V4_TARGET = (
    "INSERT INTO targets (run, number, account, service_id, service_name, vm_id, vm_label, power, stage, "
    "left_at, status) VALUES (?, ?, ?, '9', 'Cloud', ?, 'web', 'running', ?, ?, ?)"
)


async def test_a_journal_of_version_4_keeps_every_row_and_knows_its_accounts_by_name(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    runs = [("done", '["main", "b"]', "ended"), ("killed", '["main"]', "running")]
    targets = [
        (1, 0, "main", "4", 3, 2, "changed"),
        (1, 1, "b", "4", 3, 0, "not_attempted"),
        (2, 0, "main", "5", 1, None, None),
        (2, 1, "main", "6", 0, None, None),
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for migration in MIGRATIONS[:4]:
            migration(connection)
        connection.executemany(V4_RUN, runs)
        connection.executemany(V4_TARGET, targets)
        connection.execute("INSERT INTO learned VALUES ('main', 'limit', 12.0)")
        connection.execute("INSERT INTO without_vms VALUES (1, 'main', '7', 'Cloud', 'empty_list')")
        connection.execute("INSERT INTO losses VALUES (1, 0, 'b', '8', 'Cloud', 'refused', NULL)")
        connection.execute("PRAGMA user_version = 4")
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    async with opened(path) as journal:
        done, killed = await journal.read("done"), await journal.read("killed")
        assert done.info.header.accounts == ("main", "b")
        assert done.info.header.account_keys == killed.info.header.account_keys == {}
        found = [
            (each.row.account, each.row.vm_id, each.stage, each.left_at, each.status)
            for each in (*done.targets, *killed.targets)
        ]
        assert found == [
            (account, vm, Stage(stage), None if left is None else Stage(left), status)
            for _, _, account, vm, stage, left, status in targets
        ]
        assert [each.account for each in done.without_vms] == ["main"]
        assert [each.account for each in done.info.undiscovered] == ["b"]
        assert killed.info.state == "running"
        assert killed.discovered
        account = KnownAccount("main", "key-1")
        assert await journal.learned(account) == {"limit": 12.0}
        assert find_accounts(done.info.header, [account]) == {"main": account}

        # A new run contests what an old one is not done with, by name, and by key once that was taken up.
        header_of_new = header("new", accounts=("main",), account_keys={"main": "key-1"})
        assert await journal.create(header_of_new)
        new = await journal.hold("new")
        row = TargetRow(
            number=0,
            account="main",
            service_id="9",
            service_name="",
            vm_id="5",
            vm_label="",
            power="running",
        )
        assert await new.selected([row]) == [(0, "killed")]
        held = await journal.hold("killed", account_keys={"main": "key-2"})
        assert (await journal.read("killed")).info.header.account_keys == {"main": "key-2"}
        assert await new.selected([attrs.evolve(row, number=1, vm_id="6")]) == []
        await held.give()
        await new.give()
    assert tables(path)[0] == 6

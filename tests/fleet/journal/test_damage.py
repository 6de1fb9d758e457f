"""Damaged rows: a `JournalError` that names the run, and every other run goes on."""

from __future__ import annotations

import asyncio
import gc
import pickle
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.histories import panel_and_client
from support.journals import KnownAccount
from support.virtual import VIRTUAL, run

from aioseflow import Rollout, RunRefused, SeFlow, SeFlowError
from aioseflow.fleet.journal import Journal
from aioseflow.fleet.journal.faults import RunIsDamaged

pytestmark = VIRTUAL

VALUES: tuple[Any, ...] = (None, -1, 2**62, b"\xff\xfe", "x{")
JSON_VALUES: tuple[Any, ...] = (
    *("null", "[]", "[1]", "[[]]", "{}", '{"a":1}', '"a"'),
    *(
        '{"steps":1}',
        '{"steps":[]}',
        '{"steps":[{"name":1}]}',
        '{"steps":[{"name":"stop","own":1,"safety":3}]}',
    ),
    *('{"steps":[{"name":"stop","x":1}],"selection":null,"settle":null,"rollout":null,"strict":0}',),
    *('{"steps":[{"name":"stop"}],"selection":{},"settle":{"x":1},"rollout":{"y":1},"strict":0}',),
    *('{"class":1}', '{"codes":5}', '{"sent_at":1e99,"class":"OutcomeUnknown"}'),
)
JSON_COLUMNS = ("accounts", "document", "counts", "account_keys", "timeline", "error")
TABLES = {
    "runs": "run_id = 'bad'",
    "targets": "run = 1 AND number = 1",
    "losses": "run = 1",
    "without_vms": "run = 1",
    "learned": "account = 'key' AND key = 'rate'",
}


LOGIN: dict[str, Any] = {}
ACCOUNT = KnownAccount("main", "key")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of a run that was killed, with all kinds of rows, and of another run."""
    path = tmp_path_factory.mktemp("damage") / "runs.sqlite"

    async def record() -> None:
        async with panel_and_client(vms_per_service=2, journal=path) as (panel, seflow):
            LOGIN.update(username=panel.username, password=panel.password, base_url=panel.url)
            for run_id in ("bad", "good"):
                await seflow.fleet.stop(run_id=run_id, rollout=Rollout(max_failures=3))

    async def record_and_let_go() -> None:
        await record()
        # Connections are closed in the next turns of the loop.
        await asyncio.sleep(1)

    run(record_and_let_go())
    gc.collect()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO losses VALUES (1, 0, 'a', '9', 'Cloud', 'panel', '{\"class\":\"NotFound\"}')"
        )
        connection.execute("INSERT INTO learned VALUES ('key', 'limit', 3.5), ('key', 'rate', 3.5)")
        connection.execute('UPDATE targets SET error = \'{"class":"ApiError"}\'')
        connection.execute("INSERT INTO without_vms VALUES (1, 'a', '8', 'Empty', 'no_vms')")
        connection.execute("UPDATE runs SET state = 'running', targets = NULL, counts = NULL WHERE id = 1")
        connection.commit()
    return path


def columns_of(path: Path, table: str) -> list[str]:
    """The columns of a table."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def damage(path: Path, table: str, column: str, value: object) -> bool:
    """Put a value into a row of the bad run; False where the table does not take it."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            statement = f"UPDATE {table} SET {column} = ? WHERE {TABLES[table]}"  # noqa: S608 - names of ours
            connection.execute(statement, (value,))
        except sqlite3.IntegrityError:
            return False
        connection.commit()
    return True


async def use(seflow: SeFlow, run_id: str) -> list[Exception]:
    """Read a run in every way, and prepare every run that may follow it; return what is raised."""
    fleet = seflow.fleet
    raised: list[Exception] = []
    for prepare in (fleet.resume, fleet.retry, fleet.restore, lambda run_id: fleet.stop(run_id=run_id)):
        try:
            run = prepare(run_id)
            run.cancel()
            await run.prepared_spec()
        except Exception as error:  # noqa: BLE001 - they are what is asked for
            raised.append(error)
    try:
        report = await fleet.report(run_id)
        assert str(report)
        assert report.to_json()
    except Exception as error:  # noqa: BLE001
        raised.append(error)
    return raised


@pytest.mark.parametrize("table", TABLES)
async def test_whatever_a_row_holds_only_its_run_fails_and_by_an_error_of_ours(
    recorded: Path, table: str, path: Path
) -> None:
    async with SeFlow(**LOGIN, journal=path) as seflow:
        for column in columns_of(recorded, table):
            for value in VALUES + JSON_VALUES * (column in JSON_COLUMNS):
                shutil.copy(recorded, path)
                if not damage(path, table, column, value):
                    continue
                case = (column, value)
                listed = {info.header.run_id: info for info in await seflow.fleet.runs()}
                assert sum(listed["good"].counts.values()) == 4, case
                assert len((await seflow.fleet.report("good")).outcomes) == 4, case
                assert (await Journal(path).learned(ACCOUNT))["limit"] == 3.5, case
                (bad,) = (run_id for run_id in listed if run_id != "good")
                info = listed[bad]
                assert (f"run {bad} is damaged" in str(info.error)) is (info.state == "damaged"), case
                for error in await use(seflow, "bad"):
                    assert isinstance(error, SeFlowError), (*case, error)


@pytest.mark.parametrize(
    ("table", "column", "value", "row"),
    [
        ("runs", "document", "x{", "its row of runs: Expecting value"),
        ("runs", "document", '{"steps":[{"name":1}]}', "its row of runs: document is"),
        ("runs", "document", '{"steps":[]}', "its row of runs: document is"),
        ("runs", "document", '{"steps":[{"name":"stop"}]}', "the document in its row of runs: 'selection'"),
        ("runs", "accounts", "[1]", "its row of runs: accounts is"),
        ("runs", "account_keys", '{"main":1}', "its row of runs: account_keys is"),
        ("runs", "counts", '["changed"]', "its row of runs: counts is"),
        ("runs", "created_at", 2**62, "its row of runs: "),
        ("runs", "state", "sleeping", "its row of runs: state is 'sleeping'"),
        ("runs", "note", b"note", "its row of runs: note is b'note'"),
        ("runs", "timeline", "{}", "the timeline in its row of runs"),
        ("targets", "stage", 7, "row 1 of targets: 7 is not a valid Stage"),
        ("targets", "left_at", 7, "row 1 of targets: 7 is not a valid Stage"),
        ("targets", "status", "gone", "row 1 of targets: status is 'gone'"),
        ("targets", "status", None, "row 1 of targets: status is None"),
        ("targets", "step", -2, "row 1 of targets: step is -2"),
        ("targets", "attempts", -1, "row 1 of targets: step is 0, attempts is -1"),
        ("targets", "vm_id", b"4002", "row 1 of targets: vm_id is b'4002'"),
        ("targets", "sent_at", 2**62, "row 1 of targets: "),
        ("targets", "finished_at", 1.5, "row 1 of targets: finished_at is 1.5"),
        ("targets", "error", '{"class":1}', "row 1 of targets: class of its error is 1"),
        ("losses", "cause", b"", "row 0 of losses: cause is b''"),
        ("losses", "error", "[", "row 0 of losses: "),
        ("without_vms", "why", b"", "row 0 of without_vms: why is b''"),
    ],
)
async def test_a_damaged_row_is_an_error_that_names_run_and_row(
    recorded: Path, path: Path, table: str, column: str, value: object, row: str
) -> None:
    shutil.copy(recorded, path)
    if column == "counts":
        assert damage(path, table, "targets", 4)
    assert damage(path, table, column, value)
    async with SeFlow(**LOGIN, journal=path) as seflow:
        raised = await use(seflow, "bad")
    # Another run of this id is refused before all of its row is read.
    damages = [error for error in raised if not isinstance(error, RunRefused)]
    assert damages
    for error in damages:
        assert isinstance(error, RunIsDamaged), error
        assert error.run_id == "bad"
        assert str(error).startswith(f"run bad is damaged in the journal ({row}")
        copied = pickle.loads(pickle.dumps(error))
        assert (str(copied), copied.run_id) == (str(error), "bad")


async def test_damage_in_a_run_keeps_no_other_run_from_its_work(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    async with panel_and_client(vms_per_service=2, journal=path) as (_, seflow):
        await seflow.fleet.stop(run_id="bad")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE runs SET state = 'running', account_keys = 'x{', document = '['")
            connection.execute("UPDATE targets SET stage = 9, vm_label = x'ff' WHERE number = 1")
            connection.execute("UPDATE targets SET stage = 0 WHERE number = 2")
            connection.commit()
        report = await seflow.fleet.start(run_id="good")
        assert report.ok
        assert [info.state for info in await seflow.fleet.runs()] == ["ended", "damaged"]

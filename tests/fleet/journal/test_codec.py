from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.journals import NOW, RUN, JournalPlace, begin, finish, header, opened, rows
from support.virtual import VIRTUAL

from aioseflow import errors
from aioseflow.errors import (
    ApiError,
    DecodeError,
    InvalidArgument,
    OutcomeUnknown,
    SeFlowError,
    ServerError,
    Throttled,
)
from aioseflow.fleet.journal import Journal, JournalError, LeaseLost, RunIsActive, RunNotFound, TargetRow
from aioseflow.fleet.journal.codec import dump_error, from_micros, load_error, text, to_micros
from aioseflow.fleet.journal.immediate import complete
from aioseflow.fleet.model.undiscovered import Undiscovered

KINDS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SeFlowError)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_comes_back_as_what_it_was(kind: type[SeFlowError]) -> None:
    error = kind(
        "the panel said: no \ud800 ☃",
        call="vms.stop",
        request="POST /service/9/vms/4/stop",
        status=503,
        attempts=3,
        codes=("vm_locked", "busy"),
        retry_after=2.5,
        may_have_acted=True,
        excerpt="an excerpt",
    )
    if isinstance(error, OutcomeUnknown):
        error.sent_at = NOW
    if isinstance(error, DecodeError):
        error.path, error.payload = "$.vms.4", {"vms": {}}
    back = load_error(dump_error(error))
    assert type(back) is kind
    expected = {**vars(error), "excerpt": ""}
    if isinstance(error, DecodeError):
        expected["payload"] = None
    assert vars(back) == expected


def test_a_certain_error_stays_certain() -> None:
    back = load_error(dump_error(OutcomeUnknown("m", may_have_acted=False)))
    assert back is not None
    assert not back.may_have_acted
    assert load_error(dump_error(None)) is None


def test_an_error_of_another_module_comes_back_as_what_it_is_one_of() -> None:
    class Locked(ApiError):
        pass

    assert type(load_error(dump_error(Locked("it is locked")))) is ApiError
    assert type(load_error(dump_error(RunNotFound("no such run")))) is errors.ConfigurationError


def test_an_error_that_this_version_does_not_know_is_the_base_of_all() -> None:
    back = load_error('{"class": "FromTheFuture", "message": "m", "novelty": 1}')
    assert type(back) is SeFlowError
    assert str(back) == "m"


def test_a_time_is_kept_to_the_microsecond_whatever_its_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert from_micros(to_micros(there)) == NOW
    assert from_micros(to_micros(there)).tzinfo is UTC
    assert from_micros(to_micros(datetime(1960, 1, 1, 0, 0, 0, 1, UTC))) == datetime(
        1960, 1, 1, 0, 0, 0, 1, UTC
    )
    with pytest.raises(InvalidArgument, match="no time zone"):
        to_micros(NOW.replace(tzinfo=None))


def test_half_a_surrogate_pair_does_not_break_the_journal() -> None:
    assert text("web\ud800") == "web?"
    assert text("wéb ☃") == "wéb ☃"


@pytest.mark.parametrize("run_id", ["", "a\nb", "a\0", "\ud800", "x" * 201, None, 7])
def test_a_run_id_that_cannot_be_shown_is_refused(run_id: str) -> None:
    with pytest.raises(InvalidArgument, match=r"run_id=.*1 to 200 printable characters"):
        header(run_id)


def test_a_run_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"created_at.*no time zone"):
        header(created_at=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("document", [{"a": object()}, {"a": float("nan")}, {"a": {1, 2}}])
def test_a_document_that_is_not_json_is_refused(tmp_path: Path, document: dict[str, object]) -> None:
    journal = Journal(tmp_path / "runs.sqlite")
    with pytest.raises(InvalidArgument, match="the document of a run cannot be kept in a journal"):
        complete(journal.create(header(document=document)))
    assert complete(journal.create(header()))


@pytest.mark.parametrize(
    "error",
    [
        JournalError("m"),
        RunNotFound("m"),
        RunIsActive("m", run_id=RUN, pid=7, host="here", since=NOW),
        LeaseLost("m", run_id=RUN, pid=7, host="here", since=NOW),
    ],
)
def test_the_journals_own_errors_survive_pickling_and_copying(error: SeFlowError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert vars(again) == vars(error)


def files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


async def test_nothing_of_an_answer_gets_into_the_file(tmp_path: Path) -> None:
    secret = "hunter2-is-the-password"
    path = tmp_path / "runs.sqlite"
    error = DecodeError("not as promised", path="$.x", payload={"password": secret}, excerpt=f"pass={secret}")
    server = ServerError("it broke", excerpt=secret)
    server.__cause__ = Throttled(secret)
    async with opened(path) as journal:
        held = await begin(journal)
        await held.selected(rows(3))
        held.accepted(0, attempts=1, answer_lost=True, error=error)
        finish(held, 1, error=server, status="failed")
        loss = Undiscovered(account="main", service_id="9", cause="decode", error=error)
        held.ended(finished_at=NOW, error=None, undiscovered=[loss])
        await journal.flush()
        assert secret not in repr(await journal.read(RUN))
        kept = files(tmp_path)
        assert secret.encode() not in kept
        assert b"not as promised" in kept
        assert secret not in repr(journal)
        await held.give()
    assert secret.encode() not in files(tmp_path)


@VIRTUAL
async def test_what_a_panel_calls_its_vms_never_breaks_the_journal(new_journal: JournalPlace) -> None:
    odd = ["\ud800", "nul\0nul", "'; DROP TABLE runs; --", "☃" * 300, ""]
    async with opened(new_journal()) as journal:
        held = await begin(journal)
        await held.selected(
            [
                TargetRow(
                    number=number,
                    account="main",
                    service_id="9",
                    service_name=name,
                    vm_id=str(number),
                    vm_label=name,
                    power="running",
                )
                for number, name in enumerate(odd)
            ],
        )
        read = await journal.read(RUN)
        assert [target.row.vm_label for target in read.targets] == ["?", *odd[1:]]
        await held.give()

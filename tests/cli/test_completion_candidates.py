"""Where candidates for values come from; none of it asks a panel."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cli.terminals import Result
from cli.tried import words

from aioseflow import Journal, RunHeader
from aioseflow.cli.completion import candidates
from aioseflow.cli.completion.candidates import (
    Candidates,
    complete_profile,
    complete_run,
    complete_service,
    complete_vm,
)
from aioseflow.cli.completion.name_cache import ListedName, remember
from aioseflow.cli.completion.shells import SCRIPTS, Shell
from aioseflow.cli.profiles import profile_store
from aioseflow.cli.profiles.profile_store import Place, Profile

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("SEFLOW_PROFILE", raising=False)


class Line:
    """What of typer's context is asked: the values of the line so far."""

    def __init__(self, **params: Any) -> None:
        self.params = params


def _vm(incomplete: str, **params: Any) -> Candidates:
    return complete_vm(Line(**params), incomplete)  # type: ignore[arg-type]


def _service(incomplete: str, **params: Any) -> Candidates:
    return complete_service(Line(**params), incomplete)  # type: ignore[arg-type]


@pytest.fixture
def fleet() -> None:
    remember(
        "me",
        [
            ListedName("33301", "shop", "4001", "web-1"),
            ListedName("33301", "shop", "4002", "web-2"),
            ListedName("33302", "mail", "4003", "web-3"),
        ],
    )


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_data(run: Run, shell: Shell) -> None:
    assert run("completion", shell) == Result(0, SCRIPTS[shell], "")


@pytest.mark.usefixtures("fleet")
def test_a_service_is_completed_by_its_id_or_its_name() -> None:
    assert _service("333") == [("33301", "shop"), ("33302", "mail")] == _service("")
    assert _service("Ma") == [("33302", "mail")]


@pytest.mark.usefixtures("fleet")
def test_a_vm_is_completed_as_a_pair_by_either_id_or_its_label() -> None:
    assert _vm("33301/") == [("33301/4001", "web-1, shop"), ("33301/4002", "web-2, shop")]
    assert _vm("4003") == _vm("WEB-3") == [("33302/4003", "web-3, mail")]
    assert _vm("33302/web") == _vm("%") == _vm("\udcff") == []


@pytest.mark.usefixtures("fleet")
def test_a_vm_is_completed_by_its_id_alone_where_the_line_says_which_services() -> None:
    assert _vm("", service=["33301"]) == [("4001", "web-1, shop"), ("4002", "web-2, shop")]
    assert _vm("", service_id="33302") == [("4003", "web-3, mail")]
    assert [value for value, _ in _vm("4", where="x")] == ["4001", "4002", "4003"]


def test_of_very_many_vms_the_services_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_CANDIDATES_MAX", 4)
    remember("me", [ListedName("1", "one", str(number)) for number in range(7)] + [ListedName("2", "", "8")])
    assert _vm("") == [("1/", "7 VMs, one"), ("2/", "1 VMs")]
    assert [value for value, _ in _vm("1/")] == ["1/0", "1/1", "1/2", "1/6"]


def test_what_is_cut_off_still_begins_as_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell fills in what all candidates have in common."""
    monkeypatch.setattr(candidates, "_CANDIDATES_MAX", 10)
    remember(
        "me", [ListedName("1", "", f"4{number:04}") for number in range(50)] + [ListedName("1", "", "5")]
    )
    found = [value for value, _ in _vm("1/")]
    assert (len(found), found[0], found[-1]) == (10, "1/40000", "1/5")


def _stored(name: str) -> Profile:
    profile = Profile(name, f"{name}@example.com", "https://panel.example/api", Place.KEYRING, "e")
    profile_store.put(profile)
    return profile


def test_only_names_of_the_accounts_that_the_command_would_use_are_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, service in (("a", "1"), ("b", "2")):
        remember(_stored(name).label, [ListedName(service, "", f"{service}0")])
    remember("me@example.com", [ListedName("3", "", "30")])
    # Which account a command would use is not known where two are stored and none is the default.
    assert [value for value, _ in _vm("")] == ["1/10", "2/20", "3/30"]
    assert [value for value, _ in _vm("", profile=["b"])] == ["2/20"]
    assert [value for value, _ in _service("", profile=["b"])] == ["2"]
    assert [value for value, _ in _service("", all_profiles=True)] == ["1", "2"]
    # The command itself says that there is no such profile.
    assert [value for value, _ in _service("", profile=["c"])] == ["1", "2", "3"]
    monkeypatch.setenv("SEFLOW_PROFILE", "a")
    assert [value for value, _ in _service("")] == ["1"]
    monkeypatch.delenv("SEFLOW_PROFILE")
    monkeypatch.setenv("SEFLOW_USERNAME", "me@example.com")
    monkeypatch.setenv("SEFLOW_PASSWORD", "hunter2")
    assert [value for value, _ in _service("")] == ["3"]


def test_a_profile_is_completed_also_behind_a_comma() -> None:
    assert complete_profile("") == []
    for name in ("mine", "more", "other"):
        profile_store.put(
            Profile(name, f"{name}@example.com", "https://panel.example/api", Place.KEYRING, "e")
        )
    assert complete_profile("m") == [("mine", "mine@example.com"), ("more", "more@example.com")]
    assert complete_profile("mine,m") == [("mine,more", "more@example.com")]


def test_a_profiles_file_that_cannot_be_read_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "profiles.json").write_text("{")
    assert complete_profile("") == []


async def test_runs_are_completed_the_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "runs.sqlite"
    path.parent.mkdir()
    assert complete_run("") == []
    kept = Journal(path)
    await kept.acquire()
    for number in (1, 2):
        header = RunHeader(
            run_id=f"2026-{number}",
            parent=None,
            action="stop",
            accounts=("me",),
            created_at=datetime(2026, 11, number, 12, 30, tzinfo=UTC),
            document={},
            note="patch\x1b[2J" if number == 2 else "",
        )
        await kept.create(header)
    await kept.flush()
    await kept.release()
    before = sorted(path.parent.iterdir())
    assert complete_run("") == [
        ("last", "the newest run"),
        ("2026-2", "stop, not ended, 2026-11-02 12:30, patch\x1b[2J"),
        ("2026-1", "stop, not ended, 2026-11-01 12:30"),
    ]
    assert complete_run("2026-1") == [("2026-1", "stop, not ended, 2026-11-01 12:30")]
    assert complete_run("la") == [("last", "the newest run")]
    assert complete_run("%") == []
    assert set(before) <= set(path.parent.iterdir())


@pytest.mark.parametrize("content", [b"", b"no database", None])
def test_a_journal_that_cannot_be_read_offers_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "kept" / "runs.sqlite"
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert complete_run("") == []


def test_a_journal_that_somebody_locks_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "runs.sqlite"
    path.parent.mkdir()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE runs (run_id, action, state, created_at, note, id)")
    holder.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    assert complete_run("") == []
    assert time.monotonic() - began < 5
    holder.close()


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("fleet stop --service mail", "33302"),
        ("fleet stop --vm web-3", "33302/4003"),
        ("fleet stop --vm=33301/4001 --vm 33302", "33302/4003"),
        ("vm show 33301/4002", "33301/4002"),
        ("api vms.get 33301/4002", "33301/4002"),
        ("api vms.g", "vms.get"),
    ],
)
def test_the_commands_that_take_a_name_complete_it(line: str, word: str) -> None:
    assert words(line) == [word]


@pytest.mark.usefixtures("fleet")
def test_nothing_is_asked_of_a_panel(monkeypatch: pytest.MonkeyPatch, panel: Any) -> None:
    before = len(panel.requests)
    for line in ("fleet stop --vm ", "fleet stop --service ", "fleet resume ", "vm show "):
        words(line)
    assert len(panel.requests) == before


def test_of_a_hundred_thousand_names_the_first_two_hundred_are_offered() -> None:
    listed = (
        ListedName(str(33301 + service), f"shop {service}", str(service * 500 + vm), f"web-{service}-{vm}")
        for service in range(200)
        for vm in range(500)
    )
    remember("me", listed)
    for prefix in ("", "33302/", "web-199-499", "none"):
        found = _vm(prefix)
        assert len(found) == {"web-199-499": 1, "none": 0}.get(prefix, 200)

"""The cache of names: what it finds, that it stays small, and that it never gets into anybody's way."""

from __future__ import annotations

import sqlite3
import stat
import time
from pathlib import Path

import pytest

from aioseflow.cli.completion import name_cache
from aioseflow.cli.completion.name_cache import Found, Named, find, find_services, remember


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "names.sqlite"


def _fleet(services: int, vms: int) -> list[Named]:
    return [
        Named(str(33301 + service), f"shop {service}", str(4000 + service * vms + vm), f"web-{service}-{vm}")
        for service in range(services)
        for vm in range(vms)
    ]


def _ids(found: Found) -> list[str]:
    return [f"{one.service_id}/{one.vm_id}" for one in found.names]


def test_nothing_was_listed_yet_so_nothing_is_found_and_no_file_is_made(cache: Path) -> None:
    assert find("") == find_services("") == Found()
    assert not cache.exists()


@pytest.mark.parametrize(
    ("prefix", "ids", "loose"),
    [
        ("", ["33301/4000", "33301/4001", "33302/4002", "33302/4003"], False),
        ("33301", ["33301/4000", "33301/4001"], False),
        ("33302/400", ["33302/4002", "33302/4003"], False),
        ("4002", ["33302/4002"], True),
        ("WEB-1", ["33302/4002", "33302/4003"], True),
        ("33302/web", [], False),
        ("%", [], False),
        ("' OR 1=1 --", [], False),
        ("\udcff", [], False),
    ],
)
def test_a_vm_is_found_by_service_then_by_id_then_by_label(prefix: str, ids: list[str], loose: bool) -> None:
    remember("me", _fleet(2, 2))
    found = find(prefix)
    assert (_ids(found), found.loose) == (ids, loose)


def test_ids_alone_begin_with_what_was_typed_and_are_looked_for_in_the_named_services() -> None:
    remember("me", _fleet(3, 2))
    assert _ids(find("400", pairs=False, services=["33301", "33303"])) == [
        *("33301/4000", "33301/4001", "33303/4004", "33303/4005")
    ]
    assert find("400", pairs=False).loose is False
    assert _ids(find("333", pairs=False)) == []


def test_services_are_found_by_id_or_name_with_the_number_of_their_vms() -> None:
    remember("me", [*_fleet(2, 3), Named("9", "Empty")])
    assert find_services("33").names == (Named("33301", "shop 0", vms=3), Named("33302", "shop 1", vms=3))
    assert find_services("emp") == Found((Named("9", "Empty"),), loose=True)


def test_names_of_other_accounts_are_left_out_where_accounts_are_named() -> None:
    remember("me", [Named("1", "one", "11", "a")])
    remember("you", [Named("2", "two", "22", "b")])
    assert _ids(find("")) == ["1/11", "2/22"]
    assert _ids(find("", accounts=["you"])) == ["2/22"]
    assert [one.service_id for one in find_services("", accounts=["me"]).names] == ["1"]


def test_what_is_cut_off_still_begins_as_all_do() -> None:
    """A shell fills in what all candidates have in common."""
    remember("me", [Named("1", "", f"4{number:04}") for number in range(50)] + [Named("1", "", "5")])
    found = find("1/", limit=10)
    assert len(found.names) == 10
    assert [_ids(found)[0], _ids(found)[-1]] == ["1/40000", "1/5"]


def test_a_service_that_is_listed_again_forgets_the_vms_that_it_had() -> None:
    remember("me", _fleet(2, 2))
    remember("me", [Named("33301", "", "4001", "renamed")])
    assert _ids(find("33")) == ["33301/4001", "33302/4002", "33302/4003"]
    assert find("33301/").names == (Named("33301", "shop 0", "4001", "renamed"),)


def test_services_without_their_vms_leave_the_vms_as_they_are() -> None:
    remember("me", _fleet(1, 2))
    remember("me", [Named("33301", "renamed")])
    assert _ids(find("")) == ["33301/4000", "33301/4001"]
    assert find_services("").names == (Named("33301", "renamed", vms=2),)


def test_a_list_of_everything_forgets_the_services_that_are_not_in_it() -> None:
    remember("me", _fleet(2, 2))
    remember("you", [Named("7", "yours", "70")])
    remember("me", _fleet(1, 2), everything=True)
    assert _ids(find("")) == ["33301/4000", "33301/4001", "7/70"]


def test_the_services_listed_longest_ago_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_cache, "_MOST", 5)
    for service in "312":
        remember("me", [Named(service, "", f"{service}{vm}") for vm in range(2)])
    assert _ids(find("")) == ["1/10", "1/11", "2/20", "2/21"]


def test_a_service_larger_than_the_cache_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_cache, "_MOST", 5)
    remember("me", _fleet(1, 6))
    assert find("") == Found()


def test_only_its_owner_can_read_the_file(cache: Path) -> None:
    remember("me", _fleet(1, 1))
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.parent.stat().st_mode) == 0o700


def test_hostile_text_is_kept_as_text() -> None:
    label = "\x1b[2J'; DROP TABLE vms; --\n\udcff" + "x" * 10_000
    remember("me\udcff", [Named("1", label, "2", label)])
    (found,) = find("1/").names
    assert found.vm_label.startswith("\x1b[2J'; DROP TABLE vms; --\n?xxx")
    assert len(found.vm_label) == 120


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 4000, b""])
def test_a_damaged_cache_is_no_error_and_is_made_anew(cache: Path, content: bytes) -> None:
    cache.parent.mkdir()
    cache.write_bytes(content)
    assert find("") == find_services("") == Found()
    remember("me", _fleet(1, 1))
    remember("me", _fleet(1, 1))
    assert _ids(find("")) == ["33301/4000"]


def test_a_cache_of_another_version_is_made_anew(cache: Path) -> None:
    remember("me", _fleet(2, 1))
    with sqlite3.connect(cache) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert find("") == Found()
    remember("me", _fleet(1, 1))
    assert _ids(find("")) == ["33301/4000"]


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "file"))
    remember("me", _fleet(1, 1))
    assert find("") == Found()


def test_a_link_is_not_followed(cache: Path, tmp_path: Path) -> None:
    cache.parent.mkdir()
    cache.symlink_to(tmp_path / "elsewhere")
    remember("me", _fleet(1, 1))
    assert not (tmp_path / "elsewhere").exists()


def test_whoever_finds_it_locked_goes_on_without(cache: Path) -> None:
    remember("me", _fleet(1, 1))
    holder = sqlite3.connect(cache, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    remember("me", _fleet(2, 1))
    assert find("") == Found()
    assert time.monotonic() - began < 5
    holder.execute("ROLLBACK")
    holder.close()
    assert _ids(find("")) == ["33301/4000"]


def test_a_question_that_takes_too_long_has_no_answer() -> None:
    remember("me", _fleet(10, 200))
    assert find("web", budget=0.0) == Found()
    assert len(find("web", budget=60.0).names) == 200


def test_a_hundred_thousand_names_are_searched_within_the_budget() -> None:
    remember("me", _fleet(200, 500))
    for prefix in ("", "3", "333", "33302/", "4", "web-1", "web-199-499", "none"):
        # A thread's own time: other tests run beside this one.
        began = time.thread_time()
        found = find(prefix, budget=60.0)
        assert time.thread_time() - began < 0.2
        assert len(found.names) == {"web-199-499": 1, "none": 0}.get(prefix, 200)

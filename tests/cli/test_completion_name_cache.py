"""The cache of names: what it keeps, that it stays small, and that it never gets into anybody's way."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from aioseflow.cli.completion import name_cache
from aioseflow.cli.completion.name_cache import ListedName, remember, services_of


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "names.json"


def _fleet(services: int, vms: int) -> list[ListedName]:
    return [
        ListedName(
            str(33301 + service), f"shop {service}", str(4000 + service * vms + vm), f"web-{service}-{vm}"
        )
        for service in range(services)
        for vm in range(vms)
    ]


def _pairs(*accounts: str) -> list[str]:
    return sorted(f"{id_}/{vm}" for id_, service in services_of(accounts).items() for vm in service.vms)


def test_nothing_was_listed_yet_so_nothing_is_known_and_no_file_is_made(cache: Path) -> None:
    assert services_of(()) == {}
    assert not cache.exists()


def test_names_of_other_accounts_are_left_out_where_accounts_are_named() -> None:
    remember("me", [ListedName("1", "one", "11", "a")])
    remember("you", [ListedName("2", "two", "22", "b")])
    assert _pairs() == ["1/11", "2/22"]
    assert _pairs("you") == ["2/22"]
    assert services_of(["me"])["1"].vms == {"11": "a"}


def test_a_service_that_is_listed_again_forgets_the_vms_that_it_had() -> None:
    remember("me", _fleet(2, 2))
    remember("me", [ListedName("33301", "", "4001", "renamed")])
    assert _pairs() == ["33301/4001", "33302/4002", "33302/4003"]
    assert (services_of(())["33301"].name, services_of(())["33301"].vms) == ("shop 0", {"4001": "renamed"})


def test_services_without_their_vms_leave_the_vms_as_they_are() -> None:
    remember("me", _fleet(1, 2))
    remember("me", [ListedName("33301", "renamed"), ListedName("9", "Empty")])
    assert _pairs() == ["33301/4000", "33301/4001"]
    assert [service.name for service in services_of(()).values()] == ["renamed", "Empty"]


def test_a_list_of_everything_forgets_the_services_that_are_not_in_it() -> None:
    remember("me", _fleet(2, 2))
    remember("you", [ListedName("7", "yours", "70")])
    remember("me", _fleet(1, 2), everything=True)
    assert _pairs() == ["33301/4000", "33301/4001", "7/70"]


def test_the_services_listed_longest_ago_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_cache, "_VMS_MAX", 5)
    for service in "312":
        remember("me", [ListedName(service, "", f"{service}{vm}") for vm in range(2)])
    assert _pairs() == ["1/10", "1/11", "2/20", "2/21"]


def test_a_service_larger_than_the_cache_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_cache, "_VMS_MAX", 5)
    remember("me", _fleet(1, 6))
    assert services_of(()) == {}


def test_only_its_owner_can_read_the_file(cache: Path) -> None:
    remember("me", _fleet(1, 1))
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.parent.stat().st_mode) == 0o700
    assert list(cache.parent.iterdir()) == [cache]


def test_hostile_text_is_kept_as_text() -> None:
    label = '\x1b[2J"]} \udcff' + "x" * 10_000
    remember("me\udcff", [ListedName("1", label, "2", label)])
    kept = services_of(())["1"].vms["2"]
    assert kept.startswith('\x1b[2J"]} ?xxx')
    assert len(kept) == 120


@pytest.mark.parametrize(
    "content",
    [
        *(b"no JSON", b"", b"[]", b"\xff", b"null", b"{}", b'{"version": 1}'),
        *(b'{"version": 1, "services": 3}', b'{"version": 1, "services": [3]}'),
        b'{"version": 1, "services": [["me", "1", "one", "then", {}]]}',
        b'{"version": 1, "services": [["me", "1", "one", 1, 7]]}',
        b'{"version": 99, "services": [["me", "1", "one", 1, {"2": "two"}]]}',
    ],
)
def test_a_damaged_cache_or_one_of_another_version_is_no_error_and_is_made_anew(
    cache: Path, content: bytes
) -> None:
    cache.parent.mkdir()
    cache.write_bytes(content)
    assert services_of(()) == {}
    remember("me", _fleet(1, 1))
    assert _pairs() == ["33301/4000"]
    assert json.loads(cache.read_bytes())["version"] == 1


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "file"))
    remember("me", _fleet(1, 1))
    assert services_of(()) == {}


def test_a_cache_that_cannot_be_replaced_leaves_nothing_behind(cache: Path) -> None:
    cache.mkdir(parents=True)
    remember("me", _fleet(1, 1))
    assert list(cache.parent.iterdir()) == [cache]


def test_a_link_is_not_followed(cache: Path, tmp_path: Path) -> None:
    cache.parent.mkdir()
    cache.symlink_to(tmp_path / "elsewhere")
    remember("me", _fleet(1, 1))
    assert not (tmp_path / "elsewhere").exists()

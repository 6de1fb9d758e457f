"""The files of the profiles: what they hold, who may read them, what is refused; and `profiles`, `logout`."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.terminals import Result
from filelock import FileLock

from aioseflow.cli.completion.candidates import complete_profile
from aioseflow.cli.exit_code import ExitCode, Refusal
from aioseflow.cli.profiles import passwords, private_files, profile_store
from aioseflow.cli.profiles.profile_store import Place, Profile
from aioseflow.secret import Secret

Run = Callable[..., Result]

URL = "https://panel.example/api"
PLAIN = "keyrings.alt.file.PlaintextKeyring"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of the profiles; the keyring is a real one, in a file of the test's own."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", PLAIN)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("SEFLOW_PROFILE", raising=False)
    return tmp_path / "config"


def _made(name: str, place: Place = Place.KEYRING, username: str = "demo@example.com") -> Profile:
    profile = Profile(name, username, URL, place, f"entry of {name}")
    passwords.keep(profile, Secret(f"password of {name}"))
    profile_store.put(profile)
    return profile


def _refusal(of: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as caught:
        of()
    assert caught.value.exit_code is ExitCode.ERROR
    return str(caught.value)


def test_what_is_put_is_found_again_in_order(home: Path) -> None:
    made = [_made(name) for name in ("b", "a")]
    assert list(profile_store.stored().values()) == made
    assert list(profile_store.stored()) == ["b", "a"]


def test_a_profile_that_is_put_again_gives_the_one_before() -> None:
    old = _made("a")
    new = Profile("a", "other@example.com", URL, Place.FILE, "another entry")
    assert profile_store.put(new) == old
    assert profile_store.stored() == {"a": new}


def test_a_profile_that_was_replaced_meanwhile_is_not_dropped() -> None:
    old = _made("a")
    profile_store.put(Profile("a", "other@example.com", URL, Place.FILE, "another entry"))
    profile_store.drop(old)
    assert list(profile_store.stored()) == ["a"]


def test_a_look_makes_no_file(home: Path) -> None:
    assert profile_store.stored() == {}
    assert complete_profile("") == []
    assert not home.exists()


def test_profiles_put_at_the_same_time_are_all_there() -> None:
    threads = [threading.Thread(target=_made, args=(f"p{number}", Place.FILE)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(profile_store.stored()) == [f"p{number}" for number in range(8)]
    assert all(
        passwords.read(one) == Secret(f"password of {one.name}") for one in profile_store.stored().values()
    )


def test_a_directory_that_another_process_changes_is_waited_for_and_then_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made("a")
    monkeypatch.setattr(private_files, "_LOCK_TIMEOUT_SECONDS", 0.0)
    with FileLock(home / ".lock"):
        assert "another aioseflow" in _refusal(lambda: _made("b", Place.FILE))
    assert list(profile_store.stored()) == ["a"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_passwords_that_others_can_read_are_refused_with_the_fix(home: Path, mode: int) -> None:
    profile = _made("a", Place.FILE)
    passwords.path().chmod(mode)
    said = _refusal(lambda: passwords.read(profile))
    assert (
        said == f"others can read {home}/passwords.json, so it is not used: chmod 600 {home}/passwords.json"
    )
    assert "others can read" in _refusal(lambda: _made("b", Place.FILE))
    passwords.path().chmod(0o600)
    assert passwords.read(profile) == Secret("password of a")


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_profiles_that_others_can_change_are_refused_since_they_say_where_passwords_go(
    home: Path, mode: int
) -> None:
    _made("a")
    (home / "profiles.json").chmod(mode)
    said = _refusal(profile_store.stored)
    assert (
        said == f"others can change {home}/profiles.json, so it is not used: chmod go-w {home}/profiles.json"
    )
    # Completion says nothing at all.
    assert complete_profile("") == []


def test_profiles_that_others_can_read_are_used_since_they_hold_no_password(home: Path) -> None:
    _made("a")
    (home / "profiles.json").chmod(0o644)
    assert list(profile_store.stored()) == ["a"]
    profile_store.drop(profile_store.stored()["a"])
    assert stat.S_IMODE((home / "profiles.json").stat().st_mode) == 0o600


def test_a_directory_that_others_can_change_is_refused(home: Path) -> None:
    home.mkdir()
    home.chmod(0o777)
    assert "others can change" in _refusal(lambda: _made("a", Place.FILE))
    assert list(home.iterdir()) == []


def test_the_files_of_another_user_are_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made("a", Place.FILE)
    owner = os.stat(home / "profiles.json").st_uid  # noqa: PTH116 - Path.stat is replaced below
    found = os.fstat

    def of_another(handle: int) -> os.stat_result:
        fields = list(found(handle))
        fields[4] = owner + 1234
        return os.stat_result(fields)

    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(os, "fstat", of_another)
    assert "belongs to another user" in _refusal(profile_store.stored)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("\x00\xff", "is not JSON"),
        ("[]", "does not have the form"),
        ("{}", "does not have the form"),
        ('{"version": 1, "profiles": {"a": {}}}', "has a profile a that"),
        ('{"version": 1, "profiles": {"a b\\u001b": {}}}', r"has a profile a b\x1b that"),
        ('{"version": 2, "profiles": {}}', "newer aioseflow"),
    ],
)
def test_a_file_that_is_not_ours_is_one_sentence(home: Path, text: str, sentence: str, run: Run) -> None:
    home.mkdir(mode=0o700)
    (home / "profiles.json").write_text(text, "latin-1")
    assert sentence in _refusal(profile_store.stored)
    listed = run("profiles")
    assert (listed.exit_code, listed.stdout, listed.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize("text", ["[]", '{"version": 1, "passwords": {"a": 5}}', "{"])
def test_a_file_of_passwords_that_is_not_ours_is_never_quoted(home: Path, text: str) -> None:
    profile = _made("a", Place.FILE)
    passwords.path().write_text(text.replace("5", "123454321"))
    said = _refusal(lambda: passwords.read(profile))
    assert "passwords.json" in said
    assert "123454321" not in said


def test_a_write_that_fails_leaves_the_file_as_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made("a", Place.FILE)
    before = {file.name: file.read_bytes() for file in home.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device" in _refusal(lambda: _made("b", Place.FILE))
    assert {file.name: file.read_bytes() for file in home.iterdir()} == before


def test_a_file_that_is_a_link_stays_one(home: Path, tmp_path: Path) -> None:
    _made("a")
    kept = tmp_path / "kept.json"
    (home / "profiles.json").rename(kept)
    (home / "profiles.json").symlink_to(kept)
    _made("b")
    assert (home / "profiles.json").is_symlink()
    assert list(json.loads(kept.read_text())["profiles"]) == ["a", "b"]


def test_a_directory_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "file" / "config"))
    said = _refusal(lambda: _made("a", Place.FILE))
    assert "AIOSEFLOW_CONFIG" in said


def test_without_a_variable_profiles_are_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIOSEFLOW_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert private_files.directory().name == "aioseflow"
    assert tmp_path in private_files.directory().parents


def test_the_last_password_takes_its_file_with_it() -> None:
    profiles = [_made("a", Place.FILE), _made("b", Place.FILE)]
    passwords.forget(profiles[0])
    assert passwords.path().exists()
    passwords.forget(profiles[1])
    assert not passwords.path().exists()


@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", "no_such_package.Keyring", ""])
def test_a_keyring_that_cannot_be_read_is_one_sentence_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    profile = _made("work")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    said = _refusal(lambda: passwords.read(profile))
    assert "the password of profile work is in the keyring, which cannot be used" in said
    assert said.endswith("unlock it, or run aioseflow login --profile work")


@pytest.mark.parametrize("place", Place)
def test_a_password_that_is_gone_is_one_sentence_with_what_to_do(place: Place) -> None:
    profile = _made("work", place)
    passwords.forget(profile)
    said = _refusal(lambda: passwords.read(profile))
    assert said == f"the {place} has no password for profile work; run aioseflow login --profile work"


def test_profiles_lists_them_without_a_look_at_any_password(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made("default")
    _made("other", Place.FILE, "\x1b[2Jme\u202e@example.com")
    # Where a password was looked at, this would be refused.
    passwords.path().chmod(0o644)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no_such_package.Keyring")
    written = run("profiles", "--output", "json")
    assert (written.exit_code, written.stderr) == (0, "")
    rows = orjson.loads(written.stdout)
    assert [tuple(row) for row in rows] == [("name", "username", "base_url", "stored_in", "used")] * 2
    assert [tuple(row.values()) for row in rows] == [
        ("default", "demo@example.com", URL, "keyring", True),
        ("other", "\x1b[2Jme\u202e@example.com", URL, "file", False),
    ]
    table = run("profiles")
    assert table.exit_code == 0
    assert "keyring" in table.stdout
    assert not {"\x1b", "\u202e"} & set(table.stdout + written.stdout)


def test_profiles_says_so_where_variables_win(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _made("default")
    monkeypatch.setenv("SEFLOW_USERNAME", "me@example.com")
    monkeypatch.setenv("SEFLOW_PASSWORD", "x")
    written = run("profiles", "--output", "json")
    assert [row["used"] for row in orjson.loads(written.stdout)] == [False]
    assert "use me@example.com, from SEFLOW_USERNAME" in written.stderr


def test_profiles_marks_those_that_the_variable_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("default", "a", "b"):
        _made(name, username=f"{name}@example.com")
    monkeypatch.setenv("SEFLOW_PROFILE", "a,b")
    rows = orjson.loads(run("profiles", "--output", "json").stdout)
    assert [row["used"] for row in rows] == [False, True, True]


def test_where_there_are_none_the_way_to_one_is_told(run: Run) -> None:
    listed = run("profiles")
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert listed.stderr == "There are no profiles; aioseflow login stores one.\n"
    assert run("profiles", "-o", "json").stdout == "[]\n"


@pytest.mark.parametrize("place", Place)
def test_logout_forgets_password_and_profile_and_says_so(run: Run, place: Place) -> None:
    profile, other = _made("a", place), _made("b", place)
    ended = run("logout", "a")
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert ended.stderr == (
        f"Forgot profile a (demo@example.com); its password was removed from the {place}.\n"
    )
    assert list(profile_store.stored()) == ["b"]
    assert "has no password" in _refusal(lambda: passwords.read(profile))
    assert passwords.read(other) == Secret("password of b")


def test_logout_without_a_name_is_of_the_default_or_the_only_one(run: Run) -> None:
    for name in ("a", "default"):
        _made(name)
    assert run("logout").exit_code == 0
    assert list(profile_store.stored()) == ["a"]
    assert run("logout").exit_code == 0
    assert run("logout").stderr == "There are no profiles.\n"


def test_logout_without_a_name_is_of_the_profile_that_the_variable_names(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("default", "a", "b"):
        _made(name)
    monkeypatch.setenv("SEFLOW_PROFILE", "a")
    assert run("logout").exit_code == 0
    assert list(profile_store.stored()) == ["default", "b"]
    monkeypatch.setenv("SEFLOW_PROFILE", "default,b")
    refused = run("logout")
    assert refused.exit_code == 2
    assert "SEFLOW_PROFILE names default, b; name one" in refused.stderr


def test_logout_of_several_without_a_default_names_them(run: Run) -> None:
    for name in ("a", "b"):
        _made(name)
    refused = run("logout")
    assert refused.exit_code == 2
    assert "a, b" in refused.stderr
    assert list(profile_store.stored()) == ["a", "b"]


def test_logout_of_all_forgets_all(run: Run, home: Path) -> None:
    for name in ("a", "b"):
        _made(name, Place.FILE)
    ended = run("logout", "--all")
    assert (ended.exit_code, ended.stderr.count("Forgot profile")) == (0, 2)
    assert list(profile_store.stored()) == []
    assert not passwords.path().exists()
    assert run("logout", "--all").exit_code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["defautl"], "there is no profile defautl; did you mean default?"),
        (["\x1bx"], r"there is no profile \x1bx; there is default"),
        (["default", "--all"], "give one of the two"),
    ],
)
def test_logout_of_what_is_not_there_is_refused(run: Run, words: list[str], sentence: str) -> None:
    _made("default")
    refused = run("logout", *words)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert sentence in refused.stderr
    assert list(profile_store.stored()) == ["default"]


def test_a_profile_whose_keyring_cannot_be_reached_is_kept_unless_its_password_may_stay(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        _made(name)
    _made("c", Place.FILE)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    kept = run("logout", "--all")
    assert kept.exit_code == 1
    assert "kept: a, b; unlock the keyring and log out again, or add --leave-password" in kept.stderr
    assert list(profile_store.stored()) == ["a", "b"]
    left = run("logout", "a", "--leave-password")
    assert left.exit_code == 0
    assert "its password is still in the keyring, as entry of a of aioseflow" in left.stderr
    assert list(profile_store.stored()) == ["b"]


def test_the_keyring_is_not_imported_to_list(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _made("default", Place.FILE)
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert run("profiles").exit_code == 0

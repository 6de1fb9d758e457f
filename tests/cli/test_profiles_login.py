"""`aioseflow login` on a real terminal, with real keyrings: what is asked, what is stored, what is not."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring.backend
import pytest
from cli.inside import Here, terminals_here
from cli.terminals import Result, Terminal
from keyrings.alt.file import PlaintextKeyring  # type: ignore[import-untyped]

from aioseflow.cli.exit_code import Refusal
from aioseflow.cli.profiles import login, passwords, profile_store, system_keyring
from aioseflow.cli.profiles.profile_store import Place, Profile
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.secret import Secret

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]

PASSWORD = "Hünter 2-planted"
PLAIN = "keyrings.alt.file.PlaintextKeyring"
KEYRINGS = {
    "none": "keyring.backends.fail.Keyring",
    "null": "keyring.backends.null.Keyring",
    "locked": "odd_keyrings.Locked",
    "broken": "odd_keyrings.Broken",
    "not installed": "no_such_package.Keyring",
}
ODD = """
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

class Locked(KeyringBackend):
    priority = 5
    def get_password(self, service, username):
        raise KeyringLocked("Failed to unlock the collection!")
    def set_password(self, service, username, password):
        raise KeyringLocked("Failed to unlock the collection!")
    delete_password = get_password

class Broken(Locked):
    def set_password(self, service, username, password):
        raise RuntimeError(f"no luck with {password}")
"""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of the profiles; the keyring is a real one, in a file of the test's own."""
    (tmp_path / "odd_keyrings.py").write_text(ODD)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd_keyrings", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", PLAIN)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("SEFLOW_PROFILE", raising=False)
    return tmp_path / "config"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """Runs a command on a terminal in this process."""
    with terminals_here(monkeypatch) as start:
        yield start


@pytest.fixture
def alone(panels: Panels, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A panel that the environment does not name, with a password that is not plain."""
    panel = panels(password=PASSWORD)
    for name in ("SEFLOW_USERNAME", "SEFLOW_PASSWORD", "SEFLOW_BASE_URL"):
        monkeypatch.delenv(name)
    return panel


def _type_in(terminal: Terminal, panel: Sandbox, password: str = PASSWORD) -> str:
    seen = terminal.expect("E-mail")
    terminal.type(f"{panel.username}\n")
    seen += terminal.expect("Password: ")
    terminal.type(f"{password}\n")
    return seen


def _logged_in(panel: Sandbox, name: str = "default") -> Profile:
    profile = Profile(name, panel.username, panel.url, Place.KEYRING, "an older entry")
    passwords.keep(profile, Secret("old"))
    profile_store.put(profile)
    return profile


def _everything_in(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(directory.rglob("*")) if file.is_file())


def test_a_login_is_tried_with_one_call_and_kept_in_the_keyring(
    spawn: Spawn, alone: Sandbox, home: Path, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w+b") as out:
        terminal = spawn("login", "--base-url", alone.url, stdout=out)
        seen = _type_in(terminal, alone)
        code, rest = terminal.finish()
        out.seek(0)
        assert out.read() == b""
    assert (code, len(alone.requests)) == (0, 1)
    assert "the password is in the keyring (file PlaintextKeyring)." in rest.replace("\r\n", " ")
    assert PASSWORD not in seen + rest
    profile = profile_store.stored()["default"]
    assert (profile.username, profile.base_url, profile.stored_in) == (alone.username, alone.url, "keyring")
    assert passwords.read(profile) == Secret(PASSWORD)
    assert PASSWORD.encode() not in _everything_in(home)
    assert not passwords.path().exists()
    document = json.loads((home / "profiles.json").read_text())
    assert set(document["profiles"]["default"]) == {"username", "base_url", "stored_in", "entry"}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()} == {0o600}


def test_an_email_that_was_given_is_not_asked_for(here: Here, alone: Sandbox) -> None:
    terminal = here("login", "--base-url", alone.url, "--username", alone.username, "--profile", "a.b@c")
    assert "E-mail" not in terminal.expect("Password: ")
    terminal.type(f"{PASSWORD}\n")
    assert terminal.finish()[0] == 0
    assert list(profile_store.stored()) == ["a.b@c"]


def test_a_wrong_password_is_tried_once_and_stores_nothing(here: Here, alone: Sandbox, home: Path) -> None:
    terminal = here("login", "--base-url", alone.url)
    seen = _type_in(terminal, alone, "wrong-planted")
    code, rest = terminal.finish()
    assert (code, len(alone.requests)) == (6, 1)
    assert "wrong e-mail or password; not saved, and not tried again" in rest.replace("\r\n", " ")
    assert "wrong-planted" not in seen + rest
    assert not home.exists()


def test_an_unreachable_panel_stores_nothing(here: Here, alone: Sandbox, home: Path) -> None:
    terminal = here("login", "--base-url", "http://127.0.0.1:1/api")
    _type_in(terminal, alone)
    code, rest = terminal.finish()
    assert (code, alone.requests) == (1, [])
    assert "Not saved." in rest
    assert not home.exists()


@pytest.mark.parametrize("prompt", ["E-mail", "Password: ", "Save it there? [y/N] "])
@pytest.mark.parametrize(("keys", "expected"), [("\x03", 130), ("\x04", 1)])
def test_ctrl_c_and_ctrl_d_at_any_question_store_nothing(
    spawn: Spawn,
    here: Here,
    alone: Sandbox,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    prompt: str,
    keys: str,
    expected: int,
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", KEYRINGS["none"])
    # Ctrl-C is a signal, which a process gets.
    terminal = (spawn if keys == "\x03" else here)("login", "--base-url", alone.url)
    for question, answer in (("E-mail", alone.username), ("Password: ", PASSWORD)):
        terminal.expect(question)
        if question == prompt:
            break
        terminal.type(f"{answer}\n")
    else:
        terminal.expect(prompt)
    terminal.type(keys)
    code, rest = terminal.finish()
    assert code == expected
    assert "so nothing was saved" in rest.replace("\r\n", " ")
    assert not home.exists()


def _offered_a_file(here: Here, panel: Sandbox, home: Path) -> Terminal:
    terminal = here("login", "--base-url", panel.url, columns=300)
    seen = _type_in(terminal, panel) + terminal.expect("Save it there? [y/N] ")
    assert "No keyring to save the password in: " in seen
    assert str(home / "passwords.json") in seen
    assert PASSWORD not in seen
    assert not home.exists()
    return terminal


@pytest.mark.parametrize("backend", KEYRINGS.values(), ids=KEYRINGS)
def test_without_a_keyring_a_file_is_used_after_a_yes(
    here: Here, alone: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    terminal = _offered_a_file(here, alone, home)
    terminal.type("y\n")
    code, rest = terminal.finish()
    assert code == 0
    assert str(home / "passwords.json") in rest
    assert PASSWORD not in rest
    [profile] = profile_store.stored().values()
    assert profile.stored_in is Place.FILE
    assert passwords.read(profile) == Secret(PASSWORD)
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()} == {0o600}


@pytest.mark.parametrize("answer", ["n", "", "yeah"])
def test_without_a_keyring_and_a_yes_nothing_is_stored(
    here: Here, alone: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", KEYRINGS["none"])
    terminal = _offered_a_file(here, alone, home)
    terminal.type(f"{answer}\n")
    code, rest = terminal.finish()
    assert code == 1
    assert "not confirmed, so nothing was saved" in rest
    assert not home.exists()


def test_a_readable_file_is_no_keyring_unless_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.setattr(keyring.backend, "get_all_keyring", lambda: [PlaintextKeyring()])
    monkeypatch.setattr("keyring.core._config_path", lambda: Path("/nowhere/keyringrc.cfg"))
    with pytest.raises(system_keyring.KeyringUnusable, match="there is none"):
        system_keyring.keep("entry", Secret(PASSWORD))


def test_what_a_broken_keyring_says_of_the_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", KEYRINGS["broken"])
    with pytest.raises(system_keyring.KeyringUnusable) as caught:
        system_keyring.keep("entry", Secret(PASSWORD))
    assert str(caught.value) == "RuntimeError"
    assert caught.value.__context__ is None


def test_a_profile_is_replaced_after_a_yes_and_its_old_password_removed(
    here: Here, alone: Sandbox, home: Path
) -> None:
    old = _logged_in(alone)
    terminal = here("login", columns=200)
    question = terminal.expect("Replace it? [y/N] ")
    assert f"Profile default exists: {alone.username} at {alone.url}." in question
    terminal.type("y\n")
    # The old e-mail is offered, and the old panel is taken.
    terminal.expect(f"E-mail [{alone.username}]: ")
    terminal.type("\n")
    terminal.expect("Password: ")
    terminal.type(f"{PASSWORD}\n")
    assert terminal.finish()[0] == 0
    [profile] = profile_store.stored().values()
    assert passwords.read(profile) == Secret(PASSWORD)
    assert system_keyring.read(old.entry) is None


@pytest.mark.parametrize(("keys", "expected"), [("n\n", 1), ("\n", 1), ("\x03", 130)])
def test_a_profile_is_kept_without_a_yes(
    spawn: Spawn, here: Here, alone: Sandbox, keys: str, expected: int
) -> None:
    old = _logged_in(alone)
    terminal = (spawn if keys == "\x03" else here)("login")
    terminal.expect("Replace it? [y/N] ")
    terminal.type(keys)
    assert terminal.finish()[0] == expected
    assert profile_store.stored() == {"default": old}
    assert passwords.read(old) == Secret("old")
    assert alone.requests == []


def test_a_refused_login_leaves_the_old_profile_as_it_was(here: Here, alone: Sandbox) -> None:
    old = _logged_in(alone)
    terminal = here("login")
    terminal.expect("Replace it? [y/N] ")
    terminal.type("y\n")
    _type_in(terminal, alone, "wrong")
    assert terminal.finish()[0] == 6
    assert profile_store.stored() == {"default": old}
    assert passwords.read(old) == Secret("old")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, Refusal("the disk is full")])
def test_a_password_whose_profile_cannot_be_written_is_removed_again(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException | type[BaseException]
) -> None:
    profile = Profile("default", "demo@example.com", "https://panel.example/api", Place.KEYRING, "entry")

    def fail(_: Profile) -> None:
        assert passwords.read(profile) == Secret(PASSWORD)
        raise failure

    monkeypatch.setattr(profile_store, "put", fail)
    with pytest.raises((KeyboardInterrupt, Refusal)):
        login._put(profile, Secret(PASSWORD))
    assert system_keyring.read("entry") is None


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_login_that_may_not_read_the_account_is_stored_after_a_yes(
    here: Here, panels: Panels, answer: str
) -> None:
    panel = panels(password=PASSWORD, faults=[Fault("error", path="/details", codes=("unauthorized",))])
    terminal = here("login", "--base-url", panel.url)
    _type_in(terminal, panel)
    assert "unauthorized" in terminal.expect("Save it anyway? [y/N] ")
    terminal.type(f"{answer}\n")
    assert terminal.finish()[0] == (0 if answer == "y" else 1)
    assert list(profile_store.stored()) == (["default"] if answer == "y" else [])


def test_a_login_that_variables_outrank_says_how_to_use_it(here: Here, panels: Panels) -> None:
    panel = panels(password=PASSWORD)
    terminal = here("login", columns=200)
    _type_in(terminal, panel)
    code, rest = terminal.finish()
    assert code == 0
    assert "Use it with --profile default (SEFLOW_USERNAME and SEFLOW_PASSWORD are set)." in rest


@pytest.mark.parametrize("words", [["--password", "hunter2"], ["--password=hunter2"], ["--password"]])
def test_a_password_is_never_an_argument(run: Run, words: list[str]) -> None:
    refused = run("login", *words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "a password is never an argument: every user of this machine can read" in refused.stderr
    assert "hunter2" not in refused.stderr


def test_without_a_terminal_the_variables_are_named(run: Run) -> None:
    refused = run("login")
    assert (refused.exit_code, refused.stdout) == (2, "")
    for name in ("SEFLOW_USERNAME", "SEFLOW_PASSWORD", "SEFLOW_BASE_URL"):
        assert name in refused.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--profile", "a b"], "a profile cannot be called a b"),
        (["--profile", ""], "a profile cannot be called nothing"),
        (["--profile", "x" * 65], "1 to 64"),
        (["--profile", "a\x1b[2J"], r"a\x1b[2J"),
        (["--base-url", "http://panel.example/api"], "in the clear"),
        (["--base-url", "https://me:secret@panel.example/api"], "credentials in the base URL"),
        (["--username", "a:b"], "a colon"),
        (["--username", "a\x1b"], "a control character"),
    ],
)
def test_what_cannot_be_right_is_refused_before_a_password_is_asked_for(
    here: Here, home: Path, words: list[str], sentence: str
) -> None:
    code, written = here("login", *words, columns=300).finish()
    assert code == 2
    assert sentence in written
    assert "Password" not in written
    assert "\x1b" not in written
    assert not home.exists()


def test_an_empty_password_is_not_sent(here: Here, alone: Sandbox, home: Path) -> None:
    terminal = here("login", "--base-url", alone.url)
    _type_in(terminal, alone, "")
    code, rest = terminal.finish()
    assert (code, alone.requests) == (2, [])
    assert "the password is empty" in rest
    assert not home.exists()


@pytest.mark.parametrize(
    ("errors", "sentence"), [("strict", "encoding"), ("surrogateescape", "not well-formed")]
)
def test_a_password_in_another_encoding_is_refused_and_not_shown(
    here: Here, alone: Sandbox, errors: str, sentence: str
) -> None:
    terminal = here("login", "--base-url", alone.url, errors=errors)
    terminal.expect("E-mail")
    terminal.type(f"{alone.username}\n")
    terminal.expect("Password: ")
    os.write(terminal.master, b"h\xfcnter2\n")
    code, rest = terminal.finish()
    assert (code, alone.requests) == (2, [])
    assert sentence in rest.replace("\r\n", " ")
    assert "nter2" not in rest


def test_what_is_said_stays_within_the_terminal(
    here: Here, alone: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", KEYRINGS["none"])
    terminal = here("login", "--base-url", alone.url, columns=60)
    _type_in(terminal, alone)
    explained = terminal.expect("Save it there? [y/N] ")
    assert "saved unencrypted in" in explained.replace("\r\n", " ")
    assert max(map(len, explained.splitlines())) <= 60

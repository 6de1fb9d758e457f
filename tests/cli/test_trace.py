"""What --debug shows, and what it never shows."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path

import pytest

from aioseflow import SeFlowError, Throttled
from aioseflow.cli.accounts import Accounts
from aioseflow.cli.profiles import passwords, profile_store, prompts
from aioseflow.cli.profiles.profile_store import Place, Profile
from aioseflow.cli.trace import hide, print_debug, scrubbed, take_switch
from aioseflow.secret import Secret, basic_authorization

PASSWORD = "corrèct horse \"battery\" & 'staple'"
USERNAME = "me@example.com"


@pytest.mark.parametrize(
    ("words", "kept", "wanted"),
    [
        ([], [], False),
        (["--debug"], [], True),
        (["api", "--debug", "x"], ["api", "x"], True),
        (["api", "--", "--debug"], ["api", "--", "--debug"], False),
        (["--debug", "api", "--", "--debug"], ["api", "--", "--debug"], True),
        (["--debugger"], ["--debugger"], False),
    ],
)
def test_the_switch_may_stand_anywhere_before_the_dashes(
    words: list[str], kept: list[str], wanted: bool
) -> None:
    assert take_switch(words) == (kept, wanted)


@pytest.mark.parametrize(("value", "wanted"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_environment_may_ask_for_it(monkeypatch: pytest.MonkeyPatch, value: str, wanted: bool) -> None:
    monkeypatch.setenv("AIOSEFLOW_DEBUG", value)
    assert take_switch(["api"]) == (["api"], wanted)


def _told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    def raised() -> None:
        raise error

    try:
        raised()
    except Exception as caught:  # noqa: BLE001 - for its traceback
        print_debug(caught)
    written = capsys.readouterr()
    assert written.out == ""
    return written.err


def test_it_says_where_what_was_sent_and_which_versions(capsys: pytest.CaptureFixture[str]) -> None:
    error = Throttled(
        "vms.stop: not now",
        call="vms.stop",
        request="POST /service/9/vms/4/stop",
        status=429,
        attempts=3,
        excerpt="<h1>slow\x1b[2J down</h1>",
        retry_after=8.0,
    )
    error.__cause__ = OSError(104, "reset")
    told = _told(error, capsys)
    assert "in raised" in told
    assert "ConnectionResetError: [Errno 104] reset" in told
    assert (
        "Throttled: call='vms.stop', request='POST /service/9/vms/4/stop', status=429, attempts=3, "
        "retry_after=8.0" in told
    )
    assert "the answer began: '<h1>slow\\x1b[2J down</h1>'" in told
    assert "aioseflow 0." in told.splitlines()[-1]
    assert "aiohttp 3." in told.splitlines()[-1]


def test_all_of_a_group_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(ExceptionGroup("two", [SeFlowError("one", call="vms.get"), ValueError("other")]), capsys)
    assert "SeFlowError: call='vms.get'" in told
    assert "ValueError: other" in told


def _leaking(password: str) -> BaseException:
    header = basic_authorization(USERNAME, password)
    forms = [password, repr(password), str(header), base64.b64encode(password.encode()).decode()]
    error = SeFlowError(f"{forms}", call=password, request=f"GET /?p={password}", excerpt=f"as {forms}")
    error.__cause__ = ValueError(f"Authorization: {header}")
    error.add_note(f"said {password}")
    return error


def _nowhere(text: str, password: str) -> bool:
    header = str(basic_authorization(USERNAME, password)).removeprefix("Basic ")
    # The login's own part of the header may be read: it is no secret.
    return not any(part in text for part in (password, header[-12:], password[:8]))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Secret]:
    """The passwords that the command read: none yet."""
    passwords: list[Secret] = []
    monkeypatch.setattr("aioseflow.cli.trace._passwords", passwords)
    return passwords


def test_a_password_that_the_command_read_is_in_no_form_in_it(
    capsys: pytest.CaptureFixture[str], read: list[Secret]
) -> None:
    assert hide(Secret(PASSWORD)).reveal() == PASSWORD
    told = _told(_leaking(PASSWORD), capsys)
    assert "***" in told
    assert _nowhere(told, PASSWORD)


@pytest.mark.parametrize("place", Place)
def test_passwords_of_profiles_are_hidden_when_they_are_read(
    read: list[Secret], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    profile = Profile("a", USERNAME, "https://panel.example/api", place, "entry")
    passwords.keep(profile, Secret(PASSWORD))
    profile_store.put(profile)
    assert PASSWORD in scrubbed(PASSWORD)
    Accounts().identities()
    assert _nowhere(scrubbed(f"{PASSWORD} {basic_authorization(USERNAME, PASSWORD)}"), PASSWORD)


def test_a_password_in_another_encoding_does_not_keep_the_others_from_being_hidden(
    read: list[Secret],
) -> None:
    hide(Secret("h\udcfcnter2"))
    hide(Secret(PASSWORD))
    assert _nowhere(scrubbed(PASSWORD), PASSWORD)
    assert "nter2" not in scrubbed("h\udcfcnter2 is refused")


def test_a_password_that_is_typed_is_hidden(read: list[Secret], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "read_line", lambda *_: f"{PASSWORD}\n")
    monkeypatch.setattr(prompts, "_no_echo", contextlib.nullcontext)
    prompts.password("Password")
    assert _nowhere(scrubbed(PASSWORD), PASSWORD)


def test_the_password_of_the_environment_is_in_no_form_in_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", PASSWORD)
    told = _told(_leaking(PASSWORD), capsys)
    assert _nowhere(told, PASSWORD)


def test_an_authorization_header_is_masked_even_if_nobody_holds_its_password() -> None:
    header = "Basic " + base64.b64encode(b"somebody:else entirely").decode()
    for text in (f"Authorization: {header}", f"{{'Authorization': '{header}'}}", header):
        assert header.removeprefix("Basic ") not in scrubbed(text)
    assert scrubbed("Authorization: Bearer abc.def and more") == "Authorization: Bearer *** and more"
    assert scrubbed("basic facts are kept") == "basic facts are kept"


def test_values_of_variables_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(value: str) -> None:
        raise ValueError("plain")

    try:
        broken("-".join(["not", "to", "be", "seen"]))
    except ValueError as error:
        print_debug(error)
    told = capsys.readouterr().err
    assert "in broken" in told
    assert "not-to-be-seen" not in told


def test_what_is_long_is_bounded_and_hostile_text_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    error = ValueError("\x1b[2J\u202e" + "x" * 100_000 + "\nline" * 10_000)
    told = _told(error, capsys)
    assert "\\x1b[2J\\u202e" in told
    assert len(told.splitlines()) <= 201
    assert max(map(len, told.splitlines())) <= 320
    assert all(line.isprintable() for line in told.splitlines())
    assert "more lines" in told
    assert told.splitlines()[-1].startswith("aioseflow ")

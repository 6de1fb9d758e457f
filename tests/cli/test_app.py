"""Whatever goes wrong is one sentence on stderr and an exit code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer
from cli.terminals import Result

from aioseflow import AuthenticationError, InvalidArgument, SeFlowError, __version__
from aioseflow.cli.menu import MENU

Run = Callable[..., Result]


def test_version_is_data(run: Run) -> None:
    assert run("--version") == Result(0, f"aioseflow {__version__}\n", "")


def test_help_is_data(run: Run) -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in ("demo", "fleet", "api", "sandbox", "Exit codes"))
    assert shown.stderr == ""


def test_nothing_asked_shows_the_help_on_stderr(run: Run) -> None:
    shown = run()
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "Usage: aioseflow" in shown.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "No such command 'nonsense'; see aioseflow --help"),
        (["flet"], "No such command 'flet'. Did you mean 'fleet'; see aioseflow --help"),
        (["fleet"], "stop, start, reboot, usage, resume or runs; see aioseflow fleet --help"),
        (["fleet", "stop", "--foo"], "No such option: --foo; see aioseflow fleet stop --help"),
        (["fleet", "usage", "--no-wait"], "see aioseflow fleet usage --help"),
        (["demo", "--services", "two"], "see aioseflow demo --help"),
        (["demo", "--vms", "3"], "see aioseflow demo --help"),
        (["sandbox", "--dialect", "latin"], "see aioseflow sandbox --help"),
    ],
)
def test_wrong_usage_is_one_sentence_that_leads_to_the_help(
    run: Run, words: list[str], sentence: str
) -> None:
    ended = run(*words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("aioseflow: ")
    assert ended.stderr.endswith(f"{sentence}\n")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (SeFlowError("it broke\x1b[2J"), 1, "it broke\\x1b[2J"),
        (AuthenticationError("refused"), 6, "refused"),
        (ExceptionGroup("several", [ExceptionGroup("", [AuthenticationError("refused")])]), 6, "refused"),
        (InvalidArgument("no such id"), 2, "no such id"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (FileNotFoundError(2, "No such file", "x"), 1, "No such file: x"),
        (OSError("odd"), 1, "odd"),
        (ZeroDivisionError("by zero"), 1, "this is a bug in aioseflow: ZeroDivisionError: by zero"),
    ],
)
def test_an_error_is_one_sentence_and_never_a_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, sentence: str
) -> None:
    def broken(_: object) -> int:
        raise error

    monkeypatch.setattr("aioseflow.cli.api.asyncio.run", broken)
    monkeypatch.setattr("aioseflow.cli.api._call", lambda *_: None)
    assert run("api", "vms.list", "9") == Result(code, "", f"aioseflow: {sentence}\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupted_command_ends_with_130(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def interrupted(_: object) -> int:
        raise error

    monkeypatch.setattr("aioseflow.cli.api.asyncio.run", interrupted)
    monkeypatch.setattr("aioseflow.cli.api._call", lambda *_: None)
    assert run("api", "vms.list", "9") == Result(130, "", "")


def test_every_entry_of_the_menu_is_a_command_that_explains_itself(run: Run) -> None:
    for name in [name for entries in MENU.values() for name in entries]:
        helped = run(name, "--help")
        assert (helped.exit_code, helped.stderr) == (0, "")
        assert helped.stdout.startswith(f"Usage: aioseflow {name} ")

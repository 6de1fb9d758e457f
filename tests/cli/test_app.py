"""Whatever goes wrong is one sentence on stderr and an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
import typer.main
from cli.terminals import Result

from aioseflow import AuthenticationError, InvalidArgument, SeFlowError, __version__
from aioseflow.cli.app import app
from aioseflow.text import cells

Run = Callable[..., Result]

# Nobody is to be added.


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
    ("words", "usage"),
    [
        (["help"], "aioseflow [OPTIONS] COMMAND"),
        (["help", "fleet"], "aioseflow fleet [OPTIONS] COMMAND"),
        (["help", "fleet", "stop"], "aioseflow fleet stop [OPTIONS]"),
        (["-h"], "aioseflow [OPTIONS] COMMAND"),
        (["fleet", "-h"], "aioseflow fleet [OPTIONS] COMMAND"),
        (["fleet", "stop", "-h"], "aioseflow fleet stop [OPTIONS]"),
    ],
)
def test_help_is_asked_for_in_any_of_the_usual_ways(run: Run, words: list[str], usage: str) -> None:
    shown = run(*words)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"Usage: {usage}")


def test_a_group_without_a_command_shows_its_help_on_stderr(run: Run) -> None:
    shown = run("fleet")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr.startswith("Usage: aioseflow fleet ")
    assert "Commands:" in shown.stderr


def test_a_group_is_not_offered_what_typer_gives_to_whole_programs(run: Run) -> None:
    assert "-completion" not in run("--help").stdout + run("fleet", "--help").stdout


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
        (
            ZeroDivisionError("by zero"),
            1,
            "this is a bug in aioseflow: ZeroDivisionError: by zero; "
            "report it with the output of the same command with --debug",
        ),
    ],
)
def test_an_error_is_one_sentence_and_never_a_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, sentence: str
) -> None:
    def broken(*_: object) -> int:
        raise error

    monkeypatch.setattr("aioseflow.cli.api.ask", broken)
    assert run("api", "vms.list", "9") == Result(code, "", f"aioseflow: {sentence}\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupted_command_ends_with_130(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def interrupted(*_: object) -> int:
        raise error

    monkeypatch.setattr("aioseflow.cli.api.ask", interrupted)
    assert run("api", "vms.list", "9") == Result(130, "", "")


@pytest.mark.parametrize("words", [["--debug", "api", "vms.list", "9"], ["api", "vms.list", "--debug", "9"]])
def test_debug_shows_where_an_error_came_from_before_the_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def broken(*_: object) -> int:
        raise ExceptionGroup("several", [ZeroDivisionError("by zero")])

    monkeypatch.setattr("aioseflow.cli.api.ask", broken)
    ended = run(*words)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "in broken" in ended.stderr
    assert "ExceptionGroup: several (1 sub-exception)" in ended.stderr
    assert ended.stderr.endswith(
        "aioseflow: this is a bug in aioseflow: ZeroDivisionError: by zero; report it with the lines above\n"
    )


def test_debug_says_nothing_more_where_a_command_was_written_wrongly(run: Run) -> None:
    assert run("--debug", "flet") == run("flet")


def _commands() -> Iterator[tuple[tuple[str, ...], bool]]:
    """The words of every command and group there is, hidden ones too; and whether it is a group."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bool]]:
        yield words, hasattr(command, "commands")
        for name in getattr(command, "commands", ()):
            yield from below(command.get_command(None, name), (*words, name))

    return below(typer.main.get_command(app), ())


def test_every_command_and_group_explains_itself_within_80_columns(run: Run) -> None:
    for words, _ in _commands():
        helped = run(*words, "-h")
        assert (helped.exit_code, helped.stderr) == (0, ""), words
        assert helped.stdout.startswith(f"Usage: {' '.join(('aioseflow', *words))} ")
        assert max(map(cells, helped.stdout.splitlines())) <= 80, words


def test_the_help_of_every_command_has_an_example(run: Run) -> None:
    for words, is_group in _commands():
        name = " ".join(("aioseflow", *words))
        lines = run(*words, "--help").stdout.splitlines()[1:]
        shown = any(name in line for line in lines)
        assert shown or is_group, name

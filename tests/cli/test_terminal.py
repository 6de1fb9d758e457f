"""What reaches a terminal, and what does not."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli.terminals import Terminal, visible

from aioseflow.cli import terminal
from aioseflow.cli.exit_code import ExitCode, Refusal
from aioseflow.cli.terminal import columns, confirm, echo, echo_err, echo_error

Spawn = Callable[..., Terminal]

_ANSI = "\x1b[2J\x1b]0;owned\x07"


def test_the_width_is_what_the_environment_says_but_never_too_narrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "123")
    assert columns() == 123
    monkeypatch.setenv("COLUMNS", "7")
    assert columns() == 40


def test_data_goes_to_stdout_and_words_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    echo("data\n")
    echo_err("words")
    echo_error(f"broke: {_ANSI}\nagain")
    written = capsys.readouterr()
    assert written.out == "data\n"
    assert written.err == "words\naioseflow: broke: \\x1b[2J\\x1b]0;owned\\x07 again\n"


@pytest.fixture
def closed_pipe() -> Iterator[io.TextIOWrapper]:
    """A text stream whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor has no path
        yield stream


def test_a_reader_that_is_gone_is_no_error(
    monkeypatch: pytest.MonkeyPatch, closed_pipe: io.TextIOWrapper
) -> None:
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    monkeypatch.setattr(sys, "stderr", closed_pipe)
    echo("first\n")
    echo(b"then\n")
    echo_err("more")


def test_a_reader_of_the_words_that_is_gone_is_no_error_either(
    monkeypatch: pytest.MonkeyPatch, closed_pipe: io.TextIOWrapper
) -> None:
    monkeypatch.setattr(sys, "stderr", closed_pipe)
    echo_err("one")
    echo_err("two")


def test_streams_that_were_never_open_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    echo("x")
    echo_err("x")
    assert not terminal.can_ask()
    terminal.prepare_streams()


def test_a_character_that_the_encoding_lacks_is_written_as_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.prepare_streams()
    echo("Zürich\n")
    assert raw.getvalue() == b"Z\\xfcrich\n"


@pytest.mark.parametrize("answer", ["y\n", "YES\n", " y \n"])
def test_yes_is_yes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    confirm("stop: 3 VMs", "Go on?")
    assert capsys.readouterr() == ("", "stop: 3 VMs\nGo on? [y/N] ")


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yesterday\n", "j\n"])
def test_anything_else_is_no(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    with pytest.raises(Refusal, match="nothing was sent") as refused:
        confirm("stop: 3 VMs", "Go on?")
    assert refused.value.exit_code is ExitCode.ERROR


def test_ctrl_c_at_the_question_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    stdin = SimpleNamespace(readline=interrupted, closed=False, isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(Refusal, match="nothing was sent") as refused:
        confirm("stop: 3 VMs", "Go on?")
    assert refused.value.exit_code is ExitCode.INTERRUPTED


def test_what_is_said_fits_the_terminal_where_the_data_go_elsewhere(spawn: Spawn, tmp_path: Path) -> None:
    with (tmp_path / "data").open("wb") as data:
        terminal = spawn("fleet", "stop", "--vm", "1", "--vm", "33301/4001", columns=50, stdout=data)
        _, written = terminal.finish()
    lines = visible(written).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 50

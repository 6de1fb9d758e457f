"""Streams that are closed, full or read by nobody, and terminals that can do little."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from aioseflow import __version__
from aioseflow.cli.app import app

_COMMAND = "import sys; sys.argv[0] = 'aioseflow'; from aioseflow.cli import main; main()"


def _sh(line: str, descriptor: int = 2, /, **environment: str) -> tuple[int, str, str]:
    """Run a line of bash in which ``aioseflow`` is a function and a ``descriptor`` of ours is open."""
    program = f'aioseflow() {{ "$PYTHON" -c "$COMMAND" "$@"; }}; {line}'
    done = subprocess.run(
        ["/bin/bash", "-c", program],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        pass_fds=[descriptor],
        env={**os.environ, "PYTHON": sys.executable, "COMMAND": _COMMAND, **environment},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("words", ["--help", "--version", "api --list", "fleet --help"])
def test_a_pipe_that_nobody_reads_is_no_error(words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert _sh(f"aioseflow {words} >&{writing}", writing) == (0, "", "")
    finally:
        os.close(writing)


@pytest.mark.parametrize("words", ["--help", "--version", "completion bash"])
def test_a_closed_stdout_is_no_error(words: str) -> None:
    assert _sh(f"aioseflow {words} >&-") == (0, "", "")


def test_a_closed_stderr_takes_the_sentence_and_leaves_the_code() -> None:
    assert _sh("aioseflow nonsense 2>&-") == (2, "", "")
    assert _sh("aioseflow nonsense <&- >&- 2>&-") == (2, "", "")


def test_a_closed_stdin_is_nobody_to_ask() -> None:
    assert _sh("aioseflow --version <&-") == (0, f"aioseflow {__version__}\n", "")
    assert _sh("aioseflow --version 0<&- 2>&-") == (0, f"aioseflow {__version__}\n", "")


def test_what_was_closed_is_not_taken_by_the_next_file(tmp_path: Path) -> None:
    """A journal that were standard output would get whatever is printed."""
    program = (
        "from aioseflow.cli.terminal import fill_closed_descriptors as fill; import os, sys; fill();"
        f"print(os.open({os.fspath(tmp_path / 'journal')!r}, os.O_CREAT | os.O_RDWR), file=sys.stderr)"
    )
    code, _, err = _sh('"$PYTHON" -c "$PROGRAM" <&- >&-', PROGRAM=program)
    assert code == 0
    assert int(err) > 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", ["--help", "--version", "completion bash"])
def test_a_full_disk_is_one_sentence(words: str) -> None:
    assert _sh(f"aioseflow {words} >/dev/full") == (1, "", "aioseflow: No space left on device\n")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, r"'nons\xe9nse'"),
        ({"LC_ALL": "xx_YY.nothing"}, "nons"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "'nons"),
        ({"LANG": "C", "LC_ALL": ""}, "'nons"),
    ],
)
def test_a_terminal_without_the_character_gets_it_escaped(environment: dict[str, str], said: str) -> None:
    code, out, err = _sh("aioseflow nonsénse", **environment)
    assert (code, out) == (2, "")
    # bash itself warns of a locale that there is not.
    (sentence,) = [line for line in err.splitlines() if "warning: setlocale" not in line]
    assert sentence.startswith("aioseflow: No such command ")
    assert said in sentence


def test_a_word_that_is_no_text_is_escaped() -> None:
    assert _sh("aioseflow $'\\xff'") == (
        *(2, "", "aioseflow: No such command '\\udcff'; see aioseflow --help\n"),
    )


@pytest.mark.parametrize(
    ("environment", "widest"),
    [({"COLUMNS": "40"}, 50), ({"COLUMNS": "200"}, 80), ({"TERM": "dumb"}, 80), ({"NO_COLOR": "1"}, 80)],
)
def test_help_is_plain_and_fits_whatever_the_terminal(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    widest: int,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # Not by the fixture `run`, whose terminal is always 80 columns wide.
    with pytest.raises(SystemExit) as ended:
        get_command(app).main(["--help"], "aioseflow")
    shown = capsys.readouterr()
    assert (ended.value.code, shown.err) == (0, "")
    assert "\x1b" not in shown.out
    assert max(map(len, shown.out.splitlines())) <= widest

"""What may reach a terminal: the panel's text escaped, questions on stderr, closed pipes kept quiet."""

from __future__ import annotations

import io
import os
import select
import shutil
import sys
from contextlib import suppress
from typing import TextIO

from ..text import cells, escape, wrap
from .exit_code import ExitCode, Refusal

_SENTENCE = 1000
_GLANCE = 0.2  # seconds


def columns() -> int:
    """The width to write for: that of the terminal of stdout, else of stderr, or 80."""
    fallback = (80, 24)
    if not is_terminal(sys.stdout) and is_terminal(sys.stderr):
        # What is said is read there, wherever the data go.
        with suppress(OSError):
            fallback = os.get_terminal_size(sys.stderr.fileno())
    return max(40, shutil.get_terminal_size(fallback).columns)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at it; a stream that was closed is none."""
    return stream is not None and not stream.closed and stream.isatty()


def prepare_streams() -> None:
    """Let no character that the terminal's encoding lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def echo(data: str | bytes) -> None:
    """Data, on stdout. Nobody there any more is no error."""
    stream = sys.stdout
    if stream is None:
        return
    try:
        if isinstance(data, bytes):
            stream.flush()
            stream.buffer.write(data)
        else:
            stream.write(data)
        stream.flush()
    except BrokenPipeError:
        _discard(stream)


def echo_err(message: str) -> None:
    """A line for people, on stderr."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        stream.write(message + "\n")
        stream.flush()
    except BrokenPipeError:
        _discard(stream)


def echo_error(message: str) -> None:
    """An error as one sentence, on stderr; one line where a program may read it."""
    text = f"aioseflow: {escape(message, _SENTENCE)}"
    lines = wrap(text, columns(), 4, "") if is_terminal(sys.stderr) else [text]
    for line in lines:
        echo_err(line)


def _discard(stream: TextIO) -> None:
    """Send what is still to come nowhere: the interpreter flushes once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def can_ask() -> bool:
    """Whether somebody can read a question and answer it."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def require_answerable(what: str, *, yes: bool) -> None:
    """Raise `Refusal` for a change without ``--yes`` where nobody can be asked."""
    if not yes and not can_ask():
        raise Refusal(f"{what} needs a confirmation, and there is no terminal", fix="add --yes to confirm")


def confirm(facts: str, question: str = "Proceed?") -> None:
    """Show the facts, ask, and raise `Refusal` unless the answer is yes."""
    if _answer(facts, f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise Refusal("not confirmed; nothing was sent", ExitCode.ERROR)


def confirm_word(facts: str, question: str, word: str) -> None:
    """Show the facts of what cannot be undone, ask, and raise `Refusal` unless the answer is ``word``."""
    answer = _answer(facts, f"{question} ")
    if answer != word:
        raise Refusal(f"'{escape(answer)}' is not {escape(word)}; nothing was sent", ExitCode.ERROR)


def read_line(question: str) -> str:
    """Ask on stderr, and give a line from stdin with its end, ``""`` where there is no more."""
    # Not input(): that writes its prompt to stdout, which may be a file of data.
    sys.stderr.write(question)
    sys.stderr.flush()
    if is_terminal(sys.stdin):
        # Ctrl-C that comes just before a read that blocks would be seen only after the next line.
        while not select.select([sys.stdin], [], [], _GLANCE)[0]:
            pass
    return sys.stdin.readline()


def _answer(facts: str, question: str) -> str:
    width = columns()
    for line in facts.splitlines():
        if cells(line) <= width:
            echo_err(line)
            continue
        text = line.lstrip()
        for part in wrap(text, width, len(line) - len(text)):
            echo_err(part)
    try:
        answer = read_line(question)
    except KeyboardInterrupt:
        echo_err("")
        raise Refusal("interrupted; nothing was sent", ExitCode.INTERRUPTED) from None
    if not answer.endswith("\n"):
        echo_err("")
    return answer.strip()

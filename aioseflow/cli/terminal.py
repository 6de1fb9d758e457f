"""Standard streams: data on stdout, words and questions on stderr; a stream that nobody reads is no error."""

from __future__ import annotations

import errno
import io
import os
import select
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn, TextIO

from ..text import cells, escape, wrap
from .exit_code import ExitCode, Refusal

_MESSAGE_MAX: Final = 1000
_COLUMNS_MIN: Final = 40
_WAIT_SECONDS: Final = 0.2
_stuck: Final[list[str]] = []
_answers: Final[list[str]] = []


def fill_closed_descriptors() -> None:
    """Open descriptors that the caller closed (``>&-``) onto nothing.

    The next file that is opened, such as the journal, would otherwise become standard output.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free descriptor is this one.
            os.open(os.devnull, os.O_RDWR)


def answer_ctrl_c(text: str) -> None:
    """Keep the sentence that is said where Ctrl-C ends the command."""
    _answers[:] = [text]


def echo_answer() -> None:
    """Write the sentence of `answer_ctrl_c`, if there is one."""
    for text in _answers:
        echo_error(text)


def prepare_streams() -> None:
    """Escape characters that the terminal's encoding does not have, instead of ending the command."""
    _answers.clear()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up_streams() -> None:
    """Send what cannot be written nowhere: the interpreter would report it once more when it ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            try:
                stream.flush()
            except OSError:
                discard(stream)


def give_up_stdout() -> None:
    """Write nothing to stdout any more: a thread is stuck in it."""
    sys.stdout = None
    _stuck.append("stdout")


def give_up_stderr() -> None:
    """Write nothing to stderr any more: a thread is stuck in it."""
    sys.stderr = None
    _stuck.append("stderr")


def leave(code: int) -> NoReturn:
    """End the process; at once where a thread is stuck in a stream, for which Python would wait."""
    if _stuck:
        os._exit(code)
    sys.exit(code)


def discard(stream: TextIO) -> None:
    """Send what is written to a stream nowhere from now on."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def columns() -> int:
    """Return the width to write for: of the terminal of stdout, else of stderr, else 80."""
    fallback = (80, 24)
    if not is_terminal(sys.stdout) and is_terminal(sys.stderr):
        # Words are read there, wherever the data go.
        with suppress(OSError):
            fallback = os.get_terminal_size(sys.stderr.fileno())
    return max(_COLUMNS_MIN, shutil.get_terminal_size(fallback).columns)


def line_room() -> int:
    """Return the cells of a line on stdout: of a terminal its width, elsewhere as many as there are."""
    return columns() if is_terminal(sys.stdout) else sys.maxsize


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; a closed one is not."""
    return stream is not None and not stream.closed and stream.isatty()


def echo(data: str | bytes) -> None:
    """Write data to stdout."""
    if sys.stdout is not None:
        _write(sys.stdout, data)


def echo_err(message: str) -> None:
    """Write a line for people to stderr; what cannot be written is lost."""
    if sys.stderr is not None:
        try:
            _write(sys.stderr, f"{message}\n")
        except (OSError, ValueError):
            # Words are never the work: it goes on, and its result is the exit code.
            discard(sys.stderr)


def echo_text(text: str, indent: int = 0) -> None:
    """Write a sentence to stderr, wrapped to a terminal; foreign text in it must be escaped already."""
    for line in wrap(text, columns(), indent, "") if is_terminal(sys.stderr) else [text]:
        echo_err(line)


def _write(stream: TextIO, data: str | bytes) -> None:
    try:
        if isinstance(data, bytes):
            stream.flush()
            stream.buffer.write(data)
        else:
            stream.write(data)
        stream.flush()
    except OSError as error:
        if not _is_left(error, stream):
            raise
        discard(stream)


def _is_left(error: OSError, stream: TextIO) -> bool:
    """Whether nobody reads a stream any more: a pipe without reader, or a terminal that was closed."""
    if error.errno == errno.EIO:
        with suppress(OSError, ValueError):
            return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    return isinstance(error, BrokenPipeError)


def echo_error(message: str) -> None:
    """Write an error to stderr; on one line where a program may read it."""
    echo_text(f"aioseflow: {escape(message, _MESSAGE_MAX)}", 4)


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


def read_line(question: str, undone: str) -> str:
    """Ask on stderr and return a line from stdin with its end, without one at the end of the input.

    Raises `Refusal` for Ctrl-C and for what cannot be read; its text ends with ``undone``.
    """
    text = None
    try:
        with _signals_interrupt():
            text = _read_line(question)
    except KeyboardInterrupt:
        echo_err("")
        raise Refusal(f"interrupted{undone}", ExitCode.INTERRUPTED) from None
    except UnicodeDecodeError:
        # Raised below instead: this error holds what was typed.
        pass
    if text is None:
        raise Refusal(f"what was typed is not in the terminal's encoding{undone}")
    if not text.endswith("\n"):
        echo_err("")
    return text


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let the end of a terminal or of a session interrupt a question as Ctrl-C does; nohup still holds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ending = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    usual = [number for number in ending if signal.getsignal(number) is signal.SIG_DFL]
    for number in usual:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in usual:
            signal.signal(number, signal.SIG_DFL)


def _read_line(question: str) -> str:
    # input() would write its prompt to stdout, which may be a file of data.
    sys.stderr.write(question)
    sys.stderr.flush()
    if is_terminal(sys.stdin):
        # Ctrl-C right before a read that blocks would be seen only after the next line.
        while not select.select([sys.stdin], [], [], _WAIT_SECONDS)[0]:
            pass
    return sys.stdin.readline()


def _answer(facts: str, question: str) -> str:
    width = columns()
    for line in facts.splitlines():
        text = line.lstrip()
        for part in [line] if cells(line) <= width else wrap(text, width, len(line) - len(text)):
            echo_err(part)
    return read_line(question, "; nothing was sent").strip()

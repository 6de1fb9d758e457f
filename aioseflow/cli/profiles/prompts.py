"""What is said and asked on the terminal, where an answer must not be seen and where it may."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from ...secret import Secret
from ...text import escape, wrap
from ..exit_code import ExitCode, Refusal
from ..terminal import columns, echo_err, is_terminal, read_line


def tell(message: str) -> None:
    """A sentence on stderr, folded to a terminal; what others wrote in it must be fit for one already."""
    for part in wrap(message, columns()) if is_terminal(sys.stderr) else [message]:
        echo_err(part)


def line(question: str, usual: str = "") -> str:
    """A line without the blanks around it; ``usual`` where nothing was typed. Raises `Refusal`."""
    hint = f" [{escape(usual, 80)}]" if usual else ""
    return _answer(f"{question}{hint}: ").strip() or usual


def agreed(question: str) -> bool:
    """Whether the answer was yes. Raises `Refusal`."""
    return _answer(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def password(question: str) -> Secret:
    """What was typed, shown nowhere. Raises `Refusal`."""
    with _unseen():
        return Secret(_answer(f"{question}: "))


def _answer(question: str) -> str:
    # Not getpass(), which asks on /dev/tty.
    text = None
    try:
        text = read_line(question)
    except KeyboardInterrupt:
        echo_err("")
        raise Refusal("interrupted, so nothing was stored", ExitCode.INTERRUPTED) from None
    except UnicodeDecodeError:
        # Raised below instead: this error holds what was typed.
        pass
    if text is None:
        raise Refusal("what was typed is not in the terminal's encoding, so nothing was stored")
    if not text.endswith("\n"):
        echo_err("")
        raise Refusal("the input ended, so nothing was stored", ExitCode.ERROR)
    return text[:-1]


@contextmanager
def _unseen() -> Iterator[None]:
    """No echo but that of the line end; what was typed before is dropped, since it was echoed."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    unseen = termios.tcgetattr(terminal)
    unseen[3] = unseen[3] & ~termios.ECHO | termios.ECHONL
    try:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, unseen)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)

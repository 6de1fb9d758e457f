"""Questions on the terminal, with an answer that is echoed or not."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from ...secret import Secret
from ...text import escape
from ..exit_code import ExitCode, Refusal
from ..terminal import read_line
from ..trace import hide

_NOT_SAVED = ", so nothing was saved"


def line(question: str, usual: str = "") -> str:
    """Return a line without the blanks around it, ``usual`` where nothing was typed. Raises `Refusal`."""
    hint = f" [{escape(usual)}]" if usual else ""
    return _answer(f"{question}{hint}: ").strip() or usual


def agree(question: str, fix: str = "") -> None:
    """Raise `Refusal` unless the answer is yes."""
    if _answer(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
        raise Refusal(f"not confirmed{_NOT_SAVED}", ExitCode.ERROR, fix=fix)


def password(question: str) -> Secret:
    """Return what was typed without an echo. Raises `Refusal`."""
    with _no_echo():
        return hide(Secret(_answer(f"{question}: ")))


def _answer(question: str) -> str:
    # Not getpass(), which asks on /dev/tty.
    text = read_line(question, _NOT_SAVED)
    if not text.endswith("\n"):
        raise Refusal(f"the input ended{_NOT_SAVED}", ExitCode.ERROR)
    return text[:-1]


@contextmanager
def _no_echo() -> Iterator[None]:
    """Echo line ends only, and drop what was typed before, since it was echoed."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    unseen = termios.tcgetattr(terminal)
    unseen[3] = unseen[3] & ~termios.ECHO | termios.ECHONL
    try:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, unseen)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)

"""Single keys that are pressed while a run goes on: without Enter, and never echoed."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import attrs

_INPUT_FLAGS, _LOCAL_FLAGS = 0, 3
_KEYS_AT_ONCE_MAX: Final = 3
"""More keys in one read are text that was pasted, not keys that were pressed."""

_ESCAPE: Final = "\x1b"


@attrs.define(eq=False)
class Keyboard:
    """The terminal of a file descriptor, read key by key while it is `attach`\\ ed.

    ``on_key`` is called with each key in lower case, ``on_stop`` before the process is stopped (Ctrl-Z).
    Ctrl-C and Ctrl-Z keep their meaning; Ctrl-S, which would block writing to the terminal, and the run with
    it, does nothing.
    """

    descriptor: int
    on_key: Callable[[str], None]
    on_stop: Callable[[], None]
    is_attached: bool = attrs.field(default=False, init=False)
    _modes: list[Any] | None = attrs.field(default=None, init=False)
    _quit_handler: Any = attrs.field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)

    def attach(self) -> None:
        """Read keys from now on, in the running loop; do nothing where there is no terminal."""
        if not os.isatty(self.descriptor):
            return
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.add_signal_handler(signal.SIGCONT, self.take)
        # Not through the loop: Ctrl-\ is pressed when the loop hangs.
        self._quit_handler = signal.signal(signal.SIGQUIT, self._quit)
        self.take()

    def detach(self) -> None:
        """Read no more keys, and set the terminal as it was."""
        self._give_back()
        if self._loop is not None:
            self._loop.remove_signal_handler(signal.SIGTSTP)
            self._loop.remove_signal_handler(signal.SIGCONT)
            signal.signal(signal.SIGQUIT, self._quit_handler)
            self._loop = None

    def take(self) -> None:
        """Read keys again, if this process came back from the background."""
        if self._loop is None or self.is_attached or not self._is_in_front():
            return
        try:
            modes = termios.tcgetattr(self.descriptor)
            changed = termios.tcgetattr(self.descriptor)
            changed[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO)
            changed[_INPUT_FLAGS] &= ~termios.IXON
            termios.tcsetattr(self.descriptor, termios.TCSANOW, changed)
            self._modes = modes
            self._loop.add_reader(self.descriptor, self._read)
        except (termios.error, OSError):
            # The terminal is gone, or a loop cannot wait for it: then there are no keys.
            self._give_back()
        else:
            self.is_attached = True

    def _give_back(self) -> None:
        if self.is_attached and self._loop is not None:
            self._loop.remove_reader(self.descriptor)
        self.is_attached = False
        modes, self._modes = self._modes, None
        if modes is not None:
            try:
                termios.tcsetattr(self.descriptor, termios.TCSANOW, modes)
            except termios.error:
                return  # the terminal is gone

    def _is_in_front(self) -> bool:
        """Whether this is the foreground process: one in the background would be stopped for reading."""
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:
            return False

    def _read(self) -> None:
        try:
            keys = os.read(self.descriptor, 1024).decode("ascii", "replace")
        except BlockingIOError:
            return
        except OSError:
            keys = ""
        if not keys:
            # The terminal was closed.
            self._give_back()
        # An arrow key arrives as an escape sequence, perhaps in two reads, and means none of its letters.
        elif _ESCAPE not in keys and keys[0] not in "[O" and len(keys) <= _KEYS_AT_ONCE_MAX:
            for key in keys.lower():
                self.on_key(key)

    def _stop(self) -> None:
        """Give the shell its terminal back and stop; go on from here when the process is continued."""
        self.on_stop()
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self.take()

    def _quit(self, number: int, frame: FrameType | None) -> None:
        self._give_back()
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGQUIT)

"""Keys that are pressed while something goes on: each one at once, without Enter, and never echoed."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import attrs

_LOCAL, _INPUT = 3, 0
_AT_MOST: Final = 3
"""Keys in one reading; more are a text that was pasted, and a word is no order."""

_ESCAPE: Final = "\x1b"


@attrs.define(eq=False)
class Keyboard:
    """The terminal behind a file descriptor, read key by key while it is `attach`\\ ed.

    ``pressed`` is called with each key in lower case, ``hidden`` before the process is stopped (Ctrl-Z), so
    that it can tidy up. Ctrl-C and Ctrl-Z stay what they are; Ctrl-S, which would hold whoever writes to the
    terminal, and the run with it, does nothing.
    """

    descriptor: int
    pressed: Callable[[str], None]
    hidden: Callable[[], None]
    _before: list[Any] | None = None
    _reading: bool = False
    _quit: Any = None
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_attached(self) -> bool:
        """Whether keys are read."""
        return self._reading

    def attach(self) -> None:
        """Read keys from now on, in the running loop; nothing happens where there is no terminal."""
        if not os.isatty(self.descriptor):
            return
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.add_signal_handler(signal.SIGCONT, self._take)
        # Not through the loop: one that hangs is what Ctrl-\ is pressed for.
        self._quit = signal.signal(signal.SIGQUIT, self._die)
        self._take()

    def detach(self) -> None:
        """The terminal is what it was."""
        self._give_back()
        if self._loop is not None:
            self._loop.remove_signal_handler(signal.SIGTSTP)
            self._loop.remove_signal_handler(signal.SIGCONT)
            signal.signal(signal.SIGQUIT, self._quit)
            self._loop = None

    def _take(self) -> None:
        if self._loop is None or self._reading or not self._is_in_front():
            return
        try:
            before = termios.tcgetattr(self.descriptor)
            changed = termios.tcgetattr(self.descriptor)
            changed[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
            changed[_INPUT] &= ~termios.IXON
            termios.tcsetattr(self.descriptor, termios.TCSANOW, changed)
            self._before = before
            self._loop.add_reader(self.descriptor, self._read)
        except (termios.error, OSError):
            # A terminal that is gone, or one that a loop cannot wait for: then there are no keys.
            self._give_back()
            return
        self._reading = True

    def _give_back(self) -> None:
        if self._reading and self._loop is not None:
            self._loop.remove_reader(self.descriptor)
        self._reading = False
        self._restore()

    def _restore(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            try:
                termios.tcsetattr(self.descriptor, termios.TCSANOW, before)
            except termios.error:
                return  # it is gone

    def _is_in_front(self) -> bool:
        """Whether the terminal listens to this process: one in the background would be stopped for asking."""
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:
            return False

    def _read(self) -> None:
        try:
            data = os.read(self.descriptor, 1024)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # Nobody is there any more.
            self._give_back()
            return
        keys = data.decode("ascii", "replace")
        # An arrow comes as an escape and letters, perhaps in two pieces, and means none of them.
        if _ESCAPE not in keys and keys[0] not in "[O" and len(keys) <= _AT_MOST:
            for key in keys.lower():
                self.pressed(key)

    def _stop(self) -> None:
        """Ctrl-Z: the shell gets its terminal as it was; what follows is done when it lets us go on."""
        self.hidden()
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()

    def _die(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGQUIT)

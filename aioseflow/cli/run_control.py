"""A run with somebody at the keys: the first Ctrl-C drains it, the second cancels it; p, d and q as shown."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from ..fleet import Report, Run
from .live import ProgressView
from .live.keyboard import Keyboard
from .terminal import can_ask

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SURE: Final = "q again to stop now, any other key to go on"


@attrs.define(eq=False)
class RunControl:
    """Shows runs one after another, and passes signals and keys on to the one that is on its way."""

    view: ProgressView
    signals: int = 0
    _run: Run | None = None
    _asked: bool = False
    _keyboard: Keyboard | None = None

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants it to end."""
        return self.signals > 0

    async def drive(self, action: str, run: Run) -> Report:
        """Await a run and show it meanwhile; raises what the run raises."""
        self._run = run.start()
        self._tell_keys()
        self.view.begin(action, run)
        ending = asyncio.ensure_future(run.wait_closed())
        try:
            self.view.draw()
            while not (await asyncio.wait([ending], timeout=self.view.interval))[0]:
                self._tell_keys()
                self.view.draw()
        finally:
            ending.cancel()
            self._run, self._asked = None, False
            self.view.end()
        return await run

    def on_signal(self) -> None:
        """Somebody pressed Ctrl-C, or a supervisor wants this process to end."""
        self.signals += 1
        if self._run is None:
            return
        if self.signals == 1:
            self._drain("Interrupted")
        else:
            self._stop_now()

    def on_key(self, key: str) -> None:
        """Somebody pressed a key."""
        was_asked, self._asked = self._asked, False
        if key == "q":
            if was_asked:
                # As with Ctrl-C pressed twice.
                self.signals = max(2, self.signals + 1)
                self._stop_now()
            else:
                self._asked = True
        elif key == "d" and not self.signals:
            self.signals = 1
            self._drain("Draining")
        elif key == "p" and self._run is not None:
            if self._run.progress.paused:
                self._run.resume()
            else:
                self._run.pause()
        self._tell_keys()

    def take_keys(self) -> None:
        """Let keys be pressed; nothing happens where nobody is asked."""
        # Keys that nobody is told of (by a view that is no picture) are left to whoever else reads them.
        if can_ask():
            self._keyboard = Keyboard(sys.stdin.fileno(), self.on_key, self.view.hide)
            self._keyboard.attach()

    def leave_keys(self) -> None:
        """The terminal is what it was."""
        if self._keyboard is not None:
            self._keyboard.detach()

    def _drain(self, word: str) -> None:
        if self._run is not None:
            self.view.note(
                f"{word}: finishing what was sent, starting nothing more. "
                f"{'Again' if word == 'Interrupted' else 'Ctrl-C'} to stop now."
            )
            self._run.drain()

    def _stop_now(self) -> None:
        if self._run is not None:
            self.view.note("Stopping now: what was sent and not answered is unknown.")
            self._run.cancel()

    def _tell_keys(self) -> None:
        if self._keyboard is None or not self._keyboard.is_attached:
            self.view.keys = ""
        elif self._asked:
            self.view.keys = _SURE
        else:
            progress = None if self._run is None else self._run.progress
            going = "resume" if progress is not None and progress.paused else "pause"
            ending = progress is not None and progress.stopping is not None
            words = ("q stop now",) if ending else (f"p {going}", "d drain", "q cancel")
            self.view.keys = "  ".join(words)


@contextmanager
def control_runs(view: ProgressView) -> Iterator[RunControl]:
    """Pass signals and keys on to the runs of ``view`` while the block lasts; to be used inside a loop."""
    loop = asyncio.get_running_loop()
    control = RunControl(view)
    for number in _SIGNALS:
        loop.add_signal_handler(number, control.on_signal)
    try:
        with view:
            control.take_keys()
            yield control
    finally:
        control.leave_keys()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

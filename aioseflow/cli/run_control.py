"""Signals and keys for a run: the first Ctrl-C drains it, the second cancels it; p, d and q as shown."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from .. import Report, Run, cli
from .exit_code import ExitCode
from .live import ProgressView
from .live.keyboard import Keyboard
from .terminal import can_ask

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
_LAST_WORDS_SECONDS: Final = 2.0
_SURE: Final = "q again to stop now, any other key to go on"


@attrs.define(eq=False)
class RunControl:
    """Show runs one after another, and pass signals and keys on to the one that is under way.

    Attributes:
        given_up: set once a signal asks for the end and no run is left that could be ended.
    """

    view: ProgressView
    interrupts: int = 0
    keyboard: Keyboard | None = None
    given_up: asyncio.Event = attrs.Factory(asyncio.Event)
    _run: Run | None = None
    _asked: bool = False

    @property
    def interrupted(self) -> bool:
        """Whether a signal or a key asked to end the run."""
        return self.interrupts > 0

    async def drive(self, action: str, run: Run) -> Report:
        """Await a run, show it meanwhile, and return its report. Raises what the run raises."""
        self._run = run.start()
        self._show_keys()
        self.view.begin(action, run)
        over = asyncio.ensure_future(run.wait_closed())
        try:
            self.view.draw()
            while not (await asyncio.wait([over], timeout=self.view.interval))[0]:
                self._show_keys()
                self.view.draw()
        finally:
            over.cancel()
            self._run, self._asked = None, False
            if self.interrupts > 1:
                self._give_up()
            self.view.end()
        return await run

    def on_signal(self) -> None:
        """Drain the run at the first Ctrl-C (SIGTERM, SIGQUIT, a closed terminal), cancel it at the second.

        Where the run is over, what is left to write is given up.
        """
        self.interrupts += 1
        if self._run is None:
            self._give_up()
        elif self.interrupts == 1:
            self._drain("Interrupted", "Again")
        else:
            self._cancel()

    def on_key(self, key: str) -> None:
        """Pause (p), drain (d) or cancel (q, twice) the run."""
        was_asked, self._asked = self._asked, False
        if key == "q":
            self._asked = not was_asked
            if was_asked:
                self.interrupts = max(2, self.interrupts + 1)
                self._cancel()
        elif key == "d" and not self.interrupts:
            self.interrupts = 1
            self._drain("Draining", "Ctrl-C")
        elif key == "p" and self._run is not None:
            if self._run.progress.paused:
                self._run.resume()
            else:
                self._run.pause()
        self._show_keys()

    def _drain(self, word: str, again: str) -> None:
        if self._run is not None:
            self.view.note(f"{word}: finishing what was sent, starting nothing more. {again} to stop now.")
            self._run.drain()

    def _cancel(self) -> None:
        if self._run is not None:
            self.view.note("Stopping now: requests without an answer are reported as unknown.")
            self._run.cancel()

    def _give_up(self) -> None:
        """End the process soon, whatever it writes to takes or does not take."""
        if not self.given_up.is_set():
            self.given_up.set()
            if cli.owns_process:
                end = threading.Timer(_LAST_WORDS_SECONDS, os._exit, [ExitCode.INTERRUPTED])
                end.daemon = True
                end.start()

    def _show_keys(self) -> None:
        if self.keyboard is not None:
            # A shell's fg sends no signal to a process that went on in the background.
            self.keyboard.take()
        if self.keyboard is None or not self.keyboard.is_attached or self._run is None:
            self.view.keys = ""
        elif self._asked:
            self.view.keys = _SURE
        elif self._run.progress.stopping is not None:
            self.view.keys = "q stop now"
        else:
            self.view.keys = f"p {'resume' if self._run.progress.paused else 'pause'}  d drain  q cancel"


@contextmanager
def control_runs(view: ProgressView) -> Iterator[RunControl]:
    """Pass signals and keys on to the runs of ``view`` while the block lasts; to be used inside a loop."""
    loop = asyncio.get_running_loop()
    control = RunControl(view)
    # nohup ignores the end of the terminal, and so do we then.
    hangs_up = (signal.SIGHUP,) if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else ()
    for number in (*_ENDING, *hangs_up):
        loop.add_signal_handler(number, control.on_signal)
    try:
        # Where the keys cannot be shown, they are left to other readers of stdin.
        if can_ask():
            control.keyboard = Keyboard(sys.stdin.fileno(), control.on_key, view.hide)
            control.keyboard.attach()
        yield control
    finally:
        view.hide()
        if control.keyboard is not None:
            control.keyboard.detach()
        for number in (*_ENDING, *hangs_up):
            loop.remove_signal_handler(number)

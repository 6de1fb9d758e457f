"""A run with somebody at the keys: the first Ctrl-C drains it, the second cancels it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from ..fleet import Report, Run
from .live import View

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@attrs.define(eq=False)
class Wheel:
    """Shows runs one after another, and passes signals on to the one that is on its way."""

    view: View
    strikes: int = 0
    _run: Run | None = None

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants it to end."""
        return self.strikes > 0

    async def drive(self, action: str, run: Run) -> Report:
        """Await a run and show it meanwhile; raises what the run raises."""
        self._run = run.start()
        self.view.begin(action, run)
        ending = asyncio.ensure_future(run.wait_closed())
        try:
            while not (await asyncio.wait([ending], timeout=self.view.interval))[0]:
                self.view.draw()
        finally:
            self._run = None
            self.view.end()
        return await run

    def strike(self) -> None:
        """Somebody pressed Ctrl-C, or a supervisor wants this process to end."""
        self.strikes += 1
        if self._run is None:
            return
        if self.strikes == 1:
            self.view.note("Interrupted: finishing what was sent, starting nothing more. Again to stop now.")
            self._run.drain()
        else:
            self.view.note("Stopping now: what was sent and not answered is unknown.")
            self._run.cancel()


@contextmanager
def steered(view: View) -> Iterator[Wheel]:
    """Signals go to the wheel while the block lasts; to be used inside a loop."""
    loop = asyncio.get_running_loop()
    wheel = Wheel(view)
    for number in _SIGNALS:
        loop.add_signal_handler(number, wheel.strike)
    try:
        with view:
            yield wheel
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

"""A line on stderr about the request that a command waits for, and the answer to Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import attrs

from ..text import cut, escape
from .terminal import answer_ctrl_c, columns, echo_err, is_terminal

if TYPE_CHECKING:
    from ..session.events import Event

_QUIET_SECONDS: Final = 1.0
_QUIET_ELSEWHERE_SECONDS: Final = 5.0
_EVERY_ELSEWHERE_SECONDS: Final = 30.0
_TICK_SECONDS: Final = 0.2
_NAME_MAX: Final = 80
_REASONS: Final = {"told": "at the panel's request", "backoff": "before a retry", "down": "the panel is away"}


@attrs.define(eq=False)
class WaitingLine:
    """Listens to the events of clients; written after a second in which nothing happened.

    On a terminal it is one line that is gone afterwards, elsewhere a line after 5 seconds and every 30.

    Attributes:
        has_changed: whether a request was sent that changes something.
    """

    has_changed: bool = False
    _words: str = ""
    _since: float = attrs.field(factory=time.monotonic)
    _next: float = _QUIET_ELSEWHERE_SECONDS
    _is_shown: bool = False

    def on_event(self, event: Event) -> None:
        """Take the event of a client; a hook."""
        request = getattr(event, "request", None)
        if request is None:
            return
        self.hide()
        self._since, self._next = time.monotonic(), _QUIET_ELSEWHERE_SECONDS
        words = escape(request, _NAME_MAX)
        if event.name == "sent":
            self.has_changed |= not request.startswith("GET ")
        elif event.name == "waiting":
            words += f", {_REASONS.get(getattr(event, 'reason', ''), 'waiting')}"
        attempt = getattr(event, "attempt", 1)
        words += f", attempt {attempt}" if attempt > 1 else ""
        self._words = f"{words}, at {escape(event.account, _NAME_MAX)}"

    def show(self) -> None:
        """Write what is waited for, if that is due."""
        seconds = time.monotonic() - self._since
        if not self._words or sys.stderr is None:
            return
        text = f"waiting {int(seconds)} s for {self._words}"
        if not is_terminal(sys.stderr) or os.environ.get("TERM", "") in ("", "dumb"):
            if seconds >= self._next:
                self._next = seconds + _EVERY_ELSEWHERE_SECONDS
                echo_err(f"aioseflow: {text}")
        elif seconds >= _QUIET_SECONDS:
            self._is_shown = True
            self._write(f"\r{cut(text, columns() - 1)}\x1b[K")

    def hide(self) -> None:
        """Take the line from the terminal."""
        if self._is_shown:
            self._is_shown = False
            self._write("\r\x1b[K")

    async def keep_up(self) -> None:
        """Write the line again and again until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self.show()

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


@asynccontextmanager
async def patiently() -> AsyncIterator[WaitingLine]:
    """Show while the block lasts what its clients wait for; their hook is `WaitingLine.on_event`."""
    line = WaitingLine()
    keeping = asyncio.ensure_future(line.keep_up())
    try:
        yield line
    except asyncio.CancelledError:
        # Of a change that was sent its call says so.
        if not line.has_changed:
            answer_ctrl_c("interrupted; nothing was changed")
        raise
    finally:
        keeping.cancel()
        line.hide()

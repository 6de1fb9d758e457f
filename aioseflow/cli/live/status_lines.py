"""The progress of a run where nobody looks at a terminal: a dated line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import attrs

from ... import Progress, Run
from ...text import escape
from ..terminal import echo_err
from .progress_text import circumstances, speed, totals
from .shown_run import ShownRun

_CHANGED_EVERY_SECONDS: Final = 5.0
_UNCHANGED_EVERY_SECONDS: Final = 30.0
_ACTION_MAX: Final = 80


@attrs.define(eq=False)
class StatusLines:
    """Write a line at once, then every 5 seconds in which something changed, every 30 seconds otherwise.

    Attributes:
        interval: seconds between two calls of `draw`.
        keys: not shown here.
    """

    interval: float = 1.0
    keys: str = ""
    clock: Callable[[], float] = time.monotonic
    _current: ShownRun | None = None
    _last: str = ""
    _alarm: tuple[bool, ...] = ()
    _said_at: float = 0.0

    def begin(self, action: str, run: Run) -> None:
        """Show this run from now on."""
        self._current = ShownRun(action, run, self.clock)
        self._last, self._alarm = "", ()

    def draw(self) -> None:
        """Write a line if one is due."""
        if self._current is None:
            return
        progress = self._current.run.progress
        self._current.sample(progress)
        line, since = _line(self._current, progress), self.clock() - self._said_at
        # What stops or slows the run is written when it happens.
        alarm = (progress.throttled, progress.paused, progress.stopping is not None)
        news = alarm != self._alarm and any(alarm)
        changed = since >= _CHANGED_EVERY_SECONDS and line != self._last
        if not self._last or news or changed or since >= _UNCHANGED_EVERY_SECONDS:
            self._say(line)
        self._alarm = alarm

    def end(self) -> None:
        """Write the last line of the run."""
        if self._current is not None:
            self._say(_line(self._current, self._current.run.progress))
            self._current = None

    def note(self, text: str) -> None:
        """Write a line of text."""
        echo_err(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}")

    def hide(self) -> None:
        """Do nothing: nothing is drawn here."""

    def _say(self, line: str) -> None:
        self._last, self._said_at = line, self.clock()
        self.note(line)


def _line(shown: ShownRun, progress: Progress) -> str:
    words = speed(progress, shown.rate(progress))
    parts = [totals(progress), *([", ".join(words)] if words else []), *circumstances(progress)]
    return f"{escape(shown.action, _ACTION_MAX)}: {'; '.join(parts)}"

"""A run where nobody looks at a terminal: a dated line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import attrs

from ...fleet import Progress, Run
from ..terminal import say, shown
from .progress_text import circumstances, speed, standing
from .shown_run import ShownRun

_OFTEN: Final = 5.0
_AT_LEAST: Final = 30.0
_ACTION: Final = 80


@attrs.define(eq=False)
class StatusLines:
    """A line at once, then one every five seconds in which something changed, every thirty otherwise."""

    interval: float = 1.0
    keys: str = ""
    clock: Callable[[], float] = time.monotonic
    _current: ShownRun | None = None
    _last: str = ""
    _alarm: tuple[bool, ...] = ()
    _said_at: float = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def begin(self, action: str, run: Run) -> None:
        self._current = ShownRun(action, run, self.clock)
        self._last, self._alarm = "", ()

    def draw(self) -> None:
        if self._current is None:
            return
        progress = self._current.run.progress
        now = self.clock()
        self._current.pace.note(now, progress)
        line, since = self._line(self._current, progress, now), now - self._said_at
        # What stops or slows it is said when it happens.
        alarm = (progress.throttled, progress.paused, progress.stopping is not None)
        news = alarm != self._alarm and any(alarm)
        if not self._last or news or (since >= _OFTEN and line != self._last) or since >= _AT_LEAST:
            self._say(line, now)
        self._alarm = alarm

    def end(self) -> None:
        if self._current is not None:
            progress, now = self._current.run.progress, self.clock()
            self._say(self._line(self._current, progress, now), now)
            self._current = None

    def note(self, text: str) -> None:
        say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}")

    def hide(self) -> None:
        return None

    def _say(self, line: str, now: float) -> None:
        self._last, self._said_at = line, now
        self.note(line)

    def _line(self, current: ShownRun, progress: Progress, now: float) -> str:
        parts = [standing(progress)]
        if pace := speed(progress, current.pace.rate(now, progress)):
            parts.append(", ".join(pace))
        return f"{shown(current.action, _ACTION)}: {'; '.join([*parts, *circumstances(progress)])}"

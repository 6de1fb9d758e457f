"""RunDeadlines of a run: the timers that stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs


@attrs.define(eq=False)
class RunDeadlines:
    """Stops a run when its time is over, or when no target had an outcome for too long.

    Attributes:
        deadline: seconds from the start of the run until it is stopped, None for no bound.
        progress_deadline: seconds without an outcome until it is stopped, None for no bound.
        stop: called with the cause, ``"deadline"`` or ``"no_progress"``.
        is_halted: whether nothing may begin now because the user wants so; such time is no lack of progress.
    """

    deadline: float | None
    progress_deadline: float | None
    stop: Callable[[str], None]
    is_halted: Callable[[], bool]
    _progress_at: float = attrs.field(default=0.0, init=False)
    _deadline_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _progress_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Start the timers, when the run begins."""
        loop = asyncio.get_running_loop()
        self._progress_at = loop.time()
        if self.deadline is not None:
            self._deadline_timer = loop.call_later(self.deadline, self.stop, "deadline")
        if self.progress_deadline is not None:
            self._check_progress(self.progress_deadline)

    def note_progress(self) -> None:
        """Count the seconds without progress from now."""
        if self._progress_timer is not None:
            self._progress_at = asyncio.get_running_loop().time()

    def cancel(self) -> None:
        """Cancel the timers, when the run has been stopped or has ended."""
        for timer in (self._deadline_timer, self._progress_timer):
            if timer is not None:
                timer.cancel()

    def _check_progress(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self.is_halted():
            self._progress_at = loop.time()
        left = self._progress_at + seconds - loop.time()
        if left <= 0:
            self.stop("no_progress")
        else:
            self._progress_timer = loop.call_later(left, self._check_progress, seconds)

"""A loop in which one life can stand still, as a process does between SIGSTOP and SIGCONT.

While a life is stopped none of its callbacks is run and none of its sockets is read; the panel and the clock
go on. When it is woken, what was ready before comes first, then what has arrived at its sockets, then the
timers that have become due: the order in which a real loop finds them.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from typing import Final, Protocol

from support.virtual import VirtualLoop, _Clock


class Belongs(Protocol):
    """Says whether a handle belongs to the life that is stopped."""

    def __call__(self, handle: asyncio.Handle, /) -> bool: ...


def _nobody(handle: asyncio.Handle) -> bool:
    return False


class _Holding(selectors.DefaultSelector):
    """A selector that does not report what only a stopped life would read or write."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stopped: Belongs = _nobody

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(timeout)
        if self.is_stopped is _nobody:
            return events
        return [
            (key, mask)
            for key, mask in events
            if not any(handle is not None and self.is_stopped(handle) for handle in key.data)
        ]


class _HoldingClock(_Clock, _Holding):
    """The virtual clock over such a selector."""


class _Ready(deque[asyncio.Handle]):
    """The loop's queue of ready callbacks, which keeps those of a stopped life for later."""

    def __init__(self, clock: _Holding) -> None:
        super().__init__()
        self._clock = clock
        self.callbacks: list[asyncio.Handle] = []
        self.timers: list[asyncio.Handle] = []

    def popleft(self) -> asyncio.Handle:
        handle = super().popleft()
        if handle.cancelled() or not self._clock.is_stopped(handle):
            return handle
        (self.timers if isinstance(handle, asyncio.TimerHandle) else self.callbacks).append(handle)
        return _SKIPPED


class StoppableLoop(VirtualLoop):
    """A virtual loop that can stop one life at a time."""

    def __init__(self) -> None:
        # Not the next in line: a loop is made for one selector, and this is another than a virtual loop's.
        self._clock = self._holding = _HoldingClock()
        asyncio.SelectorEventLoop.__init__(self, self._clock)
        self._ready = self._kept = _Ready(self._holding)

    def stop_life(self, belongs: Belongs) -> None:
        """Run no callback for which ``belongs`` is true until `wake_life` is called."""
        self._holding.is_stopped = belongs

    def wake_life(self) -> None:
        """Run again what was kept, and what comes."""
        self._holding.is_stopped = _nobody
        kept = self._kept
        kept.extend(kept.callbacks)
        self._process_events(self._holding.select(0))  # type: ignore[attr-defined]  # of the selector loops
        kept.extend(kept.timers)
        kept.callbacks.clear()
        kept.timers.clear()


class _Skipped(asyncio.Handle):
    """A handle that the loop takes for cancelled."""

    def __init__(self) -> None:
        self._cancelled = True


_SKIPPED: Final = _Skipped()

"""What shows a run, whatever it is shown on."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import attrs

from ...fleet import Run
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable


class ProgressView(Protocol):
    """How progress is shown.

    Attributes:
        interval: seconds between two calls of `draw`.
        keys: what may be pressed, in words; empty where nothing may.
    """

    interval: float
    keys: str

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def begin(self, action: str, run: Run) -> None:
        """Show this run from now on."""

    def draw(self) -> None:
        """Show where it stands."""

    def end(self) -> None:
        """It is over."""

    def note(self, text: str) -> None:
        """Say something meanwhile."""

    def hide(self) -> None:
        """Leave the terminal as if nothing had been drawn, until the next `draw`."""


@attrs.define(eq=False)
class ShownRun:
    """A run that is shown, since when it has been going on, and how fast it is."""

    action: str
    run: Run
    clock: Callable[[], float] = time.monotonic
    pace: Pace = attrs.Factory(Pace)
    began: float = attrs.field(init=False)
    ended: float | None = None

    @began.default
    def _now(self) -> float:
        return self.clock()

    @property
    def took(self) -> float:
        """Seconds."""
        return (self.clock() if self.ended is None else self.ended) - self.began

"""A run while it lasts: a moving picture on a terminal, a dated line now and then elsewhere; on stderr."""

from __future__ import annotations

import math
import sys
import time
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import attrs

from ..fleet import Progress, Run, Status
from .terminal import is_terminal, say, shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

_STYLES = {
    Status.CHANGED: "green",
    Status.UNCHANGED: "cyan",
    Status.FAILED: "bold red",
    Status.UNKNOWN: "bold yellow",
    Status.NOT_ATTEMPTED: "magenta",
}
_ACTION = 8
_NARROWEST_BAR = 8
_WIDEST_BAR = 60
_HELD_NAMED = 2
# Less is the pace that was agreed, and would only flicker.
_WORTH_TELLING = 0.5
_REASONS = {
    "drained": "interrupted",
    "deadline": "its deadline is over",
    "no_progress": "nothing moves any more",
    "max_failures": "more failed than max_failures allows",
    "max_unavailable": "too many VMs are down",
    "journal_failed": "the journal cannot be written",
}


class View(Protocol):
    """How progress is shown."""

    interval: float

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


def view() -> View:
    """The view that fits stderr."""
    return Picture() if is_terminal(sys.stderr) else Lines()


@attrs.define(eq=False)
class _Shown:
    """A run and since when it has been going on."""

    action: str
    run: Run
    began: float = attrs.Factory(time.monotonic)
    ended: float | None = None

    @property
    def took(self) -> float:
        return (self.ended or time.monotonic()) - self.began


@attrs.define(eq=False)
class Lines:
    """A dated line for each look."""

    interval: float = 1.0
    _current: _Shown | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def begin(self, action: str, run: Run) -> None:
        self._current = _Shown(action, run)

    def draw(self) -> None:
        if self._current is not None:
            progress = self._current.run.progress
            words = [standing(progress), *circumstances(progress)]
            self.note(f"{self._current.action}: {'; '.join(words)}")

    def end(self) -> None:
        self.draw()

    def note(self, text: str) -> None:
        say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}")


@attrs.define(eq=False)
class Picture:
    """A bar of the five outcomes for each run."""

    interval: float = 0.1
    _shown: list[_Shown] = attrs.Factory(list)
    _live: Live | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        # Drawn from the loop that the run is in: a thread would see a progress that does not add up.
        self._live = Live(console=console, auto_refresh=False, transient=True, get_renderable=self._picture)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def begin(self, action: str, run: Run) -> None:
        self._shown.append(_Shown(action, run))

    def draw(self) -> None:
        if self._live is not None:
            self._live.refresh()

    def end(self) -> None:
        self._shown[-1].ended = time.monotonic()
        self.draw()

    def note(self, text: str) -> None:
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text(text))

    def _picture(self) -> RenderableType:
        from rich.console import Group

        if self._live is None:
            return ""
        from rich.text import Text

        console = self._live.console
        full, empty = ("#", ".") if console.options.ascii_only else ("━", "─")
        rows = []
        for each in self._shown:
            progress = each.run.progress
            figures = f" {progress.done:>6}/{progress.targets:<6} {each.took:5.1f} s"
            width = console.width - _ACTION - len(figures) - 1
            row = Text(f"{each.action:<{_ACTION}}")
            row.append_text(bar(progress, max(_NARROWEST_BAR, min(_WIDEST_BAR, width)), full, empty))
            row.append(figures)
            rows.append(row)
        if self._shown:
            progress = self._shown[-1].run.progress
            rows.append(Text(f"{'':{_ACTION}}{standing(progress, figures=False)}", "dim"))
            # On a row of its own: what is worth knowing is not what a narrow terminal cuts off.
            if words := circumstances(progress):
                rows.append(Text(f"{'':{_ACTION}}{'; '.join(words)}", "yellow"))
        for row in rows:
            row.truncate(console.width - 1, overflow="ellipsis")
        return Group(*rows)


def bar(progress: Progress, width: int, full: str = "━", empty: str = "─") -> Text:
    """The outcomes' shares of a line; every outcome that there is takes at least one place."""
    from rich.text import Text

    row = Text()
    left = width
    for status, number in progress.counts.items():
        share = min(left, max(1, width * number // progress.targets)) if number else 0
        row.append(full * share, _STYLES[status])
        left -= share
    if left and progress.targets and progress.done == progress.targets:
        # What rounding left over belongs to the largest share.
        largest = max(progress.counts, key=lambda status: progress.counts[status])
        row.append(full * left, _STYLES[largest])
        left = 0
    row.append(empty * left, "dim")
    return row


def standing(progress: Progress, *, figures: bool = True) -> str:
    """Where a run stands, in words; what they count adds up."""
    parts = [f"{progress.done} of {progress.targets} done"] if figures else []
    named = {
        "in flight": progress.in_flight,
        "settling": progress.settling,
        "waiting": progress.queued,
        "failed": progress.counts[Status.FAILED],
        "unknown": progress.counts[Status.UNKNOWN],
        "not attempted": progress.counts[Status.NOT_ATTEMPTED],
        (
            "service not listed" if progress.undiscovered == 1 else "services not listed"
        ): progress.undiscovered,
    }
    parts += [f"{number} {name}" for name, number in named.items() if number]
    if progress.discovering:
        parts.append("still listing")
    return ", ".join(parts)


def circumstances(progress: Progress) -> list[str]:
    """What else there is to know: why it stops, that it is paused, its batch, for which provider it waits."""
    words = []
    if progress.stopping is not None:
        words.append(f"stopping: {_REASONS.get(progress.stopping, progress.stopping.replace('_', ' '))}")
    if progress.paused:
        words.append("paused")
    if progress.batch is not None and progress.batches is not None:
        words.append(f"batch {progress.batch} of {progress.batches}")
    held = {name: seconds for name, seconds in progress.held.items() if seconds >= _WORTH_TELLING}
    for name, seconds in islice(held.items(), _HELD_NAMED):
        words.append(f"waiting {math.ceil(seconds)} s for the provider of {shown(name)}")
    if len(held) > _HELD_NAMED:
        words.append(f"{len(held) - _HELD_NAMED} more accounts wait")
    return words

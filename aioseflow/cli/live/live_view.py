"""The live view of a run on a terminal: a row for each service that fits, totals, and the last failures."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Final

import attrs

from ... import Outcome, Progress, Run, ServiceProgress
from ...text import cells, escape, quantity, wrap
from .progress_text import circumstances, clock_time, discovery, failure, outcomes, speed, underway
from .shown_run import ShownRun
from .styled_row import ASCII, LINES, BarSigns, StyledRow, bar, padded
from .terminal_frame import TerminalFrame
from .visible_rows import VisibleRows

_NAME_MAX: Final = 60
_ID_MAX: Final = 40
_BAR_MIN, _BAR_MAX = 8, 80  # cells
_MOTION_FROM, _SETTLING_FROM = 60, 100  # columns of the terminal
_MOTION_CELLS: Final = 12
_RUNS_OVER: Final = 3
_FAILURES: Final = 3
_ONE_FAILURE_BELOW, _NO_FAILURES_BELOW = 16, 10  # lines of the terminal
_CPU_SHARE_MAX: Final = 0.03
_DRAW_AT_LEAST_EVERY_SECONDS: Final = 1.0
_NAMES_KEPT: Final = 1000
_BLANK: Final = "\x1f"
"""A blank at which no row is broken, while rows are made; `escape` leaves it in no text."""


@attrs.define(eq=False)
class LiveView:
    """Drawn in the loop of the run: a thread would see a progress that does not add up.

    Attributes:
        interval: seconds between two calls of `draw`.
        keys: the keys that may be pressed, in words; empty where none may.
    """

    screen: TerminalFrame
    interval: float = 0.1
    keys: str = ""
    clock: Callable[[], float] = time.monotonic
    _over: list[ShownRun] = attrs.Factory(list)
    _current: ShownRun | None = None
    _visible: VisibleRows = attrs.Factory(VisibleRows)
    _used_before: float = attrs.field(factory=time.process_time, init=False)
    _spent: float = 0.0
    _keys_drawn: str = ""
    _drawn_at: float = -inf

    def begin(self, action: str, run: Run) -> None:
        """Show this run from now on."""
        self._current, self._visible = ShownRun(action, run, self.clock), VisibleRows()

    def draw(self) -> None:
        """Draw a frame, unless that would exceed the view's share of the CPU; every second in any case."""
        is_due = self.clock() - self._drawn_at >= _DRAW_AT_LEAST_EVERY_SECONDS
        used = time.process_time() - self._used_before
        if is_due or self.keys != self._keys_drawn or self._spent <= _CPU_SHARE_MAX * used:
            self._draw()

    def _draw(self) -> None:
        if self._current is not None:
            began = time.thread_time()
            self.screen.show(self.frame(*self.screen.size))
            self._drawn_at, self._keys_drawn = self.clock(), self.keys
            self._spent += time.thread_time() - began

    def end(self) -> None:
        """Draw the last frame of the run and keep a row of it."""
        if self._current is not None:
            self._draw()
            self._current.ended = self.clock()
            self._over.append(self._current)
            self._current = None

    def note(self, text: str) -> None:
        """Write a text above the frame."""
        for line in wrap(text, self.screen.size[0] - 1):
            self.screen.say(line)

    def hide(self) -> None:
        """Leave the terminal as if nothing had been drawn, until the next `draw`."""
        self.screen.clear()

    def frame(self, columns: int, lines: int) -> list[StyledRow]:
        """Return rows that fit a terminal of this size."""
        current = self._current
        if current is None:
            return []
        # The last column and line stay free: some terminals scroll when they are written.
        width, height = columns - 1, lines - 1
        progress = current.run.progress
        current.sample(progress)
        head = [self._row_of_past(each, width) for each in self._over[-_RUNS_OVER:]]
        head.append(_header(current, width))
        tail = _totals(current, progress, width)
        for words in circumstances(progress):
            tail += [StyledRow().add(line, "strong") for line in wrap(words, width)]
        few = 0 if height < _NO_FAILURES_BELOW else 1 if height < _ONE_FAILURE_BELOW else _FAILURES
        tail += [_failure(outcome) for outcome in current.run.failures[-few:]] if few else []
        if self.keys:
            tail += _rows(self.keys.split("  "), width, "faint", between=f"{_BLANK} ")
        # Where there is not room for everything, the totals come before the services.
        body = self._services(current.run.services, progress, width, height - len(head) - len(tail))
        return [row.cut(width) for row in [*head, *body, *tail][:height]]

    @property
    def _signs(self) -> BarSigns:
        return ASCII if self.screen.plain_signs else LINES

    def _row_of_past(self, shown: ShownRun, width: int) -> StyledRow:
        progress = shown.run.progress
        figures = f"  {progress.done:,}/{progress.targets:,}  {clock_time(shown.took)}"
        action = padded(escape(shown.action, _ID_MAX), min(8, width // 4))
        room = max(_BAR_MIN, min(_BAR_MAX, width - cells(action) - len(figures) - 1))
        row = StyledRow().add(f"{action} ")
        return row.join(bar(progress.counts, progress.targets, room, self._signs)).add(figures)

    def _services(
        self, services: Sequence[ServiceProgress], progress: Progress, width: int, room: int
    ) -> list[StyledRow]:
        """Return a row for each service that fits, one for the others, and one for all together."""
        total = ServiceProgress("", "", "", progress.targets, progress.targets - progress.done)
        total.in_flight, total.settling = progress.in_flight, progress.settling
        total.counts = dict(progress.counts)
        together = [total] if len(services) != 1 and room > 0 else []
        room -= len(together)
        fits = len(services) <= room
        if not fits:
            room = room - 1 if room > 1 else 0
        visible = self._visible.of(services, room) if room > 0 else []
        several = len(progress.flows) > 1
        names = [
            _name_of(each.account if several else "", each.service_name, each.service_id) for each in visible
        ]
        names += ["all"] * len(together)
        rows = _table(names, [*visible, *together], width, self._signs)
        if visible and not fits:
            words = _others(progress, visible)
            rows.insert(len(visible), StyledRow().add(f"… and {words}" if words else "", "faint"))
        return rows


def _header(shown: ShownRun, width: int) -> StyledRow:
    row = StyledRow().add(escape(shown.action, width), "strong")
    return row.add(f"  {escape(shown.run.run_id, _NAME_MAX)}", "faint").add(f"  {clock_time(shown.took)}")


# Names do not change, and escaping one takes longer than the rest of its row.
@functools.lru_cache(_NAMES_KEPT)
def _name_of(account: str, service_name: str, service_id: str) -> str:
    before = f"{escape(account, _ID_MAX)}: " if account else ""
    name, number = escape(service_name, _NAME_MAX), escape(service_id, _ID_MAX)
    return f"{before}{name} ({number})" if name and name != number else f"{before}{number}"


def _others(progress: Progress, visible: Sequence[ServiceProgress]) -> str:
    """Return how many services have no row of their own."""
    on_show = sum(service.open > 0 for service in visible)
    going_on = progress.services - progress.services_done - on_show
    done = progress.services_done - (len(visible) - on_show)
    parts = [f"{quantity(going_on, 'more service')} going on"] if going_on > 0 else []
    return ", ".join([*parts, f"{quantity(done, 'service')} done"] if done > 0 else parts)


def _table(
    names: Sequence[str], services: Sequence[ServiceProgress], width: int, signs: BarSigns
) -> list[StyledRow]:
    """Return rows of a name, a bar, "done/targets" and what is under way, in columns."""
    if not services:
        return []
    figures = [f"{each.done:,}/{each.targets:,}" for each in services]
    motions = [_motion(each, width) for each in services]
    right = max(map(len, figures))
    # As wide while nothing moves, or all bars would grow and shrink with it.
    usual = _MOTION_CELLS if width < _SETTLING_FROM else 2 * _MOTION_CELLS
    last = 0 if width < _MOTION_FROM else max(usual, *map(len, motions))
    taken = right + last + (6 if last else 4)
    left = min(max(10, width // 3), max(map(cells, names)))
    left = min(left, max(4, width - taken - _BAR_MIN))
    room = max(_BAR_MIN, min(_BAR_MAX, width - left - taken))
    rows = []
    for name, service, figure, motion in zip(names, services, figures, motions, strict=True):
        row = StyledRow().add(f"{padded(name, left)}  ", "" if service.open else "faint")
        row.join(bar(service.counts, service.targets, room, signs))
        rows.append(row.add(f"  {figure:>{right}}").add(f"  {motion:>{last}}" if last else "", "faint"))
    return rows


def _motion(service: ServiceProgress, width: int) -> str:
    if width < _MOTION_FROM:
        return ""
    parts = [f"{service.in_flight:,} in flight"] if service.in_flight else []
    if service.settling and width >= _SETTLING_FROM:
        parts.append(f"{service.settling:,} settling")
    return ", ".join(parts)


def _totals(shown: ShownRun, progress: Progress, width: int) -> list[StyledRow]:
    """Return rows of what is done and as what, what is not, how fast it goes, and the time left."""
    done, parts = f"{progress.done:,} of {progress.targets:,} done", outcomes(progress)
    rows = _rows([": ".join([done, *parts[:1]]), *parts[1:]], width, "" if parts else "strong")
    rows += _rows(underway(progress) + discovery(progress), width)
    left = shown.seconds_left(progress)
    until = f"about {clock_time(left)} left" if left is not None else "time left -"
    return rows + _rows([*speed(progress, shown.rate(progress)), until], width)


def _rows(parts: Iterable[str], width: int, style: str = "", between: str = ", ") -> list[StyledRow]:
    """Join parts in as many rows as they need; a part is only torn where it is wider than a row."""
    text = between.join(part.replace(" ", _BLANK) for part in parts)
    return [StyledRow().add(line.replace(_BLANK, " ").rstrip(), style) for line in wrap(text, width)]


def _failure(outcome: Outcome) -> StyledRow:
    place, cause, error = failure(outcome)
    row = StyledRow().add("? " if outcome.status == "unknown" else "x ", outcome.status.value)
    row.add(place).add(f"  {cause}", outcome.status.value)
    return row.add(f"  {error}" if error else "")

"""A run on a terminal: a line for each service that has room, what they come to, and what failed last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import inf
from types import TracebackType
from typing import Final, Self

import attrs

from ...fleet import Outcome, Progress, Run, ServiceProgress
from ..terminal import cells, shown
from .outcome_bar import ASCII, LINES, BarSigns, bar
from .progress_text import circumstances, discovery, duration, failure, outcomes, speed, underway
from .shown_run import ShownRun
from .styled_row import StyledRow, folded, padded
from .terminal_frame import TerminalFrame
from .visible_rows import VisibleRows

_NAME: Final = 60  # columns that a name is cut to, whatever the width
_NARROWEST_BAR: Final = 8
_WIDEST_BAR: Final = 80
_NARROW, _WIDE = 60, 100
_MOVING: Final = 12  # columns of "32 in flight"
_OVER_SHOWN: Final = 3
_FAILURES: Final = 3
_LOW, _VERY_LOW = 16, 10
_SERVICES_AT_LEAST: Final = 2
_SHARE: Final = 0.03
_AT_LEAST: Final = 1.0
_NAMES_KEPT: Final = 1000


@attrs.define(eq=False)
class LiveView:
    """Drawn from the loop that the run is in: a thread would see a progress that does not add up."""

    screen: TerminalFrame
    interval: float = 0.1
    keys: str = ""
    clock: Callable[[], float] = time.monotonic
    _over: list[ShownRun] = attrs.Factory(list)
    _current: ShownRun | None = None
    _choice: VisibleRows = attrs.Factory(VisibleRows)
    _names: dict[tuple[str, ...], str] = attrs.Factory(dict)
    _used_before: float = attrs.field(factory=time.process_time, init=False)
    _spent: float = 0.0
    _keys_drawn: str = ""
    _drawn_at: float = -inf

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.screen.clear()

    def begin(self, action: str, run: Run) -> None:
        self._current, self._choice = ShownRun(action, run, self.clock), VisibleRows()

    def draw(self) -> None:
        """Not where it would take more than its share of the run's CPU, but every second in any case."""
        is_due = self.clock() - self._drawn_at >= _AT_LEAST or self.keys != self._keys_drawn
        if is_due or self._spent <= _SHARE * (time.process_time() - self._used_before):
            self._draw()

    def _draw(self) -> None:
        if self._current is not None:
            began = time.thread_time()
            self.screen.show(self.frame(*self.screen.size))
            self._drawn_at, self._keys_drawn = self.clock(), self.keys
            self._spent += time.thread_time() - began

    def end(self) -> None:
        if self._current is not None:
            self._draw()
            self._current.ended = self.clock()
            self._over.append(self._current)
            self._current = None

    def note(self, text: str) -> None:
        for row in folded(text.split(), self.screen.size[0] - 1, between=" "):
            self.screen.say(row.plain)

    def hide(self) -> None:
        self.screen.clear()

    # -- what is drawn ------------------------------------------------------------------------------------

    def frame(self, columns: int, lines: int) -> list[StyledRow]:
        """The rows for a terminal of this size; they fit."""
        current = self._current
        if current is None:
            return []
        # The last column and line stay free: what is written there makes some terminals scroll.
        width, height = columns - 1, lines - 1
        progress, now = current.run.progress, self.clock()
        current.pace.note(now, progress)
        head = [self._finished(each, width) for each in self._over[-_OVER_SHOWN:]]
        head.append(_header(current, width))
        tail = _totals(current, progress, now, width)
        for words in circumstances(progress):
            tail += folded(words.split(), width, "strong", " ")
        few = 0 if height < _VERY_LOW else 1 if height < _LOW else _FAILURES
        # Where there is not room for everything, what adds up comes first.
        tail += [_failure(outcome, width) for outcome in current.run.failures[-few:]] if few else []
        if self.keys:
            tail += folded(self.keys.split("  "), width, "faint", "  ")
        body = self._services(current.run.services, progress, width, height - len(head) - len(tail))
        rows = [*head, *body, *tail]
        return [row.cut(width) for row in rows[:height]]

    @property
    def _signs(self) -> BarSigns:
        return ASCII if self.screen.plain_signs else LINES

    def _finished(self, showing: ShownRun, width: int) -> StyledRow:
        """One line for a run that is over."""
        progress = showing.run.progress
        figures = f"  {progress.done:,}/{progress.targets:,}  {duration(showing.took)}"
        action = padded(shown(showing.action), min(8, width // 4))
        room = max(_NARROWEST_BAR, min(_WIDEST_BAR, width - cells(action) - len(figures) - 1))
        row = StyledRow().add(f"{action} ")
        row.join(bar(progress.counts, progress.targets, room, self._signs))
        return row.add(figures)

    def _name_of(self, service: ServiceProgress, *, several: bool) -> str:
        # Names do not change, and to make one fit for a terminal takes longer than all else of its line.
        key = (service.account if several else "", service.service_id, service.service_name)
        name = self._names.get(key)
        if name is None:
            if len(self._names) >= _NAMES_KEPT:
                self._names.clear()
            name = self._names[key] = _name_of(service, several=several)
        return name

    def _services(
        self, services: Sequence[ServiceProgress], progress: Progress, width: int, room: int
    ) -> list[StyledRow]:
        """A line for each service that has room, what the others come to, and all together."""
        total = ServiceProgress("", "", "", progress.targets, progress.targets - progress.done)
        total.in_flight, total.settling = progress.in_flight, progress.settling
        total.counts = dict(progress.counts)
        together = [total] if len(services) != 1 and room > 0 else []
        room -= len(together)
        fits = len(services) <= room
        if not fits and room < _SERVICES_AT_LEAST:
            chosen: Sequence[ServiceProgress] = ()
        else:
            chosen = self._choice.of(services, room if fits else room - 1)
        several = len(progress.flows) > 1
        names = [self._name_of(each, several=several) for each in chosen] + ["all"] * len(together)
        rows = _table(names, [*chosen, *together], width, self._signs)
        if chosen and not fits:
            words = _others(progress, chosen)
            rows.insert(len(chosen), StyledRow().add(f"… and {words}" if words else "", "faint"))
        return rows


def _header(showing: ShownRun, width: int) -> StyledRow:
    row = StyledRow().add(shown(showing.action, width), "strong")
    return row.add(f"  {shown(showing.run.run_id, _NAME)}", "faint").add(f"  {duration(showing.took)}")


def _name_of(service: ServiceProgress, *, several: bool) -> str:
    account = f"{shown(service.account)}: " if several else ""
    name = shown(service.service_name, _NAME)
    number = shown(service.service_id)
    return f"{account}{name} ({number})" if name and name != number else f"{account}{number}"


def _others(progress: Progress, chosen: Sequence[ServiceProgress]) -> str:
    """What has no line of its own."""
    on_show = sum(service.open > 0 for service in chosen)
    open_ = progress.services - progress.services_done - on_show
    done = progress.services_done - (len(chosen) - on_show)
    parts = [f"{open_:,} more service{'s'[: open_ != 1]} going on"] if open_ > 0 else []
    parts += [f"{done:,} service{'s'[: done != 1]} done"] if done > 0 else []
    return ", ".join(parts)


def _table(
    names: Sequence[str], services: Sequence[ServiceProgress], width: int, signs: BarSigns
) -> list[StyledRow]:
    """Name, bar, done of targets, and what is under way, in columns."""
    if not services:
        return []
    figures = [f"{each.done:,}/{each.targets:,}" for each in services]
    moving = [_moving(each, width) for each in services]
    right = max(map(len, figures))
    # As wide while nothing moves, or all bars would grow and shrink with it.
    last = 0 if width < _NARROW else max(_MOVING if width < _WIDE else 2 * _MOVING, *map(len, moving))
    most = max(10, width // 3)
    left = min(most, max(map(cells, names)))
    room = width - left - right - last - (6 if last else 4)
    if room < _NARROWEST_BAR:
        left = max(4, left - (_NARROWEST_BAR - room))
    room = max(_NARROWEST_BAR, min(_WIDEST_BAR, width - left - right - last - (6 if last else 4)))
    rows = []
    for name, service, figure, motion in zip(names, services, figures, moving, strict=True):
        row = StyledRow().add(f"{padded(name, left)}  ", "" if service.open else "faint")
        row.join(bar(service.counts, service.targets, room, signs))
        rows.append(row.add(f"  {figure:>{right}}").add(f"  {motion:>{last}}" if last else "", "faint"))
    return rows


def _moving(service: ServiceProgress, width: int) -> str:
    if width < _NARROW:
        return ""
    in_flight = f"{service.in_flight:,} in flight" if service.in_flight else ""
    settling = f"{service.settling:,} settling" if service.settling and width >= _WIDE else ""
    return ", ".join(part for part in (in_flight, settling) if part)


def _totals(showing: ShownRun, progress: Progress, now: float, width: int) -> list[StyledRow]:
    """How many are done, and as what; what is not; how fast, and until when."""
    done = f"{progress.done:,} of {progress.targets:,} done"
    parts = underway(progress) + discovery(progress)
    rows = _joined(done, outcomes(progress), width)
    if parts:
        rows += folded(parts, width)
    pace, left = showing.pace.rate(now, progress), showing.pace.left(now, progress)
    until = f"about {duration(left)} left" if left is not None else "time left -"
    return rows + folded([*speed(progress, pace), until], width)


def _joined(first: str, rest: Sequence[str], width: int) -> list[StyledRow]:
    if not rest:
        return [StyledRow().add(first, "strong").cut(width)]
    return folded([f"{first}: {rest[0]}", *rest[1:]], width)


def _failure(outcome: Outcome, width: int) -> StyledRow:
    place, cause, error = failure(outcome)
    row = StyledRow().add("? " if outcome.status == "unknown" else "x ", outcome.status.value)
    row.add(place).add(f"  {cause}", outcome.status.value)
    return row.add(f"  {error}" if error else "").cut(width)

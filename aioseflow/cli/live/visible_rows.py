"""Which services have a line of their own where there is not room for all."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from math import log
from typing import Final

import attrs

from ...fleet import ServiceProgress

_LOOKED_AT: Final = 256
"""So many are looked at for each picture: of 2,000 services each has its turn about every second."""

_MUCH_MORE: Final = 1.25


@attrs.define(eq=False)
class VisibleRows:
    """Those that are begun first, and of them those with most left.

    A line that is shown stays until its service is done or another has much more left: a picture whose lines
    changed places ten times a second could not be read. What is looked at does not grow with the fleet.
    """

    _lines: list[ServiceProgress] = attrs.Factory(list)
    _next: int = 0

    def of(self, services: Sequence[ServiceProgress], room: int) -> list[ServiceProgress]:
        """At most ``room`` of them; all in the order in which they were found where they fit."""
        if len(services) <= room:
            self._lines = list(services)
            return self._lines
        lines = [service for service in self._lines if service.open]
        here = set(map(id, lines))
        others = [each for each in self._some(services) if each.open and id(each) not in here]
        if len(lines) < room:
            more = nlargest(room - len(lines), others, key=_rank)
            lines += more
            here.update(map(id, more))
        del lines[room:]
        _improve(lines, sorted(others, key=_rank, reverse=True)[:room], here)
        lines.sort(key=_step, reverse=True)
        self._lines = lines
        return lines

    def _some(self, services: Sequence[ServiceProgress]) -> Sequence[ServiceProgress]:
        number = len(services)
        if number <= _LOOKED_AT:
            return services
        first = self._next if self._next < number else 0
        self._next = (first + _LOOKED_AT) % number
        some = services[first : first + _LOOKED_AT]
        return [*some, *services[: _LOOKED_AT - len(some)]]


def _improve(lines: list[ServiceProgress], others: list[ServiceProgress], here: set[int]) -> None:
    """Let those that have much more left, the largest first, take the places of those with least."""
    for other in others:
        if not lines or id(other) in here:
            continue
        place = min(range(len(lines)), key=lambda n: _rank(lines[n]))
        begun, left = _rank(lines[place])
        if _rank(other) <= (begun, _MUCH_MORE * left):
            return
        lines[place] = other


def _rank(service: ServiceProgress) -> tuple[bool, float]:
    begun = service.open < service.targets or service.in_flight > 0 or service.settling > 0
    return begun, service.open


def _step(service: ServiceProgress) -> tuple[bool, int]:
    """The same in coarse steps, so that nearly equal ones keep their places."""
    begun, left = _rank(service)
    return begun, int(5 * log(left + 1))

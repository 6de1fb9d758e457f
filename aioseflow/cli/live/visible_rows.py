"""The choice of services for the rows of the live view where there is not room for all."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Final

import attrs

from ... import ServiceProgress

_SERVICES_A_FRAME: Final = 256
"""Services that are looked at for a frame: of 2,000 services each has its turn about every second."""

_MUCH_MORE: Final = 1.25
_STEPS_PER_E: Final = 5


@attrs.define(eq=False)
class VisibleRows:
    """Choose the services that were begun, and of them those with most VMs left.

    A row stays until its service is done or another service has much more left: rows that change places ten
    times a second cannot be read. The work for a frame does not grow with the fleet.
    """

    _rows: list[ServiceProgress] = attrs.Factory(list)
    _next: int = 0

    def of(self, services: Sequence[ServiceProgress], room: int) -> list[ServiceProgress]:
        """Return at most ``room`` services; where all fit, all of them in the order of discovery."""
        if len(services) <= room:
            self._rows = list(services)
            return self._rows
        rows = [service for service in self._rows if service.open][:room]
        here = set(map(id, rows))
        others = [each for each in self._sample(services) if each.open and id(each) not in here]
        others.sort(key=_rank, reverse=True)
        free = room - len(rows)
        rows += others[:free]
        _replace_least(rows, others[free:room])
        rows.sort(key=_coarse_rank, reverse=True)
        self._rows = rows
        return rows

    def _sample(self, services: Sequence[ServiceProgress]) -> Sequence[ServiceProgress]:
        number = len(services)
        if number <= _SERVICES_A_FRAME:
            return services
        first = self._next if self._next < number else 0
        self._next = (first + _SERVICES_A_FRAME) % number
        sample = services[first : first + _SERVICES_A_FRAME]
        return [*sample, *services[: _SERVICES_A_FRAME - len(sample)]]


def _replace_least(rows: list[ServiceProgress], others: Sequence[ServiceProgress]) -> None:
    """Let services with much more left, the largest first, take the rows of those with least."""
    for other in others:
        place = min(range(len(rows)), key=lambda n: _rank(rows[n]))
        begun, left = _rank(rows[place])
        if _rank(other) <= (begun, _MUCH_MORE * left):
            return
        rows[place] = other


def _rank(service: ServiceProgress) -> tuple[bool, float]:
    begun = service.open < service.targets or service.in_flight > 0 or service.settling > 0
    return begun, service.open


def _coarse_rank(service: ServiceProgress) -> tuple[bool, int]:
    """Round the rank, so that services that are nearly equal keep their places."""
    begun, left = _rank(service)
    return begun, int(_STEPS_PER_E * log(left + 1))

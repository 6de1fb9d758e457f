"""Axes: round figures at even distances."""

from __future__ import annotations

import math
from typing import Final

_STEPS: Final = (1, 2, 5, 10)
_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)


def ticks(most: float, *, whole: bool = False, about: int = 4) -> tuple[float, tuple[tuple[float, str], ...]]:
    """Where an axis from 0 ends that has room for ``most``, and its marks: percent of it, and the figure."""
    most = max(most, 1 if whole else 1e-9)
    step = _round(most / about)
    if whole:
        step = max(1.0, round(step))
    number = math.ceil(most / step - 1e-9)
    end = number * step
    return end, tuple((round(100 * place / number, 3), _written(place * step)) for place in range(number + 1))


def time_ticks(seconds: float, *, about: int = 5) -> tuple[tuple[float, str], ...]:
    """Marks of a time axis that ends at ``seconds``: percent of it, and the time since its begin."""
    raw = seconds / about
    if raw < 1:
        fine = _round(raw)
        return tuple(
            (round(100 * place * fine / seconds, 3), f"{place * fine:g} s")
            for place in range(int(seconds / fine + 1e-9) + 1)
        )
    step = next((step for step in _SECONDS if step >= raw), 86400 * math.ceil(raw / 86400))
    number = int(seconds // step)
    return tuple(
        (round(100 * place * step / seconds, 3), _time(place * step, step)) for place in range(number + 1)
    )


def _round(raw: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in _STEPS if power * factor >= raw * (1 - 1e-9))


def _time(seconds: int, step: int) -> str:
    if seconds == 0:
        return "0"
    if step < 60:
        minutes, rest = divmod(seconds, 60)
        return f"{seconds} s" if seconds < 60 else f"{minutes}:{rest:02d} min"
    if step < 3600:
        minutes = seconds // 60
        return f"{minutes} min" if minutes < 120 else f"{minutes // 60}:{minutes % 60:02d} h"
    return f"{seconds // 3600} h" if step < 86400 else f"{seconds // 86400} d"


def _written(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"

"""Axes: round figures at even distances."""

from __future__ import annotations

import math
from typing import Final

_STEP_FACTORS: Final = (1, 2, 5, 10)
_TIME_STEPS_SECONDS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 4, 8, 12, 24)),
)


def ticks(most: float, *, whole: bool = False, about: int = 4) -> tuple[float, tuple[tuple[float, str], ...]]:
    """Return the end of an axis from 0 to at least ``most``, and its marks: percent and label of each."""
    most = max(most, 1 if whole else 1e-9)
    step = _round_up(most / about)
    if whole:
        step = max(1.0, round(step))
    number = math.ceil(most / step - 1e-9)
    end = number * step
    return end, tuple((round(100 * place / number, 3), _label(place * step)) for place in range(number + 1))


def time_ticks(seconds: float, *, about: int = 5) -> tuple[tuple[float, str], ...]:
    """Return the marks of a time axis that ends at ``seconds``: percent and label of each."""
    raw = seconds / about
    if raw < 1:
        fine = _round_up(raw)
        return tuple(
            (round(100 * place * fine / seconds, 3), f"{place * fine:g} s")
            for place in range(int(seconds / fine + 1e-9) + 1)
        )
    step = next((step for step in _TIME_STEPS_SECONDS if step >= raw), 86400 * math.ceil(raw / 86400))
    number = int(seconds // step)
    return tuple(
        (round(100 * place * step / seconds, 3), _time_label(place * step, step))
        for place in range(number + 1)
    )


def _round_up(raw: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in _STEP_FACTORS if power * factor >= raw * (1 - 1e-9))


def _time_label(seconds: int, step: int) -> str:
    if seconds == 0:
        return "0"
    if step < 60:
        minutes, rest = divmod(seconds, 60)
        return f"{seconds} s" if seconds < 60 else f"{minutes}:{rest:02d} min"
    if step < 3600:
        minutes = seconds // 60
        return f"{minutes} min" if minutes < 120 else f"{minutes // 60}:{minutes % 60:02d} h"
    return f"{seconds // 3600} h" if step < 86400 else f"{seconds // 86400} d"


def _label(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"

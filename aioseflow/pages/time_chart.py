"""The chart of a run's time: VMs with an outcome, requests in flight, and throttled requests."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from .. import Report, Status
from ..fleet.model.timeline import Moment
from .scale import ticks, time_ticks

_POINTS: Final = 240  # of a curve
_STACKED: Final = (
    Status.CHANGED,
    Status.UNCHANGED,
    Status.NOT_ATTEMPTED,
    Status.UNKNOWN,
    Status.FAILED,
)


@attrs.frozen(kw_only=True)
class Layer:
    """The area of one outcome, as an SVG path in a square of 1,000."""

    kind: str
    path: str


@attrs.frozen(kw_only=True)
class Throughput:
    """VMs in progress, and requests allowed at once (``limit``), as SVG paths.

    ``refusals`` are places in percent of the time, each with its number of throttled requests; ``refused`` is
    their sum.
    """

    limit: str
    under_way: str
    refusals: tuple[tuple[float, int], ...]
    refused: int
    highest: int
    lowest: int
    marks: tuple[tuple[float, str], ...]


@attrs.frozen(kw_only=True)
class TimeChart:
    """The run's duration in ``seconds``; ``times`` and ``marks`` are the marks of the axes.

    ``halfway`` is when half of the VMs had an outcome, in seconds.
    """

    seconds: float
    layers: tuple[Layer, ...]
    times: tuple[tuple[float, str], ...]
    marks: tuple[tuple[float, str], ...]
    halfway: float | None
    throughput: Throughput | None


def time_chart_of(report: Report) -> TimeChart | None:
    """Return the chart of a report, None where no VM has an outcome yet."""
    ends: dict[Status, list[float]] = {status: [] for status in Status}
    for outcome in report.outcomes:
        ends[outcome.status].append(max(0.0, (outcome.finished_at - report.started_at).total_seconds()))
    if not report.outcomes:
        return None
    for times in ends.values():
        times.sort()
    samples = report.timeline
    last = max(times[-1] for times in ends.values() if times)
    over = 0.0 if report.finished_at is None else (report.finished_at - report.started_at).total_seconds()
    seconds = max(last, over, 0.1, *(sample.seconds for sample in samples))
    most, marks = ticks(max(len(report.targets), len(report.outcomes)), whole=True)
    everything = sorted(end for times in ends.values() for end in times)
    return TimeChart(
        seconds=seconds,
        layers=tuple(_layers(ends, seconds, most)),
        times=time_ticks(seconds),
        marks=marks,
        halfway=everything[(len(everything) - 1) // 2] if len(everything) > 1 else None,
        throughput=_throughput(samples, seconds),
    )


def _layers(ends: dict[Status, list[float]], seconds: float, most: float) -> Iterable[Layer]:
    moments = [seconds * point / _POINTS for point in range(_POINTS + 1)]
    below = [0] * len(moments)
    for status in _STACKED:
        if not ends[status]:
            continue
        above = [
            under + bisect_right(ends[status], moment) for under, moment in zip(below, moments, strict=True)
        ]
        there = _points(moments, above, seconds, most)
        back = _points(moments, below, seconds, most)[::-1]
        yield Layer(kind=status.value, path=f"M{'L'.join(there)}L{'L'.join(back)}Z")
        below = above


def _points(moments: Sequence[float], heights: Sequence[float], seconds: float, most: float) -> list[str]:
    points: list[str] = []
    for place, (moment, height) in enumerate(zip(moments, heights, strict=True)):
        level = 0 < place < len(heights) - 1 and heights[place - 1] == height == heights[place + 1]
        if not level:
            points.append(f"{1000 * moment / seconds:.0f} {1000 - 1000 * height / most:.0f}")
    return points


def _throughput(samples: Sequence[Moment], seconds: float) -> Throughput | None:
    limits = [(sample.seconds, sample.limit) for sample in samples if sample.limit is not None]
    if not limits:
        return None
    flights = [(sample.seconds, sample.in_flight) for sample in samples]
    most, marks = ticks(
        max([1, *(limit for _, limit in limits), *(n for _, n in flights)]), whole=True, about=3
    )
    refusals, before = [], 0
    for sample in samples:
        # A resumed run counts from 0 again.
        more = sample.refused - before if sample.refused >= before else sample.refused
        before = sample.refused
        if more:
            refusals.append((round(100 * sample.seconds / seconds, 3), more))
    return Throughput(
        limit=_steps(limits, seconds, most),
        under_way=_steps(flights, seconds, most),
        refusals=tuple(refusals),
        refused=sum(number for _, number in refusals),
        highest=max(limit for _, limit in limits),
        lowest=min(limit for _, limit in limits),
        marks=marks,
    )


def _steps(points: Sequence[tuple[float, float]], seconds: float, most: float) -> str:
    """Return a path that holds each value until the next one."""
    path = ""
    for moment, value in points:
        x, y = 1000 * moment / seconds, 1000 - 1000 * value / most
        path += f"H{x:.0f}V{y:.0f}" if path else f"M{x:.0f} {y:.0f}"
    return path + "H1000"

"""Bars of outcomes by service, of power states, and of bandwidth against its limit; all in percent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from ..models import Bandwidth, PowerState
from ..text import escape, natural_key
from .gather import Bandwidths, Place, Powers
from .scale import ticks
from .vm_rows import VmRow
from .wording import PENDING, figure, prefix_of

_MAX_BARS: Final = 24
_MIN_PART_PERCENT: Final = 0.8
"""Width of a part that would be too narrow to see."""
_STACKED: Final = ("changed", "unchanged", PENDING, "not_attempted", "unknown", "failed")
_BAD: Final = frozenset({"failed", "unknown", "not_attempted"})


@attrs.frozen(kw_only=True)
class BarPart:
    """Part of a bar, that begins at ``at`` and is ``width`` wide, both in percent."""

    kind: str
    count: int
    at: float
    width: float


@attrs.frozen(kw_only=True)
class Bar:
    """Bar of ``total`` VMs, of which ``bad`` need attention."""

    name: str
    account: str
    total: int
    bad: int
    parts: tuple[BarPart, ...]


@attrs.frozen(kw_only=True)
class BarChart:
    """Bars on one axis, whose ``marks`` are percents with labels."""

    bars: tuple[Bar, ...]
    marks: tuple[tuple[float, str], ...]
    kinds: tuple[str, ...]
    left_out: int = 0
    left_out_bad: int = 0


def parts_of(counts: Mapping[str, int], order: Sequence[str], most: int) -> tuple[BarPart, ...]:
    """Return the parts of a bar on an axis that ends at ``most``."""
    shares = {kind: max(_MIN_PART_PERCENT, 100 * counts[kind] / most) for kind in order if counts.get(kind)}
    # Widened parts take their width from the largest part, so that the bar keeps its length.
    surplus = sum(shares.values()) - 100 * sum(counts.get(kind, 0) for kind in order) / most
    if surplus > 0:
        largest = max(shares, key=lambda kind: shares[kind])
        shares[largest] = max(_MIN_PART_PERCENT, shares[largest] - surplus)
    found, at = [], 0.0
    for kind, share in shares.items():
        found.append(BarPart(kind=kind, count=counts[kind], at=round(at, 3), width=round(share, 3)))
        at += share
    return tuple(found)


def outcomes_by_service(rows: Sequence[VmRow]) -> BarChart | None:
    """Return a bar for each service, those with the most VMs that need attention first; None without VMs."""
    services: dict[tuple[str, str], Counter[str]] = {}
    names: dict[tuple[str, str], str] = {}
    for row in rows:
        key = row.account, row.service_id
        services.setdefault(key, Counter())[row.status] += 1
        names[key] = row.service
    if not services:
        return None

    def bad(key: tuple[str, str]) -> int:
        return sum(number for status, number in services[key].items() if status in _BAD)

    ordered = sorted(services, key=lambda key: (-bad(key), natural_key(names[key]), key))
    shown, rest = ordered[:_MAX_BARS], ordered[_MAX_BARS:]
    most, marks = ticks(max(services[key].total() for key in shown), whole=True)
    several = len({account for account, _ in services}) > 1
    alike = Counter(names.values())
    return BarChart(
        bars=tuple(
            Bar(
                name=f"{names[key]} ({key[1]})"
                if alike[names[key]] > 1 and names[key] != key[1]
                else names[key],
                account=key[0] if several else "",
                total=services[key].total(),
                bad=bad(key),
                parts=parts_of(services[key], _STACKED, int(most)),
            )
            for key in shown
        ),
        marks=marks,
        kinds=tuple(kind for kind in _STACKED if any(kind in counts for counts in services.values())),
        left_out=len(rest),
        left_out_bad=sum(bad(key) for key in rest),
    )


@attrs.frozen(kw_only=True)
class PowerBar:
    """VMs by power state; ``unread`` services could not be read, for example because of ``why``."""

    parts: tuple[BarPart, ...]
    total: int
    unread: int
    why: str


def vms_by_power(power: Powers, rows: Sequence[VmRow]) -> PowerBar | None:
    """Return the bar of power states, None where they were not read."""
    if not power:
        return None
    counts = Counter(row.power or "gone" for row in rows if _readable(row, power))
    order = [*(state.value for state in PowerState), "gone"]
    reasons = [states for states in power.values() if isinstance(states, str)]
    total = counts.total()
    return PowerBar(
        parts=parts_of(counts, order, total) if total else (),
        total=total,
        unread=len(reasons),
        why=escape(reasons[0], 300) if reasons else "",
    )


def _readable(row: VmRow, power: Powers) -> bool:
    return isinstance(power.get((row.account, row.service_id)), Mapping)


@attrs.frozen(kw_only=True)
class BandwidthBar:
    """A service's bandwidth: ``used`` and ``limit`` in the chart's unit, empty where the panel gives none.

    ``width`` is the bar's width and ``mark`` the place of the limit, in percent of the axis.
    """

    name: str
    used: str = ""
    limit: str = ""
    share: str = ""
    over: bool = False
    width: float | None = None
    mark: float | None = None
    why: str = ""


@attrs.frozen(kw_only=True)
class BandwidthChart:
    """Bandwidth of services in one ``unit``."""

    unit: str
    lines: tuple[BandwidthBar, ...]
    marks: tuple[tuple[float, str], ...]
    left_out: int = 0


def bandwidth_by_service(bandwidth: Bandwidths, names: Mapping[Place, str]) -> BandwidthChart | None:
    """Return the services nearest to their limit first, None where no bandwidth was read."""
    if not bandwidth:
        return None
    rates = {
        place: (_number(found.used_bps), _number(found.limit_bps))
        for place, found in bandwidth.items()
        if isinstance(found, Bandwidth)
    }
    known = [rate for pair in rates.values() for rate in pair if rate is not None]
    prefix, divisor = prefix_of(known)
    largest = max(known, default=0.0) / divisor
    places = 0 if largest >= 100 else 1 if largest >= 10 else 2

    def share(place: Place) -> float:
        used, limit = rates.get(place, (None, None))
        return -1.0 if used is None or not limit else used / limit

    ordered = sorted(bandwidth, key=lambda at: (-share(at), natural_key(names.get(at, at[1])), at))
    shown = ordered[:_MAX_BARS]
    most, marks = ticks(max([100.0, *(100 * share(place) for place in shown)]), about=3)
    lines = []
    for place in shown:
        found = bandwidth[place]
        name = escape(names.get(place, "")) or escape(place[1])
        if isinstance(found, str):
            lines.append(BandwidthBar(name=name, why=escape(found, 300)))
            continue
        used, limit = rates[place]
        ratio = share(place)
        lines.append(
            BandwidthBar(
                name=name,
                used="" if used is None else figure(used / divisor, places),
                limit="" if limit is None else figure(limit / divisor, places),
                share="" if ratio < 0 else f"{100 * ratio:.0f} %",
                over=ratio > 1,
                width=None if ratio < 0 else round(10_000 * ratio / most, 3),
                mark=None if ratio < 0 else round(10_000 / most, 3),
            )
        )
    return BandwidthChart(
        unit=f"{prefix}bit/s",
        lines=tuple(lines),
        marks=tuple((at, f"{label} %") for at, label in marks),
        left_out=len(ordered) - len(shown),
    )


def _number(value: object) -> float | None:
    return None if value is None else max(0.0, float(str(value)))

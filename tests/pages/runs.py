"""Runs whose reports are looked at in a browser, each the same whenever it is made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import attrs
from pages.hostile import HARMLESS
from support.reports import LOST, NOW, a_report, an_outcome

from aioseflow import (
    ApiError,
    Bandwidth,
    Outcome,
    OutcomeUnknown,
    PowerState,
    Report,
    Status,
    Throttled,
    UntrustedHtml,
    UsageGraphs,
)
from aioseflow.fleet.model.timeline import Moment

_SERVICES: Final = ("Cloud Milano", "Cloud Roma", "Backup", "Staging", "Shop Italia", "Mail", "Office", "Lab")


@attrs.frozen(kw_only=True)
class Shown:
    """A report and the readings of its page."""

    report: Report
    bandwidth: Mapping[tuple[str, str], Bandwidth | str] = attrs.Factory(dict)
    power: Mapping[tuple[str, str], Mapping[str, PowerState] | str] = attrs.Factory(dict)

    def page(self) -> str:
        """Its page."""
        from aioseflow.pages import render

        return render(self.report, bandwidth=self.bandwidth, power=self.power)


def a_usage_run(graphs: Iterable[str | tuple[str, str, str]], **facts: Any) -> Shown:
    """A run that read usage: each VM has three graphs, or one of them three times."""
    outcomes = [
        an_outcome(number, Status.UNCHANGED, value=usage(html), **{"action": "usage", **facts})
        for number, html in enumerate(graphs, 1)
    ]
    return Shown(report=a_report(*outcomes, action="usage"))


def usage(html: str | tuple[str, str, str]) -> UsageGraphs:
    """A VM's graphs, of processor, network and disk, or one for all of these."""
    each = (html,) * 3 if isinstance(html, str) else html
    kinds = zip(("cpu", "net", "disk"), each, strict=True)
    return UsageGraphs(**{kind: UntrustedHtml(kind, graph) for kind, graph in kinds})


def failed_stop(vms: int = 300) -> Shown:
    """A stop after which a sixth of the VMs needs attention, for several causes; a service was not listed."""
    outcomes = [_stopped(number) for number in range(1, vms + 1)]
    last = max(outcome.finished_at for outcome in outcomes)
    report = a_report(
        *outcomes,
        targets=tuple(outcome.key for outcome in outcomes),
        undiscovered=(LOST,),
        finished_at=last,
        timeline=tuple(_moments(outcomes)),
        requested_by="ops@example.com",
        note="maintenance of the storage in Milano, window 03:00 to 04:00",
    )
    power: dict[tuple[str, str], dict[str, PowerState]] = {}
    for outcome in outcomes:
        state = PowerState.STOPPED if outcome.status is Status.CHANGED else PowerState.RUNNING
        if outcome.status is Status.UNKNOWN:
            state = PowerState.TRANSITIONAL
        power.setdefault((outcome.account, outcome.service_id), {})[outcome.vm_id] = state
    return Shown(report=report, power=power)


def ok_usage(vms: int = 60) -> Shown:
    """Usage of all, read without a fault, with graphs, bandwidth and power."""
    outcomes = [_read(number) for number in range(1, vms + 1)]
    places = list(dict.fromkeys((outcome.account, outcome.service_id) for outcome in outcomes))
    bandwidth: dict[tuple[str, str], Bandwidth | str] = {
        place: Bandwidth(
            used=Decimal(17_300_000 * (number + 1) ** 2),
            limit=Decimal(100 if number % 2 else 1000),
            overage_unit="Mbit",
            over=None,
        )
        for number, place in enumerate(places)
    }
    bandwidth[places[-1]] = "could not be read: the panel answered 500"
    power = {
        place: {
            outcome.vm_id: PowerState.STOPPED if int(outcome.vm_id) % 7 == 0 else PowerState.RUNNING
            for outcome in outcomes
            if (outcome.account, outcome.service_id) == place
        }
        for place in places
    }
    report = a_report(
        *outcomes,
        action="usage",
        finished_at=max(outcome.finished_at for outcome in outcomes),
        timeline=tuple(_moments(outcomes)),
    )
    return Shown(report=report, bandwidth=bandwidth, power=power)


def empty() -> Shown:
    """A run whose selection matched nothing."""
    return Shown(report=a_report())


def _place(number: int) -> dict[str, Any]:
    at = number % len(_SERVICES)
    return {
        "service_id": str(40 + at),
        "service_name": _SERVICES[at],
        "vm_label": f"{('web', 'db', 'cache', 'worker')[number % 4]}{number:03d}.example.com",
    }


def _stopped(number: int) -> Outcome:
    begun = NOW + timedelta(seconds=number * 0.7)
    facts: dict[str, Any] = {**_place(number), "started_at": begun, "took": 4 + number % 5, "attempts": 1}
    if number % 11 == 0:
        locked = ApiError(
            "the VM is locked by a backup; wait for it to end, then retry", codes=("vm_locked",)
        )
        return an_outcome(number, Status.FAILED, cause="vm_locked", error=locked, **facts)
    if number % 37 == 0:
        refused = ApiError("the node is in maintenance", codes=("node_maintenance",))
        return an_outcome(number, Status.FAILED, cause="node_maintenance", error=refused, **facts)
    if number % 41 == 0:
        lost = OutcomeUnknown("the connection broke after the request was sent", may_have_acted=True)
        return an_outcome(number, Status.UNKNOWN, cause="lost_answer", error=lost, **facts)
    if number % 29 == 0:
        away = Throttled("the provider turned it away", retry_after=8.0)
        return an_outcome(number, Status.NOT_ATTEMPTED, cause="throttled", error=away, **facts)
    if number % 9 == 0:
        return an_outcome(number, Status.UNCHANGED, **facts)
    return an_outcome(number, Status.CHANGED, verified=True, **facts)


def _read(number: int) -> Outcome:
    return an_outcome(
        number,
        Status.UNCHANGED,
        took=0.4 + number % 3,
        action="usage",
        started_at=NOW + timedelta(seconds=number * 0.2),
        value=UsageGraphs(
            cpu=UntrustedHtml("cpu", _graph("CPU, percent", number, 1)),
            net=UntrustedHtml("net", _graph("Network, Mbit/s", number, 2)),
            disk=UntrustedHtml("disk", HARMLESS),
        ),
        **_place(number),
    )


def _graph(title: str, number: int, kind: int) -> str:
    """A graph as a panel might draw it."""
    points = " ".join(
        f"{x * 4},{60 - 25 * (1 + math.sin((x + number) * kind / 9)):.0f}" for x in range(0, 100, 2)
    )
    return (
        f'<div style="font: 12px sans-serif; color: #345"><b>{title}</b><br>'
        f'<svg width="400" height="62" style="background: #eef"><polyline points="{points}" '
        'fill="none" stroke="#36c" stroke-width="2"/></svg><br>'
        f"<table><tr><td>average</td><td>{number % 97}.4</td>"
        f"<td>peak</td><td>{number % 97 + 31}.0</td></tr></table></div>"
    )


def _moments(outcomes: list[Outcome]) -> Iterable[Moment]:
    last = max((outcome.finished_at - NOW).total_seconds() for outcome in outcomes)
    for second in range(int(last) + 2):
        ended = [o.status for o in outcomes if (o.finished_at - NOW).total_seconds() <= second]
        begun = sum((o.started_at - NOW).total_seconds() <= second for o in outcomes)
        held = last * 0.4 < second < last * 0.6
        yield Moment(
            seconds=float(second),
            **{status.value: ended.count(status) for status in Status},
            in_flight=min(begun - len(ended), 4 if held else 12),
            settling=0,
            limit=4 if held else 12,
            refused=max(0, min(9, int(second - last * 0.4))),
        )

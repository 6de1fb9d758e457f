"""The table of all VMs: its rows, and the data from which the page's script makes rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from .. import Outcome, Report, UsageGraphs
from ..fleet.model.outcome import TargetKey
from ..fleet.report.report import seconds_of
from ..text import escape, natural_key
from .fragments import Fragments
from .gather import Place, Powers
from .wording import PENDING, WORST_FIRST

_ERROR_CHARACTERS: Final = 400
_SORTED_CHARACTERS: Final = 80


@attrs.frozen(kw_only=True)
class VmRow:
    """Row of the table; its texts are escaped.

    Attributes:
        status: one of `WORST_FIRST`.
        seconds: how long the VM took.
        usage: the numbers of its fragments (CPU, network, disk), if it has any.
    """

    account: str
    service_id: str
    service: str
    vm_id: str
    label: str = ""
    status: str = PENDING
    verified: bool = False
    step: str = ""
    cause: str = ""
    error: str = ""
    attempts: int = 0
    seconds: float | None = None
    finished: datetime | None = None
    power: str = ""
    usage: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Label of the VM, or its ids."""
        return self.label or f"{self.service_id}/{self.vm_id}"


def rows_of(report: Report, power: Powers, fragments: Fragments) -> list[VmRow]:
    """Return the targets of a report by service and name, and add their usage graphs to ``fragments``."""
    names: dict[Place, str] = {}
    reached: set[TargetKey] = set()
    found: list[tuple[Any, Outcome | TargetKey]] = []
    for outcome in report.outcomes:
        reached.add(outcome.key)
        names[outcome.account, outcome.service_id] = outcome.service_name
        found.append((_order(outcome.key, outcome.service_name, outcome.vm_label), outcome))
    found += [(_order(key, names.get(key[:2], ""), ""), key) for key in report.targets if key not in reached]
    found.sort(key=lambda pair: pair[0])
    return [
        _done(one, power, fragments) if isinstance(one, Outcome) else _pending(one, names, power)
        for _, one in found
    ]


def _order(key: TargetKey, service: str, label: str) -> Any:
    account, service_id, vm_id = key
    # Cut, because a name of the panel may have 10,000 characters.
    return (
        natural_key((service or service_id)[:_SORTED_CHARACTERS]),
        account,
        service_id,
        natural_key((label or vm_id)[:_SORTED_CHARACTERS]),
        vm_id,
    )


def _done(outcome: Outcome, power: Powers, fragments: Fragments) -> VmRow:
    value = outcome.value
    usage: tuple[int, ...] = ()
    if isinstance(value, UsageGraphs):
        usage = tuple(fragments.add(graph.html) for graph in (value.cpu, value.net, value.disk))
    return VmRow(
        account=escape(outcome.account),
        service_id=escape(outcome.service_id),
        service=escape(outcome.service_name) or escape(outcome.service_id),
        vm_id=escape(outcome.vm_id),
        label=escape(outcome.vm_label),
        status=outcome.status.value,
        verified=outcome.verified,
        step=escape(outcome.step or ""),
        cause=escape(outcome.cause or ""),
        error="" if outcome.error is None else escape(str(outcome.error), _ERROR_CHARACTERS),
        attempts=outcome.attempts,
        seconds=round(seconds_of(outcome), 3),
        finished=outcome.finished_at,
        power=_power(outcome.key, power),
        usage=usage,
    )


def _pending(key: TargetKey, names: dict[Place, str], power: Powers) -> VmRow:
    account, service_id, vm_id = key
    return VmRow(
        account=escape(account),
        service_id=escape(service_id),
        service=escape(names.get((account, service_id), "")) or escape(service_id),
        vm_id=escape(vm_id),
        power=_power(key, power),
    )


def _power(key: TargetKey, power: Powers) -> str:
    states = power.get(key[:2])
    return "" if states is None or isinstance(states, str) or key[2] not in states else states[key[2]].value


def worst_first(rows: Iterable[VmRow]) -> list[VmRow]:
    """Sort rows by outcome, the worst first."""
    rank = {status: place for place, status in enumerate(WORST_FIRST)}
    return sorted(rows, key=lambda row: rank[row.status])


def data_of(rows: Sequence[VmRow], fragments: Fragments, *, started: datetime) -> str:
    """Return the rows, column by column, as JSON for a script element.

    Texts that rows share are indexes of a sorted list, so that the script sorts numbers. Times are seconds
    since ``started``.
    """
    places = list(dict.fromkeys((row.account, row.service_id, row.service) for row in rows))
    place_of = {place: number for number, place in enumerate(places)}
    causes, errors = (sorted({pick(row) for row in rows}) for pick in (_cause, _error))
    powers = sorted({row.power for row in rows})
    cause_of, error_of, power_of = (
        {name: number for number, name in enumerate(names)} for names in (causes, errors, powers)
    )
    status_of = {status: number for number, status in enumerate(WORST_FIRST)}
    document = {
        "started": started.timestamp(),
        "statuses": WORST_FIRST,
        "places": places,
        "causes": causes,
        "errors": errors,
        "powers": powers,
        "steps": [row.step for row in rows] if len({row.step for row in rows}) > 1 else [],
        "id": [row.vm_id for row in rows],
        "label": [row.label for row in rows],
        "place": [place_of[row.account, row.service_id, row.service] for row in rows],
        "status": [status_of[row.status] for row in rows],
        "verified": [int(row.verified) for row in rows],
        "cause": [cause_of[row.cause] for row in rows],
        "error": [error_of[row.error] for row in rows],
        "power": [power_of[row.power] for row in rows],
        "attempts": [row.attempts for row in rows],
        "seconds": [row.seconds for row in rows],
        "ended": [
            None if row.finished is None else round((row.finished - started).total_seconds(), 1)
            for row in rows
        ],
        "usage": [list(row.usage) for row in rows] if any(row.usage for row in rows) else [],
        "starts": fragments.starts,
    }
    return for_script(document)


def for_script(document: Any) -> str:
    """Return JSON in ASCII that can neither end a script element nor open a comment in it."""
    data = json.dumps(document, separators=(",", ":"))
    return data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _cause(row: VmRow) -> str:
    return row.cause


def _error(row: VmRow) -> str:
    return row.error

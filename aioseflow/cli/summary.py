"""What a run came to, for people: the figures in one table, then who is not as asked, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from ..fleet import Outcome, Report, Status, Undiscovered, UsageGraphs
from ..fleet.model.undiscovered import ONE_PAGE
from ..fleet.report.report_text import no_vms
from ..fleet.run.verdict import NOT_READABLE
from ..text import escape, wrap
from .table import Column, Table

_NAMED = 4
_ERROR = 300
_NOT_AS_ASKED = (Status.FAILED, Status.UNKNOWN, Status.NOT_ATTEMPTED)
_IN_OTHER_WORDS = {
    "not_settled": "Accepted, but not read back as done in the time given; look before you repeat it.",
    NOT_READABLE: "Accepted, but it could not be read back.",
    "not_running": "It is off, and only what runs is rebooted.",
    "drained": "Nothing was sent: the run was interrupted.",
    "cancelled": "The run was stopped before there was an answer.",
    "in_another_run": "Another run is at it; fleet runs lists them.",
}

_HEAD = (
    Column("action", alarm="bold"),
    Column("asked", right=True),
    Column("changed", right=True, alarm="green"),
    Column("unchanged", right=True),
    Column("failed", right=True, alarm="bold red"),
    Column("unknown", right=True, alarm="bold magenta"),
    Column("not attempted", right=True, alarm="bold"),
    Column("seconds", right=True),
)


def table_of(reports: Iterable[Report]) -> Table:
    """One row for each run."""
    return Table(
        _HEAD,
        [
            [
                report.action,
                str(len(report.targets)),
                *(str(report.counts[status]) for status in Status),
                f"{seconds(report):.1f}",
            ]
            for report in reports
        ],
    )


def seconds(report: Report) -> float:
    """How long a run took; 0 for one that is not over."""
    return (report.finished_at - report.started_at).total_seconds() if report.finished_at else 0.0


def causes_of(report: Report, width: int, *, every_unknown: bool = False) -> list[str]:
    """Who is not as asked, grouped by why; what was not read back, could not be listed, or has no VMs.

    Empty where all is well. The first few VMs of a group are named, of the unknown ones all if wished.
    """
    groups: dict[tuple[Status, str], list[Outcome]] = {}
    for outcome in report.outcomes:
        if outcome.status in _NOT_AS_ASKED:
            groups.setdefault((outcome.status, outcome.cause or "no cause given"), []).append(outcome)
    order = sorted(groups.items(), key=lambda item: (_NOT_AS_ASKED.index(item[0][0]), -len(item[1]), item[0]))
    lines = []
    for (status, cause), outcomes in order:
        word = status.replace("_", " ")
        lines += _head(f"{report.action}: {len(outcomes)} {word}, {escape(cause)}", width)
        outcomes.sort(key=_place_in_line)
        everyone = every_unknown and status is Status.UNKNOWN
        lines += wrap(named(outcomes, len(outcomes) if everyone else _NAMED), width, 4)
        lines += wrap(_explained(cause, outcomes), width, 4)
    accepted = sum(outcome.status is Status.CHANGED and not outcome.verified for outcome in report.outcomes)
    if accepted:
        text = f"{report.action}: {accepted} changed were accepted by the panel and not read back"
        lines += _head(text, width)
    for lost in report.undiscovered:
        how = "listed in part" if lost.cause == ONE_PAGE else "not listed, so in none of the counts"
        lines += _head(f"{report.action}: {how}: {_place(lost)}", width)
        lines += wrap(escape(str(lost.error) if lost.error else lost.cause, _ERROR), width, 4)
    if report.without_vms:
        lines += _head(f"{report.action}: {no_vms(report.without_vms)}", width)
    return lines


def _head(text: str, width: int) -> list[str]:
    return wrap(text, width, 4, "")


def _place_in_line(outcome: Outcome) -> tuple[int, str, int, str]:
    # Ids are mostly numbers, and 9 comes before 10.
    return len(outcome.service_id), outcome.service_id, len(outcome.vm_id), outcome.vm_id


def _explained(cause: str, outcomes: Sequence[Outcome]) -> str:
    error = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
    if error is None:
        if cause == "cancelled" and outcomes[0].status is Status.NOT_ATTEMPTED:
            return "Nothing was sent: the run was stopped."
        return _IN_OTHER_WORDS.get(cause, "")
    said = ("e.g. " if len(outcomes) > 1 else "") + escape(str(error), _ERROR)
    # What it ended with is not about what was sent, as other errors are.
    return f"{_IN_OTHER_WORDS[cause]} {said}" if cause == NOT_READABLE else said


def named(outcomes: Sequence[Outcome], most: int = _NAMED) -> str:
    """The first VMs, written as ``--vm`` takes them, and how many more there are."""
    names = [_name(outcome) for outcome in islice(outcomes, most)]
    more = len(outcomes) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _name(outcome: Outcome) -> str:
    pair = f"{escape(outcome.service_id)}/{escape(outcome.vm_id)}"
    # A label that only repeats the id would make the line longer and nobody wiser.
    wiser = outcome.vm_label and outcome.vm_id not in outcome.vm_label
    return f"{pair} ({escape(outcome.vm_label, 24)})" if wiser else pair


def _place(lost: Undiscovered) -> str:
    if lost.service_id is None:
        return f"account {escape(lost.account)}"
    name = f" ({escape(lost.service_name)})" if lost.service_name else ""
    return f"service {escape(lost.service_id)}{name}"


def usage_of(report: Report) -> Table:
    """How much of a usage graph each VM gave, in characters of untrusted HTML, which is not shown."""
    rows = []
    for outcome in report.outcomes:
        if isinstance(outcome.value, UsageGraphs):
            graphs = outcome.value
            sizes = [str(len(graph.html)) for graph in (graphs.cpu, graphs.net, graphs.disk)]
            rows.append(
                [escape(outcome.service_id), escape(outcome.vm_id), escape(outcome.vm_label, 32), *sizes]
            )
    figures = (Column(f"{kind} chars", right=True) for kind in ("cpu", "net", "disk"))
    return Table([Column("service"), Column("VM"), Column("label"), *figures], rows)

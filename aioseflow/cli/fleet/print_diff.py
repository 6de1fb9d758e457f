"""Print what is different between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from ... import Status
from ...fleet.report.report_json import TargetDocument
from ..output import OutputOptions
from ..table import print_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ... import Comparison, Outcome, Report

What: TypeAlias = Literal["fixed", "broken", "still_bad", "only_after", "only_before"]

_COLUMNS = ("account", "service_id", "vm_id", "vm_label", "what", "before", "after", "cause")


class DifferenceDocument(TargetDocument):
    """A VM that two runs left in different states."""

    vm_label: str
    what: What
    before: Status | None
    after: Status | None
    cause: str | None


def print_diff(before: Report, after: Report, out: OutputOptions) -> None:
    """Print the differences as a page or as data."""
    comparison = after.compare(before)
    if out.is_page:
        print_lines(str(comparison).splitlines())
        return
    out.listing(list(_rows(comparison)), _COLUMNS)


def _rows(comparison: Comparison) -> Iterator[DifferenceDocument]:
    groups: dict[What, Sequence[Outcome]] = {
        "fixed": comparison.fixed,
        "broken": comparison.broken,
        "still_bad": comparison.still_bad,
        "only_after": comparison.only_here,
        "only_before": comparison.only_there,
    }
    for what, outcomes in groups.items():
        for outcome in outcomes:
            only = (None, outcome.status) if what == "only_after" else (outcome.status, None)
            then, now = comparison.statuses.get(outcome.key, only)
            yield {
                "account": outcome.account,
                "service_id": outcome.service_id,
                "vm_id": outcome.vm_id,
                "vm_label": outcome.vm_label,
                "what": what,
                "before": then,
                "after": now,
                "cause": outcome.cause,
            }

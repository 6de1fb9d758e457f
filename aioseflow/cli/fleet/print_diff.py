"""Two runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..table import print_lines
from ..written import OutputOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...fleet import Comparison, Outcome, Report

_COLUMNS = ("account", "service_id", "vm_id", "vm_label", "what", "before", "after", "cause")


def print_diff(before: Report, after: Report, out: OutputOptions) -> None:
    """Write what is different to stdout."""
    comparison = after.compare(before)
    if out.is_page:
        print_lines(str(comparison).splitlines())
        return
    out.listing(list(_rows(comparison)), _COLUMNS)


def _rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for what, outcomes in (
        ("fixed", comparison.fixed),
        ("broken", comparison.broken),
        ("still_bad", comparison.still_bad),
        ("only_after", comparison.only_here),
        ("only_before", comparison.only_there),
    ):
        for outcome in outcomes:
            yield _row(comparison, what, outcome)


def _row(comparison: Comparison, what: str, outcome: Outcome) -> dict[str, Any]:
    then, now = comparison.statuses.get(outcome.key, (None, None))
    if what == "only_after":
        now = outcome.status
    elif what == "only_before":
        then = outcome.status
    return {
        "account": outcome.account,
        "service_id": outcome.service_id,
        "vm_id": outcome.vm_id,
        "vm_label": outcome.vm_label,
        "what": what,
        "before": None if then is None else then.value,
        "after": None if now is None else now.value,
        "cause": outcome.cause,
    }

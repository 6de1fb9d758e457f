"""Who is not as asked, gathered by cause as `clush -b` gathers equal output: one cause, then who."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...text import escape, wrap
from ..output import OutputOptions
from ..terminal import columns, echo_err
from .print_report import OUTCOME_COLUMNS, outcome_row, print_page

if TYPE_CHECKING:
    from ...fleet import Outcome, Report

_SENTENCE = 400
_RULE = "-"
_DIFFERENT = 3


def print_failures(report: Report, out: OutputOptions) -> None:
    """Write them to stdout."""
    from ...fleet.report.report_text import NOT_AS_ASKED

    bad = [outcome for outcome in report.outcomes if outcome.status in NOT_AS_ASKED]
    if not out.is_page:
        out.listing(map(outcome_row, bad), OUTCOME_COLUMNS)
        return
    lines = list(_lines(report, bad, min(columns(), 100)))
    if lines:
        print_page("\n".join(lines))
    else:
        echo_err("All are as asked." if report.ok else "No VM failed; see aioseflow fleet status.")


def _lines(report: Report, bad: Sequence[Outcome], width: int) -> Iterator[str]:
    from ...fleet.model.undiscovered import ONE_PAGE
    from ...fleet.report.report_text import NOT_AS_ASKED

    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in bad:
        groups.setdefault((outcome.status.value, outcome.cause or "no cause given"), []).append(outcome)
    # As on the page of a report: what nobody knows, then what went wrong, then what was left.
    order = sorted(
        groups.items(), key=lambda item: (NOT_AS_ASKED.index(item[1][0].status), -len(item[1]), item[0])
    )
    for (status, cause), outcomes in order:
        number = f"{len(outcomes):,} VM{'' if len(outcomes) == 1 else 's'}"
        yield _RULE * min(width, 60)
        yield from wrap(f"{status.replace('_', ' ')}, {escape(cause)}: {number}", width, 4, "")
        said = {escape(str(one.error), _SENTENCE) for one in outcomes if one.error is not None}
        for text in sorted(said)[:_DIFFERENT]:
            yield from wrap(text, width, 4)
        if len(said) > _DIFFERENT:
            yield f"    and {len(said) - _DIFFERENT:,} other messages"
        yield _RULE * min(width, 60)
        yield from _who(outcomes, width)
    for lost in report.undiscovered:
        place = f"account {escape(lost.account)}"
        if lost.service_id is not None:
            place = f"service {escape(lost.service_id)} {escape(lost.service_name or '')}".rstrip()
        yield _RULE * min(width, 60)
        how = "listed in part" if lost.cause == ONE_PAGE else f"not listed, {escape(lost.cause)}"
        yield from wrap(f"{how}: {place}", width, 4, "")
        if lost.error is not None:
            yield from wrap(escape(str(lost.error), _SENTENCE), width, 4)


def _who(outcomes: Sequence[Outcome], width: int) -> Iterator[str]:
    """Every VM, by service, the names of many folded into one."""
    from ...fleet.report.vm_names import fold
    from ...text import wrap

    services: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        services.setdefault((outcome.account, outcome.service_id, outcome.service_name), []).append(outcome)
    several = len({account for account, _, _ in services}) > 1
    for (account, service_id, name), ones in sorted(
        services.items(), key=lambda item: (item[0][0], len(item[0][1]), item[0][1])
    ):
        place = f"{escape(service_id, 40)} {escape(name, 40)}".rstrip()
        if several:
            place += f" of {escape(account, 60)}"
        labels = {one.vm_label for one in ones}
        whole = all(labels) and len(labels) == len(ones)
        who = fold(escape(one.vm_label) if whole else one.vm_id for one in ones)
        yield from wrap(f"{place}: {who}", width, 4, "")

"""Print the VMs that failed, are unknown or were not attempted, gathered by cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ...text import escape, quantity, wrap
from ..output import OutputOptions
from ..terminal import echo_err
from .print_report import OUTCOME_COLUMNS, outcome_row, page_width, print_page

if TYPE_CHECKING:
    from ... import Outcome, Report
    from ...fleet.report.headline import Line

_MESSAGE_MAX: Final = 400
_MESSAGES_SHOWN: Final = 3


def print_failures(report: Report, out: OutputOptions) -> None:
    """Print them by cause, or as data."""
    from ...fleet.model.outcome import UNDONE

    bad = [outcome for outcome in report.outcomes if outcome.status in UNDONE]
    if not out.is_page:
        out.listing(map(outcome_row, bad), OUTCOME_COLUMNS)
        return
    lines = [line for block in _blocks(report, bad, page_width()) for line in block]
    if lines:
        print_page(lines[1:])
    else:
        echo_err("No failures." if report.ok else "No VM failed; see aioseflow fleet status.")


def _blocks(report: Report, bad: Sequence[Outcome], width: int) -> Iterator[list[Line]]:
    """Yield for each cause a blank line, the cause, the VMs and the messages; then what was not listed."""
    from ...fleet.model.outcome import UNDONE
    from ...fleet.model.undiscovered import ONE_PAGE
    from ...fleet.report.headline import TONES, Line

    groups: dict[tuple[str, str], list[Outcome]] = {}
    skipped = {(one.status, one.cause) for one in report.skipped}
    for outcome in bad:
        groups.setdefault((outcome.status, outcome.cause or "no cause given"), []).append(outcome)
    # In the order of a report's page: unknown, failed, not attempted.
    for (status, cause), outcomes in sorted(
        groups.items(), key=lambda item: (UNDONE.index(item[1][0].status), -len(item[1]), item[0])
    ):
        word = "skipped" if (status, cause) in skipped else status.replace("_", " ")
        head = f"{word}, {escape(cause)}: {quantity(len(outcomes), 'VM')}"
        messages = sorted({escape(str(one.error), _MESSAGE_MAX) for one in outcomes if one.error is not None})
        texts = [*_vms(outcomes), *messages[:_MESSAGES_SHOWN]]
        if len(messages) > _MESSAGES_SHOWN:
            texts.append(f"and {len(messages) - _MESSAGES_SHOWN:,} other messages")
        yield _block(Line(head, TONES[outcomes[0].status]), texts, width)
    for lost in report.undiscovered:
        place = f"account {escape(lost.account)}"
        if lost.service_id is not None:
            place = f"service {escape(lost.service_id)} {escape(lost.service_name or '')}".rstrip()
        how = "listed in part" if lost.cause == ONE_PAGE else f"not listed, {escape(lost.cause)}"
        error = [] if lost.error is None else [escape(str(lost.error), _MESSAGE_MAX)]
        yield _block(Line(f"{how}: {place}", "unsure"), error, width)


def _block(head: Line, texts: Sequence[str], width: int) -> list[Line]:
    from ...fleet.report.headline import Line

    lines = [Line(""), *(Line(line, head.tone) for line in wrap(head.text, width, 4, ""))]
    return lines + [Line(line) for text in texts for line in wrap(text, width, 8, "    ")]


def _vms(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield every VM, a text for each service, with the names of many folded into one."""
    from ...fleet.report.vm_names import fold

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
        yield f"{place}: {fold(escape(one.vm_label) if whole else one.vm_id for one in ones)}"

"""Headline of a report: its result in a sentence or two, made of its counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from ...safety import Safety
from ...text import escape, quantity
from ..model.outcome import Status, undecided_in
from ..model.undiscovered import ONE_PAGE, Undiscovered
from .report import Report
from .report_groups import CauseGroup

Tone: TypeAlias = Literal["", "strong", "good", "bad", "unsure"]
"""Importance of a line; a program may colour it."""

TONES: Final[Mapping[str, Tone]] = {
    "changed": "good",
    "unchanged": "",
    "failed": "bad",
    "unknown": "unsure",
    "not_attempted": "strong",
}
"""Tones by status."""

SERVICES_NAMED_MAX: Final = 3
"""Services that a sentence names; the others are left out."""

_NAME_MAX_CHARACTERS: Final = 40

_ENDINGS: Final = {
    **dict.fromkeys(("drained", "cancelled", "interrupted"), "then interrupted"),
    "max_failures": "then too many VMs failed",
    "max_unavailable": "then too many VMs were down",
    "deadline": "then the deadline passed",
    "no_progress": "then no VM finished for too long",
    "journal_failed": "then the journal could not be written",
    "lease_lost": "then another process took it over",
}
"""How a run ended early, by the cause of the targets that it left."""

SKIPPED: Final = {
    "not_running": "off",
    "no_address": "without an address",
    "excluded": "excluded",
    "protected": "protected",
}
"""What VMs are that are skipped, by cause. Repeating the run would skip them again."""


class Line(NamedTuple):
    """A line of a report with its importance."""

    text: str
    tone: Tone = ""


class HasCause(Protocol):
    """A loss: a service or account that could not be listed."""

    @property
    def cause(self) -> str: ...


Lost = TypeVar("Lost", bound=HasCause)


def headline(report: Report) -> Line:
    """Return the headline of a report."""
    if report.error is not None:
        sent = any(number for status, number in report.counts.items() if status is not Status.NOT_ATTEMPTED)
        whom = f" to {quantity(len(report.targets), 'VM')}" if report.targets else ""
        return Line(f"The run failed. {_counted(report) if sent else f'Nothing was sent{whom}'}.", "bad")
    if report.finished_at is None:
        left = len(report.targets) - len(report.outcomes)
        if not report.targets:
            return Line("Not over: no VM is known yet.", "strong")
        return Line(f"{_counted(report)} so far; {left:,} without an outcome yet.", "strong")
    if not report.targets:
        lost = "; ".join(_not_listed(report))
        return Line(f"Nothing was sent: {lost or 'no VM matched'}.", "bad" if lost else "strong")
    parts = "; ".join([_counted(report), *_not_listed(report)])
    numbers = {
        "failed": report.counts[Status.FAILED],
        "unknown": undecided_in(report.counts),
        "not started" if "then interrupted" in _ending(report) else "not attempted": _left(report),
        "not verified": len(report.unread),
    }
    rest = ", ".join(f"{number:,} {word}" for word, number in numbers.items() if number)
    only_skipped = not rest and not report.undiscovered
    tone: Tone = "good" if report.ok else "strong" if only_skipped else "bad"
    return Line(f"{parts}. {rest}." if rest else f"{parts}.", tone)


def _counted(report: Report) -> str:
    """Return what was done to how many VMs: "Stopped 80 of 300 VMs, then interrupted; 5 off already"."""
    only = report.steps[0] if len(report.steps) == 1 else None
    done = escape((only and only.past) or f"Completed {report.action} on", 60)
    already = "unchanged" if only is None else escape(only.already, 60)
    if only is not None and only.safety is Safety.READ:
        already = ""
    changed, unchanged, total = (
        report.counts[Status.CHANGED],
        report.counts[Status.UNCHANGED],
        len(report.targets),
    )
    if not already:
        changed, unchanged = changed + unchanged, 0
    skipped = [group for group in report.grouped if is_skipped(group)]
    left_alone = unchanged + sum(group.count for group in skipped)
    whole = changed + left_alone == total and report.finished_at is not None
    if whole and unchanged == total:
        return f"Nothing to do: {quantity(total, 'VM')} {are(total)} {already}"
    number = quantity(changed, "VM") if whole else f"{changed:,} of {quantity(total, 'VM')}"
    parts = [f"{done} {number}{_ending(report)}"]
    if unchanged:
        parts.append(f"{unchanged:,} {'was' if unchanged == 1 else 'were'} {already}")
    parts += [f"skipped {group.count:,} that {are(group.count)} {SKIPPED[group.cause]}" for group in skipped]
    return "; ".join(parts)


def are(number: int) -> str:
    """Return "is" or "are" for a number of VMs."""
    return "is" if number == 1 else "are"


def is_skipped(group: CauseGroup) -> bool:
    """Whether the VMs of a group cannot be acted on, however often the run is repeated."""
    return group.status is Status.NOT_ATTEMPTED and group.cause in SKIPPED


def _left(report: Report) -> int:
    """Return how many VMs were not attempted, without those that were skipped."""
    return count(report.grouped, Status.NOT_ATTEMPTED, without=frozenset(SKIPPED))


def _ending(report: Report) -> str:
    """Return how the run ended, if it ended early: ", then interrupted"."""
    if report.finished_at is None:
        return ""
    causes = {*report.causes, *(lost.cause for lost in report.undiscovered)}
    return next((f", {words}" for cause, words in _ENDINGS.items() if cause in causes), "")


def _not_listed(report: Report) -> list[str]:
    """Return which services could not be listed: "1 service could not be listed: 33306 (HTTP 500)"."""
    whole, partly = split(report.undiscovered)
    refused = [lost for lost in whole if not is_left(lost)]
    left = [lost for lost in whole if is_left(lost)]
    parts = []
    for lost, words in (
        (refused, "could not be listed"),
        (left, "not listed yet"),
        (partly, "listed in part only"),
    ):
        if not lost:
            continue
        named = [f"{place_of(one)}{_status(one)}" for one in lost[:SERVICES_NAMED_MAX]]
        named += ["…"] if len(lost) > SERVICES_NAMED_MAX else []
        what = "account" if all(one.service_id is None for one in lost) else "service"
        parts.append(f"{quantity(len(lost), what)} {words}: {', '.join(named)}")
    return parts


def is_left(lost: HasCause) -> bool:
    """Whether a service was not listed because the run ended early, so that resuming it lists it."""
    return lost.cause in _ENDINGS


def place_of(lost: Undiscovered) -> str:
    """Return the id of a service, or the name of an account, that could not be listed."""
    return escape(lost.account if lost.service_id is None else lost.service_id, _NAME_MAX_CHARACTERS)


def _status(lost: Undiscovered) -> str:
    return f" (HTTP {lost.error.status})" if lost.error is not None and lost.error.status else ""


def split(undiscovered: Iterable[Lost]) -> tuple[list[Lost], list[Lost]]:
    """Return the losses that could not be listed at all, and those that were listed in part."""
    whole: list[Lost] = []
    partly: list[Lost] = []
    for lost in undiscovered:
        (partly if lost.cause == ONE_PAGE else whole).append(lost)
    return whole, partly


def count(
    groups: Iterable[CauseGroup],
    status: Status,
    *,
    only: frozenset[str] | None = None,
    without: frozenset[str] = frozenset(),
) -> int:
    """Return the number of VMs that have a status, for ``only`` some causes or ``without`` some."""
    return sum(
        group.count
        for group in groups
        if group.status is status and group.cause not in without and (only is None or group.cause in only)
    )

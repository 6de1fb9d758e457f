"""Headline of a report: its result in a sentence or two, made of its counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from ...safety import Safety
from ...text import escape, quantity
from ..model.ending import ENDED_BY, Ending, ended_by
from ..model.outcome import PREDICATE_RAISED, Status, undecided_in
from ..model.undiscovered import ONE_PAGE, Undiscovered
from .report import Report
from .report_groups import SKIPPED, CauseGroup

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

_ENDED: Final = {
    **dict.fromkeys(("drained", "cancelled", "interrupted"), "then interrupted"),
    "max_failures": "then too many VMs failed",
    "max_unavailable": "then too many VMs were down",
    "deadline": "then the deadline passed",
    "no_progress": "then no VM finished for too long",
    "run_failed": "then it failed",
    "journal_failed": "then the journal could not be written",
}
"""How a run ended early, by the cause for which it did."""


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
    """Return the headline of a report: by how the run ended, then by its counts.

    ==================  ===========================================================================
    ending              headline
    ==================  ===========================================================================
    running             Stopped 30 of 250 VMs so far; 220 without an outcome yet.
    refused             The run was refused. Nothing was sent to 50 VMs.
    failed              The run failed. Stopped 3 of 50 VMs.
    taken over          Another process took the run over. Stopped 3 of 50 VMs until then.
    repeated            Run r1 is complete; nothing to resume. Stopped 50 VMs.
    no targets          Nothing was sent: no VM matched.
    no targets, follows Nothing to retry: run r0 left no VM for it.
    any other           Stopped 80 of 300 VMs, then interrupted. 1 failed, 219 not started.
    ==================  ===========================================================================
    """
    ending = report.ending
    sent = any(number for status, number in report.counts.items() if status is not Status.NOT_ATTEMPTED)
    whom = f" to {quantity(len(report.targets), 'VM')}" if report.targets else ""
    match ending:
        case Ending.RUNNING if not report.targets:
            return Line("Not over: no VM is known yet.", "strong")
        case Ending.RUNNING:
            left = len(report.targets) - len(report.outcomes)
            return Line(f"{_counted(report)} so far; {left:,} without an outcome yet.", "strong")
        case Ending.REFUSED:
            return Line(f"The run was refused. Nothing was sent{whom}.", "bad")
        case Ending.FAILED if report.error is not None:
            return Line(f"The run failed. {_counted(report) if sent else f'Nothing was sent{whom}'}.", "bad")
        case Ending.TAKEN_OVER:
            done = f"{_counted(report)} until then" if sent else f"Nothing was sent{whom} from here"
            return Line(f"Another process took the run over. {done}.", "strong")
    text, tone = _result(report)
    if report.repeated:
        text = f"Run {escape(report.run_id)} is complete; nothing to resume. {text}"
    return Line(text, tone)


def _result(report: Report) -> Line:
    """Return the result of a run that has ended without an error."""
    if not report.targets:
        lost = "; ".join(_not_listed(report))
        if report.follows and not lost:
            return Line(nothing_left(report.follows, report.parent), "strong")
        return Line(f"Nothing was sent: {lost or 'no VM matched'}.", "bad" if lost else "strong")
    parts = "; ".join([_counted(report), *_not_listed(report)])
    left = count(report.grouped, Status.NOT_ATTEMPTED) - len(report.skipped)
    numbers = {
        "failed": report.counts[Status.FAILED],
        "unknown": undecided_in(report.counts),
        "not started" if report.ending.is_interruption else "not attempted": left,
        "not verified": len(report.unread),
    }
    rest = ", ".join(f"{number:,} {word}" for word, number in numbers.items() if number)
    return Line(f"{parts}. {rest}." if rest else f"{parts}.", "good" if report.ok else "bad")


def nothing_left(follows: str, parent: str | None) -> str:
    """Return the sentence about a run that retries or restores another one, which left nothing to do."""
    return f"Nothing to {follows}: run {escape(parent or '')} left no VM for it."


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
    skipped = [group for group in report.grouped if group.skipped]
    left_alone = unchanged + sum(group.count for group in skipped)
    whole = changed + left_alone == total and report.finished_at is not None
    if whole and unchanged == total:
        return f"Nothing to do: {quantity(total, 'VM')} {are(total)} {already}"
    number = quantity(changed, "VM") if whole else f"{changed:,} of {quantity(total, 'VM')}"
    parts = [f"{done} {number}{_how_it_ended(report)}"]
    if unchanged:
        parts.append(f"{unchanged:,} {'was' if unchanged == 1 else 'were'} {already}")
    parts += [f"skipped {group.count:,}{_which(group)}" for group in skipped]
    return "; ".join(parts)


def are(number: int) -> str:
    """Return "is" or "are" for a number of VMs."""
    return "is" if number == 1 else "are"


def _which(group: CauseGroup) -> str:
    """Return what the skipped VMs of a group are: " that are off"; the cause where it is the user's own."""
    what = SKIPPED.get(group.cause)
    return f" ({escape(group.cause, 64)})" if what is None else f" that {are(group.count)} {what}"


def _how_it_ended(report: Report) -> str:
    """Return how the run ended, if it ended early: ", then interrupted"."""
    if report.ending in (Ending.RUNNING, Ending.FINISHED, Ending.TAKEN_OVER) or report.error is not None:
        return ""
    words = _ENDED.get(ended_by({*report.causes, *(lost.cause for lost in report.undiscovered)}))
    return f", {words}" if words else ""


def _not_listed(report: Report) -> list[str]:
    """Return which services could not be listed: "1 service could not be listed: 33306 (HTTP 500)"."""
    whole, partly = split(report.undiscovered)
    refused = [lost for lost in whole if not is_left(lost)]
    left = [lost for lost in whole if is_left(lost)]
    parts = []
    for lost, words in (
        (refused, "could not be listed"),
        (left, "not listed yet"),
        ([lost for lost in partly if lost.cause == ONE_PAGE], "listed in part only"),
        ([lost for lost in partly if lost.cause != ONE_PAGE], "selected in part only"),
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
    return lost.cause in ENDED_BY


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
        (partly if lost.cause in (ONE_PAGE, PREDICATE_RAISED) else whole).append(lost)
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

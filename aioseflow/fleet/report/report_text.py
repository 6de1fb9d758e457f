"""A report as a page for people who were woken up: what happened, to whom, why, and what to do now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar

from ...errors import InvalidArgument
from ...text import duration, escape, quantity, wrap
from ..model.outcome import Status
from ..model.undiscovered import ONE_PAGE
from .vm_names import fold

if TYPE_CHECKING:
    from ..model.undiscovered import Undiscovered
    from ..model.without_vms import WithoutVms
    from .report import CauseGroup, Downtime, Report


WIDTH: Final = 100

NOT_AS_ASKED: Final = (Status.UNKNOWN, Status.FAILED, Status.NOT_ATTEMPTED)
"""What keeps a report from being ok."""

Fit: TypeAlias = partial[list[str]]
"""`wrap` for the width of the page."""
StepName: TypeAlias = Callable[[str, str], str]
"""How a next step is called, by its verb (a method of `Fleet`) and the run's id."""

_GROUPS: Final = 12
_LOST: Final = 10
_DOWN: Final = 5
_SENTENCE: Final = 400
_NAME: Final = 40
_WITHOUT: Final = 8
"""Names and ranges of services without VMs that are written."""
_HELPLESS: Final = frozenset(
    {"not_running", "no_address", "excluded", "protected", "invalid_selection", "invalid_argument"}
)
"""Causes that stay as long as the same thing is asked of the same VM."""
_OF_THE_VM: Final = frozenset({"locked", "transitional"})
"""Causes that pass by themselves."""
_FIRST: Final = {
    "authentication": "put the password right first, before the panel locks the account",
    "address_not_allowed": "allow this machine's address in the panel first",
}


class HasCause(Protocol):
    """Something that could not be listed."""

    @property
    def cause(self) -> str: ...


Lost = TypeVar("Lost", bound=HasCause)


def page_of(report: Report, *, width: int, step: StepName) -> str:
    """What `Report.summary` gives."""
    fit = partial(wrap, width=width, indent=4, first="")
    lines = [*_head(report, fit), *_figures(report, fit)]
    groups = [group for status in NOT_AS_ASKED for group in report.grouped if group.status is status]
    for group in groups[:_GROUPS]:
        lines += ["", *_cause(group, fit)]
    if len(groups) > _GROUPS:
        vms = sum(group.count for group in groups[_GROUPS:])
        lines += ["", f"and {len(groups) - _GROUPS:,} more causes, of {quantity(vms, 'VM')}"]
    for lost in split(report.undiscovered):
        if lost:
            lines += ["", *_undiscovered(lost, fit)]
    if report.downtimes:
        lines += ["", *_downtimes(report.downtimes, fit)]
    lines += ["", *_next(report, fit, step)]
    return "\n".join(lines)


def _head(report: Report, fit: Fit) -> list[str]:
    action = f"{escape(report.action, 60)} of {quantity(len(report.targets), 'VM')}"
    bad = sum(report.counts[status] for status in NOT_AS_ASKED)
    if report.error is not None:
        said = escape(str(report.error), _SENTENCE)
        state = f"the run failed: {type(report.error).__name__}{f': {said}' if said else ''}"
    elif report.finished_at is None:
        state = f"not over, {len(report.targets) - len(report.outcomes):,} without an outcome yet"
    elif report.matched_nothing:
        state = "the selection matched nothing, and nothing was sent"
    elif report.ok:
        state = "all as asked"
    elif bad:
        state = f"{bad:,} NOT as asked"
    else:
        state = "all that were found are as asked, but not all could be listed"
    lines = fit(f"{action}: {state}")
    begin = _moment(report.started_at)
    if report.finished_at is None:
        lasted = f"since {begin}"
    else:
        took = duration((report.finished_at - report.started_at).total_seconds())
        lasted = f"{begin} to {_moment(report.finished_at)}, {took}"
    lines += fit(f"run {escape(report.run_id)}, {lasted}")
    facts = []
    if report.requested_by:
        facts.append(f"requested by {escape(report.requested_by, 80)}")
    if report.parent:
        facts.append(f"retry of run {escape(report.parent)}")
    if report.resumed:
        facts.append(f"resumed {report.resumed:,} {'time' if report.resumed == 1 else 'times'}")
    if facts:
        lines += fit("; ".join(facts))
    if report.note:
        lines += fit(f"note: {escape(report.note, _SENTENCE)}")
    return lines


def _figures(report: Report, fit: Fit) -> list[str]:
    counted = ", ".join(f"{number:,} {_words(status)}" for status, number in report.counts.items())
    lines = fit(counted)
    unread = sum(outcome.status is Status.CHANGED and not outcome.verified for outcome in report.outcomes)
    if unread:
        lines.append(f"{unread:,} of the changed were accepted by the panel and not read back")
    if report.missing_values:
        lines += fit(
            f"for {quantity(report.missing_values, 'VM')} a condition met a value that the panel did not "
            "give: no match"
        )
    if report.without_vms:
        lines += fit(no_vms(report.without_vms))
    return lines


def no_vms(found: Sequence[WithoutVms]) -> str:
    """Services that have no VMs, in one bounded sentence."""
    shared = Counter(one.service_name for one in found)
    several = len({one.account for one in found}) > 1
    names = []
    for one in found:
        name, place = escape(one.service_name, _NAME), escape(one.service_id, _NAME)
        if several:
            place = f"{escape(one.account, _NAME)}:{place}"
        alone = name and shared[one.service_name] == 1
        names.append(name if alone else f"{name}({place})" if name else place)
    number = quantity(len(found), "service")
    return f"no VMs: {number} ({fold(names, most=_WITHOUT)}), in none of the counts"


def _cause(group: CauseGroup, fit: Fit) -> list[str]:
    lines = fit(f"{_words(group.status)}, {escape(group.cause, 64)}: {quantity(group.count, 'VM')}")
    lines += fit(group.names, first="    ")
    if group.example:
        said = escape(group.example, _SENTENCE)
        lines += fit(f"e.g. {said}" if group.count > 1 else said, first="    ")
    return lines


def split(undiscovered: Iterable[Lost]) -> tuple[list[Lost], list[Lost]]:
    """What could not be listed at all, and what the panel listed in part."""
    whole: list[Lost] = []
    partly: list[Lost] = []
    for lost in undiscovered:
        (partly if lost.cause == ONE_PAGE else whole).append(lost)
    return whole, partly


def _undiscovered(undiscovered: list[Undiscovered], fit: Fit) -> list[str]:
    if undiscovered[0].cause == ONE_PAGE:
        lines = fit("listed in part, so that others of their VMs are in none of the counts:")
    else:
        lines = fit("not listed, so that their VMs are in none of the counts:")
    for lost in undiscovered[:_LOST]:
        place = f"account {escape(lost.account, 60)}"
        if lost.service_id is not None:
            name = f" ({escape(lost.service_name, 40)})" if lost.service_name else ""
            place = f"service {escape(lost.service_id, 40)}{name} of {escape(lost.account, 60)}"
        why = escape(lost.cause, 64)
        if lost.error is not None:
            said = escape(str(lost.error), _SENTENCE)
            why = said if lost.cause == ONE_PAGE else f"{why}: {said}"
        lines += fit(f"{place}: {why}", first="    ", indent=8)
    if len(undiscovered) > _LOST:
        lines.append(f"    and {len(undiscovered) - _LOST:,} more")
    return lines


def _downtimes(downtimes: tuple[Downtime, ...], fit: Fit) -> list[str]:
    left = sum(down.open_ended and down.certain for down in downtimes)
    still = f", {left:,} of them still down at its end" if left else ""
    lines = fit(f"down because of the run: {quantity(len(downtimes), 'VM')}{still}; the longest:")
    for down in downtimes[:_DOWN]:
        words = [duration(down.seconds)]
        if down.open_ended:
            words.append("still down" if down.certain else "may be down")
        elif not down.certain:
            words.append("may have been down")
        lines += fit(f"{escape(down.label, 80)}: {', '.join(words)}", first="    ", indent=8)
    return lines


def _next(report: Report, fit: Fit, name: StepName) -> list[str]:
    run = escape(report.run_id)
    steps = [text for cause, text in _FIRST.items() if cause in report.causes or _is_lost(report, cause)]
    if isinstance(report.error, InvalidArgument):
        steps.append("put right what the error says, and run it anew; nothing of it can be resumed")
    if report.finished_at is None:
        steps.append(f"{name('resume', run)} goes on with it if its process is gone; one that lives holds it")
    if report.counts[Status.UNKNOWN]:
        number = report.counts[Status.UNKNOWN]
        steps.append(
            f"{name('reconcile', run)} reads back what became of the {number:,} unknown; it only reads"
        )
    waiting = _count(report.grouped, Status.NOT_ATTEMPTED, without=_HELPLESS | _OF_THE_VM)
    if waiting and report.finished_at is not None:
        steps.append(f"{name('resume', run)} goes on with the {waiting:,} that were not attempted")
    again = _count(report.grouped, Status.FAILED, without=_HELPLESS)
    held = _count(report.grouped, Status.NOT_ATTEMPTED, only=_OF_THE_VM)
    if again or held:
        which = " and ".join(
            f"the {number:,} {word}"
            for number, word in ((again, "failed"), (held, "held by the panel"))
            if number
        )
        steps.append(f"{name('retry', run)} tries {which} again, once the cause is gone")
    whole, partly = split(report.undiscovered)
    if whole:
        steps.append("run it again for the services that were not listed, once they can be")
    if partly:
        steps.append("look in the panel for the VMs that its lists leave out, and act on them there")
    if report.matched_nothing:
        steps.append(f"look at the selection: {name('vms', run)} shows what there is")
    if not steps:
        return [
            "nothing is left to do"
            if report.ok
            else "nothing that would help can be repeated: see the causes"
        ]
    lines = ["what to do now:"]
    for step in steps:
        lines += fit(step, first="  - ")
    return lines


def python_name(verb: str, run_id: str) -> str:
    """A next step as a Python program writes it."""
    return f"fleet.{verb}({'' if verb == 'vms' else repr(run_id)})"


def _is_lost(report: Report, cause: str) -> bool:
    return any(lost.cause == cause for lost in report.undiscovered)


def _count(
    groups: Iterable[CauseGroup],
    status: Status,
    *,
    only: frozenset[str] | None = None,
    without: frozenset[str] = frozenset(),
) -> int:
    return sum(
        group.count
        for group in groups
        if group.status is status and group.cause not in without and (only is None or group.cause in only)
    )


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _words(status: Status) -> str:
    return status.value.replace("_", " ")

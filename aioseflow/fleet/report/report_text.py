"""Text of a report for people: what happened, to which VMs, why, and what to do next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Final, TypeAlias

from ...errors import NotFound
from ...text import duration, escape, quantity, wrap
from ..model.ending import ENDED_BY, Ending
from ..model.outcome import PREDICATE_RAISED, UNDONE, Status, undecided_in
from ..model.undiscovered import ONE_PAGE, Undiscovered, WithoutVms
from ..model.vm_state import HELD_CAUSES
from .headline import (
    SERVICES_NAMED_MAX,
    TONES,
    Line,
    Tone,
    are,
    count,
    headline,
    is_left,
    place_of,
    split,
)
from .next_step import StepName
from .report import Report
from .report_groups import SKIPPED, CauseGroup, Downtime
from .vm_names import fold

Fit: TypeAlias = partial[list[str]]
"""`wrap` for the width of the text."""

_CAUSES_SHOWN_MAX: Final = 12
_LOSSES_SHOWN_MAX: Final = 10
_DOWNTIMES_SHOWN_MAX: Final = 5
_DATE_CHARACTERS: Final = len("2026-01-01 ")
_SENTENCE_MAX_CHARACTERS: Final = 400
_NAME_MAX_CHARACTERS: Final = 40
_FOLDED_SERVICES_MAX: Final = 8

_CAUSES_NOT_REPEATED: Final = frozenset({*SKIPPED, "invalid_selection", "invalid_argument", "not_found"})
_MEANINGS: Final = {
    "not_found": "it was listed before and does not exist any more",
    "not_settled": "accepted, but not seen to be done in time; check before repeating",
    "not_readable": "accepted, but could not be read back",
}
_FIRST_STEPS: Final = {
    "authentication": "correct the password first, before the panel locks the account",
    "address_not_allowed": "allow this machine's address in the panel first",
}


def page_of(report: Report, *, width: int, step: StepName) -> str:
    """Return the text of `Report.summary`."""
    return "\n".join(line.text for line in lines_of(report, width=width, step=step))


def lines_of(report: Report, *, width: int, step: StepName) -> list[Line]:
    """Return the lines of `Report.summary` with their tones."""
    fit = partial(wrap, width=width, indent=4, first="")
    first = headline(report)
    lines = _toned(fit(first.text), first.tone)
    lines += _toned([*_head(report, fit), *_figures(report, fit)])
    lines += problems_of(report, width=width)
    # VMs that are down because the action is to take them down are down on purpose.
    if report.downtimes and not all(step.effect.ends_down for step in report.steps):
        lines += [Line(""), *_downtimes(report.downtimes, fit)]
    steps = _next(report, fit, step)
    return [*lines, *([Line(""), *steps] if steps else [])]


def problems_of(report: Report, *, width: int) -> list[Line]:
    """Return the lines of causes with their VMs, and of losses, each after a blank line."""
    fit = partial(wrap, width=width, indent=4, first="")
    lines: list[Line] = []
    groups = [group for status in UNDONE for group in report.grouped if group.status is status]
    for group in groups[:_CAUSES_SHOWN_MAX]:
        lines += [Line(""), *_cause(report, group, fit)]
    if len(groups) > _CAUSES_SHOWN_MAX:
        vms = sum(group.count for group in groups[_CAUSES_SHOWN_MAX:])
        lines += _toned(
            ["", f"and {len(groups) - _CAUSES_SHOWN_MAX:,} more causes, of {quantity(vms, 'VM')}"]
        )
    for lost in split(report.undiscovered):
        if lost:
            lines += [Line(""), *_undiscovered(lost, fit)]
    return lines


def _toned(lines: Iterable[str], tone: Tone = "") -> list[Line]:
    """Return lines that all have the same tone."""
    return [Line(line, tone) for line in lines]


def _head(report: Report, fit: Fit) -> list[str]:
    lines = []
    if report.error is not None:
        message = escape(str(report.error), _SENTENCE_MAX_CHARACTERS)
        lines += fit(f"{type(report.error).__name__}: {message}" if message else type(report.error).__name__)
    begin = _moment(report.started_at)
    if report.finished_at is None:
        lasted = f"since {begin}"
    else:
        took = duration((report.finished_at - report.started_at).total_seconds())
        end = _moment(report.finished_at)
        if end[:_DATE_CHARACTERS] == begin[:_DATE_CHARACTERS]:
            # On one day, which is nearly always so, the line fits a terminal of 80 columns.
            begin, end = begin.removesuffix(" UTC"), end[_DATE_CHARACTERS:]
        lasted = f"{begin} to {end}, {took}"
    lines += fit(f"run {escape(report.run_id)}, {lasted}")
    facts = []
    if report.requested_by:
        facts.append(f"requested by {escape(report.requested_by, 80)}")
    if report.ending is Ending.INTERRUPTED:
        facts.append("its process is gone; it ends at the last entry of its journal")
    if report.parent:
        facts.append(f"{follows(report)} run {escape(report.parent)}")
    if report.resumed:
        facts.append(f"resumed {quantity(report.resumed, 'time')}")
    if facts:
        lines += fit("; ".join(facts))
    if report.note:
        lines += fit(f"note: {escape(report.note, _SENTENCE_MAX_CHARACTERS)}")
    return lines


def follows(report: Report) -> str:
    """Return what a run does to its parent: "restores"."""
    return {"retry": "retries", "restore": "restores"}.get(report.follows, "follows")


def _figures(report: Report, fit: Fit) -> list[str]:
    counts = {_words(status): number for status, number in report.counts.items()}
    if report.skipped:
        counts[_words(Status.NOT_ATTEMPTED)] -= len(report.skipped)
        counts["skipped"] = len(report.skipped)
    lines = fit(", ".join(f"{number:,} {word}" for word, number in counts.items()))
    unread = sum(outcome.status is Status.CHANGED and not outcome.verified for outcome in report.outcomes)
    if unread:
        why = "" if all(step.settles for step in report.steps) else " (no reading can verify it)"
        lines += fit(f"{unread:,} accepted by the panel, not verified{why}")
    if report.missing_values:
        vms = quantity(report.missing_values, "VM")
        lines += fit(f"{vms} did not match: the panel gave no value for a field of the condition")
    if report.without_vms:
        lines += fit(no_vms(report.without_vms))
    return lines


def no_vms(found: Sequence[WithoutVms]) -> str:
    """Return one bounded sentence about services that have no VMs."""
    shared = Counter(one.service_name for one in found)
    several = len({one.account for one in found}) > 1
    names = []
    for one in found:
        name, place = (
            escape(one.service_name, _NAME_MAX_CHARACTERS),
            escape(one.service_id, _NAME_MAX_CHARACTERS),
        )
        if several:
            place = f"{escape(one.account, _NAME_MAX_CHARACTERS)}:{place}"
        alone = name and shared[one.service_name] == 1
        names.append(name if alone else f"{name}({place})" if name else place)
    return f"no VMs in {quantity(len(found), 'service')}: {fold(names, most=_FOLDED_SERVICES_MAX)}"


def _cause(report: Report, group: CauseGroup, fit: Fit) -> list[Line]:
    word = "skipped" if group.skipped else _words(group.status)
    head = fit(f"{word}, {escape(group.cause, 64)}: {quantity(group.count, 'VM')}")
    lines = fit(group.names, first="    ")
    if group.cause in _MEANINGS:
        lines += fit(_MEANINGS[group.cause], first="    ")
    if group.example and not _is_gone(report, group):
        example = escape(group.example, _SENTENCE_MAX_CHARACTERS)
        lines += fit(f"e.g. {example}" if group.count > 1 else example, first="    ")
    if group.cause == "same_cause":
        lines += [line for text in _same_cause(report) for line in fit(text, first="    ")]
    return [*_toned(head, "" if group.skipped else TONES[group.status]), *_toned(lines)]


def _is_gone(report: Report, group: CauseGroup) -> bool:
    """Whether the error of these VMs is that they are gone; it advises to check ids that a list gave."""
    return group.cause == "not_found" and all(
        one.error is None or isinstance(one.error, NotFound) for one in report.causes["not_found"]
    )


def _same_cause(report: Report) -> Iterator[str]:
    """Yield for a few services why the rest of their VMs was not attempted after the first had failed."""
    failed: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in report.outcomes:
        if one.status is Status.FAILED and one.cause is not None:
            failed[one.account, one.service_id][one.cause] += 1
    left = {(one.account, one.service_id): one.service_name for one in report.causes["same_cause"]}
    for place, name in islice(left.items(), SERVICES_NAMED_MAX):
        for cause, number in failed[place].most_common(1):
            which = f"{escape(name or place[1], _NAME_MAX_CHARACTERS)}: {quantity(number, 'VM')} failed with"
            yield f"{which} {escape(cause, 64)}, so the rest were left alone"


def _undiscovered(undiscovered: list[Undiscovered], fit: Fit) -> list[Line]:
    partly = undiscovered[0].cause in (ONE_PAGE, PREDICATE_RAISED)
    word = "listed" if any(lost.cause == ONE_PAGE for lost in undiscovered) else "selected"
    head = (
        f"{word} in part; others of their VMs are not included:"
        if partly
        else "not included in these numbers:"
    )
    lines: list[str] = []
    for lost in undiscovered[:_LOSSES_SHOWN_MAX]:
        place = f"account {escape(lost.account, 60)}"
        if lost.service_id is not None:
            name = f" ({escape(lost.service_name, 40)})" if lost.service_name else ""
            place = f"service {escape(lost.service_id, 40)}{name} of {escape(lost.account, 60)}"
        why = escape(lost.cause, 64)
        if lost.error is not None:
            message = escape(str(lost.error), _SENTENCE_MAX_CHARACTERS)
            why = message if partly else f"{why}: {message}"
        lines += fit(f"{place}: {why}", first="    ", indent=8)
    if len(undiscovered) > _LOSSES_SHOWN_MAX:
        lines.append(f"    and {len(undiscovered) - _LOSSES_SHOWN_MAX:,} more")
    return [Line(head, "unsure"), *_toned(lines)]


def _downtimes(downtimes: tuple[Downtime, ...], fit: Fit) -> list[Line]:
    if all(down.at_least for down in downtimes):
        # The time until the panel accepted says little of how long a VM was down.
        vms, longest = quantity(len(downtimes), "VM"), duration(downtimes[0].seconds)
        return _toned(fit(f"downtime of {vms}: at least {longest}; not measured, as they were not read back"))
    left = sum(down.open_ended and down.certain for down in downtimes)
    still = f", {left:,} still down at the end" if left else ""
    lines: list[str] = []
    for down in downtimes[:_DOWNTIMES_SHOWN_MAX]:
        words = [f"at least {duration(down.seconds)}" if down.at_least else duration(down.seconds)]
        if down.open_ended:
            words.append("still down" if down.certain else "may be down")
        elif not down.certain:
            words.append("may have been down")
        lines += fit(f"{escape(down.label, 80)}: {', '.join(words)}", first="    ", indent=8)
    head = f"downtime of {quantity(len(downtimes), 'VM')}{still}; the longest:"
    return [Line(head, "strong"), *_toned(lines)]


def _next(report: Report, fit: Fit, name: StepName) -> list[Line]:
    run, ending = escape(report.run_id), report.ending
    steps = [
        text for cause, text in _FIRST_STEPS.items() if cause in report.causes or _is_lost(report, cause)
    ]
    if ending is Ending.REFUSED:
        # Nothing was recorded of it that could be resumed or retried.
        steps.append("fix what the error says and start a new run; this one did not begin")
        return _steps(steps, fit)
    if ending is Ending.TAKEN_OVER:
        return _steps([f"{name('report', run)} shows how it goes on in the other process"], fit)
    if ending is Ending.RUNNING:
        steps.append(f"{name('resume', run)} continues it, if its process is gone")
    if number := undecided_in(report.counts):
        steps.append(f"{name('reconcile', run)} checks what became of the {number:,} unknown; it only reads")
    waiting = count(report.grouped, Status.NOT_ATTEMPTED, without=_CAUSES_NOT_REPEATED | HELD_CAUSES)
    waiting -= sum(one.cause not in _CAUSES_NOT_REPEATED for one in report.skipped)
    whole, partly = split(report.undiscovered)
    refused = [lost for lost in whole if not is_left(lost)]
    open_ = [f"the {waiting:,} not attempted"] if waiting else []
    # A sequence that was broken off by the end of the run goes on at its step; retried, it would begin anew.
    broken_off = count(report.grouped, Status.FAILED, only=frozenset(ENDED_BY))
    open_ += [f"the {broken_off:,} broken off"] if broken_off else []
    open_ += [f"the {len(report.unread):,} not verified"] if report.unread else []
    open_ += ["the services not listed yet"] if len(refused) < len(whole) else []
    if open_ and ending is not Ending.RUNNING:
        steps.append(f"{name('resume', run)} continues with {' and '.join(open_)}")
    again = count(report.grouped, Status.FAILED, without=_CAUSES_NOT_REPEATED | ENDED_BY.keys())
    held = count(report.grouped, Status.NOT_ATTEMPTED, only=HELD_CAUSES)
    if again or held:
        which = " and ".join(
            f"the {number:,} {word}" for number, word in ((again, "failed"), (held, "locked")) if number
        )
        steps.append(f"{name('retry', run)} tries {which} again, after fixing the cause")
    if refused:
        kinds = ("account" if one.service_id is None else "service" for one in refused)
        places = [
            f"{kind} {place_of(one)}" for kind, one in zip(kinds, refused[:SERVICES_NAMED_MAX], strict=False)
        ]
        more = ", …" if len(refused) > SERVICES_NAMED_MAX else ""
        steps.append(f"run it again for {', '.join(places)}{more} when the panel answers")
    if any(lost.cause == PREDICATE_RAISED for lost in partly):
        steps.append("fix the predicate, and run it again for the VMs for which it raised")
    if any(lost.cause == ONE_PAGE for lost in partly):
        steps.append("look in the panel for the VMs that its lists leave out, and act on them there")
    if report.matched_nothing and not report.follows:
        steps.append(f"check the selection: {name('vms', run)} shows what there is")
    if not steps and not report.ok and not (report.follows and report.matched_nothing):
        lines = _toned(fit(f"Retrying would not help: {_lasting(report) or 'see the causes above'}."))
    else:
        lines = _steps(steps, fit)
    undo = report.steps[0].undo if len(report.steps) == 1 else None
    if undo is not None and report.counts[Status.CHANGED] and report.finished_at is not None:
        changed = quantity(report.counts[Status.CHANGED], "VM")
        verb = escape(undo.replace("_", " "), _NAME_MAX_CHARACTERS)
        lines += _toned(fit(f"undo: {name('restore', run)} to {verb} the {changed} again"))
    return lines


def _steps(steps: Iterable[str], fit: Fit) -> list[Line]:
    lines = _toned(line for step in steps for line in fit(step, first="  - "))
    return [Line("next:", "strong"), *lines] if lines else []


def _lasting(report: Report) -> str:
    """Return why repeating the run would not help the rest of the VMs either."""
    lasting = SKIPPED | {"not_found": "gone"}
    numbers: Counter[str] = Counter()
    for group in report.grouped:
        if group.cause in lasting:
            numbers[lasting[group.cause]] += group.count
    return "; ".join(
        f"{'the ' if number > 1 else ''}{quantity(number, 'VM')} {are(number)} {what}"
        for what, number in numbers.items()
    )


def _is_lost(report: Report, cause: str) -> bool:
    return any(lost.cause == cause for lost in report.undiscovered)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _words(status: Status) -> str:
    return status.value.replace("_", " ")

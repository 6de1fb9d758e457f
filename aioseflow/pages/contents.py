"""The contents of the page, as data for the template: texts are escaped, figures formatted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from .. import Report, Status
from ..fleet.model.ending import Ending
from ..fleet.model.undiscovered import Undiscovered
from ..fleet.report.headline import headline, split
from ..fleet.report.report_text import follows, no_vms
from ..text import duration, escape, quantity
from .bars import BandwidthChart, BarChart, PowerBar, bandwidth_by_service, outcomes_by_service, vms_by_power
from .fragments import Fragments
from .gather import Bandwidths, Place, Powers
from .time_chart import TimeChart, time_chart_of
from .vm_rows import VmRow, data_of, rows_of, worst_first
from .wording import PENDING, moment, words

_MAX_ROWS_WITHOUT_SCRIPT: Final = 200
_MAX_GROUPS: Final = 30
_MAX_UNLISTED: Final = 50
_MAX_DOWNTIMES: Final = 5
_GROUP_ORDER: Final = (Status.FAILED, Status.UNKNOWN, Status.NOT_ATTEMPTED)
_MEANINGS: Final = {
    "changed": "done, or accepted by the panel",
    "unchanged": "already in the wanted state, or only read",
    "failed": "refused, or accepted and not done",
    "unknown": "sent, but the result is not known",
    "not_attempted": "nothing was sent",
    PENDING: "the run is not over",
}


@attrs.frozen(kw_only=True)
class CountFigure:
    """The number of VMs with one status."""

    kind: str
    number: int
    share: str
    meaning: str


@attrs.frozen(kw_only=True)
class OutcomeGroup:
    """VMs with one status and one cause."""

    kind: str
    cause: str
    count: int
    names: str
    example: str
    skipped: bool


@attrs.frozen(kw_only=True)
class Unlisted:
    """An account or service that could not be listed."""

    what: str
    cause: str
    error: str


@attrs.frozen(kw_only=True)
class UnlistedGroup:
    """Accounts and services that could not be listed, or only in part; ``left_out`` more are not named."""

    heading: str
    named: tuple[Unlisted, ...]
    left_out: int


@attrs.frozen(kw_only=True)
class DowntimeSummary:
    """VMs that the run took down; ``longest`` are names, durations and states at the end."""

    summary: str
    longest: tuple[tuple[str, str, str], ...]


@attrs.frozen(kw_only=True)
class Contents:
    """Everything that the template shows.

    Attributes:
        tone: ``good``, ``bad``, ``open`` (not over) or ``empty``.
        rows: the rows that are shown without the script.
        data: all rows, for the script.
    """

    title: str
    tone: str
    verdict: str
    why: str
    facts: tuple[tuple[str, str], ...]
    error: str
    groups: tuple[OutcomeGroup, ...]
    groups_left_out: int
    unlisted: tuple[UnlistedGroup, ...]
    counts: tuple[CountFigure, ...]
    notes: tuple[str, ...]
    targets: int
    services: BarChart | None
    timeline: TimeChart | None
    duration: str
    traffic: BandwidthChart | None
    power: PowerBar | None
    down: DowntimeSummary | None
    rows: tuple[VmRow, ...]
    total: int
    has_power: bool
    has_causes: bool
    has_usage: bool
    has_accounts: bool
    statuses: tuple[str, ...]
    data: str
    chunks: tuple[str, ...]


def contents_of(report: Report, *, bandwidth: Bandwidths, power: Powers, title: str | None) -> Contents:
    """Return the contents of the page of a report."""
    fragments = Fragments()
    rows = rows_of(report, power, fragments)
    fragments.close()
    groups = [group for status in _GROUP_ORDER for group in _groups(report, status)]
    names: dict[Place, str] = {
        (outcome.account, outcome.service_id): outcome.service_name for outcome in report.outcomes
    }
    took = None if report.finished_at is None else (report.finished_at - report.started_at).total_seconds()
    action = f"{escape(report.action, 60).capitalize()} of {quantity(len(report.targets), 'VM')}"
    present = {row.status for row in rows}
    return Contents(
        title=escape(title, 120) if title else action,
        tone=_tone(report),
        verdict=headline(report).text,
        why=_why(groups),
        facts=tuple(_facts(report, action if title else "", took)),
        error=_error(report.error),
        groups=tuple(groups[:_MAX_GROUPS]),
        groups_left_out=max(0, len(groups) - _MAX_GROUPS),
        unlisted=tuple(_unlisted(report)),
        counts=tuple(_counts(report)),
        notes=tuple(_notes(report)),
        targets=len(report.targets),
        services=outcomes_by_service(rows),
        timeline=time_chart_of(report),
        duration="" if took is None else duration(took),
        traffic=bandwidth_by_service(bandwidth, names),
        power=vms_by_power(power, rows),
        down=_down(report),
        rows=tuple(worst_first(rows)[:_MAX_ROWS_WITHOUT_SCRIPT]),
        total=len(rows),
        has_power=any(row.power for row in rows),
        has_causes=any(row.cause for row in rows),
        has_usage=any(row.usage for row in rows),
        has_accounts=len({row.account for row in rows}) > 1,
        statuses=tuple(status for status in _MEANINGS if status in present),
        data=data_of(rows, fragments, started=report.started_at),
        chunks=tuple(fragments.chunks),
    )


def _tone(report: Report) -> str:
    if report.error is not None:
        return "bad"
    if report.finished_at is None:
        return "open"
    if report.matched_nothing:
        return "empty"
    return "good" if report.ok else "bad"


def _why(groups: list[OutcomeGroup]) -> str:
    """Return the main causes in one sentence."""
    groups = [group for group in groups if not group.skipped]
    causes = [f"{group.count:,} {words(group.kind)} ({group.cause})" for group in groups[:3]]
    rest = sum(group.count for group in groups[3:])
    if rest:
        causes.append(f"{rest:,} for other causes")
    return ", ".join(causes)


def _facts(report: Report, action: str, took: float | None) -> list[tuple[str, str]]:
    facts = [("Action", action)] if action else []
    facts.append(("Run", escape(report.run_id, 80)))
    facts.append(("Started", moment(report.started_at)))
    if report.finished_at is not None and took is not None:
        killed = report.ending is Ending.INTERRUPTED
        facts += [
            ("Last entry" if killed else "Finished", moment(report.finished_at)),
            ("Took", duration(took)),
        ]
        if killed:
            facts.append(("Ended", "its process is gone; it ends at the last entry of its journal"))
    if report.requested_by:
        facts.append(("Requested by", escape(report.requested_by, 120)))
    if report.parent:
        facts.append((follows(report).capitalize(), escape(report.parent, 80)))
    if report.resumed:
        facts.append(("Resumed", "once" if report.resumed == 1 else f"{report.resumed:,} times"))
    if report.note:
        facts.append(("Note", escape(report.note, 400)))
    return facts


def _error(error: BaseException | None) -> str:
    if error is None:
        return ""
    text = escape(str(error), 600)
    return f"{type(error).__name__}{f': {text}' if text else ''}"


def _groups(report: Report, status: Status) -> list[OutcomeGroup]:
    return [
        OutcomeGroup(
            kind=group.status.value,
            cause=escape(group.cause, 64),
            count=group.count,
            names=escape(group.names, 1500),
            example=escape(group.example, 400),
            skipped=group.skipped,
        )
        for group in report.grouped
        if group.status is status
    ]


def _unlisted(report: Report) -> Iterator[UnlistedGroup]:
    whole, partly = split(report.undiscovered)
    for heading, undiscovered in (
        ("Not listed, so their VMs are not counted", whole),
        ("Listed in part, so some of their VMs are not counted", partly),
    ):
        if undiscovered:
            named = tuple(_unlisted_of(one) for one in undiscovered[:_MAX_UNLISTED])
            yield UnlistedGroup(heading=heading, named=named, left_out=len(undiscovered) - len(named))


def _unlisted_of(undiscovered: Undiscovered) -> Unlisted:
    account = escape(undiscovered.account, 60)
    if undiscovered.service_id is None:
        what = f"account {account}"
    else:
        name = f"{escape(undiscovered.service_name, 60)} " if undiscovered.service_name else ""
        what = f"{name}(service {escape(undiscovered.service_id, 40)} of {account})"
    return Unlisted(
        what=what,
        cause=escape(undiscovered.cause, 64),
        error="" if undiscovered.error is None else escape(str(undiscovered.error), 400),
    )


def _down(report: Report) -> DowntimeSummary | None:
    if not report.downtimes:
        return None
    left = sum(down.open_ended and down.certain for down in report.downtimes)
    still = f", {left:,} still down at the end" if left else ""
    longest = []
    for down in report.downtimes[:_MAX_DOWNTIMES]:
        if down.open_ended:
            then = "still down" if down.certain else "may be down"
        else:
            then = "up again" if down.certain else "may have been down"
        longest.append((escape(down.label, 80), duration(down.seconds), then))
    return DowntimeSummary(summary=f"{quantity(len(report.downtimes), 'VM')}{still}", longest=tuple(longest))


def _counts(report: Report) -> list[CountFigure]:
    counts: Mapping[str, int] = {status.value: number for status, number in report.counts.items()}
    missing = len(report.targets) - len(report.outcomes)
    if missing > 0:
        counts = {**counts, PENDING: missing}
    return [
        CountFigure(
            kind=kind,
            number=number,
            share=_share(number, max(len(report.targets), len(report.outcomes))) if number else "",
            meaning=_MEANINGS[kind],
        )
        for kind, number in counts.items()
    ]


def _share(number: int, whole: int) -> str:
    percent = 100 * number / whole
    if percent < 0.1:
        return "under 0.1 %"
    # 9,999 of 10,000 are not 100 %.
    if number < whole:
        percent = min(percent, 99.9)
    return f"{percent:.1f} %" if percent != int(percent) else f"{percent:.0f} %"


def _notes(report: Report) -> list[str]:
    notes = []
    unread = sum(outcome.status is Status.CHANGED and not outcome.verified for outcome in report.outcomes)
    if unread:
        notes.append(f"{unread:,} of the changed were accepted by the panel, not verified.")
    if report.missing_values:
        notes.append(
            f"For {quantity(report.missing_values, 'VM')} the panel gave no value for a field of the "
            "condition, so they did not match."
        )
    if report.without_vms:
        note = no_vms(report.without_vms)
        notes.append(f"{note[0].upper()}{note[1:]}.")
    return notes

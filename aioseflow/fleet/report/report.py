"""`Report`: what a run did."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from heapq import nlargest
from typing import Any, Final

import attrs

from ...errors import SeFlowError
from ...text import escape
from ..actions.action import ACTIONS, Effect
from ..actions.declaration import Declaration, declared_by_name
from ..model.ending import Ending, ending_of
from ..model.outcome import UNDONE, Outcome, Status, TargetKey
from ..model.timeline import Moment
from ..model.undiscovered import Undiscovered, WithoutVms
from .compare import Comparison
from .next_step import PAGE_COLUMNS, StepName, python_name
from .report_groups import CauseGroup, Downtime, ServiceSummary, is_skip
from .vm_names import fold

_LABEL_MAX_CHARACTERS: Final = 48
_FOLDED_NAMES_MAX: Final = 30
_MESSAGE_MAX_CHARACTERS: Final = 300


@attrs.frozen(kw_only=True)
class Report:
    """Report of a run, so far or in the end: every target once.

    All figures are computed when they are first asked for.

    Attributes:
        targets: the keys of the selected VMs; some have no outcome while the run lasts.
        undiscovered: services and accounts that could not be listed.
        without_vms: selected services that have no VMs; these do not keep a report from being ok.
        finished_at: time of the end of the run, None while it lasts.
        error: the exception that ``await run`` raises instead of returning the report, otherwise None.
        ended_by: the cause for which the run ended early, empty where it came to its end; None where only the
            causes of the outcomes tell.
        parent: the run that this one follows; ``follows`` says how, ``"retry"`` or ``"restore"``.
        resumed: how often the run was resumed.
        repeated: whether the run was complete already when it was asked for, so that nothing was done.
        missing_values: number of VMs for which a condition needed a value that the panel did not give.
        timeline: the progress of the run over time; empty where it was not measured.
        steps: the declarations of the run's actions, in order.
    """

    run_id: str
    action: str
    targets: tuple[TargetKey, ...] = attrs.field(repr=False)
    outcomes: tuple[Outcome, ...] = attrs.field(repr=False)
    undiscovered: tuple[Undiscovered, ...] = ()
    without_vms: tuple[WithoutVms, ...] = ()
    started_at: datetime
    finished_at: datetime | None = None
    error: BaseException | None = None
    ended_by: str | None = attrs.field(default=None, repr=False)
    parent: str | None = None
    follows: str = ""
    note: str = ""
    requested_by: str = ""
    resumed: int = 0
    repeated: bool = False
    missing_values: int = 0
    timeline: tuple[Moment, ...] = attrs.field(default=(), repr=False)
    steps: tuple[Declaration, ...] = attrs.field(
        default=attrs.Factory(lambda report: declared_by_name(report.action.split("+")), takes_self=True),
        repr=False,
    )

    @cached_property
    def counts(self) -> dict[Status, int]:
        """Number of outcomes by status; all five statuses are always there."""
        return _counted(self.outcomes)

    @property
    def ok(self) -> bool:
        """Whether the run has ended, every VM was discovered, and each is changed, unchanged or skipped.

        A VM that is changed and was not read back counts, unless the run ended before it could be read back.
        """
        over = self.finished_at is not None and self.error is None
        return over and not self._undone and not self.unread and not self.undiscovered

    @cached_property
    def ending(self) -> Ending:
        """How the run ended."""
        causes = {*self.causes, *(lost.cause for lost in self.undiscovered)}
        over = self.finished_at is not None
        return ending_of(over=over, error=self.error, by=self.ended_by, causes=causes)

    @cached_property
    def skipped(self) -> tuple[Outcome, ...]:
        """Outcomes of VMs that are ``not_attempted`` because of what they are: off, or without an address."""
        return tuple(outcome for outcome in self.outcomes if self._is_skip(outcome))

    def _is_skip(self, outcome: Outcome) -> bool:
        return is_skip(outcome, own=self._has_own_steps)

    @cached_property
    def _has_own_steps(self) -> bool:
        return any(step.name not in ACTIONS for step in self.steps)

    @cached_property
    def _undone(self) -> tuple[Outcome, ...]:
        """Outcomes that keep the report from being ok: unknown, failed, and not attempted but not skipped."""
        if not any(self.counts[status] for status in UNDONE):
            return ()
        bad = (outcome for outcome in self.outcomes if outcome.status in UNDONE)
        return tuple(outcome for outcome in bad if not self._is_skip(outcome))

    @cached_property
    def unread(self) -> tuple[Outcome, ...]:
        """Outcomes that are ``changed`` and not verified, because the run ended before a reading."""
        changed = (outcome for outcome in self.outcomes if outcome.status is Status.CHANGED)
        return tuple(outcome for outcome in changed if not outcome.verified and outcome.cause is not None)

    @property
    def matched_nothing(self) -> bool:
        """Whether the run has ended and no VM matched the selection, although all VMs could be listed."""
        over = self.finished_at is not None and self.error is None
        return over and not self.targets and not self.undiscovered

    @cached_property
    def causes(self) -> dict[str, tuple[Outcome, ...]]:
        """Outcomes by cause, the most frequent first, without those that have no cause."""
        groups: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            if outcome.cause is not None:
                groups[outcome.cause].append(outcome)
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        return {cause: tuple(outcomes) for cause, outcomes in ordered}

    @cached_property
    def grouped(self) -> tuple[CauseGroup, ...]:
        """Groups of the outcomes that have a cause or should have one, the largest first."""
        groups: defaultdict[tuple[str, Status], list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            if outcome.cause is not None or outcome.status in UNDONE:
                groups[outcome.cause or "unexplained", outcome.status].append(outcome)
        order = list(Status)
        ordered = sorted(
            groups.items(), key=lambda item: (-len(item[1]), order.index(item[0][1]), item[0][0])
        )
        return tuple(
            CauseGroup(
                cause=cause,
                status=status,
                count=len(outcomes),
                names=fold(map(self.name_of, outcomes), most=_FOLDED_NAMES_MAX),
                example=next(
                    (
                        escape(str(one.error), _MESSAGE_MAX_CHARACTERS)
                        for one in outcomes
                        if one.error is not None
                    ),
                    "",
                ),
                skipped=all(map(self._is_skip, outcomes)),
            )
            for (cause, status), outcomes in ordered
        )

    @cached_property
    def downtimes(self) -> tuple[Downtime, ...]:
        """Downtimes of VMs because of this run, the longest first."""
        found = []
        for outcome in self.outcomes:
            taken = _taken_down(outcome, self.steps)
            if taken is not None:
                certain, open_ended = taken
                found.append(
                    Downtime(
                        key=outcome.key,
                        label=self.name_of(outcome),
                        seconds=seconds_of(outcome),
                        open_ended=open_ended,
                        certain=certain,
                        at_least=certain and not open_ended and not outcome.verified,
                    )
                )
        return tuple(sorted(found, key=lambda down: (-down.seconds, down.key)))

    @cached_property
    def per_service(self) -> Mapping[tuple[str, str], ServiceSummary]:
        """Summaries of the services that have an outcome, by account and service id."""
        services: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            services[outcome.account, outcome.service_id].append(outcome)
        return {key: _service_summary(outcomes) for key, outcomes in services.items()}

    def longest(self, n: int = 10) -> tuple[Outcome, ...]:
        """Return the ``n`` outcomes that took longest, the longest first."""
        return tuple(nlargest(n, self.outcomes, key=seconds_of))

    @cached_property
    def _shared_labels(self) -> frozenset[str]:
        counted = Counter(outcome.vm_label for outcome in self.outcomes)
        return frozenset(label for label, number in counted.items() if number > 1)

    @cached_property
    def _several_accounts(self) -> bool:
        return any(outcome.account != self.outcomes[0].account for outcome in self.outcomes)

    def name_of(self, outcome: Outcome) -> str:
        """Return the label of a VM, not escaped; with its ids if the label is empty, long or not unique."""
        label = outcome.vm_label
        if label and len(label) <= _LABEL_MAX_CHARACTERS and label not in self._shared_labels:
            return label
        place = f"{outcome.service_id}/{outcome.vm_id}"
        if self._several_accounts:
            place = f"{outcome.account}:{place}"
        if len(label) > _LABEL_MAX_CHARACTERS:
            label = label[: _LABEL_MAX_CHARACTERS - 1] + "…"
        return f"{label}({place})" if label else place

    def compare(self, other: Report) -> Comparison:
        """Return the differences to another report, usually of an earlier run, which is ``before``."""
        return Comparison(before=other, after=self)

    def to_document(self, *, values: bool = False) -> dict[str, Any]:
        """Return the report as plain data for JSON. Its names stay; ``version`` grows if they must change.

        Args:
            values: whether outcomes include their ``value``, where it has a JSON form; it may be megabytes.
        """
        from .report_json import document_of

        return document_of(self, values=values)

    def to_json(self, *, values: bool = False) -> str:
        """Return `to_document` as one line of JSON in ASCII."""
        return json.dumps(self.to_document(values=values)).replace("\x7f", "\\u007f")

    def summary(self, *, width: int = PAGE_COLUMNS, step: StepName = python_name) -> str:
        """Return the report as plain text for people.

        Args:
            width: largest number of columns of a line.
            step: returns the name of a next step by its verb (``"resume"``, ``"retry"``, ``"reconcile"``,
                ``"vms"``) and the run's id, because a chat bot has other commands than Python.
        """
        from .report_text import page_of

        return page_of(self, width=width, step=step)

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of everything that keeps the report from being ok. Return if it is ok."""
        if self.ok:
            return
        errors: list[BaseException] = [
            outcome.error
            or SeFlowError(
                f"{outcome.action} of VM {outcome.vm_id} of service {outcome.service_id}: "
                f"{outcome.status} ({outcome.cause})"
            )
            for outcome in (*self._undone, *self.unread)
        ]
        errors += [
            lost.error or SeFlowError(f"service {lost.service_id} was not listed ({lost.cause})")
            for lost in self.undiscovered
        ]
        if self.error is not None:
            errors.append(self.error)
        if self.finished_at is None:
            errors.append(SeFlowError(f"run {self.run_id} is not over"))
        raise BaseExceptionGroup(str(self), errors)

    def __str__(self) -> str:
        counted = ", ".join(f"{number} {status}" for status, number in self.counts.items())
        missing = f", {len(self.undiscovered)} undiscovered" if self.undiscovered else ""
        return f"{self.action} of {len(self.targets)} VMs ({self.run_id}): {counted}{missing}"


def seconds_of(outcome: Outcome) -> float:
    """Return the seconds that a VM took."""
    return max(0.0, (outcome.finished_at - outcome.started_at).total_seconds())


def _counted(outcomes: Iterable[Outcome]) -> dict[Status, int]:
    counts = dict.fromkeys(Status, 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    return counts


def _service_summary(outcomes: list[Outcome]) -> ServiceSummary:
    first = min(outcome.started_at for outcome in outcomes)
    last = max(outcome.finished_at for outcome in outcomes)
    return ServiceSummary(
        name=outcomes[0].service_name,
        counts=_counted(outcomes),
        seconds=max(0.0, (last - first).total_seconds()),
    )


def _taken_down(outcome: Outcome, steps: Sequence[Declaration]) -> tuple[bool, bool] | None:
    """Return whether it is certain that the run took a VM down, and whether it left it down.

    None where the run did not take it down.
    """
    if outcome.status is Status.UNCHANGED:
        return None
    effects = [step.effect for step in steps]
    doubtful = Effect.NONE
    if outcome.status is not Status.CHANGED:
        # The steps before the one in which the sequence ended were seen to be done.
        names = [step.name for step in steps]
        at = names.index(outcome.step) if outcome.step in names else 0
        # A step that failed without an error was accepted and not read back.
        accepted = outcome.error is None and outcome.cause != "not_settled"
        if outcome.status.is_undecided or (outcome.status is Status.FAILED and accepted):
            doubtful = effects[at]
        effects = effects[:at]
    certain = any(effect.takes_down for effect in effects)
    if not certain and not doubtful.takes_down:
        return None
    last = next((effect for effect in reversed(effects) if effect is not Effect.NONE), Effect.NONE)
    return certain, last.ends_down or doubtful.ends_down

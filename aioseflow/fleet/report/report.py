"""What a run did, and how it is told."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from heapq import nlargest
from typing import Any, Final

import attrs

from ...errors import SeFlowError
from ...text import escape
from ..actions.action import Effect
from ..actions.declaration import Declaration, declared_by_name
from ..model.outcome import UNDONE, Outcome, Status, TargetKey
from ..model.timeline import Moment
from ..model.undiscovered import Undiscovered
from ..model.without_vms import WithoutVms
from .compare import Comparison
from .next_step import PAGE_COLUMNS, StepName, python_name
from .report_groups import CauseGroup, Downtime, ServiceSummary
from .vm_names import fold

_LONGEST_LABEL: Final = 48
_FOLDED: Final = 30
_MESSAGE: Final = 300


@attrs.frozen(kw_only=True)
class Report:
    """What a run did, so far or in the end: every target once.

    ``targets`` are the keys of the selected VMs; while the run lasts some have no outcome yet.
    ``undiscovered`` names what could not be listed, ``without_vms`` selected services that have no VMs;
    these do not keep a report from being ok. ``error`` is
    what ``await run`` raises instead of giving the report, None otherwise. ``parent`` is the run that this
    one retries; ``resumed`` counts how often it was taken up again; ``missing_values`` the VMs for which a
    condition met a value that the panel did not give; ``timeline`` is how it went, empty where nobody
    measured it; ``steps`` are what the actions of the run declare, in their order. All figures are computed
    when first asked for.
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
    parent: str | None = None
    note: str = ""
    requested_by: str = ""
    resumed: int = 0
    missing_values: int = 0
    timeline: tuple[Moment, ...] = attrs.field(default=(), repr=False)
    steps: tuple[Declaration, ...] = attrs.field(
        default=attrs.Factory(lambda report: declared_by_name(report.action.split("+")), takes_self=True),
        repr=False,
    )

    @cached_property
    def counts(self) -> dict[Status, int]:
        """How many VMs ended in each of the five statuses; all five are always there."""
        counts = dict.fromkeys(Status, 0)
        for outcome in self.outcomes:
            counts[outcome.status] += 1
        return counts

    @property
    def ok(self) -> bool:
        """Whether the run is over and every VM was discovered and is as asked.

        What was accepted and not waited for is as asked; what was to be read back and was not is not.
        """
        bad = any(self.counts[status] for status in UNDONE) or bool(self.unread)
        over = self.finished_at is not None and self.error is None
        return over and not bad and not self.undiscovered

    @cached_property
    def unread(self) -> tuple[Outcome, ...]:
        """VMs that are ``changed`` by the panel's word alone, because the run was ended before a reading."""
        changed = (outcome for outcome in self.outcomes if outcome.status is Status.CHANGED)
        return tuple(outcome for outcome in changed if not outcome.verified and outcome.cause is not None)

    @property
    def matched_nothing(self) -> bool:
        """Whether the run is over and the selection matched no VM, though every VM could be listed."""
        over = self.finished_at is not None and self.error is None
        return over and not self.targets and not self.undiscovered

    @cached_property
    def causes(self) -> dict[str, tuple[Outcome, ...]]:
        """Outcomes by cause, the most frequent first; those without a cause are left out."""
        groups: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            if outcome.cause is not None:
                groups[outcome.cause].append(outcome)
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        return {cause: tuple(outcomes) for cause, outcomes in ordered}

    @cached_property
    def grouped(self) -> tuple[CauseGroup, ...]:
        """Outcomes that have a cause (or should have one) by status and cause, the most frequent first."""
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
                names=fold(map(self.name_of, outcomes), most=_FOLDED),
                example=next(
                    (escape(str(one.error), _MESSAGE) for one in outcomes if one.error is not None), ""
                ),
            )
            for (cause, status), outcomes in ordered
        )

    @cached_property
    def downtimes(self) -> tuple[Downtime, ...]:
        """Who was down for how long because of this run, the longest first."""
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
                    )
                )
        return tuple(sorted(found, key=lambda down: (-down.seconds, down.key)))

    @cached_property
    def per_service(self) -> Mapping[tuple[str, str], ServiceSummary]:
        """A summary for each account and service id of which a VM has an outcome."""
        services: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            services[outcome.account, outcome.service_id].append(outcome)
        return {key: _service_summary(outcomes) for key, outcomes in services.items()}

    def longest(self, n: int = 10) -> tuple[Outcome, ...]:
        """The outcomes that took longest, the longest first."""
        return tuple(nlargest(n, self.outcomes, key=seconds_of))

    @cached_property
    def _shared_labels(self) -> frozenset[str]:
        counted = Counter(outcome.vm_label for outcome in self.outcomes)
        return frozenset(label for label, number in counted.items() if number > 1)

    @cached_property
    def _several_accounts(self) -> bool:
        return any(outcome.account != self.outcomes[0].account for outcome in self.outcomes)

    def name_of(self, outcome: Outcome) -> str:
        """A VM's label, with its ids where it has none, a very long one, or one that another VM has too.

        The label is the panel's text, as it came.
        """
        label = outcome.vm_label
        if label and len(label) <= _LONGEST_LABEL and label not in self._shared_labels:
            return label
        place = f"{outcome.service_id}/{outcome.vm_id}"
        if self._several_accounts:
            place = f"{outcome.account}:{place}"
        if len(label) > _LONGEST_LABEL:
            label = label[: _LONGEST_LABEL - 1] + "…"
        return f"{label}({place})" if label else place

    def compare(self, other: Report) -> Comparison:
        """What is different from another run, usually an earlier one: ``other`` is before, this is after."""
        return Comparison(before=other, after=self)

    def to_document(self, *, values: bool = False) -> dict[str, Any]:
        """The report as plain data for JSON; its names stay, and ``version`` grows if they must change.

        Args:
            values: whether outcomes have their ``value`` (of megabytes, perhaps), where it has a JSON form.
        """
        from .report_json import document_of

        return document_of(self, values=values)

    def to_json(self, *, values: bool = False) -> str:
        """`to_document` as one line of JSON in ASCII."""
        return json.dumps(self.to_document(values=values)).replace("\x7f", "\\u007f")

    def summary(self, *, width: int = PAGE_COLUMNS, step: StepName = python_name) -> str:
        """The report as a page of plain text for people.

        Args:
            width: the most columns that a line has.
            step: how the page names what to do next, by the verb (``"resume"``, ``"retry"``,
                ``"reconcile"``, ``"vms"``) and the run's id: a chat bot has other commands than Python.
        """
        from .report_text import page_of

        return page_of(self, width=width, step=step)

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of what keeps the report from being ok, if anything does."""
        if self.ok:
            return
        errors: list[BaseException] = [
            outcome.error
            or SeFlowError(
                f"{outcome.action} of VM {outcome.vm_id} of service {outcome.service_id}: "
                f"{outcome.status} ({outcome.cause})"
            )
            for outcome in (*(o for o in self.outcomes if o.status in UNDONE), *self.unread)
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
    """How long a VM took."""
    return max(0.0, (outcome.finished_at - outcome.started_at).total_seconds())


def _service_summary(outcomes: list[Outcome]) -> ServiceSummary:
    counts = dict.fromkeys(Status, 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    first = min(outcome.started_at for outcome in outcomes)
    last = max(outcome.finished_at for outcome in outcomes)
    return ServiceSummary(
        name=outcomes[0].service_name, counts=counts, seconds=max(0.0, (last - first).total_seconds())
    )


def _taken_down(outcome: Outcome, steps: Sequence[Declaration]) -> tuple[bool, bool] | None:
    """Whether it is certain that the run took the VM down, and whether it left it so; None if it did not."""
    if outcome.status is Status.UNCHANGED:
        return None
    effects = [step.effect for step in steps]
    doubtful = Effect.NONE
    if outcome.status is not Status.CHANGED:
        # The steps before the one it ended in were seen to be done.
        names = [step.name for step in steps]
        at = names.index(outcome.step) if outcome.step in names else 0
        # One that was interrupted in a sequence, without a refusal, was accepted and not read back.
        accepted = outcome.error is None and outcome.cause != "not_settled"
        if outcome.status.is_undecided or (outcome.status is Status.FAILED and accepted):
            doubtful = effects[at]
        effects = effects[:at]
    certain = any(effect.takes_down for effect in effects)
    if not certain and not doubtful.takes_down:
        return None
    last = next((effect for effect in reversed(effects) if effect is not Effect.NONE), Effect.NONE)
    return certain, last.ends_down or doubtful.ends_down

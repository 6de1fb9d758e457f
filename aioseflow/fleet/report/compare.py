"""`Comparison` of the reports of two runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from statistics import median
from typing import Final, Protocol

import attrs

from ...text import escape, wrap
from ..model.outcome import UNDONE, Outcome, Status, TargetKey
from .next_step import PAGE_COLUMNS
from .vm_names import fold

_FOLDED_NAMES_MAX: Final = 30


class ComparedReport(Protocol):
    """The members of a `Report` that a comparison needs."""

    @property
    def run_id(self) -> str: ...

    @property
    def action(self) -> str: ...

    @property
    def targets(self) -> tuple[TargetKey, ...]: ...

    @property
    def outcomes(self) -> tuple[Outcome, ...]: ...

    def name_of(self, outcome: Outcome) -> str:
        """Return the short name of an outcome's VM."""
        ...


@attrs.frozen(kw_only=True)
class Comparison:
    """The VMs of two runs, ``before`` and ``after``; falsy where no VM is different.

    No list contains a VM without an outcome. Good is ``changed`` and ``unchanged``, bad the other statuses.
    """

    before: ComparedReport = attrs.field(repr=False)
    after: ComparedReport = attrs.field(repr=False)

    @cached_property
    def statuses(self) -> Mapping[TargetKey, tuple[Status, Status]]:
        """The status before and after of each VM that has an outcome in both runs."""
        return {then.key: (then.status, now.status) for then, now in self._pairs}

    @cached_property
    def fixed(self) -> tuple[Outcome, ...]:
        """Outcomes after, of VMs that were bad before and are good after."""
        return self._from(good_before=False, good_now=True)

    @cached_property
    def broken(self) -> tuple[Outcome, ...]:
        """Outcomes after, of VMs that were good before and are bad after."""
        return self._from(good_before=True, good_now=False)

    @cached_property
    def still_bad(self) -> tuple[Outcome, ...]:
        """Outcomes after, of VMs that are bad in both."""
        return self._from(good_before=False, good_now=False)

    @cached_property
    def only_here(self) -> tuple[Outcome, ...]:
        """Outcomes after, of VMs that were no targets before."""
        there = frozenset(self.before.targets)
        return tuple(outcome for outcome in self.after.outcomes if outcome.key not in there)

    @cached_property
    def only_there(self) -> tuple[Outcome, ...]:
        """Outcomes before, of VMs that are no targets after."""
        here = frozenset(self.after.targets)
        return tuple(outcome for outcome in self.before.outcomes if outcome.key not in here)

    @cached_property
    def duration_ratio(self) -> float | None:
        """The median of the time that a VM took after, as a multiple of the time before.

        Only VMs count that are good in both runs and that requests were sent for in both. None for runs of
        different actions, and where no VM counts.
        """
        if self.before.action != self.after.action:
            return None
        ratios = [
            (now.finished_at - now.started_at) / (then.finished_at - then.started_at)
            for then, now in self._pairs
            if _is_good(then)
            and _is_good(now)
            and then.attempts
            and now.attempts
            and then.finished_at > then.started_at
            and now.finished_at >= now.started_at
        ]
        return median(ratios) if ratios else None

    @cached_property
    def _pairs(self) -> tuple[tuple[Outcome, Outcome], ...]:
        before = {outcome.key: outcome for outcome in self.before.outcomes}
        return tuple(
            (before[outcome.key], outcome) for outcome in self.after.outcomes if outcome.key in before
        )

    def _from(self, *, good_before: bool, good_now: bool) -> tuple[Outcome, ...]:
        return tuple(
            now for then, now in self._pairs if _is_good(then) is good_before and _is_good(now) is good_now
        )

    def __bool__(self) -> bool:
        moved = any(then is not now for then, now in self.statuses.values())
        return moved or bool(self.only_here) or bool(self.only_there)

    def __str__(self) -> str:
        before, after = self.before, self.after
        lines = wrap(f"run {escape(after.run_id)} against run {escape(before.run_id)}", PAGE_COLUMNS, 4, "")
        groups = (
            ("fixed", self.fixed, after),
            ("broken", self.broken, after),
            ("still bad", self.still_bad, after),
            ("only here", self.only_here, after),
            ("only there", self.only_there, before),
        )
        lines.append("  " + ", ".join(f"{len(outcomes):,} {word}" for word, outcomes, _ in groups))
        for word, outcomes, report in groups:
            if outcomes:
                names = fold(map(report.name_of, outcomes), most=_FOLDED_NAMES_MAX)
                lines += wrap(f"{word}: {names}", PAGE_COLUMNS, 4, "  ")
        if self.duration_ratio is not None:
            lines.append(f"  a VM took {self.duration_ratio:.2f} times as long as before (median)")
        return "\n".join(lines)


def _is_good(outcome: Outcome) -> bool:
    return outcome.status not in UNDONE

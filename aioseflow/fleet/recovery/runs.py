"""Runs that were: asked for twice, gone on with, tried again, undone, and what became of lost answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from ...errors import InvalidArgument
from ...models import PowerState
from ..actions.action import ACTIONS, Action, Effect
from ..actions.action_like import ActionLike, Actions
from ..actions.declaration import Declaration
from ..actions.steps import steps_again
from ..journal import (
    Journal,
    RunHeader,
    RunInfo,
    RunIsActive,
    RunNotFound,
    StoredRun,
    StoredTarget,
    check_run_id,
)
from ..model.fleet_account import FleetAccount
from ..model.outcome import Outcome, Status, TargetKey
from ..model.refusals import RunRefused, require_same
from ..model.target import Stage
from ..model.undiscovered import Undiscovered
from ..plan.rollout import HealthCheck
from ..plan.spec import (
    RunSpec,
    guard_of,
    policy_of,
    rollout_from,
    same_work,
    steps_of,
    stored_steps,
)
from ..report.report import Report
from ..run.run import Run
from ..run.state import Remains
from ..run.stored_outcome import facts_of, outcome_of
from ..run.verdict import INTERRUPTED
from ..select.matcher import Matcher
from ..select.selection import Selection, Where, select
from .findings import Finding
from .reconcile import Reconciler, corrections, record
from .registry import RunRegistry
from .snapshot import stored_of
from .stored_report import report_of


@attrs.define(eq=False)
class Runs:
    """The runs of a fleet, in its journal or in memory."""

    accounts: tuple[FleetAccount, ...]
    registry: RunRegistry

    # -- beginning and going on ---------------------------------------------------------------------------

    def begin(self, spec: RunSpec, run_id: str | None) -> Run:
        """A new run, or the one that has this id already and does the same."""
        if run_id is None:
            return Run(self.accounts, spec, self.registry)
        check_run_id(run_id)
        known = self.registry.find(run_id)
        if known is not None:
            require_same(run_id, same=same_work(known.spec.to_document(), spec))
            return known
        header = self._header(run_id)
        if header is None:
            return Run(self.accounts, spec, self.registry, run_id=run_id)
        mine = {account.name for account in self.accounts}
        same = mine == set(header.accounts) and same_work(header.document, spec)
        require_same(run_id, same=same)
        return Run(
            self._accounts_of(header), spec, self.registry, run_id=run_id, history=self._loader(run_id)
        )

    def resume(
        self,
        run_id: str,
        *,
        repeat_unknown: bool,
        action: Actions | None,
        healthy: HealthCheck | None,
        where: Where | None,
    ) -> Run:
        """The same run, to go on where it was left."""
        known = self.registry.find(run_id)
        if known is not None:
            if not known.is_over and (known.is_live or self.registry.journal is None):
                raise RunIsActive(f"run {run_id} is going on in this process; await it", run_id=run_id)
            if self.registry.journal is None:
                stored = stored_of(known)
                spec = known.spec
                if action is not None:
                    spec = attrs.evolve(spec, steps=steps_again(action, spec.action))
                return Run(
                    self._accounts_of(stored.info.header),
                    spec,
                    self.registry,
                    run_id=run_id,
                    history=_given(stored),
                    repeat_unknown=repeat_unknown,
                )
        header = self._header(run_id)
        if header is None:
            # It names those that were perhaps meant.
            header = self._journal(run_id).read_now(run_id).info.header
        spec = self._spec_of(header, action, healthy, where)
        return Run(
            self._accounts_of(header),
            spec,
            self.registry,
            run_id=run_id,
            history=self._loader(run_id),
            repeat_unknown=repeat_unknown,
        )

    def retry(
        self,
        run_id: str,
        chosen: Mapping[Status, bool],
        *,
        action: Actions | None,
        healthy: HealthCheck | None,
    ) -> Run:
        """A new run for the VMs of an earlier one that ended so."""
        stored = self._stored_now(run_id)
        keys = [outcome.key for outcome in _outcomes(stored) if chosen.get(outcome.status)]
        known = self.registry.find(run_id)
        header = stored.info.header
        if any(step.needs_confirmation for step in stored_steps(header)):
            raise RunRefused(
                f"run {run_id} was to {header.action}, for good: make a plan for the rest, and confirm that",
                reason="not_confirmed",
                run_id=run_id,
            )
        spec = known.spec if known is not None else self._spec_of(header, action, healthy, None)
        return self.child(run_id, spec, keys)

    def to_undo(
        self, run_id: str, given: ActionLike | None, steps: Sequence[Action]
    ) -> tuple[Action, list[TargetKey]]:
        """The action that undoes what a run did, and the VMs to which it did or may have done that.

        VMs for which a later step of the run undid it are left out. ``given`` is an action of the user's own;
        ``steps`` are those of the run, as far as they are known.

        Raises `InvalidArgument` where no single action undoes the run, or where it has to be given.
        """
        stored = self._stored_now(run_id)
        declared = stored_steps(stored.info.header)
        names = sorted({step.undo for step in declared if step.undo is not None})
        if not names:
            raise InvalidArgument(
                f"run {run_id} stopped nothing, and did nothing else that can be undone: "
                f"it was a {stored.info.header.action}"
            )
        if len(names) > 1:
            raise InvalidArgument(f"run {run_id} is undone by {' and '.join(names)}: run each of them")
        undo = names[0]
        return _undoing(undo, given, steps), [
            outcome.key
            for target, outcome in zip(stored.targets, _outcomes(stored), strict=True)
            if _is_to_undo(target, outcome, declared, undo)
        ]

    def child(
        self, parent: str, spec: RunSpec, keys: Sequence[TargetKey], *, run_id_given: str | None = None
    ) -> Run:
        """A run for some VMs of an earlier one; those that are gone meanwhile are ``not_found``."""
        if not keys:
            raise InvalidArgument(f"run {parent} has no VM that this would be for: there is nothing to do")
        named = Matcher(pairs=frozenset(), keys=frozenset(keys))
        spec = attrs.evolve(
            spec,
            selection=Selection(named, None, None, Matcher(), "name"),
            plan=None,
            max_targets=None,
            parent=parent,
        )
        return self.begin(spec, run_id_given)

    # -- what is known ------------------------------------------------------------------------------------

    async def runs(self) -> list[RunInfo]:
        """All of them, the newest first."""
        if self.registry.journal is not None:
            return await self.registry.journal.runs()
        return [stored_of(run).info for run in self.registry][::-1]

    async def report(self, run_id: str) -> Report:
        """What is known of a run."""
        known = self.registry.find(run_id)
        if known is not None and (known.is_live or self.registry.journal is None):
            return known.report
        journal = self._journal(run_id)
        stored = await journal.read(run_id)
        return report_of(stored, alive=stored.info.state != "ended" and journal.is_held(run_id))

    async def reconcile(self, run_id: str, *, grace: float, action: Actions | None) -> list[Finding]:
        """Read back what is unknown."""
        known = self.registry.find(run_id)
        if known is not None and not known.is_over:
            raise RunIsActive(f"run {run_id} is going on in this process; await it", run_id=run_id)
        if self.registry.journal is None:
            run = self.registry.get(run_id)
            stored = stored_of(run)
            findings = await Reconciler(self.accounts).findings(stored, run.spec.steps, grace)
            for target, found in corrections(stored, run.spec.steps, findings):
                run.correct(
                    found.outcome, Remains(target.step, found.stage, found.answer_lost, target.sent_panel_at)
                )
            return [finding for _, finding in findings]
        journal = self._journal(run_id)
        stored = await journal.read(run_id)
        header = stored.info.header
        steps = steps_of(header.document) if action is None else steps_again(action, header.action)
        journal.acquire()
        try:
            journal.hold(run_id)
            try:
                findings = await Reconciler(self.accounts).findings(stored, steps, grace)
                for target, found in corrections(stored, steps, findings):
                    record(journal, run_id, target, found)
                info, lost = stored.info, stored.info.undiscovered
                if info.state != "ended" and not stored.discovered:
                    # The run ends here, and what it had not listed stays unlisted.
                    lost += tuple(Undiscovered(account=each, cause=INTERRUPTED) for each in header.accounts)
                finished_at = info.finished_at or datetime.now(UTC)
                journal.ended(run_id, finished_at=finished_at, error=info.error, undiscovered=lost)
                await journal.flush()
            finally:
                journal.unhold(run_id)
        finally:
            journal.release()
        return [finding for _, finding in findings]

    # -- where it is kept ---------------------------------------------------------------------------------

    def _journal(self, run_id: str) -> Journal:
        if self.registry.journal is None:
            self.registry.get(run_id)
            raise RunNotFound(f"no run {run_id!r:.60} here")
        return self.registry.journal

    def _header(self, run_id: str) -> RunHeader | None:
        journal = self.registry.journal
        info = None if journal is None else journal.look_up(run_id)
        return None if info is None else info.header

    def _loader(self, run_id: str) -> Any:
        journal = self._journal(run_id)
        return lambda: journal.read(run_id)

    def _stored_now(self, run_id: str) -> StoredRun:
        known = self.registry.find(run_id)
        if known is not None:
            if not known.is_over:
                raise RunIsActive(f"run {run_id} is not over; await it first", run_id=run_id)
            if self.registry.journal is None:
                return stored_of(known)
        journal = self._journal(run_id)
        stored = journal.read_now(run_id)
        if stored.info.state == "running" and journal.is_held(run_id):
            pid, host = stored.info.pid, stored.info.host
            raise RunIsActive(
                f"run {run_id} is being run by process {pid} on {host}; wait for its end",
                run_id=run_id,
                pid=pid,
                host=host,
            )
        return stored

    def _accounts_of(self, header: RunHeader) -> tuple[FleetAccount, ...]:
        by_name = {account.name: account for account in self.accounts}
        missing = [name for name in header.accounts if name not in by_name]
        if missing:
            raise InvalidArgument(
                f"run {header.run_id} is of account {missing[0]!r:.60}, which is not in this fleet"
            )
        return tuple(by_name[name] for name in header.accounts)

    def _spec_of(
        self,
        header: RunHeader,
        action: Actions | None,
        healthy: HealthCheck | None,
        where: Where | None,
    ) -> RunSpec:
        document = header.document
        stored = document["selection"]
        selection = None
        if where is not None:
            selection = select(where)
        elif stored is not None:
            selection = Selection.from_document(stored)
        lost = "" if selection is not None else _PREDICATE_LOST
        if document.get("planned"):
            # It has begun nothing before it knew them all, and without its plan nothing guards them.
            lost = _PLAN_LOST
        return RunSpec(
            steps=steps_of(document) if action is None else steps_again(action, header.action),
            # Where it is lost, only a run that knew all its targets can go on.
            selection=selection or select([("0", "0")]),
            selection_lost=lost,
            policy=policy_of(document),
            rollout=rollout_from(document, healthy),
            strict=document["strict"],
            confirms_skips=document.get("confirms_skips", False),
            max_targets=guard_of(document),
            parent=header.parent,
            note=header.note,
            requested_by=header.requested_by,
        )


_PREDICATE_LOST = "it chose them by a predicate, which no file can hold: give it again with where=…"
_PLAN_LOST = "it followed a plan: run that again, under the same run_id"


def _given(stored: StoredRun) -> Any:
    async def load() -> StoredRun:
        return stored

    return load


def _outcomes(stored: StoredRun) -> list[Outcome]:
    now, steps = datetime.now(UTC), stored_steps(stored.info.header)
    return [outcome_of(target, steps, now) for target in stored.targets]


def _undoing(undo: str, given: ActionLike | None, steps: Sequence[Action]) -> Action:
    """The action of this name: given, named by the class of a step, or built in. Raises `InvalidArgument`."""
    kinds = [step.undo for step in steps if isinstance(step.undo, type)]
    if given is not None:
        return steps_again(given, undo)[0]
    kind = kinds[0] if kinds else ACTIONS.get(undo)
    if kind is None:
        raise InvalidArgument(f"{undo!r:.60} is an action of your own: give it again with action=…")
    return kind()


def _is_to_undo(target: StoredTarget, outcome: Outcome, steps: Sequence[Declaration], undo: str) -> bool:
    """Whether a run did to a VM what ``undo`` undoes, as far as it knows: what nobody knows may be so."""
    place = min(target.step, len(steps) - 1)
    done = steps if outcome.status is Status.CHANGED else steps[:place]
    step = next((step for step in reversed(done) if undo in (step.undo, step.name)), None)
    if step is not None and step.undo == undo:
        was_done = outcome.status is Status.CHANGED or target.changed_before
    else:
        step, facts = steps[place], facts_of(target, steps)
        under_way = facts.answer_lost or facts.stage in (Stage.SENT, Stage.ACCEPTED)
        was_done = outcome.status is not Status.CHANGED and under_way and step.undo == undo
    # A VM that was off at its selection was not taken down by the run.
    return was_done and not (step.effect is Effect.DOWN and target.row.power == PowerState.STOPPED)

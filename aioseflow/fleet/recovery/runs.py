"""Runs that were: asked for twice, gone on with, tried again, undone, and what became of lost answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import attrs

from ...errors import InvalidArgument
from ..actions.action import Action
from ..actions.action_like import ActionLike, Actions
from ..actions.given_steps import steps_again
from ..actions.steps import Steps
from ..journal import (
    Journal,
    RunHeader,
    RunInfo,
    RunIsActive,
    RunNotFound,
    StoredRun,
    check_run_id,
)
from ..journal.account_names import find_accounts, with_names, with_names_of
from ..journal.faults import damage_of
from ..journal.immediate import complete
from ..model.fleet_account import Closeable, FleetAccount
from ..model.outcome import Outcome
from ..model.refusals import RunRefused, require_same
from ..plan.rollout import HealthCheck
from ..plan.spec import (
    DOCUMENT,
    RunSpec,
    check_healthy,
    check_steps,
    guard_of,
    policy_of,
    rollout_from,
    same_work,
    steps_of,
    stored_steps,
)
from ..report.report import Report
from ..run.preparation import Prepare, PreparedRun
from ..run.run import Run
from ..run.stored_outcome import last_entry, outcome_of, remains_of
from ..select.matcher import Matcher
from ..select.selection import Selection, Where, select
from .findings import Finding
from .reconcile import Reconciler, corrections, record
from .registry import RunRegistry
from .snapshot import stored_of
from .stored_report import report_of
from .undo import action_of_undo, is_to_undo, undo_of

T = TypeVar("T")


@attrs.define(eq=False)
class Runs:
    """The runs of a fleet, in its journal or in memory.

    A function that has to look a run up does so at once where there is no journal, or no loop that a journal
    could hold up, and raises what it finds; else the run that it returns does so at its start.
    """

    accounts: tuple[FleetAccount, ...]
    registry: RunRegistry

    # -- beginning and going on ---------------------------------------------------------------------------

    def begin(self, spec: RunSpec, run_id: str | None) -> Run:
        """A new run, or the one that has this id already and does the same."""
        if run_id is None:
            return Run(self.registry, self.accounts, PreparedRun(self.accounts, spec))
        check_run_id(run_id)
        known = self.registry.find(run_id)
        if known is not None and known.is_prepared:
            require_same(run_id, same=same_work(known.spec.to_document(), spec))
            return known
        return self._run(partial(self._prepare_named, run_id, _given(spec)), run_id)

    def resume(
        self,
        run_id: str,
        *,
        repeat_unknown: bool,
        action: Actions | None,
        healthy: HealthCheck | None,
        where: Where | None,
    ) -> Run:
        """An earlier run, to go on where it was left."""
        known = self.registry.find(run_id)
        if known is not None and self._goes_on(known):
            raise RunIsActive(f"run {run_id} is going on in this process; await it", run_id=run_id)
        prepare = partial(self._prepare_resumed, run_id, action, healthy, where)
        return self._run(prepare, run_id, repeat_unknown=repeat_unknown)

    def retry(
        self,
        run_id: str,
        chosen: Mapping[str, bool],
        *,
        action: Actions | None,
        healthy: HealthCheck | None,
    ) -> Run:
        """A new run for the VMs of an earlier one that ended so."""
        return self._begin(partial(self._spec_of_retry, run_id, chosen, action, healthy), None)

    def restore(
        self,
        run_id: str,
        given: ActionLike | None,
        steps: Sequence[Action],
        spec_of: Callable[[Action], RunSpec],
        run_id_given: str | None,
    ) -> Run:
        """A new run that undoes an earlier one; ``spec_of`` makes its spec from the action that does so.

        ``given`` is an action of the user's own; ``steps`` are those of the run, as far as they are known.
        """
        return self._begin(partial(self._spec_of_restore, run_id, given, steps, spec_of), run_id_given)

    def _begin(self, make_spec: Callable[[], Coroutine[Any, Any, RunSpec]], run_id: str | None) -> Run:
        if self._is_immediate:
            return self.begin(complete(make_spec()), run_id)
        return self._run(partial(self._prepare_named, run_id, make_spec), run_id)

    def _run(self, prepare: Prepare, run_id: str | None, *, repeat_unknown: bool = False) -> Run:
        if not self._is_immediate:
            return Run(self.registry, self.accounts, prepare, run_id=run_id, repeat_unknown=repeat_unknown)
        prepared = complete(prepare(None))
        return Run(self.registry, prepared.accounts, prepared, run_id=run_id, repeat_unknown=repeat_unknown)

    @property
    def _is_immediate(self) -> bool:
        return self.registry.journal is None or self.registry.journal.immediate

    async def _prepare_named(
        self,
        run_id: str | None,
        make_spec: Callable[[], Coroutine[Any, Any, RunSpec]],
        earlier: Closeable | None,
    ) -> PreparedRun:
        if earlier is not None:
            # A run of this process under the same id goes first; this one is what has become of it.
            await earlier.wait_closed()
        spec = await make_spec()
        journal = self.registry.journal
        info = None if journal is None or run_id is None else await journal.look_up(run_id)
        if journal is None or run_id is None or info is None:
            return PreparedRun(self.accounts, spec)
        header, found = info.header, find_accounts(info.header, self.accounts)
        same = len(found) == len(header.accounts) == len(self.accounts)
        require_same(run_id, same=same and same_work(with_names(header, found).document, spec))
        return PreparedRun(self._accounts_of(header), spec, partial(self._load, journal, run_id))

    async def _prepare_resumed(
        self,
        run_id: str,
        action: Actions | None,
        healthy: HealthCheck | None,
        where: Where | None,
        earlier: Closeable | None,
    ) -> PreparedRun:
        # It is not waited for: the lease decides that one run of an id is live.
        del earlier
        journal = self.registry.journal
        if journal is None:
            known = self.registry.get(run_id)
            spec = known.spec
            if action is not None:
                spec = attrs.evolve(spec, steps=steps_again(action, spec.action))
            return PreparedRun(self._accounts_of(known.header), spec, _given(stored_of(known)))
        info = await journal.look_up(run_id)
        if info is None:
            # It names those that were perhaps meant.
            info = (await journal.read(run_id, soon=True)).info
        accounts = self._accounts_of(info.header)
        header = with_names(info.header, find_accounts(info.header, self.accounts))
        spec = self._spec_of(header, action, healthy, where)
        return PreparedRun(accounts, spec, partial(self._load, journal, run_id))

    async def _spec_of_retry(
        self,
        run_id: str,
        chosen: Mapping[str, bool],
        action: Actions | None,
        healthy: HealthCheck | None,
    ) -> RunSpec:
        stored = await self._stored(run_id)
        left = [outcome for outcome in _outcomes(stored) if chosen.get(outcome.status)]
        known = self.registry.find(run_id)
        header = stored.info.header
        if any(step.needs_confirmation for step in stored_steps(header)):
            raise RunRefused(
                f"run {run_id} was to {header.action}, for good: make a plan for the rest, and confirm that",
                reason="not_confirmed",
                run_id=run_id,
            )
        if known is not None and known.is_prepared:
            spec = known.spec
        else:
            spec = self._spec_of(header, action, healthy, None)
        return _for_some("retry", run_id, spec, left)

    async def _spec_of_restore(
        self,
        run_id: str,
        given: ActionLike | None,
        steps: Sequence[Action],
        spec_of: Callable[[Action], RunSpec],
    ) -> RunSpec:
        """The spec of a run for the VMs to which a run did, or may have done, what can be undone.

        VMs for which a later step of the run undid it are left out. Raises `InvalidArgument` where no single
        action undoes the run, or where it has to be given.
        """
        stored = await self._stored(run_id)
        undo = undo_of(stored.info.header)
        left = outcomes_to_undo(stored, undo)
        return _for_some("restore", run_id, spec_of(action_of_undo(undo, given, steps)), left)

    # -- what is known ------------------------------------------------------------------------------------

    async def runs(self) -> list[RunInfo]:
        """All runs, the newest first."""
        if self.registry.journal is not None:
            return await self.registry.journal.runs()
        return [stored_of(run).info for run in self.registry][::-1]

    async def report(self, run_id: str) -> Report:
        """The report of a run, as far as it is known."""
        known = self.registry.find(run_id)
        if known is not None and (known.is_live or self.registry.journal is None):
            return known.report
        journal = self._journal(run_id)
        stored = await self._load(journal, run_id)
        alive = stored.info.state != "ended" and run_id in await journal.living([run_id])
        return report_of(stored, alive=alive)

    async def reconcile(self, run_id: str, *, grace: float, action: Actions | None) -> list[Finding]:
        """Read back what is unknown, and record what that decides."""
        known = self.registry.find(run_id)
        if known is not None and self._goes_on(known):
            raise RunIsActive(f"run {run_id} is going on in this process; await it", run_id=run_id)
        if self.registry.journal is None:
            return await self._reconcile_in_memory(self.registry.get(run_id), grace)
        journal = self._journal(run_id)
        before = await self._load(journal, run_id)
        header = before.info.header
        steps = self._steps_of(header, action)
        await journal.acquire()
        try:
            held = await journal.hold(run_id, stored_names=before.stored_names)
            try:
                # Another process may have gone on with the run until it was held.
                stored = await self._load(journal, run_id)
                findings = await Reconciler(self.accounts).findings(stored, steps, grace)
                record(held, stored, corrections(stored, steps, findings))
                await journal.flush()
                held.require_lease()
            finally:
                await held.give()
        finally:
            await journal.release()
        return [finding for _, finding in findings]

    async def _reconcile_in_memory(self, run: Run, grace: float) -> list[Finding]:
        stored, steps = stored_of(run), run.spec.steps
        findings = await Reconciler(self.accounts).findings(stored, steps, grace)
        for target, found in corrections(stored, steps, findings):
            remains = remains_of(target)._replace(stage=found.stage, answer_lost=found.answer_lost)
            run.correct(found.outcome, remains)
        return [finding for _, finding in findings]

    def _goes_on(self, run: Run) -> bool:
        """Whether a run of this process has to be awaited first; with a journal, one that began here."""
        return run.is_live or (self.registry.journal is None and not run.is_over)

    # -- where it is kept ---------------------------------------------------------------------------------

    def _journal(self, run_id: str) -> Journal:
        if self.registry.journal is None:
            self.registry.get(run_id)
            raise RunNotFound(f"no run {run_id!r:.60} here")
        return self.registry.journal

    async def _stored(self, run_id: str) -> StoredRun:
        """A run that is over, with its targets."""
        known = self.registry.find(run_id)
        if known is not None:
            if self._goes_on(known):
                raise RunIsActive(f"run {run_id} is not over; await it first", run_id=run_id)
            if self.registry.journal is None:
                return stored_of(known)
        journal = self._journal(run_id)
        stored = await self._load(journal, run_id, soon=True)
        if stored.info.state == "running" and run_id in await journal.living([run_id]):
            raise await journal.active(run_id)
        return stored

    async def _load(self, journal: Journal, run_id: str, *, soon: bool = False) -> StoredRun:
        """A run of the journal, with the names that its accounts have in this fleet."""
        return with_names_of(await journal.read(run_id, soon=soon), self.accounts)

    def _accounts_of(self, header: RunHeader) -> tuple[FleetAccount, ...]:
        found = find_accounts(header, self.accounts)
        missing = [name for name in header.accounts if name not in found]
        if missing:
            raise InvalidArgument(
                f"run {header.run_id} is of account {missing[0]!r:.60}, which is not in this fleet"
            )
        return tuple(found.values())

    def _steps_of(self, header: RunHeader, action: Actions | None) -> Steps:
        if action is not None:
            return steps_again(action, header.action)
        check_steps(header.document)
        with damage_of(header.run_id, DOCUMENT):
            return steps_of(header.document)

    def _spec_of(
        self,
        header: RunHeader,
        action: Actions | None,
        healthy: HealthCheck | None,
        where: Where | None,
    ) -> RunSpec:
        document, steps = header.document, self._steps_of(header, action)
        check_healthy(document, healthy)
        with damage_of(header.run_id, DOCUMENT):
            stored, strict = document["selection"], bool(document["strict"])
            selection = None if stored is None else Selection.from_document(stored)
            policy, rollout = policy_of(document), rollout_from(document, healthy)
            max_targets = guard_of(document)
        if where is not None:
            selection = select(where)
        lost = "" if selection is not None else _PREDICATE_LOST
        if document.get("planned"):
            # It has begun nothing before it knew them all, and without its plan nothing guards them.
            lost = _PLAN_LOST
        return RunSpec(
            steps=steps,
            # Where it is lost, only a run that knew all its targets can go on.
            selection=selection or select([("0", "0")]),
            selection_lost=lost,
            policy=policy,
            rollout=rollout,
            strict=strict,
            confirms_skips=document.get("confirms_skips", False),
            max_targets=max_targets,
            parent=header.parent,
            follows=document.get("follows", ""),
            note=header.note,
            requested_by=header.requested_by,
        )


_PREDICATE_LOST = "it chose them by a predicate, which no file can hold: give it again with where=…"
_PLAN_LOST = "it followed a plan: run that again, under the same run_id"


def _given(value: T) -> Callable[[], Coroutine[Any, Any, T]]:
    """A look-up of what is known already."""

    async def look_up() -> T:
        return value

    return look_up


def _for_some(follows: str, parent: str, spec: RunSpec, left: Sequence[Outcome]) -> RunSpec:
    """The spec of a run for some VMs of an earlier one, or none; those that are gone are ``not_found``."""
    named = Matcher(pairs=frozenset(), keys=frozenset(outcome.key for outcome in left))
    return attrs.evolve(
        spec,
        selection=Selection(named, None, None, Matcher(), "name"),
        plan=None,
        max_targets=None,
        parent=parent,
        follows=follows,
        names={outcome.key: (outcome.service_name, outcome.vm_label) for outcome in left},
    )


def outcomes_to_undo(stored: StoredRun, undo: str) -> list[Outcome]:
    """Return the outcomes of the VMs to which a run did, or may have done, what ``undo`` undoes."""
    declared = stored_steps(stored.info.header)
    return [
        outcome
        for target, outcome in zip(stored.targets, _outcomes(stored), strict=True)
        if is_to_undo(target, outcome, declared, undo)
    ]


def _outcomes(stored: StoredRun) -> list[Outcome]:
    at, steps = last_entry(stored), stored_steps(stored.info.header)
    return [outcome_of(target, steps, at) for target in stored.targets]

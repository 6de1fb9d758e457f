"""`Fleet`: the VMs of one or several accounts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Unpack

import attrs

from ..errors import ConfigurationError, InvalidArgument
from ..models import PowerState, Service, Vm
from .actions.action import Action
from .actions.action_like import ActionLike, Actions
from .actions.changes import Resize
from .actions.given_steps import as_steps
from .actions.power import Await, Reboot, Start, Stop
from .actions.steps import refuse_unconfirmed
from .actions.usage import Usage
from .discovery.selected_vms import selected_vms
from .journal import Journal, RunInfo
from .model.fleet_account import FleetAccount, FleetClient, account_of
from .plan.options import RunOptions, SelectOptions, WaitOptions, spec_of_options
from .plan.plan import Plan
from .plan.planned_spec import PlannedSpecs, spec_of_plan
from .plan.planner import make_plan
from .plan.rollout import HealthCheck
from .plan.spec import RunSpec
from .recovery.findings import Finding
from .recovery.registry import RunRegistry
from .recovery.runs import Runs
from .report.report import Report
from .run.run import Run
from .run.verdict import NOT_DONE_AFTER_SECONDS
from .select.matcher import protection
from .select.selection import ALL, Where, select


class Fleet:
    """Acts on every selected VM at once, and reports truthfully the outcome of each.

    ``seflow.fleet`` is one account's; ``Fleet([client_a, client_b], journal="runs.sqlite")`` is one fleet of
    several, each with its own session.

    Selection, for every method: ``where`` is an expression (``'power == "running" and memory >= 4096'``), a
    predicate ``(service, vm)`` or pairs of ids; ``services`` and ``vms`` are ids; ``exclude`` takes the same
    forms as ``where``. A VM must satisfy all. What is left out means everything; None or an empty selection
    is `InvalidArgument`. Ids that were named are all looked up first, and one that does not exist ends the
    run before anything is sent, unless ``missing="ignore"``. VMs that are ``protected`` by their client are
    only touched where they are named.

    Options of runs: ``rollout`` (a `Rollout`); ``strict`` refuses to begin where a service could not be
    listed; ``max_targets`` (a number, or a percentage of the account's VMs) where too many are selected;
    ``settle`` says how VMs are read back; ``run_id`` names the run, so that the same call made twice is one
    run; ``note`` and ``requested_by`` are kept with it.
    """

    def __init__(
        self,
        accounts: Sequence[FleetClient | FleetAccount],
        *,
        journal: str | os.PathLike[str] | Journal | None = None,
    ) -> None:
        self._accounts = tuple(map(account_of, accounts))
        if not self._accounts:
            raise ConfigurationError("a fleet needs at least one account")
        names = [account.name for account in self._accounts]
        if len(set(names)) < len(names):
            shown = ", ".join(sorted(names))
            raise ConfigurationError(
                f"two accounts have the same name ({shown}); give each its own: SeFlow(name=…)"
            )
        if journal is not None and not isinstance(journal, Journal):
            journal = Journal(journal)
        self._registry = RunRegistry(journal)
        self._history = Runs(self._accounts, self._registry)
        self._planned = PlannedSpecs()

    @property
    def journal(self) -> Journal | None:
        """The journal in which runs are recorded; None where they are kept in memory."""
        return self._registry.journal

    def share_runs_of(self, other: Fleet) -> None:
        """Know the runs of another fleet of the same accounts."""
        self._registry = other._registry
        self._history = Runs(self._accounts, self._registry)

    # -- runs ---------------------------------------------------------------------------------------------

    def stop(self, where: Where = ALL, **options: Unpack[WaitOptions]) -> Run:
        """Power off; a VM that is off already is ``unchanged`` and gets nothing.

        With ``wait`` (the default) a VM is ``changed`` when it was read back as stopped (``verified``),
        without it as soon as the panel accepted.
        """
        return self._begin(Stop(), where, options)

    def start(self, where: Where = ALL, **options: Unpack[WaitOptions]) -> Run:
        """Power on; a VM that runs already is ``unchanged``. ``wait`` as for `stop`."""
        return self._begin(Start(), where, options)

    def reboot(self, where: Where = ALL, **options: Unpack[RunOptions]) -> Run:
        """Reboot, at most once each; a VM that is off is ``not_attempted`` (``not_running``).

        A reboot mostly leaves no trace to read, so that ``changed`` means accepted (``verified`` is False),
        and a lost answer is ``unknown``. With a rollout a VM is finished when it is read as running again.
        """
        return self._begin(Reboot(), where, options)

    def resize(
        self,
        where: Where = ALL,
        *,
        memory: int | None = None,
        cpu: int | None = None,
        cpu_share: int | None = None,
        **options: Unpack[WaitOptions],
    ) -> Run:
        """Give each VM memory (MB), cores or a CPU share (percent); one that has them is ``unchanged``."""
        return self._begin(Resize(memory=memory, cpu=cpu, cpu_share=cpu_share), where, options)

    def usage(self, where: Where = ALL, **options: Unpack[RunOptions]) -> Run:
        """Read the CPU, network and disk graphs; each outcome's ``value`` is a `UsageGraphs`."""
        return self._begin(Usage(), where, options)

    def wait(self, where: Where = ALL, *, power: PowerState | str, **options: Unpack[RunOptions]) -> Run:
        """Send nothing, and wait until every VM is read as ``"running"`` or ``"stopped"``.

        A VM that is not, and of which nothing moves any more, is ``failed`` (``not_settled``).
        """
        return self._begin(Await(power), where, options)

    def run(
        self,
        what: Plan | Actions,
        where: Where = ALL,
        *,
        refresh: bool = False,
        action: Actions | None = None,
        healthy: HealthCheck | None = None,
        **options: Unpack[WaitOptions],
    ) -> Run:
        """Run a plan, an action, or a sequence whose steps each wait until the one before is *seen*.

        A plan is refused where the VMs that it acts on have moved since (`StalePlan`); with ``refresh`` its
        selection is made anew instead. `Destroy` runs only as a plan that was confirmed. ``action`` and
        ``healthy`` give a plan that was read from JSON what JSON cannot hold.
        """
        if isinstance(what, Plan):
            if where is not ALL:
                raise InvalidArgument("where is part of the plan; give it to fleet.plan()", argument="where")
            spec = spec_of_plan(
                what,
                self._planned.find(what),
                accounts=[account.name for account in self._accounts],
                refresh=refresh,
                action=action,
                healthy=healthy,
                options=options,
            )
            return self._history.begin(spec, options.get("run_id"))
        if refresh or action is not None or healthy is not None:
            raise InvalidArgument(
                "refresh, action and healthy are for plans; a health check of a run is Rollout(healthy=…)"
            )
        refuse_unconfirmed(as_steps(what))
        return self._begin(what, where, options)

    async def plan(self, what: Actions | Run, where: Where = ALL, **options: Unpack[WaitOptions]) -> Plan:
        """List everything, and return what `run` would do to each VM, and what to expect; changes nothing.

        A `Run` that has not begun, such as ``fleet.retry(run_id)``, can be planned: the plan takes its place,
        and a run of the plan keeps its ``parent``.

        Raises what the run would raise before it begins.
        """
        if isinstance(what, Run):
            if where is not ALL or options:
                raise InvalidArgument(
                    "the run has its selection and options already; give them to what makes it"
                )
            if what.has_begun:
                raise InvalidArgument(f"run {what.run_id} has begun; only one that has not can be planned")
            what.cancel()
            spec = await what.prepared_spec()
        else:
            spec, _ = self._spec(what, where, options)
        for account in self._accounts:
            account.require_open()
        journal = self._registry.journal
        known = {}
        if journal is not None:
            known = {account.name: await journal.learned(account) for account in self._accounts}
        plan = await make_plan(self._accounts, spec, known)
        self._planned.keep(plan, spec)
        return plan

    def vms(
        self, where: Where = ALL, **selecting: Unpack[SelectOptions]
    ) -> AsyncIterator[tuple[Service, Vm]]:
        """Yield every selected VM with its service, while the lists are read.

        A wrong selection raises `InvalidArgument` at once. Raises, after everything that could be read, the
        error of a list that could not be read, or `InvalidArgument` for ids that do not exist.
        """
        return selected_vms(self._accounts, select(where, **selecting))

    # -- earlier runs -------------------------------------------------------------------------------------

    def resume(
        self,
        run_id: str,
        *,
        repeat_unknown: bool = False,
        action: Actions | None = None,
        healthy: HealthCheck | None = None,
        where: Where | None = None,
    ) -> Run:
        """Go on with a run that did not come to its end; it keeps its id.

        Everything undecided is read back before anything is sent. What must be sent at most once and may have
        been is never sent again, unless ``repeat_unknown`` says so. Iterating yields what was not final; the
        report covers all. ``action``, ``healthy`` and ``where`` give back what a journal cannot hold: an
        action of your own, a health check, a predicate.

        Raises, when it is awaited:
            RunNotFound: there is no such run. RunIsActive: a process is working on it.
        """
        return self._history.resume(
            run_id, repeat_unknown=repeat_unknown, action=action, healthy=healthy, where=where
        )

    def retry(
        self,
        run_id: str,
        *,
        failed: bool = True,
        not_attempted: bool = True,
        unknown: bool = False,
        action: Actions | None = None,
        healthy: HealthCheck | None = None,
    ) -> Run:
        """A new run, a child of an earlier one, for those of its VMs that ended so.

        Raises `RunNotFound` when it is awaited, because a journal is not read in the thread of the loop.

        ``unknown`` repeats what may have been done, reboots too. ``action`` and ``healthy`` give back what a
        journal cannot hold, as for `resume`.
        """
        chosen = {"failed": failed, "not_attempted": not_attempted, "unknown": unknown}
        return self._history.retry(run_id, chosen, action=action, healthy=healthy)

    def restore(
        self, run: Run | str, *, action: ActionLike | None = None, **options: Unpack[WaitOptions]
    ) -> Run:
        """The inverse of a stop: start exactly the VMs that this run stopped.

        Raises `RunNotFound` when it is awaited.

        For another action, the ``undo`` that it declares. ``action`` gives back one of your own, which a
        journal cannot hold.
        """
        run_id, steps = (run, ()) if isinstance(run, str) else (run.id, run.spec.steps)

        def spec_of(undo: Action) -> RunSpec:
            refuse_unconfirmed([undo])
            spec, _ = self._spec(undo, ALL, options)
            # A list that is older than the run would show each VM as it was before.
            return attrs.evolve(spec, confirms_skips=True)

        return self._history.restore(run_id, action, steps, spec_of, options.get("run_id"))

    async def reconcile(
        self,
        run_id: str,
        *,
        grace: float = NOT_DONE_AFTER_SECONDS,
        action: Actions | None = None,
    ) -> list[Finding]:
        """Read back every VM of a run whose answer was lost, and record what that decides.

        Each is *done*, *not done* or *cannot tell*, with its evidence. "Not done" is said no earlier than
        ``grace`` seconds after the request was sent. Nothing is sent again. ``action`` gives back one of your
        own, which a journal cannot hold. Raises `RunNotFound`.
        """
        return await self._history.reconcile(run_id, grace=grace, action=action)

    async def runs(self) -> list[RunInfo]:
        """The runs that are known, the newest first: those in the journal, without one those in memory."""
        return await self._history.runs()

    async def report(self, run_id: str) -> Report:
        """Return the report of a run, as far as it is known. Raises `RunNotFound`."""
        return await self._history.report(run_id)

    async def prune(self, *, before: datetime | None = None, keep: int | None = None) -> int:
        """Forget runs that ended before a time, or all but the newest ``keep``; returns how many."""
        if self._registry.journal is None:
            raise ConfigurationError("there is no journal to prune; runs in memory go with their client")
        return await self._registry.journal.prune(before=before, keep=keep)

    def _begin(self, what: Actions, where: Where, options: WaitOptions | RunOptions) -> Run:
        spec, run_id = self._spec(what, where, options)
        return self._history.begin(spec, run_id)

    def _spec(
        self, what: Actions, where: Where, options: WaitOptions | RunOptions
    ) -> tuple[RunSpec, str | None]:
        checked = spec_of_options(what, where, options)
        checked[0].selection.check_accounts([account.name for account in self._accounts])
        for account in self._accounts:
            protection(account)
        return checked

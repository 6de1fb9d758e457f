"""The spec of a run that follows a plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from ...errors import InvalidArgument
from ..actions.action_like import Actions
from ..actions.given_steps import steps_again
from ..actions.steps import Steps, refuse_unconfirmed
from ..select.selection import Selection
from .options import WaitOptions
from .plan import Plan
from .rollout import HealthCheck, Rollout
from .spec import RunSpec, check_healthy, guard_of, policy_of, rollout_from, steps_of

_PLANS_KEPT: Final = 20
_OF_THE_RUN: Final = frozenset({"run_id", "note", "requested_by"})
"""Options that are no part of a plan."""


@attrs.define(eq=False)
class PlannedSpecs:
    """The specs of the latest plans that were made here.

    They hold what no file can: predicates, health checks and actions of the user's own.
    """

    _specs: dict[tuple[str, datetime], RunSpec] = attrs.field(factory=dict, init=False)

    def keep(self, plan: Plan, spec: RunSpec) -> None:
        """Keep the spec that a plan was made of."""
        self._specs[plan.digest, plan.created_at] = spec
        while len(self._specs) > _PLANS_KEPT:
            del self._specs[next(iter(self._specs))]

    def find(self, plan: Plan) -> RunSpec | None:
        """Return the spec that a plan was made of; None if it was made elsewhere, or long ago."""
        return self._specs.get((plan.digest, plan.created_at))


def spec_of_plan(
    plan: Plan,
    made: RunSpec | None,
    *,
    accounts: Collection[str],
    refresh: bool,
    action: Actions | None,
    healthy: HealthCheck | None,
    options: WaitOptions,
) -> RunSpec:
    """Return the spec of a run that follows a plan.

    Args:
        made: the spec that the plan was made of, None where the plan was read from a file.
        accounts: the names of the accounts of the fleet.
        refresh: whether the selection of the plan is made anew, instead of acting on exactly its VMs.
        action: the actions of the user's own that a file cannot hold; ``healthy``: such a health check.

    Raises:
        InvalidArgument: an option is part of the plan, or a part of the plan is missing and was not given.
        RunRefused: the plan has to be confirmed, and was not.
    """
    if in_plan := options.keys() - _OF_THE_RUN:
        name = min(in_plan)
        raise InvalidArgument(f"{name} is part of the plan; give it to fleet.plan()", argument=name)
    if missing := set(plan.accounts) - set(accounts):
        raise InvalidArgument(f"the plan is for account {min(missing)!r:.60}, which is not in this fleet")
    document = plan.document
    steps = _steps(plan, made, action)
    if refresh or plan.confirmed is None:
        refuse_unconfirmed(steps, len(plan.targets))
    rollout = _rollout(document, made, healthy)
    keys = [vm.key for vm in plan.vms if vm.why_not not in ("excluded", "protected")]
    if not keys and not refresh:
        raise InvalidArgument("the plan is about no VM at all; there is nothing to run")
    return RunSpec(
        steps=steps,
        selection=_selection(document, made) if refresh else Selection.of_keys(keys, "name"),
        policy=made.policy if made is not None else policy_of(document),
        rollout=rollout,
        strict=bool(document.get("strict", False)),
        max_targets=guard_of(document) if refresh else None,
        plan=None if refresh else plan,
        parent=document.get("parent"),
        follows=str(document.get("follows", "")),
        note=options.get("note", ""),
        requested_by=options.get("requested_by", ""),
        names={vm.key: (vm.service_name, vm.vm_label) for vm in plan.vms},
        confirms_skips=bool(document.get("confirms_skips", False)),
    )


def _steps(plan: Plan, made: RunSpec | None, action: Actions | None) -> Steps:
    if action is not None:
        return steps_again(action, plan.action)
    return made.steps if made is not None else steps_of(plan.document)


def _rollout(
    document: Mapping[str, Any], made: RunSpec | None, healthy: HealthCheck | None
) -> Rollout | None:
    if healthy is not None and not document.get("healthy"):
        raise InvalidArgument(
            "the plan asks no health check; give it to fleet.plan() as Rollout(healthy=…)", argument="healthy"
        )
    if made is not None and healthy is None:
        return made.rollout
    check_healthy(document, healthy)
    return rollout_from(document, healthy)


def _selection(document: Mapping[str, Any], made: RunSpec | None) -> Selection:
    if made is not None:
        return made.selection
    stored = document.get("selection")
    if stored is None:
        raise InvalidArgument("the plan chose its VMs by a predicate, which no file can hold: plan again")
    return Selection.from_document(stored)

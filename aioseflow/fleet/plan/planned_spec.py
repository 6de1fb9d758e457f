"""The spec of a run that follows a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import InvalidArgument
from ..actions.action_like import Actions
from ..actions.steps import refuse_unconfirmed, steps_again
from ..select.matcher import Matcher
from ..select.selection import Selection
from .plan import Plan
from .rollout import HealthCheck, Rollout
from .spec import RunSpec, guard_of, policy_of, rollout_from, steps_of


def spec_of_plan(
    plan: Plan,
    made: RunSpec | None,
    *,
    refresh: bool,
    action: Actions | None,
    healthy: HealthCheck | None,
    note: str,
    requested_by: str,
) -> RunSpec:
    """Return what a run of a plan is to do; with ``refresh`` its selection is made anew.

    ``made`` is the spec that the plan was made from, None for a plan that was read from JSON: ``action`` and
    ``healthy`` then give back what JSON cannot hold. Raises `InvalidArgument`, and `RunRefused` for a plan
    that has to be confirmed.
    """
    document = plan.document
    if action is not None:
        steps = steps_again(action, plan.action)
    else:
        steps = steps_of(document) if made is None else made.steps
    if refresh or plan.confirmed is None:
        refuse_unconfirmed(steps, len(plan.targets))
    rollout = planned_rollout(document, made, healthy)
    keys = [vm.key for vm in plan.vms if vm.why_not not in ("excluded", "protected")]
    if not keys and not refresh:
        raise InvalidArgument("the plan is about no VM at all; there is nothing to run")
    if refresh:
        selection = planned_selection(document, made)
    else:
        named = Matcher(pairs=frozenset(), keys=frozenset(keys))
        selection = Selection(named, None, None, Matcher(), "ignore")
    return RunSpec(
        steps=steps,
        selection=selection,
        policy=policy_of(document) if made is None else made.policy,
        rollout=rollout,
        strict=bool(document.get("strict", False)),
        max_targets=guard_of(document) if refresh else None,
        plan=None if refresh else plan,
        parent=document.get("parent"),
        note=note,
        requested_by=requested_by,
    )


def planned_rollout(
    document: Mapping[str, Any], made: RunSpec | None, healthy: HealthCheck | None
) -> Rollout | None:
    """The rollout of a plan, which ``made`` has whole where it was made here. Raises `InvalidArgument`."""
    if healthy is not None and not document.get("healthy"):
        raise InvalidArgument("the plan asks no health check; give it to fleet.plan() as Rollout(healthy=…)")
    if made is not None and healthy is None:
        return made.rollout
    return rollout_from(document, healthy)


def planned_selection(document: Mapping[str, Any], made: RunSpec | None) -> Selection:
    """What a plan selected, likewise. Raises `InvalidArgument`."""
    if made is not None:
        return made.selection
    stored = document.get("selection")
    if stored is None:
        raise InvalidArgument("the plan chose its VMs by a predicate, which no file can hold: plan again")
    return Selection.from_document(stored)

"""`RunSpec`: the work of a run, checked before it begins, and its form in a journal or a plan."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import attrs

from ...errors import InvalidArgument
from ...policy import UNSETTLED_VMS_PER_REQUEST, SettlePolicy
from ..actions.action import ACTIONS, Action
from ..actions.declaration import Declaration, declared, declared_by_name
from ..actions.steps import Steps, name_of
from ..journal import RunHeader
from ..journal.faults import damage_of
from ..model.fleet_account import FleetAccount
from ..model.outcome import TargetKey
from ..select.selection import Selection
from .plan import Plan
from .rollout import NO_ROLLOUT, HealthCheck, Rollout, Share

_DECLARED: Final = ("safety", "settles", "effect", "undo", "needs_confirmation", "past", "already")
"""What a document keeps of an action of the user's own, whose class it cannot name."""


DOCUMENT: Final = "the document in its row of runs"
"""The name of the stored `RunSpec` in errors."""


@attrs.frozen(kw_only=True)
class RunSpec:
    """The work of a run.

    Attributes:
        policy: how VMs are read back; None where a run does not wait for that.
        rollout: None where none was given; see `rules`.
        strict: whether the run is refused where a service cannot be listed.
        max_targets: the guard against selecting too many VMs.
        plan: the plan that the run follows.
        selection_lost: why a journal could not give the selection back; empty where it could.
        parent: the id of the run that this one follows; ``follows`` says how, ``"retry"`` or ``"restore"``.
        names: the names of service and VM, by VM, of targets that may be gone; not part of the document.
        confirms_skips: whether a VM that seems to need nothing is read once more by itself, because its list
            may be an old one.
    """

    steps: Steps
    selection: Selection
    policy: SettlePolicy | None
    rollout: Rollout | None = None
    strict: bool = False
    max_targets: Share | None = None
    plan: Plan | None = None
    selection_lost: str = ""
    parent: str | None = None
    follows: str = ""
    note: str = ""
    requested_by: str = ""
    confirms_skips: bool = False
    names: Mapping[TargetKey, tuple[str, str]] = attrs.field(factory=dict, eq=False, repr=False)

    @property
    def action(self) -> str:
        """The name of the action in reports."""
        return name_of(self.steps)

    @cached_property
    def declared(self) -> tuple[Declaration, ...]:
        """The declarations of the steps."""
        return declared(self.steps)

    @property
    def needs_everything(self) -> bool:
        """Whether all targets must be known before the first is acted on."""
        return (
            self.selection.is_explicit
            or self.strict
            or self.max_targets is not None
            or self.plan is not None
            or (self.rollout is not None and self.rollout.needs_everything())
        )

    @property
    def rules(self) -> Rollout:
        """The rollout; one without rules where the run was given none."""
        return self.rollout or NO_ROLLOUT

    @property
    def counts_all_vms(self) -> bool:
        """Whether a guard is a percentage of all VMs, so that every service has to be listed."""
        return self.max_targets is not None and self.max_targets.fraction is not None

    def windows(self, accounts: Iterable[FleetAccount]) -> dict[str, int]:
        """Return, by account, how many VMs may be unfinished at once where the rollout does not say so.

        Without such a bound every VM could fail before a threshold stops the run.
        """
        rules = self.rules
        if rules.window is not None or (rules.max_failures is None and rules.healthy is None):
            return {}
        return {each.name: UNSETTLED_VMS_PER_REQUEST * each.concurrency for each in accounts}

    def window(self, accounts: Iterable[FleetAccount]) -> int | None:
        """Return how many VMs of all accounts may be unfinished at once; None is no limit."""
        return self.rules.window or sum(self.windows(accounts).values()) or None

    def header(self, run_id: str, accounts: Sequence[FleetAccount], created_at: datetime) -> RunHeader:
        """Return what a journal records of a run before it starts."""
        return RunHeader(
            run_id=run_id,
            parent=self.parent,
            action=self.action,
            accounts=tuple(account.name for account in accounts),
            account_keys={account.name: account.key for account in accounts},
            created_at=created_at,
            document=self.to_document(),
            note=self.note,
            requested_by=self.requested_by,
        )

    def to_document(self) -> dict[str, Any]:
        """Return the spec as JSON values, as far as JSON can hold it."""
        rollout, policy = self.rollout, self.policy
        return {
            "steps": [_step_document(step) for step in self.steps],
            "selection": self.selection.to_document(),
            "settle": None if policy is None else attrs.asdict(policy),
            "rollout": None if rollout is None else rollout.to_document(),
            "healthy": rollout is not None and rollout.healthy is not None,
            "strict": self.strict,
            "confirms_skips": self.confirms_skips,
            "planned": self.plan is not None,
            "follows": self.follows,
            "max_targets": None if self.max_targets is None else self.max_targets.to_size(),
        }


NO_WORK: Final = RunSpec(steps=(), selection=Selection.of_keys((), "ignore"), policy=None)
"""The spec of a run of no VM: of a run whose work is not known yet."""


def stored_steps(header: RunHeader) -> tuple[Declaration, ...]:
    """Return the declarations of the steps of a stored run, also of actions of the user's own.

    Raises `JournalError` where its row is damaged.
    """
    with damage_of(header.run_id, DOCUMENT):
        return tuple(_declaration_of(step) for step in header.document["steps"])


def needs_confirmation(plan: Plan) -> bool:
    """Whether a plan runs only once it was confirmed."""
    return any(_declaration_of(step).needs_confirmation for step in plan.document.get("steps", ()))


def _declaration_of(step: Mapping[str, Any]) -> Declaration:
    (declaration,) = declared_by_name([step["name"]])
    if not step.get("own"):
        return declaration
    # Journals of earlier versions do not have all of it.
    return attrs.evolve(declaration, **{name: step[name] for name in _DECLARED if name in step})


def check_steps(document: Mapping[str, Any]) -> None:
    """Raise `InvalidArgument` where a document names an action of the user's own, which is in no file."""
    for step in document.get("steps", ()):
        name = step["name"]
        if name in ACTIONS and not step.get("own"):
            continue
        near = difflib.get_close_matches(str(name), ACTIONS, n=1)
        hint = f"; did you mean {near[0]}" if near and name not in ACTIONS else ""
        raise InvalidArgument(
            f"{name!r:.60} is an action of your own: give it again with action=…{hint}", argument="action"
        )


def steps_of(document: Mapping[str, Any]) -> Steps:
    """Return the actions that a document names. Raises `InvalidArgument` for an action of the user's own."""
    check_steps(document)
    return tuple(_step_of(step) for step in document["steps"])


def policy_of(document: Mapping[str, Any]) -> SettlePolicy | None:
    """Return the settle policy of a document."""
    settle = document["settle"]
    return None if settle is None else SettlePolicy(**settle)


def guard_of(document: Mapping[str, Any]) -> Share | None:
    """Return the ``max_targets`` of a document."""
    most = document.get("max_targets")
    return None if most is None else Share.parse(most, "max_targets")


def check_healthy(document: Mapping[str, Any], healthy: HealthCheck | None) -> None:
    """Raise `InvalidArgument` where the rollout of a document had a health check, and none is given."""
    if document.get("healthy") and healthy is None:
        raise InvalidArgument(
            "this run asks a health check, which no file can hold: give it again with healthy=…",
            argument="healthy",
        )


def rollout_from(document: Mapping[str, Any], healthy: HealthCheck | None) -> Rollout | None:
    """Return the rollout of a document, with a health check that is given again."""
    stored = document["rollout"]
    if stored is None:
        return None
    rollout = Rollout.from_document(stored)
    return rollout if healthy is None else attrs.evolve(rollout, healthy=healthy)


def _is_given(field: attrs.Attribute[Any], value: object) -> bool:
    return field.init and value is not None


def _step_document(step: Action) -> dict[str, Any]:
    if type(step) is not ACTIONS.get(step.name):
        declaration = attrs.asdict(Declaration.of(step))
        return {**declaration, "own": True, "safety": step.safety.value, "effect": step.effect.value}
    fields = attrs.asdict(step, filter=_is_given)  # type: ignore[arg-type]  # all of ours are attrs classes
    return {"name": step.name, **fields}


def _step_of(document: Mapping[str, Any]) -> Action:
    fields = {key: value for key, value in document.items() if key not in ("name", "own")}
    return ACTIONS[document["name"]](**fields)


def same_work(stored: Mapping[str, Any], spec: RunSpec) -> bool:
    """Whether a stored document asks for the same work as a spec."""
    mine = spec.to_document()
    if stored.get("selection") != mine["selection"]:
        return False
    return [_work_of(step) for step in stored.get("steps", ())] == [_work_of(step) for step in mine["steps"]]


def _work_of(step: Mapping[str, Any]) -> dict[str, Any]:
    # Journals of earlier versions have less of it.
    return {key: value for key, value in step.items() if key not in _DECLARED}

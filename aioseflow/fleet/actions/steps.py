"""The actions of a run, in order: one, or several that follow each other on each VM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ...models import Vm
from ..model.outcome import ActionRaised, Status, cause_of
from ..model.raised import action_raised, refuse_awaitable
from ..model.refusals import RunRefused
from .action import Action, Effect, Skip

Steps: TypeAlias = tuple[Action, ...]


def name_of(steps: Steps) -> str:
    """Return the name of the steps in outcomes: ``"stop"``, ``"stop+resize+start"``."""
    return "+".join(step.name for step in steps)


def refuse_unconfirmed(steps: Sequence[Action], planned: int | None = None) -> None:
    """Raise `RunRefused` where a step needs a confirmation.

    ``planned`` is the number of VMs of a plan that was not confirmed, None where there is no plan.
    """
    needing = next((step.name for step in steps if step.needs_confirmation), None)
    if needing is None:
        return
    message = f"{needing} is for good: make a plan, look at it, and run plan.confirm(count)"
    if planned is not None:
        message = f"{needing} of {planned} VMs is for good: look at the plan, and run plan.confirm({planned})"
    raise RunRefused(message, reason="not_confirmed")


def takes_down(steps: Steps) -> bool:
    """Whether a VM cannot be used at some time of the steps."""
    return any(step.effect.takes_down for step in steps)


def ends_down(steps: Steps) -> bool:
    """Whether a VM cannot be used when all steps are done."""
    effects = [step.effect for step in steps if step.effect is not Effect.NONE]
    return bool(effects) and effects[-1].ends_down


def skip_of_step(action: Action, vm: Vm) -> Skip | None:
    """Return what `Action.skip` says; a failed `Skip` where it raises, or returns something else."""
    try:
        skip = action.skip(vm)
        if skip is None or isinstance(skip, Skip):
            return skip if skip is None or isinstance(skip.status, Status) else _with_status(skip)
        refuse_awaitable("skip()", skip)
        raised = ActionRaised(
            f"skip() returned {skip!r:.80}: return a Skip, or None for a VM that needs the action"
        )
    except ActionRaised as error:
        raised = error
    except BaseException as error:  # noqa: BLE001 - a user's method; what is not its own is raised again
        raised = action_raised("skip()", error)
    return Skip(Status.FAILED, cause_of(raised), raised)


def _with_status(skip: Skip) -> Skip:
    return Skip(Status(skip.status), str(skip.cause), skip.error)


def skip_of(steps: Steps, vm: Vm) -> Skip | None:
    """Return why nothing is sent to a VM, from its list; for a sequence, only if no step is needed."""
    if len(steps) == 1:
        return skip_of_step(steps[0], vm)
    skips = [skip_of_step(step, vm) for step in steps]
    first = skips[0]
    if first is not None and first.status is not Status.UNCHANGED:
        return first
    needless = all(skip is not None and skip.status is Status.UNCHANGED for skip in skips)
    return skips[-1] if needless else None

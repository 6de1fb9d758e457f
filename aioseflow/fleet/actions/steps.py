"""The actions of a run, in order: one, or several that follow each other on each VM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from ...errors import InvalidArgument
from ...models import Vm
from ...safety import Safety
from ..model.outcome import Status
from ..model.refusals import RunRefused
from .action import Action, Effect, Skip
from .action_like import Actions, adapt

_NAME: Final = re.compile(r"[A-Za-z][\w.-]{0,63}")

Steps: TypeAlias = tuple[Action, ...]


def as_steps(action: Actions) -> Steps:
    """One action, or several in a row, as steps.

    Raises `InvalidArgument` for anything else, and for an action whose declaration cannot be meant.
    """
    given = list(action) if isinstance(action, list | tuple) else [action]
    steps = [adapt(each) for each in given]
    if not steps or any(step is None for step in steps):
        raise InvalidArgument(
            f"{action!r:.80} is no action; give Stop(), Start(), Reboot() … or a list of them"
        )
    checked = tuple(_checked(step) for step in steps if step is not None)
    if len(checked) > 1:
        reads = [step.name for step in checked if step.safety is Safety.READ]
        if reads:
            raise InvalidArgument(f"{reads[0]} only reads, and cannot be a step of a sequence")
    return checked


def _checked(step: Action) -> Action:
    name, undo = getattr(step, "name", None), step.undo
    if not isinstance(step.safety, Safety) or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"{step!r:.80}: an action's safety is one of Safety, and its name a word such as 'snapshot'"
        )
    if not isinstance(step.effect, Effect):
        raise InvalidArgument(f"action {name}: its effect is one of Effect, not {step.effect!r:.40}")
    if not (undo is None or isinstance(undo, str) or (isinstance(undo, type) and issubclass(undo, Action))):
        raise InvalidArgument(f"action {name}: its undo is the name or the class of an action")
    return step


def steps_again(action: Actions, name: str) -> Steps:
    """The steps of a run whose actions are given again. Raises `InvalidArgument` for other actions."""
    steps = as_steps(action)
    if name_of(steps) != name:
        raise InvalidArgument(f"action= is {name_of(steps)}, and what is run again was to {name}")
    return steps


def name_of(steps: Steps) -> str:
    """The name of the steps in outcomes: ``"stop"``, ``"stop+resize+start"``."""
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


def skip_of(steps: Steps, vm: Vm) -> Skip | None:
    """Why nothing is sent to a VM, from its list; of a sequence, only if no step is needed."""
    if len(steps) == 1:
        return steps[0].skip(vm)
    skips = [step.skip(vm) for step in steps]
    first = skips[0]
    if first is not None and first.status is not Status.UNCHANGED:
        return first
    needless = all(skip is not None and skip.status is Status.UNCHANGED for skip in skips)
    return skips[-1] if needless else None

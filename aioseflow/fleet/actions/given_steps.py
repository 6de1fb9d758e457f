"""Steps of a run, checked, of the actions that a user gives."""

from __future__ import annotations

import re
from typing import Final

from ...errors import InvalidArgument
from ...safety import Safety
from .action import Action, Effect
from .action_like import Actions, adapt
from .steps import Steps, name_of

_NAME: Final = re.compile(r"[A-Za-z][\w.-]{0,63}")


def as_steps(action: Actions) -> Steps:
    """Return one action, or several in a row, as steps.

    Raises:
        InvalidArgument: a value is no action, or the declaration of an action contradicts itself.
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
    """Return the steps of a run whose actions are given again. Raises `InvalidArgument` for other actions."""
    steps = as_steps(action)
    if name_of(steps) != name:
        raise InvalidArgument(f"action= is {name_of(steps)}, and what is run again was to {name}")
    return steps

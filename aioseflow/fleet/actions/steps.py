"""The actions of a run, in order: one, or several that follow each other on each VM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias, TypeGuard

from ...errors import InvalidArgument
from ...models import PowerState, Vm
from ...safety import Safety
from ..model.outcome import Status
from .action import Action, Skip

_NAME: Final = re.compile(r"[A-Za-z][\w.-]{0,63}")

Steps: TypeAlias = tuple[Action, ...]


def as_steps(action: Action | Sequence[Action]) -> Steps:
    """One action or several in a row. Raises `InvalidArgument` for anything else, before anything is sent."""
    steps = (action,) if _is_action(action) else tuple(action) if isinstance(action, list | tuple) else ()
    if not steps or not all(_is_action(step) for step in steps):
        raise InvalidArgument(
            f"{action!r:.80} is no action; give Stop(), Start(), Reboot() … or a list of them"
        )
    for step in steps:
        if (
            not isinstance(step.safety, Safety)
            or not isinstance(step.name, str)
            or not _NAME.fullmatch(step.name)
        ):
            raise InvalidArgument(
                f"{step!r:.80}: an action's safety is one of Safety, and its name a word such as 'snapshot'"
            )
    if len(steps) > 1:
        reads = [step.name for step in steps if step.safety is Safety.READ]
        if reads:
            raise InvalidArgument(f"{reads[0]} only reads, and cannot be a step of a sequence")
    return steps


def steps_again(action: Action | Sequence[Action], name: str) -> Steps:
    """Steps given again for what was to do ``name``. Raises `InvalidArgument` where they do another thing."""
    steps = as_steps(action)
    if name_of(steps) != name:
        raise InvalidArgument(f"action= is {name_of(steps)}, and what is run again was to {name}")
    return steps


def _is_action(value: object) -> TypeGuard[Action]:
    return isinstance(value, Action) and not isinstance(value, type)


def name_of(steps: Steps) -> str:
    """How a run's outcomes call what it does: ``"stop"``, ``"stop+resize+start"``."""
    return "+".join(step.name for step in steps)


def takes_down(steps: Steps) -> bool:
    """Whether a VM cannot be used while this is done to it."""
    return any(step.takes_down for step in steps)


def ends_down(steps: Steps) -> bool:
    """Whether a VM is off when all of it is done."""
    last = [step.ends_down for step in steps if step.takes_down or step.done(_RUNNING) is True]
    return bool(last) and last[-1]


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


_RUNNING = Vm(id="0", power=PowerState.RUNNING)

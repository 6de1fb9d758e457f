"""Undoing a run: the action that does so, and the VMs to which the run did what is undone."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import InvalidArgument
from ...models import PowerState
from ..actions.action import ACTIONS, Action, Effect
from ..actions.action_like import ActionLike
from ..actions.declaration import Declaration
from ..actions.given_steps import steps_again
from ..journal import RunHeader, StoredTarget
from ..model.outcome import Outcome, Status
from ..model.target import Stage
from ..plan.spec import stored_steps
from ..run.stored_outcome import facts_of


def undo_of(header: RunHeader) -> str:
    """The name of the action that undoes a run. Raises `InvalidArgument` where no single action does."""
    names = sorted({step.undo for step in stored_steps(header) if step.undo is not None})
    if not names:
        raise InvalidArgument(
            f"run {header.run_id} stopped nothing, and did nothing else that can be undone: "
            f"it was a {header.action}"
        )
    if len(names) > 1:
        raise InvalidArgument(f"run {header.run_id} is undone by {' and '.join(names)}: run each of them")
    return names[0]


def action_of_undo(undo: str, given: ActionLike | None, steps: Sequence[Action]) -> Action:
    """The action of this name: given, named by the class of a step, or built in. Raises `InvalidArgument`."""
    kinds = [step.undo for step in steps if isinstance(step.undo, type)]
    if given is not None:
        return steps_again(given, undo)[0]
    kind = kinds[0] if kinds else ACTIONS.get(undo)
    if kind is None:
        raise InvalidArgument(f"{undo!r:.60} is an action of your own: give it again with action=…")
    return kind()


def is_to_undo(target: StoredTarget, outcome: Outcome, steps: Sequence[Declaration], undo: str) -> bool:
    """Whether a run did to a VM what ``undo`` undoes, as far as is known: an unknown outcome may be so."""
    place = min(target.step, len(steps) - 1)
    done = steps if outcome.status is Status.CHANGED else steps[:place]
    step = next((step for step in reversed(done) if undo in (step.undo, step.name)), None)
    if step is not None and step.undo == undo:
        was_done = outcome.status is Status.CHANGED or target.changed_before
        # Of a single step before the present one it is known whether it was sent or not needed.
        was_sent = target.changed_before and place == 1 and step is steps[0]
    else:
        step, facts = steps[place], facts_of(target, steps)
        was_sent = facts.answer_lost or facts.stage in (Stage.SENT, Stage.ACCEPTED)
        was_done = outcome.status is not Status.CHANGED and was_sent and step.undo == undo
    was_off = step.effect is Effect.DOWN and target.row.power == PowerState.STOPPED
    # A VM that was off at its selection was taken down only if it came up before its step was sent.
    return was_done and (was_sent or not was_off)

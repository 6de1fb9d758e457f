"""Declarations of actions, as data: all that a report or a journal needs to know of an action."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ...safety import Safety
from .action import ACTIONS, Action, Effect


@attrs.frozen
class Declaration:
    """Declaration of an action, without the action; `Action` explains the attributes.

    The defaults are those of an action of which only the name is known: any change may have been made.
    """

    name: str
    safety: Safety = attrs.field(default=Safety.IDEMPOTENT, converter=Safety)
    settles: bool = True
    effect: Effect = attrs.field(default=Effect.NONE, converter=Effect)
    undo: str | None = None
    needs_confirmation: bool = False
    past: str = ""
    already: str = "unchanged"

    @classmethod
    def of(cls, action: Action | type[Action]) -> Declaration:
        """Return the declaration of an action, or of a built-in class."""
        undo = action.undo
        return cls(
            name=action.name,
            safety=action.safety,
            settles=action.settles,
            effect=action.effect,
            undo=undo if undo is None or isinstance(undo, str) else undo.name,
            needs_confirmation=action.needs_confirmation,
            past=action.past,
            already=action.already,
        )


def declared(steps: Iterable[Action]) -> tuple[Declaration, ...]:
    """Return the declarations of the steps of a run."""
    return tuple(map(Declaration.of, steps))


def declared_by_name(names: Iterable[str]) -> tuple[Declaration, ...]:
    """Return the declarations of actions of which only the names are known."""
    kinds = ((name, ACTIONS.get(name)) for name in names)
    return tuple(Declaration(name) if kind is None else Declaration.of(kind) for name, kind in kinds)

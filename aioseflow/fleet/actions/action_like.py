"""Actions that are no subclass of `Action`: objects with the members of the protocol that it was before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

import attrs

from ...models import PowerState, Service, Vm
from ...safety import Safety
from .action import ACTIONS, Action, Effect, Skip

_RUNNING: Final = Vm(id="0", power=PowerState.RUNNING, power_word="running")
_OPTIONAL: Final = ("requests", "needs_confirmation", "past", "already")
_STOPPED: Final = Vm(id="0", power=PowerState.STOPPED, power_word="stopped")


@runtime_checkable
class ActionLike(Protocol):
    """An `Action`, or an object that has all of these members: see `Action` for what they mean."""

    @property
    def name(self) -> str: ...

    @property
    def safety(self) -> Safety: ...

    @property
    def settles(self) -> bool: ...

    @property
    def takes_down(self) -> bool: ...

    @property
    def ends_down(self) -> bool: ...

    def skip(self, vm: Vm) -> Skip | None: ...

    async def perform(self, account: Any, service: Service, vm: Vm) -> Any: ...

    def done(self, vm: Vm | None) -> bool | None: ...

    async def look(self, account: Any, service: Service, vm: Vm) -> bool | None: ...


Actions: TypeAlias = ActionLike | Sequence[ActionLike]
"""One action, or several that follow each other on each VM."""


def adapt(value: object) -> Action | None:
    """Return a value as an `Action`, None where it is no action."""
    # A subclass, too, may declare that it takes VMs down, and no effect.
    if isinstance(value, Action) and (value.effect is not Effect.NONE or not value.takes_down):
        return value
    if isinstance(value, type) or not isinstance(value, ActionLike):
        return None
    # An object with the name of a built-in action is undone like that action.
    kind = ACTIONS.get(value.name) if isinstance(value.name, str) else None
    return _Adapted(
        action=value,
        name=value.name,
        safety=value.safety,
        settles=value.settles,
        effect=_effect_of(value),
        takes_down=value.takes_down,
        ends_down=value.ends_down,
        undo=getattr(value, "undo", None) or getattr(kind, "undo", None),
        **{name: getattr(value, name, getattr(Action, name)) for name in _OPTIONAL},
    )


def _effect_of(action: ActionLike) -> Effect:
    if action.takes_down:
        return Effect.DOWN if action.ends_down else Effect.BOUNCE
    return Effect.UP if action.safety is not Safety.READ and _starts(action) else Effect.NONE


def _starts(action: ActionLike) -> bool:
    """Whether the action is done for a VM that runs, and not for one that is off."""
    try:
        return action.done(_RUNNING) is True and action.done(_STOPPED) is False
    except Exception:  # noqa: BLE001 - these VMs have no more than their power, which `done` need not expect
        return False


@attrs.frozen(repr=False)
class _Adapted(Action):
    """An `ActionLike` as an `Action`."""

    action: ActionLike
    name: str
    safety: Safety
    settles: bool
    effect: Effect
    takes_down: bool
    ends_down: bool
    undo: str | type[Action] | None
    requests: int
    needs_confirmation: bool
    past: str
    already: str

    def __repr__(self) -> str:
        return repr(self.action)

    def skip(self, vm: Vm) -> Skip | None:
        return self.action.skip(vm)

    async def perform(self, account: Any, service: Service, vm: Vm) -> Any:
        return await self.action.perform(account, service, vm)

    def done(self, vm: Vm | None) -> bool | None:
        return self.action.done(vm)

    async def look(self, account: Any, service: Service, vm: Vm) -> bool | None:
        return await self.action.look(account, service, vm)

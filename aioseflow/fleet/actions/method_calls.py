"""Calls of the methods of actions, which may be a user's: whatever they raise or return, the run goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ...errors import SeFlowError
from ...models import Service, Vm
from ..model.outcome import ActionRaised
from ..model.raised import action_raised, refuse_awaitable
from .action import ACTIONS, Action


def is_built_in(action: Action) -> bool:
    """Whether an action is of a class of this package, whose methods neither raise nor return nonsense."""
    return ACTIONS.get(getattr(action, "name", "")) is type(action)


def done_check(action: Action) -> Callable[[Vm | None], bool | None]:
    """Return a function that calls `Action.done`. It raises `ActionRaised` where that raises anything."""
    if is_built_in(action):
        return action.done

    def done(vm: Vm | None) -> bool | None:
        try:
            seen = action.done(vm)
            refuse_awaitable("done()", seen)
            return None if seen is None else bool(seen)
        except ActionRaised:
            raise
        except BaseException as error:
            raise action_raised("done()", error) from error

    return done


def done_or_undecided(action: Action, vm: Vm | None) -> bool | None:
    """Return what `Action.done` says of a VM, None where it raises."""
    try:
        return done_check(action)(vm)
    except ActionRaised:
        return None


def look_check(action: Action, account: Any) -> Callable[[Service, Vm], Awaitable[bool | None]]:
    """Return a function that calls `Action.look`; an error of a request passes through.

    It raises `ActionRaised` where `Action.look` raises anything else.
    """

    async def look(service: Service, vm: Vm) -> bool | None:
        try:
            seen = await action.look(account, service, vm)
            refuse_awaitable("look()", seen)
            return None if seen is None else bool(seen)
        except SeFlowError:
            raise
        except BaseException as error:
            raise action_raised("look()", error) from error

    return look

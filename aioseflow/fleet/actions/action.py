"""What can be done to a VM: what it sends, what makes it needless, and how it is seen to be done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeGuard, runtime_checkable

import attrs

from ...errors import InvalidArgument, SeFlowError
from ...models import PowerState, Service, Vm
from ...safety import Safety
from ..model.fleet_account import FleetAccount
from ..model.outcome import Status


@attrs.frozen
class Skip:
    """Why nothing is sent to a VM, with the error that says more, where there is one."""

    status: Status
    cause: str
    error: SeFlowError | None = None


@runtime_checkable
class Action(Protocol):
    """One kind of thing done to each VM of a run; write a class of your own for what is not here.

    Attributes:
        name: the word for it in outcomes and reports.
        safety: what may be repeated. READ changes nothing; IDEMPOTENT is sent again after a lost answer;
            ONCE never is, and its VM is then ``unknown``.
        settles: whether a later reading of the VM shows that it was done, by `done` or by `look`.
        takes_down: whether the VM cannot be used meanwhile; ``ends_down`` whether it cannot afterwards.
    """

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

    def skip(self, vm: Vm) -> Skip | None:
        """Why this VM needs nothing, from what its service's list says of it; None if it needs it."""
        ...

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        """Send it. Raises `SeFlowError`; a `Skip` says that a look before sending found it needless.

        Anything else is the outcome's ``value``, for READ.
        """
        ...

    def done(self, vm: Vm | None) -> bool | None:
        """Whether a list shows it to be done; None where lists do not tell. ``vm`` is None if it is gone."""
        ...

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        """A reading of its own, where `done` says None; None if that does not tell either."""
        ...


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


HELD: Final = frozenset({"transitional", "locked"})


def held(vm: Vm) -> str | None:
    """Why a VM cannot be acted on now, in a word."""
    if vm.power is PowerState.TRANSITIONAL:
        return "transitional"
    return "locked" if vm.locked else None


def is_down(vm: Vm) -> bool:
    """Whether a VM cannot be used, whatever the reason; one of which nothing is known is not down."""
    return vm.power is not PowerState.RUNNING and (vm.power_word is not None or unread(vm, "power"))


def unread(vm: Vm, *names: str) -> bool:
    """Whether the panel sent one of these fields in a form that cannot be read."""
    return bool(vm.unread) and not {*names}.isdisjoint(vm.unread)


_RUNNING = Vm(id="0", power=PowerState.RUNNING)

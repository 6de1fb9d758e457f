"""`Action`, the base class of what a run does to each VM, and `ACTIONS`, the built-in ones by name.

An action is declared once, in its class: plans, runs, reports, restoring, help and the command line read what
it declares there. No other module has a table of actions.
"""

from __future__ import annotations

import enum
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

import attrs

from ...errors import SeFlowError
from ...models import Service, Vm
from ...safety import Safety
from ..model.outcome import Status


class Effect(enum.StrEnum):
    """Effect of an action on the availability of its VM."""

    NONE = "none"
    """The VM stays as it is, up or down."""
    DOWN = "down"
    """The VM cannot be used from then on."""
    UP = "up"
    """The VM runs from then on."""
    BOUNCE = "bounce"
    """The VM cannot be used for a while, and runs again."""

    @property
    def takes_down(self) -> bool:
        """Whether the VM cannot be used meanwhile."""
        return self in (Effect.DOWN, Effect.BOUNCE)

    @property
    def ends_down(self) -> bool:
        """Whether the VM cannot be used afterwards."""
        return self is Effect.DOWN


@attrs.frozen
class Skip:
    """Reason why nothing is sent to a VM: status and cause of its outcome, and the error if there is one."""

    status: Status
    cause: str
    error: SeFlowError | None = None


class _Derived:
    """Class attribute that is computed from other attributes, unless a subclass declares it."""

    def __init__(self, derive: Callable[[Any], Any]) -> None:
        self._derive = derive

    def __get__(self, action: object | None, kind: type) -> Any:
        return self._derive(kind if action is None else action)


def _help_of(action: Any) -> str:
    kind = action if isinstance(action, type) else type(action)
    first_paragraph = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    return " ".join(first_paragraph.split())


class Action(ABC):
    """Operation that a run carries out on each of its VMs; a subclass is an action of your own.

    A subclass declares ``name`` and ``safety``, defines `perform`, and overrides what else is different.

    Attributes:
        name: the word for the action in outcomes, reports and journals: letters, digits, ``_``, ``.``, ``-``.
        safety: what may be repeated. READ changes nothing; IDEMPOTENT is sent again after a lost answer;
            ONCE never is, and its VM is then ``unknown``.
        effect: the effect on the availability of the VM, by which downtimes, plans and ``max_unavailable``
            count.
        undo: the name or the class of the action that undoes this one, for `Fleet.restore`; None without one.
        requests: number of requests for one VM, for the estimate of a plan.
        settles: whether reading the VM back shows that it was done; by default whether the class defines
            `done` or `look`.
        needs_confirmation: whether the action runs only as a plan that was confirmed.
        help: one line for people; by default the first paragraph of the docstring.
        past: the verb of a report's headline, "Stopped"; where it is empty, "Completed NAME on".
        already: the state of VMs that needed nothing, for the headline: "off already".
        takes_down, ends_down: whether ``effect`` makes the VM unusable meanwhile, and afterwards.
    """

    __slots__ = ()

    name: str
    safety: Safety = Safety.ONCE
    effect: Effect = Effect.NONE
    undo: str | type[Action] | None = None
    requests: int = 1
    settles: bool = False
    needs_confirmation: bool = False
    help: str = _Derived(_help_of)  # type: ignore[assignment]  # a descriptor gives it
    past: str = ""
    already: str = "unchanged"
    takes_down: bool = _Derived(lambda action: action.effect.takes_down)  # type: ignore[assignment]
    ends_down: bool = _Derived(lambda action: action.effect.ends_down)  # type: ignore[assignment]
    _settles_is_derived = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = vars(cls)
        # attrs makes a class with slots twice, the second time of what the first one has.
        declares = "settles" in own and not own.get("_settles_is_derived", False)
        if declares or "settles" in own.get("__annotations__", ()):
            cls._settles_is_derived = False
        elif cls._settles_is_derived:
            cls.settles = cls.done is not Action.done or cls.look is not Action.look
            cls._settles_is_derived = True

    def __repr__(self) -> str:
        return f"<action {getattr(self, 'name', '?')}>"

    def skip(self, vm: Vm) -> Skip | None:
        """Return why this VM needs nothing, from what its service's list says of it; None if it needs it."""
        return None

    @abstractmethod
    async def perform(self, account: Any, service: Service, vm: Vm) -> Any:
        """Send the request, with the calls of ``account``: ``account.vms``, ``account.services`` ….

        Returns the outcome's ``value``, for READ; a `Skip` where a look before sending found the VM in no
        need of it. Raises `SeFlowError`.
        """

    def done(self, vm: Vm | None) -> bool | None:
        """Return whether a list shows it to be done; None where lists do not tell.

        ``vm`` is None if the VM is in no list any more.
        """
        return None

    async def look(self, account: Any, service: Service, vm: Vm) -> bool | None:
        """Read this VM alone, where `done` cannot tell from a list; None if that does not tell either.

        By default `done` judges the reading.
        """
        return self.done(await account.polls.get(service.id, vm.id))


Kind = TypeVar("Kind", bound=type[Action])

_kinds: dict[str, type[Action]] = {}

ACTIONS: Final[Mapping[str, type[Action]]] = MappingProxyType(_kinds)
"""The built-in actions by name, complete once `aioseflow.fleet.actions` is imported.

A journal and a plan's file name an action of these, and its fields; those of the user's own are given again.
"""


def built_in(kind: Kind) -> Kind:
    """Enter a class into `ACTIONS`. Raises `ValueError` where its name is taken."""
    if kind.name in _kinds:
        raise ValueError(f"two actions are called {kind.name}")
    _kinds[kind.name] = kind
    return kind

"""What can be done to a VM: what it sends, what makes it needless, and how it is seen to be done."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import attrs

from ...errors import SeFlowError
from ...models import Service, Vm
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

"""``seflow.support``: tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..identifiers import Id
from ..models import Ticket
from ..session.call import READ, Call

if TYPE_CHECKING:
    from ..session.session import Session

_TICKETS = Call("GET", "/tickets", name="support.tickets", key="tickets", returns=list[Ticket], safety=READ)
_TICKET = Call(
    "GET", "/tickets/{number}", name="support.ticket", key=("ticket", "tickets"), returns=Ticket, safety=READ
)


@attrs.frozen(repr=False)
class SupportEndpoints:
    """Support tickets. Every coroutine raises `SeFlowError`."""

    _session: Session

    async def tickets(self) -> list[Ticket]:
        """List the tickets of the account, without their replies (``GET /tickets``)."""
        return await self._session.request(_TICKETS)

    async def ticket(self, number: Id) -> Ticket:
        """Return a ticket with its replies (``GET /tickets/@number``)."""
        return await self._session.request(_TICKET, number=number)

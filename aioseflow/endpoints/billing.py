"""``seflow.billing``: balance and invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..identifiers import Id
from ..models import Balance, Invoice
from ..session.call import READ, Call

if TYPE_CHECKING:
    from ..session.session import Session

_BALANCE = Call("GET", "/balance", name="billing.balance", key="details", returns=Balance, safety=READ)
_INVOICES = Call(
    "GET", "/invoice", name="billing.invoices", key="invoices", returns=list[Invoice], safety=READ
)
_INVOICE = Call("GET", "/invoice/{id}", name="billing.invoice", key="invoice", returns=Invoice, safety=READ)


@attrs.frozen(repr=False)
class BillingEndpoints:
    """Balance and invoices. Every coroutine raises `SeFlowError`."""

    _session: Session

    async def balance(self) -> Balance:
        """Return the total of the unpaid invoices, and the credit (``GET /balance``)."""
        return await self._session.request(_BALANCE)

    async def invoices(self) -> list[Invoice]:
        """List the invoices of the account, without their items (``GET /invoice``)."""
        return await self._session.request(_INVOICES)

    async def invoice(self, id: Id) -> Invoice:
        """Return an invoice with its items (``GET /invoice/@id``). Raises `NotFound` for an unknown id."""
        return await self._session.request(_INVOICE, id=id)

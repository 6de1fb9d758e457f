"""Money: the balance and the invoices."""

from __future__ import annotations

from decimal import Decimal

from ..account_data import CENT, Invoice
from ..wire import Json, PanelError, Row, collection
from .account import client
from .panel_request import PanelRequest


def balance(request: PanelRequest) -> Json:
    """GET /balance: the unpaid amount and the credit."""
    world = request.world
    return {"details": {"acc_balance": f"{world.balance():.2f}", "acc_credit": f"{world.account.credit:.2f}"}}


def invoices(request: PanelRequest) -> Json:
    """GET /invoice."""
    return {"invoices": collection(request.dialect, map(_row, request.world.invoices))}


def invoice(request: PanelRequest) -> Json:
    """GET /invoice/@id. The document shortens `client`; here it is the whole customer."""
    for found in request.world.invoices:
        if found.id == request.ids[0]:
            return {"invoice": {**_details(found), "client": client(request.world.account)}}
    raise PanelError(404, "invoice_notfound")


def _row(invoice: Invoice) -> Row:
    return {
        "id": invoice.id,
        "date": str(invoice.date),
        "duedate": str(invoice.date),
        "paybefore": str(invoice.date),
        "total": f"{invoice.total:.2f}",
        "datepaid": invoice.paid_text,
        "status": invoice.status,
        "merge_id": None,
        "number": invoice.id,
        "currency": "USD",
    }


def _details(invoice: Invoice) -> Row:
    return {
        "id": invoice.id,
        "status": invoice.status,
        "date": str(invoice.date),
        "duedate": str(invoice.date),
        "paybefore": str(invoice.date),
        "datepaid": invoice.paid_text,
        "number": str(invoice.date),
        "currency": "USD",
        "subtotal": _json_number(invoice.subtotal),
        "credit": _json_number(invoice.credit),
        "tax": 0,
        "taxrate": 22,
        "tax2": 0,
        "taxrate2": 0,
        "taxexempt": "0",
        "total": _json_number(invoice.total),
        "rate": 1,
        "rate2": 0,
        "rate3": 1,
        "notes": "",
        "items": [
            {
                "id": line.id,
                "invoice_id": invoice.id,
                "type": line.type,
                "item_id": line.item_id,
                "description": line.description,
                "amount": f"{line.amount:.2f}",
                "taxed": "0",
                "qty": "1.00",
                "linetotal": f"{line.amount:.2f}",
            }
            for line in invoice.lines
        ],
    }


def _json_number(amount: Decimal) -> int | float:
    """Return a number as PHP writes it: 58.5, but 0."""
    rounded = amount.quantize(CENT)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)

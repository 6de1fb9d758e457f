"""Tickets."""

from __future__ import annotations

from ..books import Ticket
from ..wire import Dialect, Json, PanelError, collection
from .asked import Asked


def tickets(asked: Asked) -> Json:
    """GET /tickets."""
    rows = (
        {
            "client_read": "01"[ticket.read],
            "ticket_number": ticket.number,
            "date": ticket.date,
            "deptname": ticket.department,
            "subject": ticket.subject,
            "status": ticket.status,
        }
        for ticket in asked.world.tickets
    )
    return {"tickets": collection(asked.dialect, rows, "ticket_number")}


def ticket(asked: Asked) -> Json:
    """GET /tickets/@number. Newer installations say `ticket`; of the dialects `by_id` does."""
    account = asked.world.account
    name = f"{account.fields['firstname']} {account.fields['lastname']}"
    for found in asked.world.tickets:
        if found.number == asked.ids[0]:
            shown = {
                "date": found.date,
                "ticket_number": found.number,
                "name": name,
                "email": account.email,
                "subject": found.subject,
                "status": found.status,
                "client_read": "01"[found.read],
                "deptname": found.department,
            }
            key = "ticket" if asked.dialect is Dialect.BY_ID else "tickets"
            return {key: shown, "replies": _replies(found)}
    raise PanelError(404, "ticket_notfound")


def _replies(ticket: Ticket) -> Json:
    return [
        {"id": reply_id, "name": name, "date": date, "body": body, "status": "Sent", "type": kind}
        for reply_id, name, date, body, kind in ticket.replies
    ]

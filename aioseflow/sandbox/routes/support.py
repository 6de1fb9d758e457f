"""Tickets."""

from __future__ import annotations

from ..account_data import Ticket
from ..wire import Dialect, Json, PanelError, collection
from .panel_request import PanelRequest


def tickets(request: PanelRequest) -> Json:
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
        for ticket in request.world.tickets
    )
    return {"tickets": collection(request.dialect, rows, "ticket_number")}


def ticket(request: PanelRequest) -> Json:
    """GET /tickets/@number, under `ticket` in `by_id`, as on newer installations."""
    account = request.world.account
    name = f"{account.fields['firstname']} {account.fields['lastname']}"
    for found in request.world.tickets:
        if found.number == request.ids[0]:
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
            key = "ticket" if request.dialect is Dialect.BY_ID else "tickets"
            return {key: shown, "replies": _replies(found)}
    raise PanelError(404, "ticket_notfound")


def _replies(ticket: Ticket) -> Json:
    return [
        {"id": reply_id, "name": name, "date": date, "body": body, "status": "Sent", "type": kind}
        for reply_id, name, date, body, kind in ticket.replies
    ]

"""Support tickets: ``GET /tickets``."""

from __future__ import annotations

import datetime as dt

import attrs

from .shared import Model, OpenEnum


class TicketStatus(OpenEnum):
    """States of a ticket; ``Open`` is documented, the others are HostBill's."""

    OPEN = "Open"
    ANSWERED = "Answered"
    CLIENT_REPLY = "Client-Reply"
    IN_PROGRESS = "In-Progress"
    CLOSED = "Closed"


@attrs.frozen
class TicketReply(Model):
    """Reply in a ticket: *documented*, ``GET /tickets/@number``.

    Attributes:
        date: without zone.
        type: its author, ``"Admin"`` or ``"Client"``.
    """

    id: str
    name: str | None = None
    date: dt.datetime | None = None
    body: str | None = attrs.field(default=None, repr=False)
    status: str | None = None
    type: str | None = None


@attrs.frozen
class Ticket(Model):
    """A support ticket: *documented*, ``GET /tickets`` and ``GET /tickets/@number``.

    Attributes:
        date: when the ticket was opened; without zone.
        client_read: whether the client has read the last reply.
        replies: oldest first, as the panel sends them; empty in a list of tickets.
    """

    ticket_number: str
    date: dt.datetime | None = None
    name: str | None = None
    email: str | None = None
    subject: str | None = None
    status: TicketStatus | None = None
    client_read: bool | None = None
    deptname: str | None = None
    replies: tuple[TicketReply, ...] = ()

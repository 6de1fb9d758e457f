"""Tickets: the document's examples, and replies next to their ticket."""

# ruff: noqa: DTZ001 - the panel's times have no zone

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from aioseflow.decoding import decode
from aioseflow.errors import DecodeError
from aioseflow.models import Ticket, TicketReply, TicketStatus

Published = Callable[[str], Any]


def test_the_documents_list_of_tickets(published: Published) -> None:
    payload = published("seflow/GET_tickets.json")
    (ticket,) = decode(list[Ticket], payload, key=("tickets",), call="support.tickets")
    assert ticket == Ticket(
        ticket_number="437928",
        client_read=True,
        date=datetime(2015, 5, 12, 12, 1, 45),
        deptname="Support Tickets",
        subject="Example Ticket",
        status=TicketStatus.OPEN,
    )
    assert ticket.replies == ()
    assert ticket.extra == {}


@pytest.mark.parametrize("key", ["tickets", "ticket"])
def test_the_documents_ticket_with_its_replies(published: Published, key: str) -> None:
    payload = published("seflow/GET_tickets-number.json")
    payload[key] = payload.pop("tickets")
    assert decode(Ticket, payload, call="support.ticket") == Ticket(
        ticket_number="437928",
        date=datetime(2015, 5, 12, 12, 1, 45),
        name="John Doe",
        email="john@doe2.com",
        subject="Example Ticket",
        status=TicketStatus.OPEN,
        client_read=True,
        deptname="Support",
        replies=(
            TicketReply(
                id="57",
                name="Default User",
                date=datetime(2015, 5, 13, 8, 5, 46),
                body="Example admin reply",
                status="Sent",
                type="Admin",
            ),
            TicketReply(
                id="58",
                name="John Doe",
                date=datetime(2015, 5, 13, 8, 6, 7),
                body="Example client reply",
                status="Sent",
                type="Client",
            ),
        ),
    )


@pytest.mark.parametrize("key", [(), ("tickets", "ticket")])
def test_an_odd_field_of_a_reply_costs_only_itself(key: tuple[str, ...]) -> None:
    payload = {"tickets": {"ticket_number": 5}, "replies": [{"id": 1}, {"id": 2, "date": "soon"}]}
    ticket = decode(Ticket, payload, key=key, call="support.ticket")
    odd = TicketReply("2", extra={"date": "soon"}, unread=("date",))
    assert ticket == Ticket("5", replies=(TicketReply("1"), odd))
    assert ticket.replies[1].extra == {"date": "soon"}


def test_replies_inside_the_ticket_count_before_those_beside_it() -> None:
    payload: Any = {"ticket": {"ticket_number": 5, "replies": {"9": {"name": "J"}}}, "replies": []}
    assert decode(Ticket, payload, call="support.ticket").replies == (TicketReply(id="9", name="J"),)
    payload["ticket"]["replies"] = [{"id": None}]
    ticket = decode(Ticket, payload, call="support.ticket")
    assert (ticket.replies, ticket.unread, ticket.extra) == ((), ("replies",), {"replies": [{"id": None}]})


def test_a_ticket_that_is_not_there_is_named() -> None:
    with pytest.raises(DecodeError) as caught:
        decode(Ticket, {"replies": []}, call="support.ticket")
    assert caught.value.path == "$.ticket"
    assert "'ticket' or 'tickets'" in str(caught.value)

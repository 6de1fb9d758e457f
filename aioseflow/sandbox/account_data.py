"""The account's data: registration, invoices, tickets and domains."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import attrs

CENT = Decimal("0.01")
NEVER_PAID = "0000-00-00 00:00:00"


@attrs.define
class Account:
    """The customer. `GET /details` shows `fields`; `other` can only be set."""

    password: str
    credit: Decimal
    fields: dict[str, str | None]
    other: dict[str, str] = attrs.field(factory=dict)

    @property
    def email(self) -> str:
        """E-mail address, which is the login."""
        return self.fields["email"] or ""


@attrs.frozen
class InvoiceLine:
    """Line of an invoice."""

    id: str
    type: str
    item_id: str
    description: str
    amount: Decimal


@attrs.define
class Invoice:
    """Invoice; `credit` is the amount that the account's credit paid."""

    id: str
    date: date
    lines: tuple[InvoiceLine, ...]
    paid_at: datetime | None = None
    credit: Decimal = Decimal(0)

    @property
    def status(self) -> str:
        """`Paid` or `Unpaid`."""
        return "Paid" if self.paid_at else "Unpaid"

    @property
    def subtotal(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        """Amount left to pay after credit; of a paid invoice, the subtotal."""
        return self.subtotal if self.paid_at else self.subtotal - self.credit

    @property
    def paid_text(self) -> str:
        """Time of payment as PHP writes it, zeroes for never."""
        return f"{self.paid_at:%Y-%m-%d %H:%M:%S}" if self.paid_at else NEVER_PAID


@attrs.frozen
class Ticket:
    """Support ticket; a reply is (id, name, date, body, type)."""

    number: str
    date: str
    subject: str
    status: str
    department: str
    read: bool
    replies: tuple[tuple[str, str, str, str, str], ...]


@attrs.frozen
class Domain:
    """A registered domain."""

    id: str
    name: str
    created: date
    expires: date
    price: Decimal
    nameservers: tuple[str, str, str, str]
    autorenew: bool = True
    protected: bool = False


def new_account(email: str, password: str, credit: Decimal) -> Account:
    """Return the initial customer."""
    fields: dict[str, str | None] = {
        "id": "20408",
        "email": email,
        "lastlogin": "2026-01-01 09:00:20",
        "ip": "127.0.0.1",
        "host": "unknown",
        "status": "Active",
        "parent_id": "0",
        "firstname": "John",
        "lastname": "Doe",
        "companyname": "Company name",
        "address1": "Address 1",
        "address2": "Address 2",
        "city": "City",
        "state": "Alabama",
        "postcode": "00100",
        "country": "US",
        "phonenumber": "+01.222444111",
        "datecreated": "2015-03-16",
        "language": "english",
        "company": "1",
        "privileges": None,
    }
    return Account(password, credit, fields)


def first_invoices() -> list[Invoice]:
    """Return an unpaid and a paid invoice."""
    hosting = InvoiceLine("264329", "Hosting", "33301", "Hosting - Starter Hosting", Decimal("10.00"))
    cloud = InvoiceLine("264330", "Hosting", "33301", "Cloud - Virtual servers", Decimal("58.50"))
    return [
        Invoice("239780", date(2025, 12, 26), (hosting,)),
        Invoice("303090", date(2025, 11, 5), (cloud,), paid_at=datetime(2025, 11, 10, 13, 13, 37)),  # noqa: DTZ001  (the panel's times have no zone)
    ]


def first_tickets() -> list[Ticket]:
    """Return an open ticket with two replies and a closed one without any."""
    replies = (
        ("57", "Default User", "2025-12-13 08:05:46", "Example admin reply", "Admin"),
        ("58", "John Doe", "2025-12-13 08:06:07", "Example client reply", "Client"),
    )
    return [
        Ticket("437928", "2025-12-12 12:01:45", "Example Ticket", "Open", "Support Tickets", True, replies),
        Ticket("437929", "2025-12-20 07:30:00", "Réseau <lent> & sûr", "Closed", "Sales", False, ()),
    ]


def first_domains() -> list[Domain]:
    """Return a domain with automatic renewal and one without."""
    servers = ("ns1.example.com", "ns2.example.com", "ns3.example.com", "")
    return [
        Domain("548", "example.com", date(2025, 8, 4), date(2026, 8, 4), Decimal("10.00"), servers),
        Domain(
            "549",
            "example.net",
            date(2024, 3, 1),
            date(2027, 3, 1),
            Decimal("12.50"),
            ("ns1.example.net", "ns2.example.net", "", ""),
            autorenew=False,
            protected=True,
        ),
    ]

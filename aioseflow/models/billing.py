"""Money: ``GET /balance``, ``GET /invoice``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from .shared import STRICT, Model, OpenEnum


@attrs.frozen
class Balance(Model):
    """Unpaid amount and credit: *documented*, ``GET /balance``.

    Attributes:
        acc_balance: total of the unpaid invoices.
        acc_credit: credit of the account.
    """

    acc_balance: Decimal | None = attrs.field(default=None, metadata=STRICT)
    acc_credit: Decimal | None = attrs.field(default=None, metadata=STRICT)


class InvoiceStatus(OpenEnum):
    """States of an invoice; ``Paid`` and ``Unpaid`` are documented, the others are HostBill's."""

    PAID = "Paid"
    UNPAID = "Unpaid"
    CANCELLED = "Cancelled"
    REFUNDED = "Refunded"
    CREDITED = "Credited"
    DRAFT = "Draft"
    COLLECTIONS = "Collections"


@attrs.frozen
class InvoiceItem(Model):
    """Line of an invoice: *documented*, ``GET /invoice/@id``.

    Attributes:
        item_id: id of the service or domain that is billed, by `type`.
        amount: price of one; `linetotal` of all `qty`.
    """

    id: str
    invoice_id: str | None = None
    type: str | None = None
    item_id: str | None = None
    description: str | None = None
    amount: Decimal | None = attrs.field(default=None, metadata=STRICT)
    taxed: bool | None = None
    qty: Decimal | None = attrs.field(default=None, metadata=STRICT)
    linetotal: Decimal | None = attrs.field(default=None, metadata=STRICT)


@attrs.frozen
class Invoice(Model):
    """An invoice: *documented*, ``GET /invoice`` (the first ten fields) and ``GET /invoice/@id``.

    Attributes:
        datepaid: None while unpaid (the panel's ``0000-00-00 00:00:00``); without zone.
        taxrate: percent.
        rate: exchange rate of `currency`.
        items: empty in a list.
        client: the customer; the document does not show its keys, so it is kept as parsed, secrets concealed
            as in `extra`.
    """

    id: str
    date: dt.date | None = None
    duedate: dt.date | None = None
    paybefore: dt.date | None = None
    total: Decimal | None = attrs.field(default=None, metadata=STRICT)
    datepaid: dt.datetime | None = None
    status: InvoiceStatus | None = None
    merge_id: str | None = None
    number: str | None = None
    currency: str | None = None
    subtotal: Decimal | None = attrs.field(default=None, metadata=STRICT)
    credit: Decimal | None = attrs.field(default=None, metadata=STRICT)
    tax: Decimal | None = attrs.field(default=None, metadata=STRICT)
    taxrate: Decimal | None = attrs.field(default=None, metadata=STRICT)
    tax2: Decimal | None = attrs.field(default=None, metadata=STRICT)
    taxrate2: Decimal | None = attrs.field(default=None, metadata=STRICT)
    taxexempt: bool | None = None
    rate: Decimal | None = attrs.field(default=None, metadata=STRICT)
    rate2: Decimal | None = attrs.field(default=None, metadata=STRICT)
    rate3: Decimal | None = attrs.field(default=None, metadata=STRICT)
    notes: str | None = None
    items: tuple[InvoiceItem, ...] = attrs.field(default=(), metadata=STRICT)
    client: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)

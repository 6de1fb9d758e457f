"""Balance and invoices: the document's examples."""

# ruff: noqa: DTZ001 - the panel's times have no zone

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from aioseflow.decoding import decode
from aioseflow.errors import DecodeError
from aioseflow.models import Balance, Invoice, InvoiceItem, InvoiceStatus
from aioseflow.secret import Secret

Published = Callable[[str], Any]


def test_the_documents_balance_is_exact_money(published: Published) -> None:
    balance = decode(Balance, published("seflow/GET_balance.json"), key=("details",), call="billing.balance")
    assert balance == Balance(acc_balance=Decimal("10.00"), acc_credit=Decimal("0.00"))
    assert str(balance.acc_balance) == "10.00"


def test_the_documents_list_of_invoices(published: Published) -> None:
    payload = published("seflow/GET_invoice.json")
    (invoice,) = decode(list[Invoice], payload, key=("invoices",), call="billing.invoices")
    assert invoice == Invoice(
        id="239780",
        date=date(2015, 5, 26),
        duedate=date(2015, 5, 26),
        paybefore=date(2015, 5, 26),
        total=Decimal("10.00"),
        datepaid=None,
        status=InvoiceStatus.UNPAID,
        merge_id=None,
        number="239780",
        currency="USD",
    )
    assert invoice.items == ()
    assert invoice.extra == {}


def test_the_documents_invoice_with_its_line(published: Published) -> None:
    invoice = decode(
        Invoice, published("seflow/GET_invoice-id.json"), key=("invoice",), call="billing.invoice"
    )
    assert invoice == Invoice(
        id="303090",
        status=InvoiceStatus.PAID,
        date=date(2015, 8, 5),
        duedate=date(2015, 8, 5),
        paybefore=date(2015, 8, 5),
        datepaid=datetime(2015, 9, 10, 13, 13, 37),
        number="2015-09-25",
        currency="USD",
        subtotal=Decimal("58.5"),
        credit=Decimal(0),
        tax=Decimal(0),
        taxrate=Decimal(22),
        tax2=Decimal(0),
        taxrate2=Decimal(0),
        taxexempt=False,
        total=Decimal("58.5"),
        rate=Decimal(1),
        rate2=Decimal(0),
        rate3=Decimal(1),
        notes="",
        items=(
            InvoiceItem(
                id="264330",
                invoice_id="303090",
                type="Hosting",
                item_id="33334",
                description="Hosting - Starter Hosting (2015.08.05 - 2015.09.04)",
                amount=Decimal("58.50"),
                taxed=False,
                qty=Decimal("1.00"),
                linetotal=Decimal("58.50"),
            ),
        ),
        client={},
    )
    assert str(invoice.items[0].amount) == "58.50"
    assert invoice.extra == {}


def test_the_client_of_an_invoice_is_kept_without_its_secrets() -> None:
    payload = {"id": "1", "client": {"firstname": "J", "password": "pw"}}
    invoice = decode(Invoice, payload, call="billing.invoice")
    assert invoice.client == {"firstname": "J", "password": Secret("pw")}
    assert decode(Invoice, {"id": "1", "client": []}, call="billing.invoice").client == {}
    odd = decode(Invoice, {"id": "1", "client": "J"}, call="billing.invoice")
    assert (odd.client, odd.unread, odd.extra) == ({}, ("client",), {"client": "J"})


@pytest.mark.parametrize("line", [{"amount": "1,024.50"}, {"qty": "two"}, {"linetotal": "free"}, {"id": ""}])
def test_a_line_that_cannot_be_read_is_an_error_with_its_path(line: dict[str, Any]) -> None:
    payload = {"id": "1", "items": [{"id": 7}, {"id": 8, **line}]}
    with pytest.raises(DecodeError) as caught:
        decode(Invoice, payload, call="billing.invoice")
    assert caught.value.path == f"$.items[1].{next(iter(line))}"


def test_lines_keyed_by_id_take_their_key_as_id() -> None:
    invoice = decode(Invoice, {"id": "1", "items": {"7": {"amount": 0.1}}}, call="billing.invoice")
    assert invoice.items == (InvoiceItem(id="7", amount=Decimal("0.1")),)

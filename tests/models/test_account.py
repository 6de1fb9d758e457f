"""Account: the document's example and a sparse one of another installation."""

# ruff: noqa: DTZ001 - the panel's times have no zone

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any

from aioseflow.decoding import decode
from aioseflow.models import Account, AccountStatus
from aioseflow.secret import Secret

Published = Callable[[str], Any]


def read(payload: Any) -> Account:
    return decode(Account, payload, key=("client",), call="account.details")


def test_the_documents_account_is_read_as_what_it_says(published: Published) -> None:
    account = read(published("seflow/GET_details.json"))
    assert account == Account(
        id="20408",
        email="email@example.com",
        lastlogin=datetime(2015, 9, 17, 9, 0, 20),
        ip="10.10.10.100",
        host="unknown",
        status=AccountStatus.ACTIVE,
        parent_id="0",
        firstname="John",
        lastname="Doe",
        companyname="Company name",
        address1="Addres 1",
        address2="Addres 2",
        city="City",
        state="Alabama",
        postcode="Post code",
        country="US",
        phonenumber="+01.222444111",
        datecreated=date(2015, 3, 16),
        language="english",
        company=True,
        credit=Decimal("0.0000"),
        privileges=None,
    )
    assert account.ip == IPv4Address("10.10.10.100")
    assert account.ip_text == "10.10.10.100"
    assert str(account.credit) == "0.0000"
    assert account.lastlogin is not None
    assert account.lastlogin.tzinfo is None
    assert account.extra == {}


def test_another_installations_sparse_account_keeps_its_own_keys(published: Published) -> None:
    account = read(published("other-installations/details_sparse.json"))
    assert account.id == "29401"
    assert account.firstname == "John Doe"
    assert account.lastname == ""
    assert account.lastlogin == datetime(2019, 11, 6, 11, 18, 4)
    assert account.ip == IPv4Address("0.0.0.0")  # noqa: S104 - what the panel says
    assert account.credit is None
    assert account.status is None
    assert account.extra == {"newsletter": [""], "privacypolicy": [""]}


def test_an_address_that_is_none_stays_text() -> None:
    assert read({"client": {"id": 1, "ip": "hidden"}}).ip == "hidden"
    assert read({"client": {"id": 1}}).ip is None


def test_privileges_are_kept_without_their_secrets() -> None:
    account = read({"client": {"id": "1", "privileges": {"billing": {"token": "t0p"}}}})
    assert account.privileges == {"billing": {"token": Secret("t0p")}}
    assert "t0p" not in repr(account)

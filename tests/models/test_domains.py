"""Domains: the document's examples, and the many ways to say that a name is taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from aioseflow.decoding import decode
from aioseflow.errors import DecodeError
from aioseflow.models import Availability, Domain, DomainStatus

Published = Callable[[str], Any]


def test_the_documents_list_of_domains(published: Published) -> None:
    payload = published("seflow/GET_domain.json")
    (domain,) = decode(list[Domain], payload, key=("domains",), call="domains.list")
    assert domain == Domain(
        id="548",
        name="example.com",
        expires=date(2016, 8, 4),
        recurring_amount=Decimal("10.00"),
        date_created=date(2015, 8, 4),
        status=DomainStatus.ACTIVE,
        period=1,
        autorenew=True,
        daytoexpire=322,
    )
    assert domain.extra == {}


def test_the_documents_domain_has_three_name_servers_and_no_empty_one(published: Published) -> None:
    domain = decode(Domain, published("seflow/GET_domain-id.json"), key=("details",), call="domains.get")
    assert domain == Domain(
        id="548",
        name="example.com",
        date_created=date(2015, 8, 4),
        firstpayment=Decimal("10.00"),
        recurring_amount=Decimal("10.00"),
        period=1,
        expires=date(2016, 8, 4),
        status=DomainStatus.ACTIVE,
        next_due=date(2016, 8, 4),
        next_invoice=date(2016, 7, 28),
        idprotection=False,
        nameservers=("ns1.example.com", "ns2.example.com", "ns3.example.com"),
        autorenew=True,
    )
    assert domain.extra == {}


def test_the_documents_free_name_is_available(published: Published) -> None:
    answer = decode(
        Availability, published("seflow/POST_domainorder-status.json"), call="domains.is_available"
    )
    assert answer.available is True
    assert answer.status == "ok"


@pytest.mark.parametrize("key", [(), ("details",)])
@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"details": []},
        {"details": {}},
        {"details": None},
        {"details": {"status": ""}},
        {"details": {"status": "taken"}},
    ],
)
def test_an_empty_answer_means_that_the_name_is_taken(payload: Any, key: tuple[str, ...]) -> None:
    assert decode(Availability, payload, key=key, call="domains.is_available").available is False


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"foo": 1}, "$.details"),
        ([1], "$"),
        ("ok", "$"),
        (1, "$"),
        ({"details": "ok"}, "$.details"),
        ({"details": {"foo": "ok"}}, "$.details.status"),
        ({"details": {"status": {"ok": 1}}}, "$.details.status"),
    ],
)
def test_a_foreign_shape_is_no_answer_about_a_name(payload: Any, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(Availability, payload, call="domains.is_available")
    assert caught.value.path == path

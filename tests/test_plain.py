"""The JSON form of values."""

from __future__ import annotations

import datetime as dt
import ipaddress
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest

from aioseflow import Account, ApiError, PowerState, Secret, UntrustedHtml, Vm
from aioseflow.models import Quota, VmUsage
from aioseflow.models.account import AccountStatus
from aioseflow.plain import error_document, plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1 << 80, str(1 << 80)),
        (1.5, 1.5),
        (float("nan"), None),
        (HTTPStatus.OK, 200),
        ("text", "text"),
        (Decimal("58.5000"), "58.5000"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),  # noqa: DTZ001 - the panel's times are naive
        (ipaddress.ip_address("192.0.2.1"), "192.0.2.1"),
        (ipaddress.ip_address("2001:db8::1"), "2001:db8::1"),
        (Secret("hunter2"), "***"),
        (PowerState.STOPPED, "stopped"),
        (AccountStatus("Frozen"), "Frozen"),
        ({1: [Secret("x")]}, {"1": ["***"]}),
        (("a", Decimal(1)), ["a", "1"]),
        (UntrustedHtml("cpu", "<b>"), {"kind": "cpu", "html": "<b>"}),
    ],
)
def test_each_kind_of_value_has_its_json(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_what_has_no_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="no JSON for object"):
        plain(object())
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="nested so deep"):
        plain(endless)


def test_a_model_keeps_its_unknown_keys_and_hides_its_secrets() -> None:
    vm = Vm(id="4", label="web", ip=("10.0.0.1",), rootpassword=Secret("hunter2"), extra={"k": [Secret("s")]})
    shown = plain(vm)
    assert shown["id"] == "4"
    assert shown["ip"] == ["10.0.0.1"]
    assert shown["rootpassword"] == "***"
    assert shown["extra"] == {"k": ["***"]}
    assert "ip_texts" not in shown
    assert shown["unread"] == []
    assert list(plain(Account(id="1")))[-2:] == ["unread", "extra"]


def test_what_could_not_be_read_is_named_where_it_stands() -> None:
    usage = VmUsage(disk=Quota(unread=("free",), extra={"free": "some"}))
    shown = plain(Vm("4", usage=usage, unread=("memory", "ip"), extra={"memory": "512 MB", "ip": 5}))
    assert (shown["memory"], shown["ip"], shown["unread"]) == (None, [], ["memory", "ip"])
    assert shown["extra"] == {"memory": "512 MB", "ip": 5}
    assert shown["usage"]["disk"]["unread"] == ["free"]
    huge = plain(Vm("4", unread=("memory",), extra={"memory": 10**5000}))["extra"]["memory"]
    assert int(huge, 16) == 10**5000


def test_an_error_is_its_facts_without_the_answer_that_it_came_from() -> None:
    error = ApiError("refused", call="vms.stop", status=200, codes=("vm_locked",), excerpt="<script>")
    assert plain(error) == {
        "type": "ApiError",
        "message": "refused",
        "status": 200,
        "codes": ["vm_locked"],
        "call": "vms.stop",
        "request": None,
        "attempts": 0,
        "retry_after": None,
    }
    foreign = error_document(ZeroDivisionError("in a predicate"))
    assert (foreign["type"], foreign["message"], foreign["call"]) == (
        "ZeroDivisionError",
        "in a predicate",
        None,
    )

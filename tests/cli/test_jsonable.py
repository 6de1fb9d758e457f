"""Answers and reports as JSON."""

from __future__ import annotations

import datetime as dt
import ipaddress
from decimal import Decimal
from typing import Any

import attrs
import orjson
import pytest

from aioseflow import (
    Account,
    ApiError,
    Outcome,
    PowerState,
    Report,
    Secret,
    ServerError,
    Status,
    Undiscovered,
    UntrustedHtml,
    UsageGraphs,
    Vm,
)
from aioseflow.cli.jsonable import dumps, line, plain
from aioseflow.models import Quota, VmUsage
from aioseflow.models.account import AccountStatus

_NOW = dt.datetime(2026, 1, 1, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1 << 80, str(1 << 80)),
        (1.5, 1.5),
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


def test_printed_json_steers_no_terminal_and_says_the_same() -> None:
    hostile = "\x1b[2J \x9b1m \u202e \u2028 \u200b \ufeff \U000e0041 \x7f Zürich 🙂"
    written = dumps({"label": hostile})
    assert orjson.loads(written) == {"label": hostile}
    text = written.decode()
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "Zürich 🙂" in text
    assert "\\udb40\\udc41" in text
    assert line({"label": hostile}).count(b"\n") == 1
    assert orjson.loads(line({"label": hostile})) == {"label": hostile}
    assert line({"label": hostile}).decode().rstrip("\n").isprintable()


def test_an_error_is_its_facts_without_the_answer_that_it_came_from() -> None:
    error = ApiError("refused", call="vms.stop", status=200, codes=("vm_locked",), excerpt="<script>")
    assert plain(error) == {
        "type": "ApiError",
        "message": "refused",
        "call": "vms.stop",
        "request": None,
        "status": 200,
        "codes": ["vm_locked"],
        "attempts": 0,
        "retry_after": None,
        "may_have_acted": False,
    }


def test_a_report_has_stable_names() -> None:
    html = UntrustedHtml("cpu", "<b>")
    outcome = Outcome(
        account="main",
        service_id="9",
        service_name="Cloud",
        vm_id="4",
        vm_label="web",
        action="usage",
        status=Status.UNCHANGED,
        verified=True,
        value=UsageGraphs(cpu=html, net=html, disk=html),
        attempts=3,
        started_at=_NOW,
        finished_at=_NOW,
    )
    report = Report(
        run_id="r1",
        action="usage",
        targets=(outcome.key,),
        outcomes=(outcome,),
        undiscovered=(
            Undiscovered(account="main", service_id="8", error=ServerError("x"), cause="server_error"),
        ),
        started_at=_NOW,
        finished_at=_NOW,
    )
    shown = orjson.loads(dumps(report))
    assert list(shown) == [
        *("run_id", "action", "ok", "started_at", "finished_at"),
        *("targets", "counts", "undiscovered", "outcomes"),
    ]
    assert shown["ok"] is False
    assert shown["targets"] == 1
    assert shown["counts"] == {
        "changed": 0,
        "unchanged": 1,
        "failed": 0,
        "unknown": 0,
        "not_attempted": 0,
    }
    assert shown["undiscovered"][0]["error"]["type"] == "ServerError"
    [told] = shown["outcomes"]
    assert list(told) == [field.name for field in attrs.fields(Outcome)]
    assert told["value"]["net"] == {"kind": "cpu", "html": "<b>"}
    assert plain(attrs.evolve(report, finished_at=None))["finished_at"] is None

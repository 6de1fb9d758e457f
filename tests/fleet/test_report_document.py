"""A report as JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import attrs
import pytest
from support.reports import LOST, NOW, a_report, an_outcome

from aioseflow import (
    ApiError,
    DecodeError,
    PowerState,
    Report,
    Secret,
    Status,
    UntrustedHtml,
    WithoutVms,
)


def full_report() -> Report:
    error = ApiError(
        "locked",
        call="vms.stop",
        request="POST /service/9/vms/2/stop",
        status=200,
        attempts=2,
        codes=("vm_locked",),
        retry_after=3.0,
        excerpt="EXCERPT-4711",
    )
    return a_report(
        an_outcome(1, verified=True),
        an_outcome(2, Status.FAILED, cause="vm_locked", error=error),
        an_outcome(
            3, Status.UNKNOWN, cause="undecodable", error=DecodeError("odd", payload={"k": "PAYLOAD-4711"})
        ),
        targets=tuple(("main", "9", str(number)) for number in range(1, 5)),
        undiscovered=(LOST,),
        without_vms=(
            WithoutVms(account="main", service_id="77", service_name="mail", why="no_vm_functions"),
        ),
        parent="r0",
        note="night \x7f\u202e work",
        requested_by="alice",
        resumed=1,
        missing_values=2,
    )


def test_the_document_has_stable_names_and_no_values() -> None:
    document = full_report().to_document()
    assert list(document) == [
        *("version", "run_id", "parent", "follows", "action", "note", "requested_by", "ok"),
        *("ending", "matched_nothing", "started_at", "finished_at", "resumed", "repeated", "missing_values"),
        *("error", "targets", "counts", "causes"),
        *("services", "downtimes", "undiscovered", "without_vms", "pending", "outcomes"),
    ]
    assert document["version"] == 1
    assert document["counts"] == {
        "changed": 1,
        "unchanged": 0,
        "failed": 1,
        "unknown": 1,
        "not_attempted": 0,
    }
    assert document["targets"] == 4
    assert document["pending"] == [{"account": "main", "service_id": "9", "vm_id": "4"}]
    assert document["outcomes"][1] == {
        "account": "main",
        "service_id": "9",
        "service_name": "Cloud",
        "vm_id": "2",
        "vm_label": "web02",
        "action": "stop",
        "step": None,
        "status": "failed",
        "verified": False,
        "cause": "vm_locked",
        "error": {
            "type": "ApiError",
            "message": "locked",
            "status": 200,
            "codes": ["vm_locked"],
            "call": "vms.stop",
            "request": "POST /service/9/vms/2/stop",
            "attempts": 2,
            "retry_after": 3.0,
        },
        "attempts": 1,
        "started_at": "2026-01-01T03:00:00+00:00",
        "finished_at": "2026-01-01T03:00:01+00:00",
    }
    assert document["undiscovered"][0]["error"]["type"] == "RequestTimeout"
    assert document["without_vms"] == [
        {"account": "main", "service_id": "77", "service_name": "mail", "why": "no_vm_functions"}
    ]
    assert document["causes"][0] | {"names": ""} == {
        "cause": "vm_locked",
        "status": "failed",
        "count": 1,
        "names": "",
        "example": "locked",
        "skipped": False,
    }
    assert document["services"][0]["service_name"] == "Cloud"
    assert document["downtimes"][0]["open_ended"] is True


def test_json_is_printable_and_says_the_same_as_the_document() -> None:
    report = full_report()
    text = report.to_json(values=True)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == report.to_document(values=True)


def test_neither_json_nor_page_holds_an_answer_of_the_panel() -> None:
    report = full_report()
    for text in (report.to_json(values=True), report.summary(), str(report), repr(report)):
        assert "4711" not in text


def test_the_error_of_a_run_need_not_be_one_of_ours() -> None:
    document = a_report(error=ZeroDivisionError("in your predicate")).to_document()
    assert document["error"]["type"] == "ZeroDivisionError"
    assert document["error"]["message"] == "in your predicate"
    assert document["error"]["codes"] == []


@attrs.frozen
class _Graph:
    size: Decimal
    html: UntrustedHtml


_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (1 << 80, str(1 << 80)),
        (float("nan"), None),
        (1.5, 1.5),
        (PowerState.STOPPED, "stopped"),
        (HTTPStatus.OK, 200),
        (Decimal("1.50"), "1.50"),
        (NOW, "2026-01-01T03:00:00+00:00"),
        ({1: (Secret("hunter2"),)}, {"1": ["***"]}),
        (
            _Graph(Decimal(1), UntrustedHtml("cpu", "<b>")),
            {"size": "1", "html": {"kind": "cpu", "html": "<b>"}},
        ),
    ],
)
def test_values_are_written_on_request_with_secrets_hidden(value: Any, expected: Any) -> None:
    report = a_report(an_outcome(value=value))
    assert "value" not in report.to_document()["outcomes"][0]
    assert report.to_document(values=True)["outcomes"][0]["value"] == expected
    assert json.loads(report.to_json(values=True)) == report.to_document(values=True)


@pytest.mark.parametrize("value", [object(), [object()], _CYCLE], ids=range(3))
def test_a_value_without_a_json_form_is_left_out(value: Any) -> None:
    assert "value" not in a_report(an_outcome(value=value)).to_document(values=True)["outcomes"][0]

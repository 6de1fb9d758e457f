"""Paths and bodies as they are put on the wire."""

# ruff: noqa: E501 - a table is read by its rows

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow import InvalidArgument
from aioseflow.models import Accepted
from aioseflow.session.call import IDEMPOTENT, Call
from aioseflow.session.prepare import prepare

GET = Call("GET", "/service/{service_id}/vms/{vm_id}", name="t", returns=Accepted, safety=IDEMPOTENT)
POST = Call("POST", "/service/{id}/upgrade", name="t", returns=Accepted, safety=IDEMPOTENT)
DELETE = Call("DELETE", "/ips/{ip_id}", name="t", returns=Accepted, safety=IDEMPOTENT)


@pytest.mark.parametrize(
    ("given_id", "segment"),
    [
        (33301, "33301"),
        ("33301", "33301"),
        ("a b", "a%20b"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        ("é", "%C3%A9"),
        ("a;b=c&d", "a%3Bb%3Dc%26d"),
        (-1, "-1"),
    ],
)
def test_an_id_is_one_percent_encoded_segment(given_id: int | str, segment: str) -> None:
    assert prepare(GET, {"service_id": given_id, "vm_id": 4}).target == f"/service/{segment}/vms/4"


@pytest.mark.parametrize(
    "bad",
    ["", " ", ".", "..", "a/b", "../9", "a\\b", "a\nb", "\x00", "a\x7f", "\x85", "\ud800", None, True, 1.5, b"9", ["9"]],
)  # fmt: skip
def test_an_id_that_could_leave_its_segment_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        prepare(GET, {"service_id": bad, "vm_id": 4})
    assert isinstance(caught.value, ValueError)
    assert "service_id" in str(caught.value)


@given(st.text(min_size=1) | st.integers())
def test_any_id_is_refused_or_comes_back_as_exactly_one_segment(value: str | int) -> None:
    try:
        target = prepare(GET, {"service_id": value, "vm_id": "4"}).target
    except InvalidArgument:
        return
    _, service, segment, vms, vm = target.split("/")
    assert (service, vms, vm) == ("service", "vms", "4")
    assert unquote(segment) == str(value)


def test_a_body_is_a_php_form_and_none_is_not_sent() -> None:
    prepared = prepare(
        POST,
        {
            "id": 9,
            "resources": {"1557": "9953", "12": {"3": "2"}},
            "package": None,
            "note": "",
            "cycle": "monthly & more",
        },
    )
    assert prepared.target == "/service/9/upgrade"
    assert (
        prepared.body == b"resources%5B1557%5D=9953&resources%5B12%5D%5B3%5D=2&note=&cycle=monthly+%26+more"
    )


def test_without_parameters_there_is_no_body() -> None:
    assert prepare(POST, {"id": 9, "cycle": None}).body is None


def test_delete_carries_its_parameters_in_the_query() -> None:
    prepared = prepare(DELETE, {"ip_id": 7, "interfaceid": "1&2"})
    assert prepared.target == "/ips/7?interfaceid=1%262"
    assert prepared.body is None


def test_a_value_that_is_not_well_formed_text_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"^note contains half a surrogate pair") as caught:
        prepare(POST, {"id": 9, "cycle": "monthly", "note": "\ud800"})
    assert caught.value.argument == "note"
    assert caught.value.__context__ is None, "it would show the value"

"""What an answer means, by table, without sockets."""

# ruff: noqa: E501 - a table is read by its rows

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from aioseflow import (
    AddressNotAllowed,
    ApiError,
    AuthenticationError,
    DecodeError,
    GatewayError,
    NotFound,
    PermissionDenied,
    SeFlowError,
    ServerError,
    Throttled,
    TransportError,
)
from aioseflow.models import Accepted, Availability, Service
from aioseflow.session.call import IDEMPOTENT, ONCE, READ, Call
from aioseflow.session.judge import judge
from aioseflow.session.retry import AttemptFailed, FailureKind

GET = Call("GET", "/service", name="services.list", key="services", returns=list[Service], safety=READ)
STOP = Call("POST", "/stop", name="vms.stop", returns=Accepted, safety=IDEMPOTENT)
REBOOT = Call("POST", "/reboot", name="vms.reboot", returns=Accepted, safety=ONCE)
USAGE = Call("GET", "/usage/cpu", name="vms.usage", returns=str, safety=READ, markup=True)
STATUS = Call("POST", "/status", name="x", returns=Availability, safety=READ, may_be_empty=True)

PAGE = b"<!DOCTYPE html><html><body>Be right back</body></html>"
THROTTLE = b'{"error":[["wait_x_between_action",24],"unauthorized"]}'


def fault(
    call: Call[Any], status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        judge(call, status, headers or {}, body)
    return caught.value


# status, body -> the row of the retry table, the error, its codes
REFUSALS = [
    # (1) throttled, whatever the status
    (401, THROTTLE, FailureKind.THROTTLED, Throttled, ("wait_x_between_action", "unauthorized")),
    (200, THROTTLE, FailureKind.THROTTLED, Throttled, ("wait_x_between_action", "unauthorized")),
    (500, THROTTLE, FailureKind.THROTTLED, Throttled, ("wait_x_between_action", "unauthorized")),
    (429, b"", FailureKind.THROTTLED, Throttled, ()),
    (429, PAGE, FailureKind.THROTTLED, Throttled, ()),
    (429, b'{"error":["slow down"]}', FailureKind.THROTTLED, Throttled, ("slow down",)),
    # the credentials, whatever the status: a wrong password must never be tried again
    (401, b'{"error":["wronglogin","unauthorized"]}', FailureKind.LOGIN_REFUSED, AuthenticationError, ("wronglogin", "unauthorized")),
    (200, b'{"error":["wronglogin"]}', FailureKind.LOGIN_REFUSED, AuthenticationError, ("wronglogin",)),
    (500, b'{"error":["wronglogin"]}', FailureKind.LOGIN_REFUSED, AuthenticationError, ("wronglogin",)),
    (401, b"", FailureKind.LOGIN_REFUSED, AuthenticationError, ()),
    (401, PAGE, FailureKind.LOGIN_REFUSED, AuthenticationError, ()),
    (401, b'{"error":["unauthorized"]}', FailureKind.LOGIN_REFUSED, AuthenticationError, ("unauthorized",)),
    (401, b'{"error":["ipnotallowed"]}', FailureKind.LOGIN_REFUSED, AddressNotAllowed, ("ipnotallowed",)),
    (200, b'{"error":["ipnotallowed"]}', FailureKind.LOGIN_REFUSED, AddressNotAllowed, ("ipnotallowed",)),
    # (2) an error of the panel's own
    (200, b'{"error":["vm_locked"]}', FailureKind.ANSWERED_NO, ApiError, ("vm_locked",)),
    (200, b'{"error":"vm_locked"}', FailureKind.ANSWERED_NO, ApiError, ("vm_locked",)),
    (200, b'{"error":[["too_small",10,"GB"]],"status":true}', FailureKind.ANSWERED_NO, ApiError, ("too_small",)),
    (200, b'{"error":{"1":"vm_locked"}}', FailureKind.ANSWERED_NO, ApiError, ("vm_locked",)),
    (200, b'{"error":{"memory":"too small"}}', FailureKind.ANSWERED_NO, ApiError, ("memory",)),
    (200, b'{"error":true}', FailureKind.ANSWERED_NO, ApiError, ("True",)),
    (200, b'{"error":[""]}', FailureKind.ANSWERED_NO, ApiError, ("unspecified",)),
    (200, b'{"error":["unauthorized"]}', FailureKind.ANSWERED_NO, PermissionDenied, ("unauthorized",)),
    (404, b'{"error":["notfound"]}', FailureKind.ANSWERED_NO, NotFound, ("notfound",)),
    (403, b'{"error":["unauthorized"]}', FailureKind.ANSWERED_NO, PermissionDenied, ("unauthorized",)),
    (422, b'{"error":["invalid"]}', FailureKind.ANSWERED_NO, ApiError, ("invalid",)),
    # (3) the status
    (400, b"{}", FailureKind.ANSWERED_NO, ApiError, ()),
    (404, b"[]", FailureKind.ANSWERED_NO, NotFound, ()),
    (405, b"{}", FailureKind.ANSWERED_NO, ApiError, ()),
    # what is not the panel's JSON is not the panel's word
    (400, b"", FailureKind.BLOCKED, GatewayError, ()),
    (403, PAGE, FailureKind.BLOCKED, GatewayError, ()),
    (403, b"Forbidden", FailureKind.BLOCKED, GatewayError, ()),
    (404, PAGE, FailureKind.BLOCKED, GatewayError, ()),
    (404, b"", FailureKind.BLOCKED, GatewayError, ()),
    (404, b"File not found.", FailureKind.BLOCKED, GatewayError, ()),
    (404, b'"Not Found"', FailureKind.BLOCKED, GatewayError, ()),
    (413, PAGE, FailureKind.BLOCKED, GatewayError, ()),
    (407, PAGE, FailureKind.PROXY_REFUSED, TransportError, ()),
    # not passed on; certainly so with the first two
    (421, PAGE, FailureKind.NOT_PROCESSED, GatewayError, ()),
    (425, b"", FailureKind.NOT_PROCESSED, GatewayError, ()),
    (408, b"", FailureKind.LOST, GatewayError, ()),
    (408, b"{}", FailureKind.LOST, GatewayError, ()),
    (449, b"", FailureKind.LOST, GatewayError, ()),
    (408, b'{"error":["vm_locked"]}', FailureKind.ANSWERED_NO, ApiError, ("vm_locked",)),
    (302, b"", FailureKind.BLOCKED, ApiError, ()),
    (500, PAGE, FailureKind.LOST, ServerError, ()),
    (500, b'{"error":["vm_locked"]}', FailureKind.LOST, ServerError, ("vm_locked",)),
    (101, b"", FailureKind.LOST, ServerError, ()),
    (502, b"", FailureKind.LOST, ServerError, ()),
    (503, PAGE, FailureKind.LOST, ServerError, ()),
    (504, b"", FailureKind.LOST, ServerError, ()),
    # (4) a body that cannot be the answer
    (200, PAGE, FailureKind.LOST, ServerError, ()),
    (200, b"\xef\xbb\xbf" + PAGE, FailureKind.LOST, ServerError, ()),
    (200, b"", FailureKind.LOST, DecodeError, ()),
    (200, b" \n\xef\xbb\xbf", FailureKind.LOST, DecodeError, ()),
    (200, b'{"status": tr', FailureKind.LOST, DecodeError, ()),
    (200, b"Maintenance, please wait []", FailureKind.LOST, DecodeError, ()),
    (200, b"[" * 100_000, FailureKind.LOST, DecodeError, ()),
]  # fmt: skip


@pytest.mark.parametrize("call", [GET, STOP, REBOOT], ids=str)
@pytest.mark.parametrize(("status", "body", "failure", "error", "codes"), REFUSALS)
def test_a_refusal_is_judged_in_the_order_of_the_design(
    call: Call[Any],
    status: int,
    body: bytes,
    failure: FailureKind,
    error: type[SeFlowError],
    codes: tuple[str, ...],
) -> None:
    caught = fault(call, status, body)
    assert (caught.kind, type(caught.error), caught.error.codes) == (failure, error, codes)
    assert caught.error.status == status


def test_codes_are_bounded_and_cannot_steer_a_terminal() -> None:
    said = orjson.dumps({"error": ["\x1b[31mred\u202e", "x" * 999, *map(str, range(999))]})
    error = fault(GET, 200, said).error
    assert error.codes[0] == "?[31mred?"
    assert len(error.codes[1]) == 200
    assert len(error.codes) == 16
    assert str(error).isprintable()


@pytest.mark.parametrize("empty", ["[]", "{}", '""', "null", "false", "0"])
def test_an_empty_error_is_no_failure(empty: str) -> None:
    body = f'{{"error": {empty}, "status": true}}'.encode()
    assert judge(STOP, 200, {}, body)["status"] is True


@pytest.mark.parametrize("body", [b"null", b"true", b"false", b"1", b'"ok"', b"[1]", b'["ok"]'])
def test_a_bare_value_is_not_the_answer_to_a_change(body: bytes) -> None:
    assert fault(REBOOT, 200, body).kind is FailureKind.UNDECODABLE


def test_no_content_is_an_acceptance() -> None:
    assert judge(STOP, 204, {}, b"") == {}


@pytest.mark.parametrize(
    "noise",
    [
        b"\xef\xbb\xbf",
        b" \n",
        b"\n\xef\xbb\xbf  ",
        b"<br />\n<b>Warning</b>:  Undefined array key [x] in <b>/x.php</b> on line <b>3</b><br />\n",
        b"PHP Notice: {$x} is odd in /x.php on line 7\n",
        b"\xef\xbb\xbfDeprecated: old\n",
    ],
)
def test_php_noise_before_the_json_is_passed_over(noise: bytes) -> None:
    assert judge(STOP, 200, {}, noise + b'{"status":true}') == {"status": True}


def test_a_script_inside_a_page_is_never_an_answer() -> None:
    page = b'<html><script>x = {"status":true}'
    assert isinstance(fault(REBOOT, 200, page).error, ServerError)


def test_an_array_behind_text_is_an_answer_only_behind_a_php_notice() -> None:
    assert judge(GET, 200, {}, b"Notice: odd\n[]") == []
    assert fault(GET, 200, b"Sorry []").kind is FailureKind.LOST


@pytest.mark.parametrize("body", [b"", b"  ", b"\xef\xbb\xbf", b"null"])
def test_an_empty_body_is_an_answer_where_the_call_says_so(body: bytes) -> None:
    assert judge(STATUS, 200, {}, body) is None


def test_an_error_is_raised_even_where_an_empty_body_is_an_answer() -> None:
    assert fault(STATUS, 200, b'{"error":["no"]}').kind is FailureKind.ANSWERED_NO
    assert isinstance(fault(STATUS, 200, PAGE).error, ServerError)


@pytest.mark.parametrize(
    ("body", "markup"),
    [
        (b'"<div>x</div>"', "<div>x</div>"),
        (b'{"usage": "<div>x</div>"}', "<div>x</div>"),
        (b'{"usage": {"cpu": "<div>x</div>"}}', "<div>x</div>"),
        (b'{"usage": "<p>", "success": true}', "<p>"),
        (b"<div>x</div>", "<div>x</div>"),
        (b"<div>\xff</div>", "<div>�</div>"),
        (b'""', ""),
    ],
)
def test_usage_is_met_in_three_forms(body: bytes, markup: str) -> None:
    assert judge(USAGE, 200, {}, body) == markup


@pytest.mark.parametrize("body", [PAGE, b'{"usage": "<html><body>x"}', b'"<!doctype html>"'])
def test_a_whole_page_is_maintenance_and_not_usage(body: bytes) -> None:
    assert isinstance(fault(USAGE, 200, body).error, ServerError)


@pytest.mark.parametrize("body", [b"[]", b"3", b'{"usage": 3}', b'{"a": 1, "b": 2}'])
def test_usage_without_markup_is_a_decode_error(body: bytes) -> None:
    assert isinstance(fault(USAGE, 200, body).error, DecodeError)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2009 09:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2009 09:00:00 -0000", "date": "rubbish"}, 0.0),
        ({}, None),
    ],
)
def test_the_wait_that_was_asked_for_is_read(headers: dict[str, str], wait: float | None) -> None:
    assert fault(GET, 429, b"", headers).error.retry_after == wait


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        ('[["wait_x_between_action", 24], "unauthorized"]', 24.0),
        ('[["wait_x_between_action", "24"]]', 24.0),
        ('["wait_x_between_action"]', None),
        ('[["wait_x_between_action", -1]]', None),
        ('[["wait_x_between_action", "soon"]]', None),
        ('{"wait_x_between_action": 3}', 3.0),
    ],
)
def test_the_throttle_says_how_many_seconds(error: str, wait: float | None) -> None:
    assert fault(GET, 401, f'{{"error": {error}}}'.encode()).error.retry_after == wait


def test_the_longer_of_two_waits_counts() -> None:
    assert fault(GET, 401, THROTTLE, {"retry-after": "40"}).error.retry_after == 40.0


@pytest.mark.parametrize(
    "waits",
    [["0", "30"], ["30", "0"], ["0, 30"], ["30, 0"], ["0", "Mon, 23 Nov 2026 10:00:30 GMT"], ["30", "soon"]],
)
@pytest.mark.parametrize("status", [429, 503])
def test_of_contradicting_headers_the_longest_wait_counts(waits: list[str], status: int) -> None:
    headers = CIMultiDict([("Retry-After", wait) for wait in waits])
    headers["Date"] = "Mon, 23 Nov 2026 10:00:00 GMT"
    assert fault(GET, status, b"", headers).error.retry_after == 30.0


def test_a_503_with_retry_after_is_a_row_of_its_own() -> None:
    assert fault(GET, 503, b"", {"retry-after": "2"}).kind is FailureKind.POSTPONED
    assert fault(GET, 500, b"", {"retry-after": "2"}).kind is FailureKind.LOST


def test_a_redirect_says_where_it_pointed_without_the_query() -> None:
    error = fault(GET, 302, b"", {"location": "https://panel.example/login?token=abc#x"}).error
    assert "https://panel.example/login " in str(error)
    assert "abc" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":["x"],"vm":{"password":"hunter2","note":"n"}}',
        b'{"error":["x"],"rootpassword":"hunter2"',
        b"<p>password=hunter2</p>",
        b'<p>token: "hunter2"</p>',
    ],
)
def test_the_excerpt_is_bounded_and_holds_no_secret(body: bytes) -> None:
    error = fault(GET, 400, body + b" " + b"x" * 5000).error
    assert "hunter2" not in error.excerpt
    assert 0 < len(error.excerpt) <= 300


@settings(max_examples=300)
@given(
    st.sampled_from([GET, STOP, REBOOT, USAGE, STATUS]),
    st.integers(200, 599),
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["error", "status", "usage", "vms", "x"]), inner, max_size=3
                )
            ),
            max_leaves=8,
        ).map(orjson.dumps),
    ),
    st.dictionaries(st.sampled_from(["retry-after", "location", "date"]), st.text(max_size=12), max_size=3),
)
def test_nothing_but_a_fault_ever_leaves_it(
    call: Call[Any], status: int, body: bytes, headers: dict[str, str]
) -> None:
    try:
        judge(call, status, headers, body)
    except AttemptFailed as caught:
        assert isinstance(caught.error, SeFlowError)  # noqa: PT017 - both ends are allowed

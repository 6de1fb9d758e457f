"""What the panel's own JSON says: the table of accepted forms, every spelling of a no, and the throttle."""

# ruff: noqa: E501 - a table is read by its rows

from __future__ import annotations

import itertools
import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioseflow import (
    ApiError,
    AuthenticationError,
    DecodeError,
    NotFound,
    PermissionDenied,
    SeFlowError,
    Throttled,
)
from aioseflow.decoding.php import says
from aioseflow.models import Accepted, Service, ServiceResources, Vm
from aioseflow.session.call import IDEMPOTENT, ONCE, READ, Call
from aioseflow.session.judge import judge
from aioseflow.session.retry import AttemptFailed, FailureKind

LIST: Final = Call("GET", "/vms", name="vms.list", key="vms", returns=list[Vm], safety=READ)
SERVICE: Final = Call("GET", "/s", name="services.get", key="service", returns=Service, safety=READ)
RESOURCES: Final = Call("GET", "/r", name="services.resources", returns=ServiceResources, safety=READ)
STOP: Final = Call("POST", "/stop", name="vms.stop", returns=Accepted, safety=IDEMPOTENT)
REBOOT: Final = Call("POST", "/reboot", name="vms.reboot", returns=Accepted, safety=ONCE)
ORDER: Final = Call(
    "POST", "/upgrade", name="order", returns=Accepted, safety=ONCE, makes=("order_num", "invoice_id")
)
CHANGES: Final = (STOP, REBOOT, ORDER)


def judged(call: Call[Any], payload: Any, status: int = 200) -> AttemptFailed | None:
    try:
        judge(call, status, {}, json.dumps(payload).encode())
    except AttemptFailed as fault:
        return fault
    return None


def error_of(call: Call[Any], payload: Any, status: int = 200) -> SeFlowError:
    fault = judged(call, payload, status)
    assert fault is not None, payload
    return fault.error


# The answers by which a change is accepted, and where each was met. The reference has the same table.
ACCEPTED: Final[list[tuple[Any, str]]] = [
    ({"status": True}, "seen"),
    ({"info": ["revdnsupdated"]}, "documented"),
    ({"info": ["a", "b"], "status": True}, "inferred"),
    ({}, "inferred"),
    ([], "inferred"),
    ({"status": None}, "inferred"),
    ({"status": [], "info": []}, "inferred"),
    ({"error": [], "status": True}, "inferred"),
    ({"error": "none", "errors": {}, "success": 1}, "inferred"),
    *(({key: word}, "inferred")
      for key in ("status", "success", "result", "ok", "Success", "RESULT")
      for word in (True, 1, "1", "true", "yes", "on", "OK", "success", "Successful", "accepted", "done", 200)),
    ({"success": True, "message": "VM stopped"}, "inferred"),
    ({"success": True, "code": 200, "vm": {"id": 1}}, "inferred"),
    ({"status": "queued", "success": True}, "inferred"),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "source"), ACCEPTED, ids=lambda value: json.dumps(value)[:40])
def test_a_change_is_accepted_by_a_known_yes_or_an_empty_answer(payload: Any, source: str) -> None:
    assert source in ("seen", "documented", "inferred")
    for call in CHANGES:
        assert judge(call, 200, {}, json.dumps(payload).encode()) == payload


@pytest.mark.parametrize("payload", [{"order_num": 7}, {"invoice_id": "12", "total": "4.00"}])
def test_what_a_call_makes_is_its_yes_and_no_other_s(payload: Any) -> None:
    assert judge(ORDER, 200, {}, json.dumps(payload).encode()) == payload
    assert judged(REBOOT, payload) is not None
    for more in ({"message": "not paid"}, {"code": 17}, {"success": False}, {"errors": ["x"]}):
        assert judged(ORDER, payload | more) is not None
    nothings: list[Any] = [None, "", 0, [], {}, False]
    for nothing in nothings:
        assert judged(ORDER, {"order_num": nothing, "x": 1}) is not None


NO_WORDS: Final = (
    *(False, 0, 0.0, "0", "false", "False", " FALSE ", "no", "No", "off", "error", "Error", "ERROR", "err", "fail"),
    *("failed", "Failure", "failure", "ko", "nok", "not ok", "not_ok", "unsuccessful", "denied", "rejected"),
    *("refused", "forbidden", "invalid", "aborted", -1, 403, 500, "404", "exception"),
)  # fmt: skip


@pytest.mark.parametrize("word", NO_WORDS, ids=repr)
def test_a_no_in_any_spelling_is_a_refusal_of_every_change(word: Any) -> None:
    extras: list[dict[str, Any]] = [
        {}, {"message": "VM is locked"}, {"info": ["x"]}, {"vm": {"id": 1}}, {"order_num": 5},
    ]  # fmt: skip
    keys = ("status", "success", "result", "ok", "Status", "SUCCESS")
    for key, extra, call in itertools.product(keys, extras, CHANGES):
        fault = judged(call, {key: word, **extra})
        assert fault is not None, (key, word, extra)
        assert fault.kind is FailureKind.ANSWERED_NO
        assert type(fault.error) is ApiError
        assert ("VM is locked" in str(fault.error)) == ("message" in extra)


@pytest.mark.parametrize("word", NO_WORDS, ids=repr)
def test_a_read_that_says_no_is_a_failure_however_its_list_looks(word: Any) -> None:
    lists: list[Any] = [[], {}, [{"id": 1}], None]
    for key, rows in itertools.product(("status", "success", "result", "Success"), lists):
        fault = judged(LIST, {key: word, "vms": rows, "message": "VM is locked"})
        assert fault is not None, (key, word, rows)
        assert fault.kind is FailureKind.ANSWERED_NO
        assert "VM is locked" in str(fault.error)


ERROR_KEYS: Final = (
    *("error", "errors", "Error", "ERRORS", "error_message", "errorMessage", "error_msg", "error-description"),
    *("error_code", "err", "exception"),
)  # fmt: skip


@pytest.mark.parametrize("key", ERROR_KEYS)
@pytest.mark.parametrize(
    "filled",
    ["locked", ["locked"], [["locked", 3]], {"0": "locked"}, {"locked": "it is"}, [{"code": "locked"}],
     {"code": "locked", "message": "it is"}, [[["locked"]]], {"1": ["locked"]}],
    ids=repr,
)  # fmt: skip
def test_a_filled_error_is_a_refusal_whatever_else_the_answer_says(key: str, filled: Any) -> None:
    for call in (*CHANGES, LIST, SERVICE, RESOURCES):
        error = error_of(call, {key: filled, "status": True, "success": True, "vms": [], "service": {}})
        assert type(error) is ApiError
        assert error.codes == ("locked",)
        assert "locked" in str(error)


@pytest.mark.parametrize("key", ["error", "errors", "error_message"])
@pytest.mark.parametrize(
    "empty",
    [None, False, "", [], {}, 0, "0", "none", "None", " no ", "false", "null", {"code": 0, "message": ""},
     {"code": "0", "message": None, "details": []}],
)  # fmt: skip
def test_an_empty_error_of_any_spelling_is_none(key: str, empty: Any) -> None:
    assert judged(STOP, {key: empty, "status": True}) is None
    assert judged(LIST, {key: empty, "vms": []}) is None


@pytest.mark.parametrize(
    "payload",
    [
        {"message": "VM is locked"}, {"msg": "x"}, {"code": 17}, {"code": "E17", "message": "x"},
        {"status": "queued"}, {"status": "Active"}, {"status": "stopped"}, {"result": {"id": 1}},
        {"data": {"success": True}}, {"info": []} | {"x": 1}, {"info": False, "x": 1}, {"x": 1}, ["locked"],
        {"x": False}, {"x": ""}, {"x": 0}, {"x": [], "y": False},
        {"success": None, "message": "x"}, {"title": "Please wait"}, {"status": 3}, {"result": 0.5},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_neither_yes_nor_no_is_no_acceptance(payload: Any) -> None:
    for call in (STOP, REBOOT):
        fault = judged(call, payload)
        assert fault is not None
        # READ and IDEMPOTENT: the error at once; ONCE: unknown.
        assert fault.kind is FailureKind.UNDECODABLE
        assert type(fault.error) is ApiError
        said = payload.get("message") if isinstance(payload, dict) else None
        assert said is None or said in str(fault.error)


def test_a_data_word_of_a_read_is_data() -> None:
    keyed: list[Any] = [
        {"service": {"status": "error", "success": False, "error": ["x"]}},
        {"service": {"id": 1}, "status": "Active"},
        {"service": {"id": 1}, "status": ""},
        {"service": {"id": 1}, "status": None, "message": "welcome"},
    ]
    for payload in keyed:
        assert judge(SERVICE, 200, {}, json.dumps(payload).encode()) == payload
    whole: list[Any] = [{"status": "off"}, {"status": 0}, {"status": "0", "memory": 5}, {"result": "no"}]
    for payload in whole:
        assert judge(RESOURCES, 200, {}, json.dumps(payload).encode()) == payload
    assert judged(RESOURCES, {"success": False, "message": "x"}) is not None
    assert judged(RESOURCES, {"status": "error", "message": "x"}) is not None


def test_the_model_and_the_judge_read_the_same_word_the_same_way() -> None:
    for word in (
        *NO_WORDS,
        *(word for payload, _ in ACCEPTED if isinstance(payload, dict) for word in payload.values()),
    ):
        meant = says(word)
        if meant is None or word is None:
            continue
        assert (judged(STOP, {"status": word}) is None) is meant


def test_errors_under_several_keys_are_all_read() -> None:
    error = error_of(STOP, {"errors": ["locked"], "error": ["busy"], "error_message": "try later"})
    assert error.codes == ("locked", "busy", "try later")
    fault = judged(REBOOT, {"errors": ["x"], "error": [["wait_x_between_action", 5]]}, 401)
    assert fault is not None
    assert (fault.kind, fault.error.retry_after) == (FailureKind.THROTTLED, 5)


def test_a_list_that_is_not_there_says_what_the_panel_said() -> None:
    error = error_of(LIST, {"message": "Access denied by policy 7"})
    assert type(error) is DecodeError
    assert "Access denied by policy 7" in str(error)
    assert error.path == "$.vms"
    long = error_of(LIST, {"message": "\x1b[31m" + "x" * 5000})
    assert len(str(long)) < 400
    assert str(long).isprintable()


THROTTLES: Final[list[tuple[Any, float | None]]] = [
    ({"error": [["wait_x_between_action", 24], "unauthorized"]}, 24),
    ({"error": [{"code": "wait_x_between_action", "wait": 24}, "unauthorized"]}, 24),
    ({"error": {"code": "wait_x_between_action", "seconds": "24"}}, 24),
    ({"error": {"wait_x_between_action": 24}}, 24),
    ({"error": {"0": ["wait_x_between_action", 24]}}, 24),
    ({"error": {"0": {"code": "wait_x_between_action", "retry_after": 24}}}, 24),
    ({"errors": [["wait_x_between_action", "24"]]}, 24),
    ({"error": "wait_x_between_action"}, None),
    ({"error": "wait_x_between_action", "wait": 24}, 24),
    ({"error": ["wait_24_between_action", "unauthorized"]}, 24),
    ({"error": ["wait_x_between_action: 24 seconds"]}, 24),
    ({"error": ["WAIT_X_BETWEEN_ACTION"]}, None),
    ({"error": [[["wait_x_between_action", 24]], "unauthorized"]}, 24),
    ({"success": False, "code": "wait_x_between_action"}, None),
    ({"error": [["wait_x_between_action", 0]]}, 0),
    ({"error": [["wait_x_between_action", 5], ["wait_x_between_action", 24]]}, 24),
]


@pytest.mark.parametrize("status", [200, 401, 403, 500])
@pytest.mark.parametrize(("payload", "wait"), THROTTLES, ids=lambda value: json.dumps(value)[:50])
def test_the_throttle_in_any_spelling_is_no_refused_login(
    payload: Any, wait: float | None, status: int
) -> None:
    for call in (LIST, STOP, REBOOT):
        fault = judged(call, payload, status)
        assert fault is not None
        assert (fault.kind, type(fault.error)) == (FailureKind.THROTTLED, Throttled)
        assert fault.error.retry_after == wait


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":[["wait_x_between_action",24],"unauth',
        b"wait_x_between_action",
        b"<p>wait 5 seconds between actions",
    ],
)
def test_a_cut_throttle_is_no_refused_login(body: bytes) -> None:
    with pytest.raises(AttemptFailed) as caught:
        judge(LIST, 401, {}, body)
    assert caught.value.kind is FailureKind.THROTTLED


@pytest.mark.parametrize(
    "code", ["too_many_requests", "Too many requests", "rate_limit_exceeded", "throttled"]
)
def test_another_word_for_a_throttle_decides_nothing_in_a_5xx(code: str) -> None:
    for call in (LIST, STOP, REBOOT):
        for status in (200, 400, 401, 403):
            fault = judged(call, {"error": [code, "unauthorized"]}, status)
            assert fault is not None
            assert fault.kind is FailureKind.THROTTLED
        for status in (500, 502, 503):
            fault = judged(call, {"error": [code]}, status)
            assert fault is not None
            assert fault.kind is FailureKind.LOST


def test_a_sentence_about_a_throttle_counts_where_something_was_refused() -> None:
    said = {"message": "Please wait 24 seconds between actions"}
    refusals: list[tuple[dict[str, Any], int, FailureKind]] = [
        (said, 401, FailureKind.THROTTLED),
        (said | {"success": False}, 200, FailureKind.THROTTLED),
        (said | {"errors": ["refused"]}, 200, FailureKind.THROTTLED),
        (said, 200, FailureKind.UNDECODABLE),
        (said, 500, FailureKind.LOST),
    ]
    for payload, status, failure in refusals:
        fault = judged(REBOOT, payload, status)
        assert fault is not None
        assert fault.kind is failure
        assert fault.error.retry_after == (24 if failure is FailureKind.THROTTLED else None)
    for status, failure in ((401, FailureKind.THROTTLED), (503, FailureKind.LOST)):
        with pytest.raises(AttemptFailed) as caught:
            judge(REBOOT, status, {}, b"<p>wait_x_between_action</p>")
        assert caught.value.kind is failure


def test_what_was_accepted_is_never_taken_for_throttled() -> None:
    said = "Done. Please wait 24 seconds between actions"
    for call, payload in (
        (REBOOT, {"status": True, "message": said}),
        (REBOOT, {"info": ["rebooted"], "message": said}),
        (LIST, {"vms": [], "message": said}),
    ):
        assert judged(call, payload) is None
    # Both at once: refused, and never sent again.
    fault = judged(REBOOT, {"status": True, "error": ["too_many_requests"]})
    assert fault is not None
    assert fault.kind is FailureKind.ANSWERED_NO


@pytest.mark.parametrize(
    ("payload", "status", "kind"),
    [
        ({"error": ["wronglogin", "unauthorized"]}, 401, AuthenticationError),
        ({"error": [{"code": "wrong_login"}]}, 200, AuthenticationError),
        ({"errors": ["Wrong login"]}, 200, AuthenticationError),
        ({"error": ["unauthorized"]}, 403, PermissionDenied),
        ({"success": False, "message": "no such VM"}, 404, NotFound),
        ({"error": ["wait for it"]}, 401, AuthenticationError),
        ({"error": ["awaiting approval"]}, 200, ApiError),
    ],
)
def test_other_refusals_keep_their_kinds(payload: Any, status: int, kind: type[SeFlowError]) -> None:
    assert type(error_of(LIST, payload, status)) is kind


VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 600)
    | st.text(max_size=6)
    | st.sampled_from(["ok", "no", "error"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["code", "0", "wait", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["error", "errors", "status", "success", "result", "message", "code", "info", "vm"]),
        VALUES,
        max_size=4,
    )
)
def test_nothing_is_accepted_without_a_yes(payload: dict[str, Any]) -> None:
    if judged(REBOOT, payload) is not None:
        return
    said = [says(payload[key]) for key in ("status", "success", "result") if key in payload]
    assert False not in said
    is_empty = not any(payload.values())
    assert True in said or payload.get("info") or is_empty

"""Bodies and headers made to hurt: bounded work and text, no secret, no piece taken for the whole."""

from __future__ import annotations

import contextlib
import json
import time
import types
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import hostile

from aioseflow.errors import DecodeError, SeFlowError
from aioseflow.models import Accepted, Service
from aioseflow.session import body_parser
from aioseflow.session.body_parser import Unparsed, parse
from aioseflow.session.call import ONCE, READ, Call
from aioseflow.session.excerpt import excerpt
from aioseflow.session.judge import judge
from aioseflow.session.retry import AttemptFailed, FailureKind

LIST = Call("GET", "/service", name="services.list", key="services", returns=list[Service], safety=READ)
REBOOT = Call("POST", "/reboot", name="vms.reboot", returns=Accepted, safety=ONCE)

WARNING = b"<br />\n<b>Warning</b>:  Undefined array key [x] in <b>/x.php</b> on line <b>3</b><br />\n"
NOISE = [
    b"",
    b"\xef\xbb\xbf",
    WARNING,
    b"PHP Notice: {$x} is odd\n",
    b"[23-Nov-2026 10:00:00 UTC] PHP Warning: x\n",
]
SIZE = 1 << 20

HEAVY = {
    "openings of lists": b"[" * SIZE,
    "openings of objects": b"{" * SIZE,
    "openings of keys": b'{"' * (SIZE // 2),
    "openings of lists in lines": b"Warning: x\n" + b"[\n" * (SIZE // 2),
    "warnings": b"<b>Warning</b>: [" * (SIZE // 17),
    "warnings with spaces": (b"warning" + b" " * 100) * (SIZE // 107) + b"[[[[",
    "text before lists": b"x" * SIZE + b"[" * 100,
    "a warning and text before lists": b"Warning: " + b"x" * SIZE + b"\n[" * 100,
    "a cut list in 63 objects": b"x" + b'{"a":' * 63 + b"[" + b"0," * (SIZE // 2),
    "a cut list in 63 lists": b"Warning: x\n" + b"[\n" * 63 + b"0," * (SIZE // 2) + b"]",
    "a key of a million characters": b'x{"' + b"k" * SIZE,
    "escapes": b'x{"' + b"\\" * SIZE,
    "white space": b"x{" + b" " * SIZE + b"[" + b" " * SIZE,
    "php": b"php" * (SIZE // 3) + b"[",
    "words of secrets": b"pass" * (SIZE // 4),
    "digits": b'{"a":' + b"9" * SIZE + b"}",
    "a wait of a million digits": b'{"error":[["wait_x_between_action","' + b"9" * SIZE + b'"]]}',
    "nested, again and again": b'{"x":[' + b",".join([b"[" * 1000 + b"]" * 1000] * (SIZE // 2000)) + b"]}",
}


def fault(call: Call[Any], status: int, body: bytes, headers: dict[str, str] | None = None) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        judge(call, status, headers or {}, body)
    return caught.value


@pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY)
def test_a_heavy_body_is_judged_in_the_time_of_reading_it_a_few_times(body: bytes) -> None:
    # Time of the processor, so that a busy machine decides nothing; text before lists once took 5 s.
    began = time.thread_time()
    fault(REBOOT, 500, body)
    assert time.thread_time() - began < 2


@pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY)
def test_a_heavy_body_is_parsed_a_few_times_at_most(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    def loads(text: bytes) -> Any:
        nonlocal read
        read += len(text)
        return orjson.loads(text)

    counting = types.SimpleNamespace(JSONDecodeError=orjson.JSONDecodeError, loads=loads)
    monkeypatch.setattr(body_parser, "orjson", counting)
    with contextlib.suppress(Unparsed):
        parse(body)
    assert read <= 6 * len(body)


@pytest.mark.parametrize(
    "text", ["passpass" * 75, "passwordpasswd" * 43, "token" * 120, "pass " * 120, "_" * 600]
)
def test_an_excerpt_is_made_in_no_time(text: str) -> None:
    # The pattern for secrets took 0.4 s of the loop for 600 characters.
    began = time.thread_time()
    for _ in range(20):
        excerpt(None, text.encode())
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    "cut",
    [
        b'{"error":["vm_locked"],"vm":{"status":true}',
        b'{"error":["vm_locked"],"load":NaN,"vm":{"status":true}',
        b'{"vms":[{"id":1},{"status":true}',
        b'[{"id":1},{"status":true}',
        b'[1, {"status":true}',
        b'[\n  {"status":true}',
        b'{"error":["vm_locked"],"extra":{}',
        b'{"error":["vm_locked"],"extra":\n[]',
    ],
)
@pytest.mark.parametrize("noise", NOISE)
def test_a_piece_of_a_cut_answer_is_never_the_answer(noise: bytes, cut: bytes) -> None:
    assert fault(REBOOT, 200, noise + cut).kind is FailureKind.LOST


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 99)
    | st.sampled_from(["{", "}", '"', "[", "\\", "{}", "a\n[]", "<b>[1]", '{"a":1}']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "status", "vm", "", 'a"b']), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(
    noise=st.sampled_from(NOISE),
    payload=st.dictionaries(st.sampled_from(["error", "status", "vm"]), JSON, min_size=1, max_size=3)
    | st.lists(JSON, min_size=1, max_size=3),
    indent=st.sampled_from([None, 2]),
    where=st.floats(0, 1, exclude_max=True),
)
def test_no_answer_that_lost_its_end_is_an_acceptance(
    noise: bytes, payload: Any, indent: int | None, where: float
) -> None:
    text = json.dumps(payload, indent=indent).encode()
    for end in {int(where * len(text)), len(text) - 1}:
        assert fault(REBOOT, 200, noise + text[:end]).kind is FailureKind.LOST


@settings(max_examples=100)
@given(
    noise=st.sampled_from(NOISE),
    times=st.integers(1, 60),
    payload=st.dictionaries(st.sampled_from("ab"), JSON),
)
def test_an_answer_behind_any_number_of_warnings_is_the_answer(
    noise: bytes, times: int, payload: Any
) -> None:
    assert parse(noise * times + orjson.dumps(payload)) == payload


@pytest.mark.parametrize("array", [b"[]", b'[{"id":1}]', b'["a"]', b"[ 1, 2]", b"[[]]"])
def test_an_array_is_the_answer_in_a_line_behind_a_warning(array: bytes) -> None:
    for noise in (
        WARNING,
        WARNING * 40,
        b"[0] => x\nNotice: x\n[1] => y\n",
        b"Notice: x\n[23-Nov-2026 10:00] y\n",
    ):
        assert parse(noise + array) == orjson.loads(array)
    with pytest.raises(Unparsed):
        parse(b"Warning: see " + array)


def test_each_file_of_a_panel_may_print_its_byte_order_mark() -> None:
    assert parse(b"\xef\xbb\xbf\xef\xbb\xbf\n\xef\xbb\xbf[]") == []
    assert isinstance(fault(LIST, 200, b"\xef\xbb\xbf\n\xef\xbb\xbf").error, DecodeError)


@pytest.mark.parametrize(
    "text",
    [
        r'{"password":"a\"hunter2',
        '{"password":["a", "hunter2"',
        '{"vnc":{"port":5900,"pass":"hunter2"',
        '{"api_key":"hunter2"',
        '{"authcode": null, "pin": "hunter2"',
        "Array\n(\n    [password] => hunter2\n)",
        'array(1) {\n  ["rootpassword"]=>\n  string(7) "hunter2"\n}',
        "<td>Password:</td>\n<td>hunter2</td>",
        "<td>password</td><td>hunter2</td>",
        '<input name="password" value="hunter2">',
        "user=a&password=hunter2",
        "X-Auth-Token: hunter2",
    ],
)
def test_an_excerpt_of_what_cannot_be_parsed_ends_at_a_key_of_a_secret(text: str) -> None:
    error = fault(LIST, 500, text.encode()).error
    assert "hunter2" not in error.excerpt
    assert error.excerpt.endswith("***")


def test_an_excerpt_shows_words_that_are_no_keys() -> None:
    said = "Warning: session_start(): no space left; your token, sadly, has expired"
    assert excerpt(None, said.encode()) == said


def test_an_excerpt_of_an_answer_goes_on_behind_its_secrets() -> None:
    payload = {"password": "hunter2", "note": "password=hunter2", "label": "web"}
    shown = excerpt(payload, orjson.dumps(payload))
    assert "hunter2" not in shown
    assert "web" in shown


@pytest.mark.parametrize("body", [b"\x1b[2J\x00<p>", b'{"a":"\\u001b[2J"}', b"a\rb\x7f"])
def test_an_excerpt_cannot_steer_a_terminal(body: bytes) -> None:
    assert fault(LIST, 500, body).error.excerpt.isprintable()


def test_an_excerpt_keeps_what_the_session_must_know_again_to_mask_it() -> None:
    password_read_as_latin_1 = "gr\xf6\xdfe".encode().decode("latin-1")
    assert password_read_as_latin_1 in excerpt(None, f"<pre>{password_read_as_latin_1}".encode())


def test_a_redirect_shows_no_login_and_cannot_steer_a_terminal() -> None:
    for place in ("https://u:hunter2@panel.example/x", "\x1b[31m//u:hunter2@panel.example/"):
        error = fault(LIST, 302, b"", {"location": place}).error
        assert "hunter2" not in str(error)
        assert "panel.example/" in str(error)
        assert str(error).isprintable()


@pytest.mark.parametrize("said", ["1_0", "\u0663", "1e3", "0x10", "+5", "true", "9" * 400, "1 0"])
def test_a_wait_is_a_number_in_digits_or_none(said: str) -> None:
    assert fault(LIST, 429, b"", {"retry-after": said}).error.retry_after is None


def test_a_wait_of_true_is_none() -> None:
    assert fault(LIST, 401, b'{"error":[["wait_x_between_action",true]]}').error.retry_after is None


def test_a_status_of_zero_is_false_however_it_is_written() -> None:
    assert fault(REBOOT, 200, b'{"status":0.0}').kind is FailureKind.ANSWERED_NO


@settings(max_examples=200)
@given(
    call=st.sampled_from([LIST, REBOOT]),
    status=st.sampled_from(hostile.STATUSES) | st.integers(100, 999),
    headers=hostile.headers(),
    body=st.binary(max_size=60) | JSON.map(orjson.dumps),
    noise=st.sampled_from(NOISE),
)
def test_an_error_is_bounded_whatever_came(
    call: Call[Any], status: int, headers: dict[str, str], body: bytes, noise: bytes
) -> None:
    try:
        judge(call, status, headers, noise + body)
    except AttemptFailed as caught:
        error = caught.error
    else:
        return
    assert isinstance(error, SeFlowError)
    assert len(str(error)) < 4096
    assert len(error.excerpt) <= 300
    assert error.retry_after is None or error.retry_after >= 0
    assert hostile.PLANTED not in str(error)

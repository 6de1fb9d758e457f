"""Secrets: nothing shows them by accident, and an answer's secrets are found by their keys."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow.secret import Secret, conceal, is_secret_key, redact

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["password", "id"]), inner),
)


def test_a_secret_shows_stars_however_it_is_printed() -> None:
    secret = Secret("hunter2")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>8}", f"{secret!r}", repr([secret])]
    assert shown == ["Secret('***')", "***", "***", "     ***", "Secret('***')", "[Secret('***')]"]
    assert secret.reveal() == "hunter2"


def test_a_secret_is_equal_to_its_like_alone() -> None:
    assert Secret("ä\ud800") == Secret("ä\ud800")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a")
    assert not Secret("")


def test_a_secret_cannot_be_changed() -> None:
    secret = Secret("a")
    with pytest.raises(AttributeError):
        secret._text = "b"
    with pytest.raises(AttributeError):
        del secret._text
    assert not hasattr(secret, "__dict__")


def test_a_secret_survives_pickle_and_copy() -> None:
    secret = Secret("a")
    assert pickle.loads(pickle.dumps(secret)) == secret
    assert copy.deepcopy(secret) == secret


@pytest.mark.parametrize(
    "key",
    [
        *("password", "passwd", "rootpassword", "Root_Password", "pass", "ftp_pass", "rootpass", "pwd"),
        *("secret", "client_secret", "token", "access_token", "key", "api_key", "apikey", "sshkey", "keys"),
        *("vnc", "vnc_password", "vncport", "novnc_url", "authcode", "epp", "eppcode", "cookie", "sessionid"),
    ],
)
def test_keys_that_hold_secrets(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key",
    ["id", "memory", "label", "passive", "compass_point", "bypassed", "author", "keyboard", "ptrcontent", ""],
)
def test_keys_that_hold_none(key: str) -> None:
    assert is_secret_key(key) is (key == "compass_point")


def test_conceal_wraps_what_stands_under_a_secret_key_at_any_depth() -> None:
    answer = {
        "label": "a",
        "vnc": {"port": 5900, "on": True, "hosts": ["h", None, 1.5]},
        "users": [{"name": "root", "password": "pw"}],
        "token": 10**5000,
        "secret": Secret("kept"),
    }
    concealed = conceal(answer)
    assert concealed == {
        "label": "a",
        "vnc": {"port": Secret("5900"), "on": True, "hosts": [Secret("h"), None, Secret("1.5")]},
        "users": [{"name": "root", "password": Secret("pw")}],
        "token": Secret(hex(10**5000)),
        "secret": Secret("kept"),
    }
    assert "pw" not in repr(concealed)
    assert conceal("pw", secret=True) == Secret("pw")


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_conceal_cuts_what_could_exhaust_the_stack(wrap: Any) -> None:
    nested: Any = 1
    cut: Any = "…"
    for _ in range(64):
        nested, cut = wrap(nested), wrap(cut)
    assert conceal(nested) == nested
    assert conceal(wrap(nested)) == cut
    assert "Secret" in repr(conceal(wrap(nested), secret=True))
    for _ in range(100_000):
        nested = wrap(nested)
    assert conceal(nested) == cut


def test_redact_shows_the_shape_and_no_secret() -> None:
    payload = {
        "vms": {"1": {"memory": 512, "password": "pw", "rootpassword": None, "keys": ["a", {"b": 5}]}},
        "note": "x" * 300,
        "huge": 10**5000,
        "secret": Secret("pw"),
        "list": [Secret("pw"), True, 1.5],
    }
    assert redact(payload) == {
        "vms": {"1": {"memory": 512, "password": "***", "rootpassword": None, "keys": ["***", {"b": "***"}]}},
        "note": "x" * 200 + "…",
        "huge": "… (int)",
        "secret": "***",
        "list": ["***", True, 1.5],
    }


def test_redact_is_bounded_in_depth_and_size() -> None:
    nested: Any = 1
    for _ in range(100_000):
        nested = [{"a": nested}]
    assert "…" in repr(redact(nested))
    assert len(redact(list(range(10_000)))) == 1000
    assert redact(list(range(10_000)))[-1] == "… 9001 more"
    assert redact({str(i): i for i in range(10_000)})["…"] == "9001 more"


@given(JSON)
def test_redact_can_always_be_shown_and_pickled(payload: Any) -> None:
    shown = redact(payload)
    assert pickle.loads(pickle.dumps(shown)) == shown
    json.dumps(shown)

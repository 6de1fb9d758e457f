"""Credentials and base URLs: refused before anything is sent."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest
import yarl
from support.searching import Bag

from aioseflow import ConfigurationError, Secret, SeFlow, Timeouts
from aioseflow.config import UNSET, Credentials, check_base_url, find_proxy, find_tls

URL = "https://panel.example/api"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("", "p"),
        (" ", "p"),
        (None, "p"),
        ("u", ""),
        ("u", None),
        ("u", 7),
        ("u:v", "p"),
        ("u\n", "p"),
        ("u", "p\r\nX: y"),
        ("u", "\ud800"),
        ("u", Secret("")),
    ],
)
def test_credentials_that_cannot_be_sent_are_refused(username: Any, password: Any) -> None:
    with pytest.raises(ConfigurationError):
        SeFlow(username, password, base_url=URL)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "panel.example/api",
        "ftp://panel.example/api",
        "https://",
        "https://:443/api",
        "https://panel.example:99999/api",
        "https://u:p@panel.example/api",
        "https://u@panel.example/api",
        "https://panel.example/api?x=1",
        "https://panel.example/api#x",
        "http://panel.example/api",
        "http://10.0.0.1/api",
        "http://127.0.0.1.example/api",
        "http://[::2]/api",
        *(
            " ",
            "\n",
            "https:// panel.example/api",
            "https://panel .example/api",
            "https://panel.example /api",
        ),
        *("https://panel.example/a pi", "https://panel.example/api /", "https ://panel.example/api"),
        *("https://panel.example/a\tpi", "https://panel.example/\r\napi", "https://panel.example/a\u00a0pi"),
        *("https://panel.example/api\0", "\x1bhttps://panel.example/api", "https://panel.example/\x7fapi"),
        "https://panel.example/api https://panel.example/api",
        None,
        7,
    ],
)
def test_a_base_url_that_cannot_work_is_refused(url: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SeFlow("u@example.com", "pässword", base_url=url)
    assert "pässword" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        URL,
        URL + "/",
        "http://localhost:8080/api",
        "http://panel.localhost/api",
        "http://127.0.0.2/api",
        "http://[::1]:1/api",
    ],
)
def test_a_base_url_that_can_work_is_taken(url: str) -> None:
    assert url.rstrip("/") in repr(SeFlow("u@example.com", "p", base_url=url))


@pytest.mark.parametrize("before", ["", " ", "\t", "\n", "\u00a0"])
@pytest.mark.parametrize("after", [" ", "/ ", "/", "\t", "\r\n", " \u00a0"])
def test_blanks_around_a_base_url_are_dropped(
    before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = before + URL + after
    assert check_base_url(given, allow_insecure=False) == yarl.URL(URL)
    monkeypatch.setenv("SEFLOW_USERNAME", "u")
    monkeypatch.setenv("SEFLOW_PASSWORD", "p")
    monkeypatch.setenv("SEFLOW_BASE_URL", given)
    assert repr(SeFlow.from_env()) == repr(SeFlow("u", "p", base_url=URL))


def test_a_base_url_with_a_blank_in_it_is_refused_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEFLOW_USERNAME", "u")
    monkeypatch.setenv("SEFLOW_PASSWORD", "p")
    monkeypatch.setenv("SEFLOW_BASE_URL", "https://panel.example /api")
    with pytest.raises(ConfigurationError, match="a blank or a control character"):
        SeFlow.from_env()


def test_blanks_that_are_escaped_in_a_base_url_stay() -> None:
    assert str(check_base_url(f"{URL}%20", allow_insecure=False)) == f"{URL}%20"


def test_cleartext_may_be_allowed_by_name() -> None:
    with pytest.raises(ConfigurationError, match="allow_insecure=True"):
        SeFlow("u", "p", base_url="http://10.0.0.1/api")
    SeFlow("u", "p", base_url="http://10.0.0.1/api", allow_insecure=True)


def test_the_provider_s_own_panel_is_the_default() -> None:
    assert "https://manage.seflow.it/api" in repr(SeFlow("u", "p"))


def test_the_environment_gives_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEFLOW_USERNAME", "SEFLOW_PASSWORD", "SEFLOW_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="SEFLOW_USERNAME and SEFLOW_PASSWORD"):
        SeFlow.from_env()
    monkeypatch.setenv("SEFLOW_USERNAME", "ops@example.com")
    monkeypatch.setenv("SEFLOW_PASSWORD", "")
    with pytest.raises(ConfigurationError, match="set SEFLOW_PASSWORD"):
        SeFlow.from_env()
    monkeypatch.setenv("SEFLOW_PASSWORD", "hunter2")
    assert "manage.seflow.it" in repr(SeFlow.from_env())
    monkeypatch.setenv("SEFLOW_BASE_URL", URL)
    seflow = SeFlow.from_env(name="one")
    assert seflow.name == "one"
    assert URL in repr(seflow)
    assert "hunter2" not in repr(seflow)
    assert "other.example" in repr(SeFlow.from_env(base_url="https://other.example/api"))


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": 7},
        {"application": "a\nb"},
        {"application": "bé"},
        {"limit": 0},
        {"limit": -3},
    ],
)
def test_an_option_that_cannot_work_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        SeFlow("u", "p", base_url=URL, **options)


@pytest.mark.parametrize("bad", [{"connect": 0}, {"read": -1}, {"change": float("nan")}, {"read": "3"}])
def test_a_time_out_that_cannot_work_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        Timeouts(**bad)


def test_a_session_cannot_be_lent() -> None:
    with pytest.raises(TypeError, match="session"):
        SeFlow("u", "p", session=object())  # type: ignore[call-arg]


def locals_of(failing: Callable[[], object]) -> Bag:
    """What a traceback with locals shows of the frames below, which are ours."""
    bag = Bag()
    with pytest.raises(ConfigurationError) as caught:
        failing()
    trace = caught.value.__traceback__
    while trace is not None and "aioseflow/" not in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    bag.error("the refusal", caught.value.with_traceback(trace))
    return bag


@pytest.mark.parametrize(
    "username",
    ["", " ", None, "u:v", "u\n", "\ud800"],
    ids=["empty", "blank", "none", "colon", "end", "half"],
)
def test_no_frame_of_a_refusal_holds_the_password(username: Any) -> None:
    bag = locals_of(lambda: Credentials.check(username, "correct-horse-battery"))
    assert bag.betrays({"password": "correct-horse-battery"}) == []


@pytest.mark.parametrize("end", ["\n", "\0", "\x7f", "\ud800"])
def test_no_frame_of_a_refused_password_holds_it(end: str) -> None:
    bag = locals_of(lambda: Credentials.check("ops@example.com", "correct-horse-battery" + end))
    assert bag.betrays({"password": "correct-horse-battery"}) == []


@pytest.mark.parametrize(
    "options", [{"base_url": "ftp://x"}, {"name": ""}, {"limit": 0}, {"deadline": -1}, {"username": "u:v"}]
)
def test_no_frame_of_the_client_that_could_not_be_made_holds_the_password(options: dict[str, Any]) -> None:
    given = {"username": "u", "base_url": URL, **options}
    bag = locals_of(lambda: SeFlow(password="correct-horse-battery", **given))
    assert bag.betrays({"password": "correct-horse-battery"}) == []


def test_no_frame_of_a_refused_reset_holds_the_password() -> None:
    seflow = SeFlow("u", "p", base_url=URL)
    bag = locals_of(lambda: seflow.reset(password="correct-horse-battery\n"))
    assert bag.betrays({"password": "correct-horse-battery"}) == []


def test_no_frame_holds_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEFLOW_USERNAME", raising=False)
    monkeypatch.setenv("SEFLOW_PASSWORD", "correct-horse-battery")
    bag = locals_of(SeFlow.from_env)
    assert bag.betrays({"password": "correct-horse-battery"}) == []


@pytest.mark.parametrize("way", ["argument", "environment"])
@pytest.mark.parametrize(
    "url", ["socks5://u:{}@h:1", "http://u:{}@:1", "http://u:{}@h:99999", "http://u:{}@[::1"]
)
def test_no_frame_of_a_refused_proxy_holds_its_password(
    way: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = url.format("correct-horse-battery")
    monkeypatch.setenv("HTTPS_PROXY", whole)
    given = whole if way == "argument" else UNSET
    bag = locals_of(lambda: find_proxy(given, yarl.URL(URL)))
    assert bag.betrays({"password": "correct-horse-battery"}) == []


def test_no_proxy_may_name_the_port_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "panel.example:8443")
    assert find_proxy(UNSET, yarl.URL("https://panel.example:8443/api")) is None
    assert find_proxy(UNSET, yarl.URL("https://panel.example/api")) is not None


def test_a_context_must_look_at_the_host_s_name() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(ConfigurationError, match="check_hostname"):
        find_tls(yarl.URL(URL), ca_file=None, ssl_context=context)

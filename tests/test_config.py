"""Credentials and base URLs: refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from aioseflow import ConfigurationError, Secret, SeFlow, Timeouts

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

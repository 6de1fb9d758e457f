"""The checks of one account, each against a panel or a way to it that is broken there."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import tls
from support.proxy import Proxy
from support.wire import Seen, Wire, http

from aioseflow.cli.accounts import Identity
from aioseflow.cli.doctor import connection_checks, panel_checks
from aioseflow.cli.doctor.check import ORDER, Check, CheckVerdict, exit_code_of
from aioseflow.cli.doctor.panel_checks import examine
from aioseflow.cli.exit_code import ExitCode
from aioseflow.config import Credentials
from aioseflow.sandbox import Fault, Sandbox

OK, WARNING, FAILED, NOT_CHECKED = CheckVerdict
MOST_REQUESTS = 8
PASSWORD = "sandbox"
CLIENT = '{"client":{"id":"1"}}'


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The authority of the tests is the one that is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca_file(tmp_path)))


async def examined(url: str, password: str = PASSWORD) -> dict[str, Check]:
    """The checks by name, each exactly once and in order."""
    identity = Identity(Credentials.check("demo@example.com", password), url)
    made: list[Check] = []
    await examine(identity, made.append)
    assert [check.check for check in made] == list(ORDER)
    assert all(password not in f"{check.found} {check.fix} {check.details}" for check in made)
    # Every problem comes with what to do about it.
    assert all(check.fix for check in made if check.verdict in (WARNING, FAILED))
    return {check.check: check for check in made}


def left_out(checks: dict[str, Check]) -> list[str]:
    """Those that were not checked."""
    return [name for name, check in checks.items() if check.verdict is NOT_CHECKED]


def since(name: str) -> list[str]:
    """The checks after one."""
    return list(ORDER[ORDER.index(name) + 1 :])


@asynccontextmanager
async def panel(**options: Any) -> AsyncIterator[Sandbox]:
    async with Sandbox(**{"services": 2, "vms_per_service": 3, "seed": 1, **options}) as started:
        yield started
        assert len(started.requests) <= MOST_REQUESTS
        assert {seen.method for seen in started.requests} <= {"GET"}


@asynccontextmanager
async def behind_tls(panel: Sandbox, context: ssl.SSLContext) -> AsyncIterator[str]:
    """The URL of a panel that speaks TLS."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(panel.protocol_factory, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/api"


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


async def test_where_all_is_well_all_is_checked(trusted: None) -> None:
    async with panel(dialect="by_id") as started, behind_tls(started, tls.good()) as url:
        checks = await examined(url)
    assert {check.verdict for check in checks.values()} == {OK}
    assert exit_code_of(checks.values()) is ExitCode.OK
    facts = checks["tls"].details
    assert facts["issuer"].startswith("trustme")
    assert facts["names"] == tls.NAMES
    assert facts["days_left"] > 1000
    assert facts["protocol"] == "TLSv1.3"
    assert facts["authorities"] == f"{os.environ['SSL_CERT_FILE']} (SSL_CERT_FILE)"
    assert checks["latency"].details["reads"] == 3
    assert checks["throttle"].details["refusals"] == 0


@pytest.mark.parametrize(
    ("context", "reason", "fix"),
    [
        (tls.expired, "it has expired", "clock"),
        (tls.wrong_name, "it was issued for another host name", "base URL"),
        (tls.self_signed, "it is self-signed", "SSL_CERT_FILE"),
    ],
)
async def test_a_refused_certificate_says_why_and_nothing_is_sent(
    trusted: None, context: Callable[[], ssl.SSLContext], reason: str, fix: str
) -> None:
    async with panel() as started, behind_tls(started, context()) as url:
        checks = await examined(url)
        assert started.requests == []
    refused = checks["tls"]
    assert (refused.verdict, reason in refused.found) == (FAILED, True)
    assert fix in refused.fix
    assert refused.details["verify_code"] > 0
    assert left_out(checks) == since("tls")
    assert exit_code_of(checks.values()) is ExitCode.ERROR


async def test_an_authority_that_is_not_trusted_here_is_named_by_what_would_trust_it() -> None:
    async with panel() as started, behind_tls(started, tls.good()) as url:
        checks = await examined(url)
    assert "its issuer is not trusted here" in checks["tls"].found
    assert "SSL_CERT_FILE=FILE.pem" in checks["tls"].fix


async def test_a_certificate_that_ends_soon_is_a_warning(trusted: None) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    soon = datetime.now(UTC) + timedelta(days=3, hours=1)
    tls.authority().issue_cert(*tls.NAMES, not_after=soon).configure_cert(context)
    async with panel() as started, behind_tls(started, context) as url:
        checks = await examined(url)
    assert (checks["tls"].verdict, checks["tls"].details["days_left"]) == (WARNING, 3)
    assert f"renew it by {soon:%Y-%m-%d}" in checks["tls"].fix
    assert checks["credentials"].verdict is OK


async def test_a_file_of_authorities_that_is_none_fails_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    async with panel() as started, behind_tls(started, tls.good()) as url:
        checks = await examined(url)
    assert "missing.pem" in checks["tls"].found
    assert left_out(checks) == since("tls")


async def test_a_port_that_speaks_no_tls_is_told_from_a_bad_certificate() -> None:
    async with panel() as started:
        checks = await examined(started.url.replace("http://", "https://"))
    assert checks["tls"].found == "this port does not speak TLS"
    assert checks["tls"].fix == f"try {started.url}"


async def test_a_connection_that_is_cut_in_the_handshake_is_no_port_without_tls() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        checks = await examined(f"https://localhost:{server.sockets[0].getsockname()[1]}/api")
    assert checks["tls"].found.startswith("no handshake: ")
    assert checks["tls"].verdict is FAILED


async def test_a_refused_port_ends_it() -> None:
    checks = await examined(f"http://127.0.0.1:{free_port()}/api")
    assert "connection refused" in checks["tcp"].found
    assert left_out(checks) == since("tcp")


async def test_a_name_that_cannot_be_resolved_ends_it() -> None:
    checks = await examined("https://nosuchhost.invalid/api")
    assert checks["dns"].found.startswith("nosuchhost.invalid could not be resolved: ")
    assert left_out(checks) == since("dns")


async def test_an_address_that_does_not_answer_beside_one_that_does_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return "127.0.0.2", "127.0.0.1"

    monkeypatch.setattr(connection_checks, "resolve", resolve)
    async with panel() as started:
        checks = await examined(started.url.replace("127.0.0.1", "localhost"))
    assert checks["tcp"].verdict is WARNING
    assert checks["tcp"].details["failed"] == {"127.0.0.2": "connection refused"}
    assert checks["credentials"].verdict is OK


async def test_a_base_url_that_is_none_is_told_and_nothing_is_tried() -> None:
    checks = await examined("http://panel.example/api")
    assert "in the clear" in checks["configuration"].found
    assert left_out(checks) == since("configuration")


async def test_the_handshake_goes_through_the_proxy_with_its_login(
    trusted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with panel() as started, behind_tls(started, tls.good()) as url, Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:hunter2-proxy@"))
        checks = await examined(url)
        assert {asked.method for asked in proxy.requests} == {"CONNECT"}
        assert all(asked.headers["proxy-authorization"].startswith(b"Basic ") for asked in proxy.requests)
        assert checks["proxy"].found == f"{proxy.url} with a login, from HTTPS_PROXY"
    assert "hunter2-proxy" not in str(checks)
    assert (checks["tls"].verdict, checks["credentials"].verdict) == (OK, OK)


async def test_a_proxy_that_refuses_is_told_by_its_status(
    trusted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with panel() as started, behind_tls(started, tls.good()) as url, Proxy(refuse=407) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        checks = await examined(url)
    assert checks["tls"].found == "the proxy opened no tunnel: HTTP 407"
    assert left_out(checks) == since("tls")


async def test_what_is_no_proxy_is_told(trusted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async with panel() as started, behind_tls(started, tls.good()) as url, Wire() as other:
        other.answer = b"220 mail.example ESMTP\r\n\r\n"
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{other.port}")
        checks = await examined(url)
    assert "opened no tunnel" in checks["tls"].found


async def test_a_proxy_setting_that_is_no_url_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    checks = await examined("https://localhost:1/api")
    assert checks["proxy"].verdict is FAILED
    assert left_out(checks) == since("proxy")


async def test_a_refused_login_is_tried_once() -> None:
    async with panel() as started:
        checks = await examined(started.url, password="hunter2-wrong")
        assert [seen.status for seen in started.requests] == [401]
    assert checks["credentials"].verdict is FAILED
    assert "Try once only" in checks["credentials"].fix
    assert checks["clock"].verdict is OK
    assert left_out(checks) == ["tls", *since("credentials")]
    assert exit_code_of(checks.values()) is ExitCode.AUTHENTICATION


async def test_an_address_that_is_not_allowed_is_named() -> None:
    async with panel(faults=[Fault("ipnotallowed")]) as started:
        checks = await examined(started.url)
        assert len(started.requests) == 1
    assert "127.0.0.1, or its router's" in checks["allow_list"].found
    assert checks["credentials"].verdict is NOT_CHECKED
    assert exit_code_of(checks.values()) is ExitCode.AUTHENTICATION


async def test_the_address_that_the_panel_sees_is_told_where_it_says_so() -> None:
    async with Wire() as wire:
        wire.answer = http('{"error":[["ipnotallowed","203.0.113.9"]]}', 401)
        checks = await examined(wire.url)
    assert checks["allow_list"].details["address"] == "203.0.113.9"
    assert "203.0.113.9" in checks["allow_list"].found


async def test_a_panel_that_refuses_for_now_says_nothing_of_the_login() -> None:
    async with panel(faults=[Fault("throttle", seconds=24)]) as started:
        checks = await examined(started.url)
        assert len(started.requests) == 1
    assert checks["throttle"].verdict is FAILED
    assert "wait 24 s" in checks["throttle"].fix
    assert {"credentials", "allow_list", "latency", "calls"} <= set(left_out(checks))
    assert exit_code_of(checks.values()) is ExitCode.ERROR


async def test_a_refusal_after_the_first_read_is_a_warning_and_the_last_request() -> None:
    async with panel(faults=[Fault("throttle", after=1)]) as started:
        checks = await examined(started.url)
        assert len(started.requests) == 2
    assert checks["throttle"].verdict is WARNING
    assert checks["throttle"].found == "the panel throttles (1 of 2 reads)"
    assert exit_code_of(checks.values()) is ExitCode.OK


async def test_a_read_that_is_lost_is_a_warning() -> None:
    async with panel(faults=[Fault("reset", after=1, times=1)]) as started:
        checks = await examined(started.url)
    assert checks["latency"].verdict is WARNING
    assert "a read was lost" in checks["latency"].found


async def test_slow_answers_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_checks, "_SLOW_SECONDS", 0.0)
    async with panel() as started:
        checks = await examined(started.url)
    assert (checks["latency"].verdict, "1000 VMs" in checks["latency"].fix) == (WARNING, True)


@pytest.mark.parametrize(
    ("away", "verdict", "words"),
    [(-95, WARNING, "ahead of"), (95, WARNING, "behind"), (-20, OK, "within"), (20, OK, "within")],
)
async def test_a_clock_that_is_off_is_a_warning(away: int, verdict: CheckVerdict, words: str) -> None:
    def answer(seen: Seen) -> bytes:
        there = datetime.now(UTC) + timedelta(seconds=away)
        return http(CLIENT, headers={"date": f"{there:%a, %d %b %Y %H:%M:%S GMT}"})

    async with Wire() as wire:
        wire.answer = answer
        checks = await examined(wire.url)
    assert checks["clock"].verdict is verdict
    assert words in checks["clock"].found
    assert abs(checks["clock"].details["skew"] + away) < 5


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}, {"Date": "\x1b[31m"}])
async def test_a_panel_that_does_not_say_its_time_leaves_the_clock_unchecked(headers: dict[str, str]) -> None:
    async with Wire() as wire:
        wire.answer = http(CLIENT, headers=headers)
        checks = await examined(wire.url)
    assert checks["clock"].verdict is NOT_CHECKED
    assert checks["calls"].found.startswith("the panel's answer cannot be read")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http("{}", 404), "answered 404"),
        (http("<html>Maintenance</html>"), "a web page instead of data"),
        (http("", 302, headers={"Location": "https://elsewhere.example/login"}), "elsewhere.example"),
        (http("<html>Forbidden</html>", 403), "in front of the panel"),
    ],
)
async def test_an_answer_that_is_not_the_apis_ends_it(answer: bytes, words: str) -> None:
    async with Wire() as wire:
        wire.answer = answer
        checks = await examined(wire.url)
        assert len(wire.requests) == 1
    assert words in checks["api"].found
    assert set(since("clock")) <= set(left_out(checks))
    assert exit_code_of(checks.values()) is ExitCode.ERROR


async def test_an_account_that_may_not_read_itself_is_let_in_all_the_same() -> None:
    async with Wire() as wire:
        wire.answer = http('{"error":["unauthorized"]}', 403)
        checks = await examined(wire.url)
    assert (checks["credentials"].verdict, checks["allow_list"].verdict) == (WARNING, OK)


# -- which calls there are -----------------------------------------------------------------------------------


def states(checks: dict[str, Check]) -> dict[str, str]:
    return {name: str(one.state) for one in checks["calls"].details["calls"] for name in one.calls}


async def test_an_installation_that_lists_its_calls_is_believed() -> None:
    async with panel(dialect="by_id", services_without_vms=1) as started:
        checks = await examined(started.url)
        assert started.count(path="/service/@id/methods") == 1
    assert checks["calls"].verdict is OK
    found = states(checks)
    assert len(checks["calls"].details["calls"]) == 39
    assert found["vms.stop"] == found["services.request_upgrade"] == found["account.details"] == "there"
    assert found["vms.destroy"] == found["services.ips"] == "missing"
    assert found["billing.balance"] == found["services.get"] == "not_known"


async def test_an_installation_without_a_list_does_not_say() -> None:
    async with panel() as started:
        checks = await examined(started.url)
        assert started.count(path="/service/@id/methods") == 1
    assert checks["calls"].verdict is NOT_CHECKED
    assert "does not say" in checks["calls"].found
    assert set(states(checks).values()) == {"there", "not_known"}


async def test_a_service_without_vms_says_nothing_of_vms() -> None:
    async with panel(dialect="by_id", services=0, vms_per_service=[], services_without_vms=5) as started:
        checks = await examined(started.url)
        assert started.count(path="/service/@id/methods") == 3
    assert states(checks)["vms.stop"] == "not_known"
    assert states(checks)["services.ips"] == "missing"


async def test_without_a_service_there_is_nobody_to_ask() -> None:
    async with panel(services=0, vms_per_service=[]) as started:
        checks = await examined(started.url)
    assert checks["calls"].found == "there is no service"


async def test_a_call_that_a_fleet_needs_and_the_list_lacks_is_a_warning() -> None:
    answers = {
        "details": CLIENT,
        "service": json.dumps({"services": [{"id": "9", "status": "Active"}]}),
        "methods": json.dumps({"methods": [{"method": "get", "route": "/service/@id/vms/"}]}),
    }
    async with Wire() as wire:
        wire.answer = lambda seen: http(answers[seen.target.rsplit("/", 1)[1]])
        checks = await examined(wire.url)
    assert checks["calls"].verdict is WARNING
    assert checks["calls"].fix == "a fleet needs vms.start, vms.stop, vms.reboot: ask the provider for them"

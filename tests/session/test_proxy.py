"""The proxy is found once, when the client is made; and no request goes anywhere but to the panel."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
import yarl
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tls
from support.clients import PASSWORD, USERNAME, client
from support.proxy import Proxy
from support.wire import Wire, http

from aioseflow import (
    ConfigurationError,
    Event,
    InvalidArgument,
    Retried,
    SeFlow,
    SeFlowError,
    TransportError,
)
from aioseflow.config import is_exempt

OK = http('{"status": true, "services": []}')
URL = "https://panel.example/api"
NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def dead() -> Iterator[str]:
    """The URL of a proxy that nobody runs, on a port that is taken."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def secure(wire: Wire, **options: Any) -> SeFlow:
    wire.answer = OK
    return client(wire.url.replace("127.0.0.1", "localhost"), ssl_context=tls.client_context(), **options)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_https_proxy_is_used_for_https(name: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wire(tls=tls.good()) as wire, Proxy() as proxy:
        monkeypatch.setenv(name, scheme + proxy.url.removeprefix("http://"))
        async with secure(wire) as seflow:
            await seflow.services.list()
        assert [(asked.method, asked.target) for asked in proxy.requests] == [
            ("CONNECT", f"localhost:{wire.port}")
        ]
        assert "authorization" not in proxy.last.headers
        assert "proxy-authorization" not in proxy.last.headers
        assert wire.last.target == "/api/service"
        assert "proxy-authorization" not in wire.last.headers


@pytest.mark.parametrize(
    ("names", "bypassed"),
    [
        ("localhost", True),
        ("other.example, localhost", True),
        ("*", True),
        ("LOCALHOST", True),
        (".other.example", False),
        ("host", False),
        ("ocalhost", False),
        ("", False),
    ],
)
async def test_no_proxy_is_respected(names: str, monkeypatch: pytest.MonkeyPatch, *, bypassed: bool) -> None:
    async with Wire(tls=tls.good()) as wire, Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", names)
        async with secure(wire) as seflow:
            await seflow.services.list()
    assert len(proxy.requests) == (0 if bypassed else 1)


# Hosts that the tables below ask for; where no port is written it is 443.
NAME, IPV4, IPV6 = "a.panel.example", "10.1.2.3", "[2001:db8::1]"
IDN, PUNYCODE = "panel.b\u00fccher.example", "panel.xn--bcher-kva.example"

NAMED = [
    # the name and what is below it
    (NAME, "a.panel.example"),
    (NAME, "panel.example"),
    (NAME, ".panel.example"),
    (NAME, ".a.panel.example"),
    (NAME, "*.panel.example"),
    (NAME, "*.a.panel.example"),
    (NAME, "example"),
    (NAME, "PANEL.Example"),
    ("A.PANEL.example", "panel.example"),
    (NAME, "panel.example."),
    (f"{NAME}.", "panel.example"),
    (f"{NAME}.", ".panel.example."),
    ("localhost", "localhost"),
    # separators
    (NAME, "other.example,panel.example"),
    (NAME, "other.example panel.example"),
    (NAME, "other.example \t, ,,panel.example ,"),
    (NAME, "other.example\npanel.example"),
    # everything
    (NAME, "*"),
    (NAME, " * "),
    (IPV4, "*"),
    (IPV6, "*"),
    # ports
    (NAME, "panel.example:443"),
    (f"{NAME}:8443", "*.panel.example.:8443"),
    (f"{NAME}:8443", "panel.example"),
    (IPV4, "10.1.2.3:443"),
    (f"{IPV4}:8443", "10.0.0.0/8:8443"),
    (f"{IPV6}:8443", "[2001:db8::1]:8443"),
    (f"{IPV6}:8443", "[2001:db8::1]"),
    # addresses, however they are written
    (IPV4, "10.1.2.3"),
    (IPV4, "[10.1.2.3]"),
    (IPV4, "10.1.2.3."),
    (f"{IPV4}.", "10.1.2.3"),
    (IPV6, "2001:db8::1"),
    (IPV6, "2001:DB8::1"),
    (IPV6, "[2001:db8::1]"),
    (IPV6, "2001:0db8:0000:0:0::0001"),
    ("[2001:db8:0:0:0:0:0:1]", "[2001:db8::1]"),
    ("[::1]", "::1"),
    ("[::1]", "0:0:0:0:0:0:0:1"),
    ("[2001:db8::443]", "2001:db8::443"),
    ("[fe80::1%25eth0]", "fe80::1"),
    # networks
    (IPV4, "10.0.0.0/8"),
    (IPV4, "10.1.2.3/32"),
    (IPV4, "10.9.9.9/8"),
    (IPV4, "0.0.0.0/0"),
    (IPV4, "10.0.0.0/255.0.0.0"),
    ("10.1.2.127", "10.1.2.0/25"),
    (IPV6, "2001:db8::/32"),
    (IPV6, "[2001:db8::/32]"),
    (IPV6, "other.example, 10.0.0.0/8, 2001:db8::/32"),
    # a name in the one form or the other
    (IDN, IDN),
    (IDN, PUNYCODE),
    (PUNYCODE, IDN),
    (PUNYCODE, "XN--BCHER-KVA.example"),
    (IDN, "B\u00dcCHER.example"),
    (IDN, "*.b\u00fccher.example."),
    (IDN, "b\u00fccher\u3002example\u3002"),
    (f"{IDN}:8443", "b\u00fccher.example:8443"),
    # what is malformed does not hide what comes behind it
    (NAME, "b\u00fc..example, [::1, 10.0.0.0/99, :443, panel.example"),
    (IPV4, "10/8, 10.0.0.0/x, [::1, 10.0.0.0/8"),
]

NOT_NAMED = [
    (NAME, ""),
    (NAME, " , "),
    # another name, of which only a part is the same
    (NAME, "b.panel.example"),
    (NAME, "nel.example"),
    (NAME, "*nel.example"),
    (NAME, "*panel.example"),
    (NAME, "*a.panel.example"),
    (NAME, "panel.example.org"),
    (NAME, "x.a.panel.example"),
    (NAME, "panel"),
    (NAME, "a.panel"),
    ("notcorp.example", "corp.example"),
    ("notcorp.example", ".corp.example"),
    ("notcorp.example", "*.corp.example"),
    ("corp.example.evil.example", "corp.example"),
    # `*` is a wildcard by itself only
    (NAME, "*, other.example"),
    (NAME, "a.*.example"),
    (NAME, "*.*.example"),
    (NAME, "**"),
    (NAME, "*."),
    (NAME, "."),
    # ports
    (NAME, "panel.example:444"),
    (NAME, "panel.example:8443"),
    (f"{NAME}:8443", "panel.example:443"),
    (NAME, "panel.example:0443x"),
    (NAME, "panel.example:"),
    (NAME, "panel.example:https"),
    (NAME, "panel.example:\u0664\u0664\u0663"),
    (NAME, "panel.example:" + "4" * 5000),
    (NAME, "*:443"),
    (NAME, ":443"),
    (IPV4, "10.1.2.3:444"),
    (IPV4, "10.0.0.0/8:444"),
    (IPV6, "[2001:db8::1]:444"),
    # addresses: no part of one, no name
    (IPV4, "10.1.2"),
    (IPV4, "10."),
    (IPV4, "10"),
    (IPV4, "10.1.2.30"),
    ("10.1.2.30", "10.1.2.3"),
    ("110.1.2.3", "10.1.2.3"),
    (IPV4, "2.3"),
    (IPV4, ".1.2.3"),
    (IPV4, "3"),
    (IPV4, "010.1.2.3"),
    (IPV4, "*.1.2.3"),
    (IPV6, "2001:db8::"),
    (IPV6, "2001:db8"),
    (IPV6, "2001:db8::11"),
    ("[2001:db8::443]", "[2001:db8::]:443"),
    (IPV6, "db8::1"),
    # networks
    ("11.0.0.1", "10.0.0.0/8"),
    ("10.1.2.128", "10.1.2.0/25"),
    ("[2001:db9::1]", "2001:db8::/32"),
    (IPV6, "10.0.0.0/8"),
    (IPV6, "0.0.0.0/0"),
    (IPV4, "::/0"),
    (IPV4, "10.0.0.0/33"),
    (IPV4, "10.0.0.0/-1"),
    (IPV4, "10.0.0.0/"),
    (IPV4, "10.0.0.0/8/8"),
    (IPV4, "10/8"),
    (IPV4, "/8"),
    (IPV6, "2001:db8::/129"),
    (IPV6, "[2001:db8::1"),
    (IPV6, "2001:db8::1]"),
    (IPV6, "[]"),
    # a network and a host that is a name
    (NAME, "0.0.0.0/0"),
    (NAME, "::/0"),
    ("10.panel.example", "10.0.0.0/8"),
    ("localhost", "127.0.0.0/8"),
    ("localhost", "::1"),
    # IDN
    (IDN, "bucher.example"),
    (IDN, "cher.example"),
    (NAME, "\u00fc" * 300),
    (NAME, "\udcff.panel.example"),
    (NAME, "\u00fc:panel.example"),
]


def goes_through_the_proxy(host: str) -> bool:
    seflow = SeFlow("u", "p", base_url=f"https://{host}/api")
    return "proxy" in seflow._session.shared.connections.options


@pytest.mark.parametrize(("host", "names"), NAMED)
def test_no_proxy_names_hosts_networks_and_ports(
    host: str, names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert goes_through_the_proxy(host)
    monkeypatch.setenv("NO_PROXY", names)
    assert not goes_through_the_proxy(host)


@pytest.mark.parametrize(("host", "names"), NOT_NAMED)
def test_no_proxy_names_nothing_else(host: str, names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", names)
    assert goes_through_the_proxy(host)


@pytest.mark.parametrize(
    ("lower", "upper", "bypassed"),
    [
        ("panel.example", None, True),
        (None, "panel.example", True),
        ("panel.example", "other.example", True),
        ("other.example", "panel.example", False),
        # as for the other variables: an empty one in lower case switches the other off
        ("", "panel.example", False),
    ],
)
def test_no_proxy_in_lower_case_wins(
    lower: str | None, upper: str | None, monkeypatch: pytest.MonkeyPatch, *, bypassed: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    for name, value in (("no_proxy", lower), ("NO_PROXY", upper)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert goes_through_the_proxy("panel.example") is not bypassed


@given(
    st.text(st.characters() | st.sampled_from("*.,:/[]%0123456789abcdef\u00fc"), max_size=30),
    st.sampled_from([NAME, IPV4, IPV6, IDN, "[fe80::1%25eth0]", f"{NAME}.:8443"]),
)
def test_no_list_of_exceptions_raises(names: str, host: str) -> None:
    assert is_exempt(yarl.URL(f"https://{host}/api"), names) in {True, False}


async def test_the_argument_wins_over_the_environment(dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wire(tls=tls.good()) as wire, Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", dead)
        monkeypatch.setenv("NO_PROXY", "*")
        async with secure(wire, proxy=proxy.url) as seflow:
            await seflow.services.list()
        assert len(proxy.requests) == 1


async def test_none_is_no_proxy_whatever_the_environment_says(
    dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Wire(tls=tls.good()) as wire:
        monkeypatch.setenv("HTTPS_PROXY", dead)
        async with secure(wire, proxy=None) as seflow:
            await seflow.services.list()
        assert len(wire.requests) == 1


async def test_other_variables_and_later_changes_of_the_environment_do_nothing(
    dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Wire(tls=tls.good()) as wire, Wire() as clear:
        monkeypatch.setenv("HTTP_PROXY", dead)
        monkeypatch.setenv("ALL_PROXY", dead)
        clear.answer = OK
        async with secure(wire) as seflow, client(clear.url) as in_the_clear:
            monkeypatch.setenv("HTTPS_PROXY", dead)
            await seflow.services.list()
            await in_the_clear.services.list()
        assert (len(wire.requests), len(clear.requests)) == (1, 1)


async def test_a_proxy_found_at_the_start_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wire(tls=tls.good()) as wire, Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        seflow = secure(wire)
        monkeypatch.delenv("HTTPS_PROXY")
        monkeypatch.setenv("NO_PROXY", "*")
        async with seflow:
            await seflow.services.list()
        assert len(proxy.requests) == 1


async def test_a_given_proxy_is_used_for_cleartext_too() -> None:
    async with Wire() as wire, Proxy() as proxy:
        wire.answer = OK
        login = proxy.url.replace("//", "//someone:p%40ss@")
        async with client(wire.url, proxy=login) as seflow:
            await seflow.services.list()
        assert proxy.last.target == f"{wire.url}/service"
        assert proxy.last.headers["proxy-authorization"] == b"Basic " + b64encode(b"someone:p@ss")
        assert wire.last.headers["authorization"].startswith("Basic ")
        assert "proxy-authorization" not in wire.last.headers


@pytest.mark.parametrize("way", ["argument", "environment"])
@pytest.mark.parametrize("password", ["s3cret-w0rd", "pä:ss/w@rd%+?#&", ""])
async def test_credentials_of_a_proxy_are_sent_to_it_alone_and_never_shown(
    way: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Wire(tls=tls.good()) as wire, Proxy() as proxy:
        login = proxy.url.replace("//", f"//someone:{quote(password, safe='')}@")
        monkeypatch.setenv("HTTPS_PROXY", login)
        async with secure(wire, **({"proxy": login} if way == "argument" else {})) as seflow:
            await seflow.services.list()
            shown = repr([vars(seflow._session.shared.connections), seflow, seflow._session.shared])
        expected = b"Basic " + b64encode(f"someone:{password}".encode())
        assert proxy.last.headers["proxy-authorization"] == expected
        assert "proxy-authorization" not in wire.last.headers
        for hidden in (password, quote(password, safe=""), expected.decode()[6:]):
            assert not hidden or hidden not in shown


@pytest.mark.parametrize("name", ["services.list", "vms.stop", "vms.reboot"])
@pytest.mark.parametrize("status", [502, 503, 504, 429, 408])
async def test_what_a_proxy_cannot_do_now_never_left_and_goes_again(status: int, name: str) -> None:
    async with Wire(tls=tls.good()) as wire, Proxy(refuse=status) as proxy:
        async with secure(wire, proxy=proxy.url) as seflow:
            with pytest.raises(TransportError, match=f"proxy could not connect .* .HTTP {status}") as caught:
                await _call(seflow, name)
        assert type(caught.value) is TransportError
        assert (caught.value.attempts, caught.value.may_have_acted) == (3, False)
        assert len(proxy.requests) == 3
        assert (wire.requests, wire.connections) == ([], 0)


@pytest.mark.parametrize("name", ["services.list", "vms.stop", "vms.reboot"])
@pytest.mark.parametrize(
    ("status", "said"),
    [(407, "refused its login"), (403, "refused to connect"), (405, "refused to connect")],
)
async def test_a_proxy_s_refusal_is_final_after_one_request_for_all_callers(
    status: int, said: str, name: str
) -> None:
    async with Wire(tls=tls.good()) as wire, Proxy(refuse=status) as proxy:
        async with secure(wire, proxy=proxy.url, limit=8) as seflow:
            with seflow.capture() as exchanges:
                ended = list(await asyncio.gather(*(_refusal(_call(seflow, name)) for _ in range(20))))
            assert not any(exchange.sent for exchange in exchanges)
            ended += [await _refusal(_call(seflow, name)) for _ in range(3)]
            assert all(type(error) is TransportError and said in str(error) for error in ended)
            assert sorted(error.attempts for error in ended) == [0] * 22 + [1]
            assert not any(error.may_have_acted for error in ended)
            assert len(proxy.requests) == 1
            assert seflow.stats().circuit == "open"
            proxy.refuse = None
            seflow.reset()
            await _call(seflow, name)
        assert len(wire.requests) == 1


async def test_a_407_in_the_clear_is_the_proxy_s_refusal_too() -> None:
    async with Wire() as wire, Proxy(refuse=407) as proxy:
        async with client(wire.url, proxy=proxy.url) as seflow:
            errors = [await _refusal(seflow.services.list()) for _ in range(3)]
    assert all(type(error) is TransportError and "proxy refused its login" in str(error) for error in errors)
    assert (len(proxy.requests), wire.requests) == (1, [])


async def test_a_proxy_that_lets_through_again_is_enough() -> None:
    def repair(event: Event) -> None:
        if isinstance(event, Retried):
            proxy.refuse = None

    async with Wire(tls=tls.good()) as wire, Proxy(refuse=502) as proxy:
        async with secure(wire, proxy=proxy.url, hooks=[repair]) as seflow:
            assert (await seflow.vms.reboot(9, 4)).status is True
        assert len(proxy.requests) == 2
        assert len(wire.requests) == 1


@pytest.mark.parametrize("name", ["services.list", "vms.stop", "vms.reboot"])
async def test_a_proxy_that_nobody_runs_never_left_and_goes_again(dead: str, name: str) -> None:
    async with Wire(tls=tls.good()) as wire:
        async with secure(wire, proxy=dead) as seflow:
            with pytest.raises(TransportError, match="No connection") as caught:
                await _call(seflow, name)
        assert (caught.value.attempts, caught.value.may_have_acted) == (3, False)
        assert wire.connections == 0


@pytest.mark.parametrize("kind", [tls.expired, tls.wrong_name, tls.self_signed])
async def test_the_panel_s_certificate_is_verified_through_a_proxy(kind: Any) -> None:
    async with Wire(tls=kind()) as wire, Proxy() as proxy:
        async with secure(wire, proxy=proxy.url) as seflow:
            with pytest.raises(TransportError, match="certificate was refused") as caught:
                await seflow.vms.reboot(9, 4)
        assert (caught.value.attempts, wire.requests) == (1, [])


@pytest.mark.parametrize(
    "bad",
    [
        *("socks5://proxy.example:1080", "ftp://proxy.example", "http://", "http://:3128", "://", ""),
        *("http://proxy.example:99999", "http://proxy.example:port", "http://[::1", "   ", "http:///x", 7),
        "http://pro\nxy.example:3128",
        "socks5h://someone:s3cret@proxy.example:1080",
    ],
)
def test_a_proxy_that_cannot_be_one_is_refused(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        SeFlow("u", "p", base_url=URL, proxy=bad)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("bad", ["socks5://someone:s3cret@proxy.example:1080", "http://", "http://[::1"])
def test_a_proxy_of_the_environment_that_cannot_be_one_is_refused_by_its_variable(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", bad)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        SeFlow("u", "p", base_url=URL)
    assert "s3cret" not in str(caught.value)


async def test_netrc_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".netrc", "_netrc"):
        (tmp_path / name).write_text("machine localhost login stranger password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with Wire(tls=tls.good()) as wire:
        async with secure(wire) as seflow:
            await seflow.services.list()
            await seflow.vms.reboot(9, 4)
        ours = "Basic " + b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        assert [seen.headers["authorization"] for seen in wire.requests] == [ours, ours]


IDS = (
    st.integers()
    | st.text()
    | st.sampled_from(
        [
            "../../x",
            "..",
            "%2e%2e",
            "..%2f",
            "a?b",
            "a#b",
            "a;b",
            "@host",
            "//host",
            "http://host/",
            "é",
            "a b",
            "\u202e",
        ]
    )
)


@settings(max_examples=150)
@given(service_id=IDS, vm_id=IDS)
def test_no_id_leaves_its_place_below_the_base_url(service_id: int | str, vm_id: int | str) -> None:
    async def story() -> None:
        async with Wire() as wire:
            wire.answer = OK
            async with client(wire.url, retry=None) as seflow:
                try:
                    await seflow.vms.stop(service_id, vm_id)
                except InvalidArgument:
                    assert wire.connections == 0
                    return
            (seen,) = wire.requests
            assert seen.method == "POST"
            assert seen.headers["host"] == f"127.0.0.1:{wire.port}"
            segments = seen.target.split("/")
            assert segments[:3] == ["", "api", "service"]
            assert [unquote(segment, errors="strict") for segment in segments[3:]] == [
                str(service_id),
                "vms",
                str(vm_id),
                "stop",
            ]
            assert not set("?#;") & set(seen.target)

    asyncio.run(story())


async def _refusal(calling: Coroutine[Any, Any, Any]) -> SeFlowError:
    with pytest.raises(SeFlowError) as caught:
        await calling
    return caught.value


async def _call(seflow: SeFlow, name: str) -> object:
    if name == "services.list":
        return await seflow.services.list()
    if name == "vms.stop":
        return await seflow.vms.stop(9, 4)
    return await seflow.vms.reboot(9, 4)

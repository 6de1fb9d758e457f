"""TLS is verified, always: a certificate that is not in order gets nothing of ours, and one clear error."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from support import tls
from support.clients import client
from support.wire import Wire, http

from aioseflow import ConfigurationError, SeFlow, SeFlowError, TransportError

SERVICES = http('{"services": []}')
URL = "https://panel.example/api"


@pytest.fixture(autouse=True)
def no_authority_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


async def refusal(call: Any) -> SeFlowError:
    with pytest.raises(SeFlowError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("way", ["ca_file", "ca_file as text", "ssl_context", "SSL_CERT_FILE"])
async def test_a_certificate_of_a_private_authority_is_good_where_it_is_trusted(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tls.ca_file(tmp_path)
    ways: dict[str, dict[str, Any]] = {
        "ca_file": {"ca_file": path},
        "ca_file as text": {"ca_file": str(path)},
        "ssl_context": {"ssl_context": tls.client_context()},
    }
    options = ways.get(way, {})
    if way == "SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with Wire(tls=tls.good()) as wire:
        wire.answer = SERVICES
        async with client(wire.url, **options) as seflow:
            assert await seflow.services.list() == []
        async with client(wire.url.replace("127.0.0.1", "localhost"), **options) as seflow:
            assert await seflow.services.list() == []
    assert len(wire.requests) == 2


async def test_the_authority_is_read_when_the_client_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tls.ca_file(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with Wire(tls=tls.good()) as wire:
        wire.answer = SERVICES
        seflow = client(wire.url)
        monkeypatch.delenv("SSL_CERT_FILE")
        path.unlink()
        async with seflow:
            assert await seflow.services.list() == []


async def test_an_authority_that_is_given_is_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    stranger = other / "stranger.pem"
    stranger.write_bytes(trustme.CA().cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca_file(tmp_path)))
    async with Wire(tls=tls.good()) as wire, client(wire.url, ca_file=stranger) as seflow:
        error = await refusal(seflow.services.list())
    assert "certificate was refused" in str(error)
    assert wire.requests == []


REASONS: dict[str, tuple[Callable[[], ssl.SSLContext], str]] = {
    "expired": (tls.expired, "it has expired"),
    "wrong name": (tls.wrong_name, "it was issued for another"),
    "self-signed": (tls.self_signed, "it is self-signed"),
}


@pytest.mark.parametrize("name", ["services.list", "vms.stop", "vms.reboot"])
@pytest.mark.parametrize("way", ["ca_file", "ssl_context", "SSL_CERT_FILE"])
@pytest.mark.parametrize("kind", REASONS)
async def test_a_certificate_that_is_not_in_order_gets_nothing_and_one_clear_error(
    kind: str, way: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, reason = REASONS[kind]
    options: dict[str, Any] = {}
    if way == "ca_file":
        options["ca_file"] = tls.ca_file(tmp_path)
    elif way == "ssl_context":
        options["ssl_context"] = tls.client_context()
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca_file(tmp_path)))
    async with Wire(tls=make()) as wire:
        async with client(wire.url, **options) as seflow:
            with seflow.capture() as exchanges:
                calls: dict[str, Callable[[], Any]] = {
                    "services.list": seflow.services.list,
                    "vms.stop": lambda: seflow.vms.stop(9, 4),
                    "vms.reboot": lambda: seflow.vms.reboot(9, 4),
                }
                error = await refusal(calls[name]())
    assert type(error) is TransportError
    assert reason in str(error)
    assert "ca_file" in str(error)
    assert (error.attempts, error.may_have_acted, exchanges[0].sent) == (1, False, 0)
    assert wire.requests == []
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_without_its_authority_a_good_certificate_is_refused() -> None:
    async with Wire(tls=tls.good()) as wire, client(wire.url) as seflow:
        error = await refusal(seflow.vms.reboot(9, 4))
        assert "not trusted here" in str(error)
        assert "SSL_CERT_FILE" in str(error)
    assert (error.attempts, wire.requests) == (1, [])


async def test_a_lent_connector_verifies_with_the_client_s_authority(tmp_path: Path) -> None:
    async with Wire(tls=tls.good()) as good, Wire(tls=tls.self_signed()) as bad:
        good.answer = SERVICES
        async with aiohttp.TCPConnector() as connector:
            options: dict[str, Any] = {"connector": connector, "ca_file": tls.ca_file(tmp_path)}
            async with client(good.url, **options) as seflow:
                assert await seflow.services.list() == []
            async with client(bad.url, **options) as seflow:
                await refusal(seflow.services.list())
    assert bad.requests == []


@pytest.mark.parametrize("option", ["verify", "ssl", "verify_ssl", "insecure"])
def test_there_is_no_switch_that_turns_verification_off(option: str) -> None:
    options: dict[str, Any] = {option: False}
    with pytest.raises(TypeError, match=option):
        SeFlow("u", "p", base_url=URL, **options)


@pytest.mark.parametrize("mode", [ssl.CERT_NONE, ssl.CERT_OPTIONAL])
def test_a_context_that_does_not_verify_is_refused(mode: ssl.VerifyMode) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = mode
    with pytest.raises(ConfigurationError, match="does not verify"):
        SeFlow("u", "p", base_url=URL, ssl_context=context)


async def test_a_context_that_does_not_look_at_the_name_is_refused() -> None:
    """A certificate for another host, of an authority that is trusted, is what a man in the middle has."""
    context = tls.client_context()
    context.check_hostname = False
    async with Wire(tls=tls.wrong_name()) as wire:
        wire.answer = SERVICES
        with pytest.raises(ConfigurationError, match="host"):
            async with client(wire.url, ssl_context=context) as seflow:
                await seflow.services.list()
    assert wire.requests == []


@pytest.mark.parametrize("context", [False, True, "off", ssl.SSLContext])
def test_what_is_not_a_context_is_refused(context: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"ssl\.SSLContext"):
        SeFlow("u", "p", base_url=URL, ssl_context=context)


def test_authorities_are_given_in_one_way_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        SeFlow("u", "p", base_url=URL, ca_file=tls.ca_file(tmp_path), ssl_context=tls.client_context())


@pytest.mark.parametrize("kind", ["missing", "empty", "no certificate", "a directory", "binary"])
@pytest.mark.parametrize("way", ["ca_file", "SSL_CERT_FILE"])
def test_a_file_without_an_authority_is_refused_by_its_name(
    way: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "authority.pem"
    if kind == "a directory":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes({"empty": b"", "no certificate": b"hello\n", "binary": bytes(range(256))}[kind])
    options: dict[str, Any] = {"ca_file": path} if way == "ca_file" else {}
    if way == "SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ConfigurationError, match=way) as caught:
        SeFlow("u", "p", base_url=URL, **options)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("path", ["", 7, b"\0"])
def test_what_is_not_a_file_s_name_is_refused(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="ca_file"):
        SeFlow("u", "p", base_url=URL, ca_file=path)


@pytest.mark.parametrize(
    "says", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"\x15\x03\x01\x00\x02\x02\x16", b""]
)
async def test_a_server_without_tls_never_gets_a_request_and_is_tried_again(says: bytes) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.write(says)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        async with client(url) as seflow:
            error = await refusal(seflow.vms.reboot(9, 4))
    assert isinstance(error, TransportError)
    assert (error.attempts, error.may_have_acted) == (3, False)
    assert len(heard) == 3
    assert not any(b"POST" in hello or b"Basic" in hello for hello in heard)


async def test_a_server_of_another_tls_version_never_gets_a_request_and_is_tried_again() -> None:
    only_new = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.authority().issue_cert(*tls.NAMES).configure_cert(only_new)
    only_new.minimum_version = ssl.TLSVersion.TLSv1_3
    context = tls.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with Wire(tls=only_new) as wire, client(wire.url, ssl_context=context) as seflow:
        error = await refusal(seflow.vms.reboot(9, 4))
    assert type(error) is TransportError
    assert (error.attempts, error.may_have_acted, wire.requests) == (3, False, [])

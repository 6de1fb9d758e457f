"""Failures of an exchange in our own words; a failure that would come again is not tried again."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
import pytest
import trustme
from support.clients import client
from support.wire import Play, Wire, http

from aioseflow import ConfigurationError, OutcomeUnknown, SeFlow, SeFlowError, TransportError
from aioseflow.session.classify import classify
from aioseflow.session.exchange import Exchange
from aioseflow.session.retry import FailureKind

HEAD: Final = b"HTTP/1.1 200 OK\r\n"
ZIPPED: Final = gzip.compress(b'{"status": true, "vms": {}}')


def zipped(encoding: str) -> bytes:
    return http(ZIPPED, headers={"Content-Encoding": encoding})


ODD: Final[dict[str, tuple[bytes, str]]] = {
    "a long header": (http("{}", headers={"X-Long": "x" * 70_000}), "header .* is longer than 65,536 bytes"),
    "a long name": (http("{}", headers={"X" * 70_000: "x"}), "header .* is longer than"),
    "many headers": (http("{}", headers={f"X-{n}": "x" for n in range(600)}), "more than 512 headers"),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "lengths"),
    "a length that is none": (HEAD + b"Content-Length: two\r\n\r\n{}", "lengths"),
    "a length and chunks": (
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "lengths",
    ),
    "brotli": (http(b"\x0b\x01\x80{}\x03", headers={"Content-Encoding": "br"}), "compressed with .*br"),
    "zstd": (http(b"\x28\xb5\x2f\xfd", headers={"Content-Encoding": "zstd"}), "compressed with .*zstd"),
    "x-gzip": (zipped("x-gzip"), "compressed with 'x-gzip'"),
    "gzip twice": (zipped("gzip, gzip"), "compressed with 'gzip, gzip'"),
    "said and not done": (http('{"status": true}', headers={"Content-Encoding": "gzip"}), "gzip, and is not"),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
async def test_an_answer_that_a_retry_would_get_again_is_named_and_not_tried_again(odd: str) -> None:
    answer, said = ODD[odd]
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = Play(answer, then="close")
        for calling in (seflow.vms.list(9), seflow.vms.stop(9, 4)):
            with pytest.raises(SeFlowError, match=said) as caught:
                await calling
            assert caught.value.attempts == 1
            assert not isinstance(caught.value, OutcomeUnknown)
        assert caught.value.may_have_acted
        with pytest.raises(OutcomeUnknown, match=said):
            await seflow.vms.reboot(9, 4)
        assert len(wire.requests) == 3
        # Who knows the password has not spoken: the next request goes alone, too.
        assert seflow.stats().limit == 1


async def test_headers_within_the_bound_are_read_and_the_bound_is_settable() -> None:
    async with Wire() as wire:
        wire.answer = http('{"vms": {}}', headers={"Content-Security-Policy": "x" * 9000})
        async with client(wire.url) as seflow:
            assert await seflow.vms.list(9) == []
        wire.answer = http('{"vms": {}}', headers={f"X-{number}": "x" for number in range(400)})
        async with client(wire.url) as seflow:
            assert await seflow.vms.list(9) == []
        wire.answer = http('{"vms": {}}', headers={"Content-Security-Policy": "x" * 9000})
        async with client(wire.url, max_header_bytes=4096) as seflow:
            with pytest.raises(TransportError, match=r"longer than 4,096 bytes\. max_header_bytes="):
                await seflow.vms.list(9)
    for bad in (0, -1, True, "8k"):
        with pytest.raises(ConfigurationError, match="max_header_bytes"):
            client("http://127.0.0.1:1/api", max_header_bytes=bad)


async def test_a_cut_answer_in_gzip_is_tried_again() -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        answers = iter(
            [http(ZIPPED[:-12], headers={"Content-Encoding": "gzip"}, length=len(ZIPPED)), zipped("gzip")]
        )
        wire.answer = lambda seen: Play(next(answers), then="close")
        assert await seflow.vms.list(9) == []


@contextmanager
def demanding(**settings: Any) -> Iterator[tuple[str, ssl.SSLContext, list[bytes]]]:
    """A TLS server of blocking sockets, whose alerts arrive: its URL, what trusts it, what it heard."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    for name, value in settings.items():
        setattr(context, name, value)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    heard.append(secure.recv(4096))
            except (ssl.SSLError, OSError):
                # Read what the client has sent meanwhile, lest a reset overtakes the alert.
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/api", trusting, heard
        listening.shutdown(socket.SHUT_RDWR)


async def refused(seflow: SeFlow) -> SeFlowError:
    with pytest.raises(SeFlowError) as caught:
        await seflow.vms.reboot(9, 4)
    return caught.value


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_required_client_certificate_is_named(version: ssl.TLSVersion) -> None:
    with demanding(verify_mode=ssl.CERT_REQUIRED, maximum_version=version) as (url, trusting, heard):
        async with client(url, ssl_context=trusting) as seflow:
            error = await refused(seflow)
    assert "client certificate" in str(error)
    assert heard == []


@pytest.mark.parametrize("name", ["services.list", "vms.reboot"])
async def test_a_tls_that_is_too_old_is_tried_once_and_nothing_was_done(name: str) -> None:
    # What a server says that knows nothing newer than TLS 1.1: the alert "protocol version".
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.write(b"\x15\x03\x01\x00\x02\x02\x46")
        writer.close()

    heard: list[bytes] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, client(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api") as seflow:
        calling = seflow.services.list() if name == "services.list" else seflow.vms.reboot(9, 4)
        with pytest.raises(TransportError, match="speaks no TLS that this machine accepts") as caught:
            await calling
    assert (caught.value.attempts, caught.value.may_have_acted) == (1, False)
    assert len(heard) == 1


async def test_a_handshake_that_the_panel_ended_is_described_in_our_words() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, client(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api") as seflow:
        error = await refused(seflow)
    assert "TLS handshake" in str(error)
    assert "Nothing was sent" in str(error)


def test_what_an_exception_quotes_is_masked_and_what_the_system_says_is_not() -> None:
    exchange = Exchange("vms.list", "GET /x", scrub=lambda text: text.replace("sesame", "***"))
    exchange.begin(0.0)
    quoted = classify(aiohttp.ClientError("odd bytes: sesame"), exchange)
    assert quoted.error.message == "The connection broke before the answer (odd bytes: ***)."
    own = classify(OSError(113, "sesame is no route"), exchange)
    assert "sesame is no route" in own.error.message


@pytest.mark.parametrize(("reused", "failure"), [(False, FailureKind.TLS_REFUSED), (True, FailureKind.LOST)])
def test_an_alert_over_a_connection_that_has_served_decides_nothing(
    reused: bool, failure: FailureKind
) -> None:
    exchange = Exchange("vms.reboot", "POST /x")
    exchange.begin(0.0)
    exchange.leaving(0.0, reused=reused, first_on_tls=not reused)
    error = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] certificate required")
    error.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    caught = aiohttp.ClientOSError(*error.args)
    caught.__cause__ = error
    assert classify(caught, exchange).kind is failure

"""The tests' own servers do what the tests that lean on them believe: certificates and the proxy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from support import tls
from support.proxy import HEAD_BYTES, Proxy
from support.wire import Play, Wire, http

LOGIN = {"Proxy-Authorization": aiohttp.encode_basic_auth("ops", "hörse")}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with Proxy() as proxy:
        yield proxy


class TestTls:
    @pytest.mark.parametrize("host", tls.NAMES)
    async def test_a_good_certificate_is_taken_by_address_and_by_name(
        self, session: aiohttp.ClientSession, host: str
    ) -> None:
        async with Wire(tls=tls.good()) as wire:
            url = wire.url.replace("127.0.0.1", host)
            async with session.get(url, ssl=tls.client_context()) as answer:
                assert answer.status == 200

    async def test_the_authority_is_a_file_too(self, session: aiohttp.ClientSession, tmp_path: Path) -> None:
        context = ssl.create_default_context(cafile=str(tls.ca_file(tmp_path)))
        async with Wire(tls=tls.good()) as wire:
            async with session.get(wire.url, ssl=context) as answer:
                assert answer.status == 200

    @pytest.mark.parametrize(
        ("server", "reason"),
        [
            (tls.expired, "certificate has expired"),
            (tls.wrong_name, "IP address mismatch"),
            (tls.self_signed, "self.signed certificate"),
        ],
    )
    async def test_a_bad_certificate_is_refused_for_its_own_reason(
        self, session: aiohttp.ClientSession, server: Callable[[], ssl.SSLContext], reason: str
    ) -> None:
        async with Wire(tls=server()) as wire:
            with pytest.raises(aiohttp.ClientConnectorCertificateError, match=reason):
                await session.get(wire.url, ssl=tls.client_context())
            assert wire.requests == []

    async def test_the_authority_is_nobody_s_by_default(self, session: aiohttp.ClientSession) -> None:
        async with Wire(tls=tls.good()) as wire:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(wire.url)

    def test_certificates_are_made_once_and_clients_every_time(self) -> None:
        assert tls.authority() is tls.authority()
        for server in (tls.good, tls.expired, tls.wrong_name, tls.self_signed):
            assert server() is server()
        assert tls.client_context() is not tls.client_context()


class TestTunnel:
    async def test_https_goes_through_a_tunnel_and_the_proxy_sees_only_its_own_login(
        self, session: aiohttp.ClientSession, proxy: Proxy
    ) -> None:
        async with Wire(tls=tls.good()) as wire:
            wire.answer = http("x" * 200_000)
            target = f"127.0.0.1:{wire.port}"
            # One context: aiohttp keeps connections apart by it.
            context = tls.client_context()
            for _ in range(2):
                async with session.post(
                    wire.url,
                    data=b"y" * 200_000,
                    ssl=context,
                    proxy=proxy.url,
                    proxy_headers=LOGIN,
                    headers={"Authorization": "Basic secret"},
                ) as answer:
                    assert len(await answer.read()) == 200_000
        # The tunnel is kept and used again.
        [asked] = proxy.requests
        assert (asked.method, asked.target) == ("CONNECT", target)
        assert asked.headers["proxy-authorization"] == LOGIN["Proxy-Authorization"].encode()
        assert "authorization" not in asked.headers
        assert len(wire.last.body) == 200_000
        assert wire.last.headers["authorization"] == "Basic secret"
        assert "proxy-authorization" not in wire.last.headers

    @pytest.mark.parametrize("status", [407, 502])
    async def test_a_refused_tunnel_reaches_nothing(
        self, session: aiohttp.ClientSession, proxy: Proxy, status: int
    ) -> None:
        proxy.refuse = status
        async with Wire(tls=tls.good()) as wire:
            with pytest.raises(aiohttp.ClientHttpProxyError) as caught:
                await session.get(wire.url, ssl=tls.client_context(), proxy=proxy.url)
            assert caught.value.status == status
            assert wire.connections == 0
            proxy.refuse = None
            async with session.get(wire.url, ssl=tls.client_context(), proxy=proxy.url) as answer:
                assert answer.status == 200

    async def test_a_target_that_is_not_there_is_a_bad_gateway(
        self, session: aiohttp.ClientSession, proxy: Proxy
    ) -> None:
        async with Wire() as wire:
            gone = wire.url.replace("http://", "https://")
        with pytest.raises(aiohttp.ClientHttpProxyError) as caught:
            await session.get(gone, ssl=tls.client_context(), proxy=proxy.url)
        assert caught.value.status == 502

    async def test_a_call_in_a_tunnel_ends_with_the_proxy(
        self, session: aiohttp.ClientSession, proxy: Proxy
    ) -> None:
        async with Wire(tls=tls.good()) as wire:
            wire.answer = Play(then="hang")
            calling = asyncio.create_task(
                # A POST: aiohttp would send a GET again by itself.
                session.post(wire.url, ssl=tls.client_context(), proxy=proxy.url)
            )
            await wire.arrived(1)
            await proxy.__aexit__(None, None, None)
            with pytest.raises(aiohttp.ClientConnectionError):
                await calling


class TestForwarding:
    async def test_http_is_asked_for_by_its_whole_url_and_arrives_by_its_path(
        self, session: aiohttp.ClientSession, proxy: Proxy
    ) -> None:
        async with Wire() as wire:
            wire.answer = http("answered")
            url = f"{wire.url}/service/%2F?a=%26&b"
            # Request headers: aiohttp gives `proxy_headers` to a tunnel's CONNECT alone.
            async with session.put(url, data=b"memory=512", proxy=proxy.url, headers=LOGIN) as answer:
                assert await answer.text() == "answered"
        assert (proxy.last.method, proxy.last.target) == ("PUT", url)
        assert proxy.last.headers["proxy-authorization"] == LOGIN["Proxy-Authorization"].encode()
        assert (wire.last.method, wire.last.target) == ("PUT", "/api/service/%2F?a=%26&b")
        assert wire.last.body == b"memory=512"
        assert "proxy-authorization" not in wire.last.headers

    async def test_every_forwarded_request_is_recorded(
        self, session: aiohttp.ClientSession, proxy: Proxy
    ) -> None:
        async with Wire() as wire:
            for _ in range(3):
                async with session.get(wire.url, proxy=proxy.url) as answer:
                    await answer.read()
            # The wire would keep its connection; the proxy does not, and so it reads every request.
            assert wire.connections == 3
        assert len(proxy.requests) == len(wire.requests) == 3

    async def test_a_refusal_is_an_answer_like_any_other(
        self, session: aiohttp.ClientSession, proxy: Proxy
    ) -> None:
        proxy.refuse = 407
        async with Wire() as wire:
            async with session.get(wire.url, proxy=proxy.url) as answer:
                assert answer.status == 407
                assert answer.headers["Proxy-Authenticate"] == 'Basic realm="proxy"'
            assert wire.connections == 0

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"GET /not/absolute HTTP/1.1\r\n\r\n", 400),
            (b"nonsense\r\n\r\n", 400),
            (b"CONNECT host:notaport HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES + b"\r\n\r\n", 431),
        ],
    )
    async def test_what_is_no_request_to_a_proxy_is_told_so(
        self, proxy: Proxy, sent: bytes, status: int
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(sent)
        assert (await reader.readline()).split()[1] == str(status).encode()
        writer.close()
        assert proxy.requests == []

"""Health checks against servers on loopback: what answers, what does not, and what is refused."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import tls
from support.listening import Listening

from aioseflow import InvalidArgument, http_check, tcp_check
from aioseflow.models import Service, Vm

SERVICE = Service("9")
VM = Vm("4", label="web 01/ü", ip=("hiddenip", "127.0.0.1", "192.0.2.1"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Answering(Listening):
    """Reads a request and answers it with the same bytes each time; nothing where they are None."""

    def __init__(self, answer: bytes | None, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.answer = answer
        self.requests: list[str] = []
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.decode("ascii"))
            self.asked.set()
            if self.answer is not None:
                writer.write(self.answer)
                await writer.drain()
                writer.write_eof() if writer.can_write_eof() else writer.close()
            await reader.read()
        finally:
            self.ended.set()


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_a_port_that_takes_a_connection_is_healthy_and_is_let_go() -> None:
    async with Answering(None) as server:
        assert await tcp_check(server.port)(SERVICE, VM) is True
        async with asyncio.timeout(10):
            await server.ended.wait()
    assert server.requests == []


async def test_a_port_that_refuses_is_not_healthy() -> None:
    port = closed_port()
    assert await tcp_check(port)(SERVICE, VM) is False
    assert await http_check(f"http://{{ip}}:{port}/")(SERVICE, VM) is False


@pytest.mark.parametrize("addresses", [(), ("hiddenip",), ("fe80::1%eth0",), ("10.0.0.1\r\nX: y",)])
async def test_a_vm_without_an_address_is_not_healthy(addresses: tuple[str, ...]) -> None:
    vm = Vm("4", ip=addresses)
    async with Answering(OK) as server:
        assert await tcp_check(server.port)(SERVICE, vm) is False
        assert await http_check(f"http://{{ip}}:{server.port}/")(SERVICE, vm) is False
    assert server.requests == []


@pytest.mark.parametrize(
    ("found", "healthy"),
    [("127.0.0.1", True), ("localhost", True), ("", False), ("a b", False), (None, False)],
)
async def test_an_address_of_ones_own_is_asked(found: Any, healthy: bool) -> None:
    vm = Vm("4", ip=("192.0.2.1",))
    seen: list[tuple[str, str]] = []

    def address(service: Service, vm: Vm) -> str:
        seen.append((service.id, vm.id))
        return found  # type: ignore[no-any-return]

    async with Answering(OK) as server:
        assert await tcp_check(server.port, address=address)(SERVICE, vm) is healthy
        assert await http_check(f"http://{{ip}}:{server.port}/", address=address)(SERVICE, vm) is healthy
    assert seen == [("9", "4")] * 2


async def test_an_error_in_the_users_function_goes_through() -> None:
    def address(service: Service, vm: Vm) -> str:
        raise LookupError("no such host")

    with pytest.raises(LookupError, match="no such host"):
        await tcp_check(22, address=address)(SERVICE, VM)


async def test_a_name_that_dns_cannot_have_is_not_healthy() -> None:
    name = "x" * 64 + ".test"
    assert await tcp_check(22, address=lambda service, vm: name)(SERVICE, VM) is False


@pytest.mark.parametrize(
    ("answer", "status", "healthy"),
    [
        (OK, None, True),
        (b"HTTP/1.0 204 \r\n\r\n", None, True),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://192.0.2.1/\r\n\r\n", None, True),
        (b"HTTP/1.1 200\r\n\r\n", None, True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", None, False),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", None, False),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", {503}, True),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", [200, 401], True),
        (OK, {204}, False),
        (OK, range(200, 300), True),
        (b"", None, False),
        (b"HTTP/1.1 20", None, False),
        (b"HTTP/1.1 2000 OK\r\n\r\n", None, False),
        (b"HTTP/1.1 abc OK\r\n\r\n", None, False),
        (b"SSH-2.0-OpenSSH_9.6\r\n", None, False),
        (b"HTTP/1.1 200 " + b"x" * 100_000, None, False),
    ],
)
async def test_the_status_line_decides(answer: bytes, status: Any, healthy: bool) -> None:
    async with Answering(answer) as server:
        check = http_check(f"http://{{ip}}:{server.port}/", status=status)
        assert await check(SERVICE, VM) is healthy


async def test_the_request_is_a_plain_get_with_the_fields_encoded() -> None:
    async with Answering(OK) as server:
        url = f"http://{{ip}}:{server.port}/ü/{{id}}/{{label}}?name={{label}}&a=%20#part"
        assert await http_check(url)(SERVICE, VM) is True
        host = f"127.0.0.1:{server.port}"
    assert server.requests == [
        "GET /%C3%BC/4/web%2001%2F%C3%BC?name=web%2001%2F%C3%BC&a=%20 HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        "User-Agent: aioseflow\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ]


async def test_an_answer_without_end_is_left_unread() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n" + b"x" * 1_000_000
    async with Answering(endless) as server:
        assert await http_check(f"http://{{ip}}:{server.port}/", timeout=10)(SERVICE, VM) is True
        async with asyncio.timeout(10):
            await server.ended.wait()


async def test_an_answer_with_headers_without_end_is_not_healthy() -> None:
    async with Answering(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000) as server:
        assert await http_check(f"http://{{ip}}:{server.port}/", timeout=10)(SERVICE, VM) is False


async def test_checks_share_no_connection_and_no_cookie() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: seen=1\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"
    async with Answering(answer) as server:
        check = http_check(f"http://{{ip}}:{server.port}/")
        for _ in range(2):
            # A connection that were kept would wait here for its second request.
            assert await check(SERVICE, VM) is True
            async with asyncio.timeout(10):
                await server.ended.wait()
            server.ended.clear()
    assert len(server.requests) == 2
    assert not any("Cookie" in request for request in server.requests)


async def test_a_redirect_is_not_followed() -> None:
    async with Answering(OK) as other:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other.port}/\r\n\r\n".encode()
        async with Answering(moved) as server:
            check = http_check(f"http://{{ip}}:{server.port}/", status={200})
            assert await check(SERVICE, VM) is False
    assert other.requests == []


async def test_a_label_cannot_add_a_header_nor_another_host() -> None:
    async with Answering(OK) as server:
        evil = Vm("4", label="x\r\nEvil: 1", ip=("127.0.0.1",))
        assert await http_check(f"http://{{ip}}:{server.port}/{{label}}")(SERVICE, evil) is True
        assert await http_check(f"http://{{label}}:{server.port}/")(SERVICE, evil) is False
        assert await http_check(f"http://{{label}}:{server.port}/")(SERVICE, Vm("4", label="a@b")) is False
        assert (
            await http_check(f"http://{{label}}:{server.port}/")(SERVICE, Vm("4", label="localhost")) is True
        )
    assert [request.partition(" HTTP")[0] for request in server.requests] == [
        "GET /x%0D%0AEvil%3A%201",
        "GET /",
    ]


async def test_a_vm_without_a_label_that_the_url_needs_is_not_healthy() -> None:
    vm = Vm("4", ip=("127.0.0.1",))
    async with Answering(OK) as server:
        assert await http_check(f"http://{{ip}}:{server.port}/{{label}}")(SERVICE, vm) is False
        assert await http_check(f"http://127.0.0.1:{server.port}/{{id}}")(SERVICE, Vm("4")) is True
    assert len(server.requests) == 1


async def test_an_address_of_version_six_stands_in_brackets() -> None:
    heads: list[bytes] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(converse, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    async with server:
        port = server.sockets[0].getsockname()[1]
        vm = Vm("4", ip=("0:0:0:0:0:0:0:1",))
        assert await http_check(f"http://{{ip}}:{port}/")(SERVICE, vm) is True
        assert await http_check(f"http://[::1]:{port}/")(SERVICE, vm) is True
    assert all(f"Host: [::1]:{port}\r\n".encode() in head for head in heads)


async def test_a_server_that_never_answers_is_not_healthy_and_is_let_go() -> None:
    async with Answering(None) as server:
        assert await http_check(f"http://{{ip}}:{server.port}/", timeout=0.05)(SERVICE, VM) is False
        async with asyncio.timeout(10):
            await server.ended.wait()


async def test_a_cancelled_check_is_cancelled_and_lets_go() -> None:
    async with Answering(None) as server:
        check = asyncio.ensure_future(http_check(f"http://{{ip}}:{server.port}/", timeout=60)(SERVICE, VM))
        async with asyncio.timeout(10):
            await server.asked.wait()
            check.cancel()
            with pytest.raises(asyncio.CancelledError):
                await check
            await server.ended.wait()


@pytest.mark.parametrize(
    ("server_context", "trusted", "healthy"),
    [
        (tls.good, True, True),
        (tls.good, False, False),
        (tls.expired, True, False),
        (tls.wrong_name, True, False),
        (tls.self_signed, True, False),
    ],
)
async def test_certificates_are_verified(
    server_context: Callable[[], ssl.SSLContext],
    trusted: bool,
    healthy: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca_file(tmp_path)))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: None)  # the server's half of a refused handshake
    async with Answering(OK, tls=server_context()) as server:
        assert await http_check(f"https://{{ip}}:{server.port}/")(SERVICE, VM) is healthy


async def test_https_to_a_server_that_speaks_none_is_not_healthy() -> None:
    async with Answering(OK) as server:
        check = http_check(f"https://{{ip}}:{server.port}/", timeout=0.2)
        assert await check(SERVICE, VM) is False


ADDRESS = "192.0.2.1"

REFUSED: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (tcp_check, {"port": 0}, "port=0 is no port"),
    (tcp_check, {"port": 65536}, "from 1 to 65535"),
    (tcp_check, {"port": "22"}, "is no port"),
    (tcp_check, {"port": True}, "is no port"),
    (tcp_check, {"port": 22, "timeout": 0}, "timeout=0 is no time"),
    (tcp_check, {"port": 22, "timeout": -1.0}, "is no time"),
    (tcp_check, {"port": 22, "timeout": float("nan")}, "is no time"),
    (tcp_check, {"port": 22, "timeout": float("inf")}, "is no time"),
    (tcp_check, {"port": 22, "timeout": None}, "is no time"),
    (tcp_check, {"port": 22, "timeout": True}, "is no time"),
    (tcp_check, {"port": 22, "address": ADDRESS}, "is no function"),
    (http_check, {"url": 5}, "url is int, not text"),
    (http_check, {"url": ""}, "no http or https URL"),
    (http_check, {"url": "{ip}:80/"}, "no http or https URL"),
    (http_check, {"url": "ftp://{ip}/"}, "no http or https URL"),
    (http_check, {"url": "http:///x"}, "no http or https URL"),
    (http_check, {"url": "http://{ip}:0/"}, "no http or https URL"),
    (http_check, {"url": "http://{ip}:port/"}, "is no URL"),
    (http_check, {"url": "http://{ip}:99999/"}, "is no URL"),
    (http_check, {"url": "http://[x/"}, "is no URL"),
    (http_check, {"url": "http://{lable}/"}, "there is no {lable}; did you mean {label}?"),
    (http_check, {"url": "http://{}/"}, "there are {ip}, {id} and {label}"),
    (http_check, {"url": "http://{ip/"}, "holds '{'"),
    (http_check, {"url": "http://{ip}/a b"}, "write it as %20"),
    (http_check, {"url": "http://{ip}/\r\nEvil: 1"}, "write it as %0D"),
    (http_check, {"url": "http://a_host!/"}, "is no host name"),
    (http_check, {"url": "http://me:hunter2@{ip}/"}, "does not send"),
    (http_check, {"url": "http://host/", "address": lambda service, vm: ADDRESS}, "does not use address"),
    (http_check, {"address": ADDRESS}, "does not use address|is no function"),
    (http_check, {"status": 200}, "give codes"),
    (http_check, {"status": []}, "give codes"),
    (http_check, {"status": "200"}, "give codes"),
    (http_check, {"status": ["200"]}, "is no HTTP status"),
    (http_check, {"status": {99}}, "is no HTTP status"),
    (http_check, {"status": {600}}, "is no HTTP status"),
    (http_check, {"status": [True]}, "is no HTTP status"),
    (http_check, {"timeout": 0}, "is no time"),
]


@pytest.mark.parametrize(("make", "arguments", "message"), REFUSED)
def test_an_argument_that_cannot_be_right_is_refused(
    make: Callable[..., Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        make(**arguments)
    assert any(part in str(refused.value) for part in message.split("|"))
    assert "hunter2" not in str(refused.value)


def test_checks_say_what_they_are() -> None:
    def private(service: Service, vm: Vm) -> str:
        return ADDRESS

    assert repr(tcp_check(22)) == "tcp_check(22, timeout=5)"
    assert repr(tcp_check(22, timeout=0.5, address=private)) == "tcp_check(22, timeout=0.5, address=private)"
    assert repr(http_check()) == "http_check('http://{ip}/', timeout=5)"
    assert repr(http_check("https://{ip}/x", status={204, 200}, address=private)) == (
        "http_check('https://{ip}/x', status=[200, 204], timeout=5, address=private)"
    )

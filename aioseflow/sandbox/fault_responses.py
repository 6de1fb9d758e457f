"""Answers as they go over the wire, right or with a fault."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from http.client import responses
from struct import pack
from typing import NoReturn

import attrs
import orjson
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from .faults import Fault
from .wire import Reply, error, reply

MAINTENANCE = (
    b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head>\n"
    b"<body><h1>We'll be back soon</h1><p>The client area is under maintenance.</p></body></html>\n"
)
LOGIN = (
    b"<!DOCTYPE html>\n<html><head><title>Client area</title></head>\n"
    b'<body><form action="/login" method="post"><input name="username">'
    b'<input name="password" type="password"></form></body></html>\n'
)
_NOTICE = (
    b"<br />\n<b>Warning</b>:  Unknown: write failed: No space left on device (28) in <b>Unknown</b> "
    b"on line <b>0</b><br />\n"
)
_GARBAGE = b"\x15\x03\x01\x00\x02\x02\x16 this is not HTTP\r\n\r\n"
_DRIP_PIECES = 10


class CutResponse(web.StreamResponse):
    """No answer, or the beginning of one, and then the end of the connection.

    A `reset` is sent as RST; over a socket pair, which has no RST, it looks like a close.
    """

    def __init__(self, data: bytes = b"", *, reset: bool = False) -> None:
        super().__init__()
        self._data = data
        self._reset = reset

    async def prepare(self, request: web.BaseRequest) -> NoReturn:
        """Write the data and end the connection."""
        transport = request.transport
        if transport is not None:
            if self._data:
                transport.write(self._data)
            if self._reset:
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
                transport.abort()
            else:
                transport.close()
        # aiohttp then writes nothing more.
        raise ConnectionAbortedError


class SlowResponse(web.StreamResponse):
    """Answer whose body arrives piece by piece."""

    def __init__(self, whole: Reply, seconds: float) -> None:
        super().__init__(status=whole.status, headers=_headers(whole))
        self.content_length = len(whole.body)
        self._whole = whole.body
        self._seconds = seconds

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the body, with pauses that add up to the seconds given."""
        size = max(1, -(-len(self._whole) // _DRIP_PIECES))
        pieces = [self._whole[start : start + size] for start in range(0, len(self._whole), size)]
        for piece in pieces:
            await asyncio.sleep(self._seconds / len(pieces))
            await self.write(piece)
        await super().write_eof(data)


class ExtendedResponse(web.Response):
    """Whole answer on a connection that is kept, followed by bytes that no request caused.

    `more` is sent after `seconds` if the connection `is_idle` and still open; then it is closed, if it
    `closes`.
    """

    def __init__(
        self, whole: Reply, more: bytes, seconds: float, is_idle: Callable[[], bool], *, closes: bool
    ) -> None:
        super().__init__(body=whole.body, status=whole.status, headers=_headers(whole))
        self._transport: asyncio.Transport | None = None
        self._more = more
        self._seconds = seconds
        self._is_idle = is_idle
        self._closes = closes

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Begin the answer."""
        self._transport = request.transport
        return await super().prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the answer, and `more` after the seconds."""
        await super().write_eof(data)
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self._transport is None or self._transport.is_closing() or not self._is_idle():
            return
        self._transport.write(self._more)
        if self._closes:
            self._transport.close()


def response_of(plain: Reply) -> web.Response:
    """Return an answer as aiohttp's response."""
    return web.Response(body=plain.body, status=plain.status, headers=_headers(plain))


def replacement(fault: Fault, seconds: float | None) -> Reply | None:
    """Return the answer that a fault gives in place of the right one, None if it gives none of its own."""
    match fault.kind:
        case "html":
            return _page(fault.status, fault.body or _usual_page(fault.status))
        case "status":
            headers = () if fault.retry_after is None else (("Retry-After", _plain(fault.retry_after)),)
            if fault.body is not None:
                return _page(fault.status, fault.body, headers)
            if fault.status >= 500:
                return _page(fault.status, f"<html><h1>{fault.status}</h1></html>".encode(), headers)
            return error(fault.status, *fault.codes, headers=headers)
        case "throttle":
            return error(401, ["wait_x_between_action", round(seconds or 0)], "unauthorized")
        case "wronglogin" | "ipnotallowed":
            return error(401, fault.kind, "unauthorized")
        case "empty":
            return reply(None, fault.status)
        case "error":
            return error(fault.status, *fault.codes)
        case "answer":
            return Reply(fault.status, orjson.dumps(fault.payload))
        case "redirect":
            return Reply(fault.status, b"", "text/html", (("Location", fault.location),))
        case _:
            return None


def damaged(
    fault: Fault, seconds: float | None, right: Reply, is_idle: Callable[[], bool]
) -> tuple[web.StreamResponse, int | None]:
    """Return the right answer with a fault, and the status that the client sees, None for none.

    `is_idle` returns later whether no other request has come over the connection.
    """
    match fault.kind:
        case "truncate":
            data = (
                _head(right, f"Content-Length: {len(right.body) + 32}") + right.body[: len(right.body) // 2]
            )
            return CutResponse(data), right.status
        case "broken_chunk":
            # The chunk announces more bytes than it has. With an invalid size some parsers would refuse the
            # head as well when both come in one packet, and the client would see no status.
            head = _head(right, "Transfer-Encoding: chunked")
            return CutResponse(head + b"%x\r\n%b" % (len(right.body) + 32, right.body)), right.status
        case "drip":
            return SlowResponse(right, seconds or 0.0), right.status
        case "drop" if fault.announced:
            closing = response_of(right)
            closing.force_close()
            return closing, right.status
        case "drop":
            return ExtendedResponse(right, b"", 0.0, is_idle, closes=True), right.status
        case "unasked":
            more = _unasked(fault)
            return ExtendedResponse(
                right, more, seconds or 0.0, is_idle, closes=fault.announced
            ), right.status
        case "garbage":
            return CutResponse(fault.body or _GARBAGE), None
        case _:
            return CutResponse(reset=fault.kind == "reset"), None


def in_form_of(fault: Fault, plain: Reply) -> Reply:
    """Return an answer in the form of a fault; its contents stay."""
    mime = plain.content_type.partition(";")[0]
    match fault.kind:
        case "noise":
            # PHP prints a warning before it can set the Content-Type.
            content_type = plain.content_type.replace("application/json", "text/html")
            return attrs.evolve(plain, body=plain.body + (fault.body or _NOTICE), content_type=content_type)
        case "charset":
            body = plain.body.decode("utf-8", "replace").encode("iso-8859-1", "replace")
            content_type = f"{mime}; charset=ISO-8859-1" if fault.announced else mime
            return attrs.evolve(plain, body=body, content_type=content_type)
        case _:
            header = ("Content-Security-Policy", "x" * (fault.size or 0))
            return attrs.evolve(plain, headers=(*plain.headers, header))


def login_page() -> Reply:
    """Return the page to which a redirect leads; it answers 200 to every request."""
    return _page(200, LOGIN)


def not_found_page() -> Reply:
    """Return the page of every path outside the API."""
    return _page(404, b"<html><h1>Not Found</h1></html>")


def _headers(plain: Reply) -> tuple[tuple[str, str], ...]:
    return (*plain.headers, ("Content-Type", plain.content_type))


def _page(status: int, page: bytes, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(status, page, "text/html; charset=utf-8", headers)


def _usual_page(status: int) -> bytes:
    if not 400 <= status < 500:
        return MAINTENANCE
    title = f"{status} {responses.get(status, '')}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def _unasked(fault: Fault) -> bytes:
    if fault.body is not None:
        return fault.body
    more = Reply(fault.status, orjson.dumps(fault.payload) if fault.status < 400 else b"")
    connection = "\r\nConnection: close" if fault.announced else ""
    return _head(more, f"Content-Length: {len(more.body)}{connection}") + more.body


def _plain(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _head(plain: Reply, framing: str) -> bytes:
    lines = (f"{name}: {value}" for name, value in _headers(plain))
    status = f"HTTP/1.1 {plain.status} {responses.get(plain.status, '')}"
    return "\r\n".join((status, *lines, framing, "", "")).encode()

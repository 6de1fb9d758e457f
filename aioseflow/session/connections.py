"""An account's connections, and which of them a request may go out on."""

from __future__ import annotations

import asyncio
import functools
import select
import ssl
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from yarl import URL

from ..config import Proxy
from ..policy import (
    IDLE_BEFORE_ONCE_SECONDS,
    IDLE_CONNECTION_SECONDS,
    KEPT_BEFORE_ONCE,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
)
from .exchange import current_exchange

_served: WeakSet[asyncio.BaseProtocol] = WeakSet()


class WatchedHandler(ResponseHandler):
    """A connection that is spent as soon as a byte comes while it is idle, whatever aiohttp makes of it.

    aiohttp looks at whole messages only: half an answer would stand before that of the next request.
    """

    is_idle = False

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self.is_idle:
            self.force_close()
        super().data_received(data)


_used: ContextVar[ResponseHandler | None] = ContextVar("aioseflow_connection", default=None)


class StaleConnection(Exception):
    """Something came over a kept connection while nobody asked: nothing was written to it."""


class ConnectionDropped(Exception):
    """The connection broke after the request had been written (the cause is aiohttp's own exception)."""


class WitnessedRequest(aiohttp.ClientRequest):
    """A request that notes when there is a connection for it: from then on its bytes may have left."""

    @property
    def connection_key(self) -> ConnectionKey:
        """What a connector is asked for, before anything can have left."""
        exchange = current_exchange.get(None)
        if HAS_WITNESS and exchange is not None:
            exchange.connecting()
        return super().connection_key

    # No coroutine of its own, since it only looks on.
    def send(self, conn: Connection) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        """Write the request."""
        exchange = current_exchange.get(None)
        protocol = conn.protocol
        if exchange is not None and protocol is not None:
            if protocol in _served:
                if has_arrived(protocol):
                    # An answer to nothing would be taken for that of this request, and each later one for
                    # that of the request before it.
                    protocol.close()
                    raise StaleConnection
                exchange.leaving(self.loop.time(), reused=True)
                if protocol.__class__ is WatchedHandler:
                    protocol.is_idle = False
            else:
                _served.add(protocol)
                tls = protocol.transport is not None and protocol.transport.get_extra_info("ssl_object")
                exchange.leaving(self.loop.time(), reused=False, first_on_tls=bool(tls))
            _used.set(protocol)
        return super().send(conn)


def has_arrived(protocol: ResponseHandler) -> bool:
    """Whether anything came over an idle connection: bytes that aiohttp has read, bytes or an end that wait
    in the socket, which the loop has not looked at since."""
    transport = protocol.transport
    if protocol.should_close or transport is None or transport.is_closing():
        return True
    socket = transport.get_extra_info("socket")
    if socket is None:
        return False
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def is_read() -> None:
    """The answer to this task's last request was read to its end: nothing more may come."""
    protocol = _used.get()
    if protocol.__class__ is WatchedHandler:
        protocol.is_idle = True


def never_reuse() -> None:
    """Close the connection of the request that was answered last in this task."""
    protocol = _used.get()
    if protocol is not None:
        protocol.force_close()
        protocol.close()


class GuardedResponse(aiohttp.ClientResponse):
    """An answer whose absence aiohttp does not take for a reason to send GET, PUT and DELETE once more.

    It is awaited inside aiohttp's loop of repeats, whose ``except`` knows its own classes only.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Wait for the head of the answer."""
        try:
            return await super().start(connection)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise ConnectionDropped from error


async def no_replay(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """The same as `GuardedResponse`, as a client middleware."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionDropped from error


# Without this hook an attempt counts as sent from its beginning, which is never wrong, only less exact.
HAS_WITNESS = "send" in vars(aiohttp.ClientRequest)
# aiohttp's own place for it are middlewares, which take 26,000 of the 400,000 instructions of a call.
MIDDLEWARES = () if "start" in vars(aiohttp.ClientResponse) else (no_replay,)


class Connections:
    """The pools of one account; a lent connector is used for everything, and never closed.

    What must not be repeated goes out on a fresh connection, so that one which the panel has just closed
    never makes an unknown of a reboot. Once the panel was seen to keep its connections, one that was idle
    for under a second is as good.
    """

    def __init__(
        self,
        *,
        secure: bool,
        tls: ssl.SSLContext | None,
        proxy: Proxy | None,
        connector: aiohttp.BaseConnector | None,
        max_header_bytes: int = MAX_HEADER_BYTES,
    ) -> None:
        self._tls = tls
        self._lent = connector
        self._max_header_bytes = max_header_bytes
        self._kept = 0
        self._often: aiohttp.ClientSession | None = None
        self._once: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self.options: dict[str, object] = {}
        self.headers: dict[str, str] = {}
        if proxy is not None:
            self.options["proxy"] = URL(proxy.url)
            if proxy.authorization is not None:
                # aiohttp sends proxy_headers with CONNECT alone, and in the clear there is none.
                told = {"Proxy-Authorization": proxy.authorization}
                if secure:
                    self.options["proxy_headers"] = told
                else:
                    self.headers.update(told)
        if connector is not None and tls is not None:
            self.options["ssl"] = tls

    def open(self) -> None:
        """Make the pools, inside the loop that will use them; nothing is sent."""
        if self._lent is not None:
            self._often = self._once = self._fresh = self._session(self._lent, owner=False)
            return
        tls = self._tls if self._tls is not None else True
        # The gate is the limit: whoever queued inside aiohttp would lose his time-out there.
        self._often, self._once = (
            self._session(_watched(idle, tls), owner=True)
            for idle in (IDLE_CONNECTION_SECONDS, IDLE_BEFORE_ONCE_SECONDS)
        )
        self._fresh = self._session(aiohttp.TCPConnector(limit=0, force_close=True, ssl=tls), owner=True)

    async def close(self) -> None:
        """Close the pools, except a lent connector."""
        sessions = {id(http): http for http in (self._often, self._once, self._fresh) if http is not None}
        self._often = self._once = self._fresh = None
        for http in sessions.values():
            await http.close()

    def pick(self, *, once: bool) -> aiohttp.ClientSession:
        """The pool for a request; ``once`` if it must reach the panel at most once."""
        chosen = self._often
        if once:
            chosen = self._once if self._kept >= KEPT_BEFORE_ONCE else self._fresh
        if chosen is None:
            raise RuntimeError("the pools are not open")
        return chosen

    def answered(self) -> None:
        """An answer came over a connection that had served before: the panel keeps them."""
        self._kept += 1

    def dropped(self) -> None:
        """A connection that had served before broke under a request: the panel closes them unannounced."""
        self._kept = 0

    def _session(self, connector: aiohttp.BaseConnector, *, owner: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=owner,
            # PHP locks a session per cookie: with a real jar the panel would serve one call at a time.
            cookie_jar=aiohttp.DummyCookieJar(),
            # It would look up netrc and proxies in a thread for every request.
            trust_env=False,
            request_class=WitnessedRequest,
            response_class=GuardedResponse,
            max_line_size=self._max_header_bytes,
            max_field_size=self._max_header_bytes,
            max_headers=MAX_HEADERS,
        )


def _watched(idle: float, tls: ssl.SSLContext | bool) -> aiohttp.TCPConnector:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=idle, ssl=tls)
    # There is no public way to give a connector its protocol; a lent one keeps its own.
    watched: Any = functools.partial(WatchedHandler, loop=asyncio.get_running_loop())
    connector._factory = watched
    return connector

"""Hooks into aiohttp: when a request may have left, no silent replay, no bytes that came between answers."""

from __future__ import annotations

import select
from collections.abc import Coroutine
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection

from ..send_guard import check_guard
from .exchange import current_exchange

_used_of_lent_connector: WeakSet[ResponseHandler] = WeakSet()
"""Connections of a connector of the user's that have carried a request."""


class MonitoredConnection(ResponseHandler):
    """A connection that is not used again once a byte arrives while it is idle.

    aiohttp looks at whole messages only: half an answer would stand before the answer to the next request.
    """

    is_idle = False
    poll: select.poll | None = None  # set by the first request

    def data_received(self, data: bytes) -> None:
        """Receive bytes, and mark the connection for closing if it is idle."""
        if self.is_idle:
            self.force_close()
        super().data_received(data)


class StaleConnection(Exception):
    """Bytes, or an end, came over a kept connection between two requests. Nothing was written to it."""


class ConnectionDropped(Exception):
    """The connection broke after the request had been written; the cause is aiohttp's own exception."""


class TrackedRequest(aiohttp.ClientRequest):
    """A request that notes when it gets a connection: from then on its bytes may have left."""

    @property
    def connection_key(self) -> ConnectionKey:
        """The key that a connector is asked for, before anything can have left."""
        exchange = current_exchange.get()
        if not HAS_SEND_HOOK:
            check_guard(self.method)
        elif exchange is not None:
            exchange.not_sent()
        return super().connection_key

    # Returns aiohttp's coroutine instead of being one: a coroutine more in each call.
    def send(self, conn: Connection) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        """Write the request. Raises `StaleConnection` if something came unasked over the connection."""
        exchange = current_exchange.get()
        protocol = conn.protocol
        if exchange is not None and protocol is not None:
            if protocol.__class__ is MonitoredConnection and (poll := protocol.poll) is not None:
                protocol.is_idle = False
                reused, stale = True, bool(protocol.should_close or poll.poll(0))
            else:
                reused = protocol in _used_of_lent_connector
                stale = reused and bool(protocol.should_close or _poll_of(protocol).poll(0))
            if stale:
                # An unasked answer would be taken for the answer to this request, and each later one for the
                # answer to the request before it. aiohttp closes the connection.
                raise StaleConnection
            check_guard(self.method)
            if reused:
                exchange.leaving(self.loop.time(), protocol, reused=True)
            else:
                transport = protocol.transport
                tls = transport is not None and transport.get_extra_info("ssl_object") is not None
                exchange.leaving(self.loop.time(), protocol, reused=False, first_on_tls=tls)
                if protocol.__class__ is MonitoredConnection:
                    protocol.poll = _poll_of(protocol)
                else:
                    _used_of_lent_connector.add(protocol)
        return super().send(conn)


def _poll_of(protocol: ResponseHandler) -> select.poll:
    """Return a poll object that sees bytes, or an end, that the loop has not read from the socket yet."""
    poll = select.poll()
    socket = None if protocol.transport is None else protocol.transport.get_extra_info("socket")
    if socket is not None:
        poll.register(socket.fileno(), select.POLLIN)
    return poll


class NoReplayResponse(aiohttp.ClientResponse):
    """Response whose loss is an exception of ours, so that aiohttp does not send GET, PUT and DELETE again.

    aiohttp awaits `start` inside its loop of repeats, whose ``except`` knows its own classes only.
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
    """Do as a client middleware what `NoReplayResponse` does."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionDropped from error


# Without this hook an attempt counts as sent from its beginning, which is safe and less exact.
HAS_SEND_HOOK = "send" in vars(aiohttp.ClientRequest)
# Middlewares are aiohttp's own place for it, and take 26,000 of the 400,000 instructions of a call.
MIDDLEWARES = () if "start" in vars(aiohttp.ClientResponse) else (no_replay,)

"""What goes over one connection: when a request may have left, and what came while nobody asked."""

from __future__ import annotations

import select
from collections.abc import Coroutine
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection

from .exchange import current_exchange

_served: WeakSet[ResponseHandler] = WeakSet()
"""Connections of a lent connector over which a request went before."""


class MonitoredConnection(ResponseHandler):
    """A connection that is spent as soon as a byte comes while it is idle, whatever aiohttp makes of it.

    aiohttp looks at whole messages only: half an answer would stand before that of the next request.
    """

    is_idle = False
    poll: select.poll | None = None  # once a request went over it

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self.is_idle:
            self.force_close()
        super().data_received(data)


class StaleConnection(Exception):
    """Something came over a kept connection while nobody asked: nothing was written to it."""


class ConnectionDropped(Exception):
    """The connection broke after the request had been written (the cause is aiohttp's own exception)."""


class TrackedRequest(aiohttp.ClientRequest):
    """A request that notes when there is a connection for it: from then on its bytes may have left."""

    @property
    def connection_key(self) -> ConnectionKey:
        """What a connector is asked for, before anything can have left."""
        exchange = current_exchange.get(None)
        if HAS_SEND_HOOK and exchange is not None:
            exchange.connecting()
        return super().connection_key

    # No coroutine of its own, since it only looks on.
    def send(self, conn: Connection) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        """Write the request; raises `StaleConnection` where something came unasked."""
        exchange = current_exchange.get(None)
        protocol = conn.protocol
        if exchange is not None and protocol is not None:
            if protocol.__class__ is MonitoredConnection and (poll := protocol.poll) is not None:
                protocol.is_idle = False
                reused, stale = True, bool(protocol.should_close or poll.poll(0))
            else:
                reused = protocol in _served
                stale = reused and bool(protocol.should_close or _poll_of(protocol).poll(0))
            if stale:
                # An answer to nothing would be taken for that of this request, and each later one for that of
                # the request before it. aiohttp closes the connection.
                raise StaleConnection
            if reused:
                exchange.leaving(self.loop.time(), protocol, reused=True)
            else:
                transport = protocol.transport
                tls = transport is not None and transport.get_extra_info("ssl_object") is not None
                exchange.leaving(self.loop.time(), protocol, reused=False, first_on_tls=tls)
                if protocol.__class__ is MonitoredConnection:
                    protocol.poll = _poll_of(protocol)
                else:
                    _served.add(protocol)
        return super().send(conn)


def _poll_of(protocol: ResponseHandler) -> select.poll:
    """What tells whether bytes, or an end, wait in the socket that the loop has not looked at since."""
    poll = select.poll()
    socket = None if protocol.transport is None else protocol.transport.get_extra_info("socket")
    if socket is not None:
        poll.register(socket.fileno(), select.POLLIN)
    return poll


class NoReplayResponse(aiohttp.ClientResponse):
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
    """The same as `NoReplayResponse`, as a client middleware."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionDropped from error


# Without this hook an attempt counts as sent from its beginning, which is never wrong, only less exact.
HAS_SEND_HOOK = "send" in vars(aiohttp.ClientRequest)
# aiohttp's own place for it are middlewares, which take 26,000 of the 400,000 instructions of a call.
MIDDLEWARES = () if "start" in vars(aiohttp.ClientResponse) else (no_replay,)

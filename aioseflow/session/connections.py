"""An account's connections, and which of them a request may go out on."""

from __future__ import annotations

import asyncio
import functools
import ssl
from typing import Any

import aiohttp
from yarl import URL

from ..config import Proxy
from ..policy import (
    IDLE_BEFORE_ONCE_SECONDS,
    IDLE_CONNECTION_SECONDS,
    KEPT_BEFORE_ONCE,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
)
from .aiohttp_hooks import MonitoredConnection, NoReplayResponse, TrackedRequest


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
            request_class=TrackedRequest,
            response_class=NoReplayResponse,
            max_line_size=self._max_header_bytes,
            max_field_size=self._max_header_bytes,
            max_headers=MAX_HEADERS,
        )


def _watched(idle: float, tls: ssl.SSLContext | bool) -> aiohttp.TCPConnector:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=idle, ssl=tls)
    # There is no public way to give a connector its protocol; a lent one keeps its own.
    watched: Any = functools.partial(MonitoredConnection, loop=asyncio.get_running_loop())
    connector._factory = watched
    return connector

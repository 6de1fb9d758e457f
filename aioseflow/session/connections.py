"""The connections of one account, and which of them a request may use."""

from __future__ import annotations

import asyncio
import functools
import ssl
from typing import Any

import aiohttp
from yarl import URL

from ..config import Proxy
from ..policy import (
    KEEPALIVE_FOR_ONCE_SECONDS,
    KEEPALIVE_SECONDS,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    REUSED_ANSWERS_BEFORE_ONCE,
)
from .aiohttp_hooks import MonitoredConnection, NoReplayResponse, TrackedRequest


class Connections:
    """The connection pools of one account. A connector of the user's replaces them and is never closed.

    A request that must not be repeated uses a fresh connection, because a kept one that the panel has just
    closed would leave its outcome unknown. Once the panel has shown that it keeps connections, one that was
    idle for under a second is used as well.
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
        self._lent_connector = connector
        self._max_header_bytes = max_header_bytes
        self._reused_answers = 0
        self._repeatable_pool: aiohttp.ClientSession | None = None
        self._once_pool: aiohttp.ClientSession | None = None
        self._fresh_pool: aiohttp.ClientSession | None = None
        self.options: dict[str, object] = {}
        self.headers: dict[str, str] = {}
        if proxy is not None:
            self.options["proxy"] = URL(proxy.url)
            if proxy.authorization is not None:
                login = {"Proxy-Authorization": proxy.authorization}
                # aiohttp sends proxy_headers with CONNECT alone, which plain HTTP does not have.
                if secure:
                    self.options["proxy_headers"] = login
                else:
                    self.headers.update(login)
        if connector is not None and tls is not None:
            self.options["ssl"] = tls

    def open(self) -> None:
        """Make the pools, inside the loop that will use them. Nothing is sent."""
        if self._lent_connector is not None:
            pool = self._make_pool(self._lent_connector, owner=False)
            self._repeatable_pool = self._once_pool = self._fresh_pool = pool
            return
        tls = self._tls if self._tls is not None else True
        self._repeatable_pool = self._make_pool(_monitored(KEEPALIVE_SECONDS, tls), owner=True)
        self._once_pool = self._make_pool(_monitored(KEEPALIVE_FOR_ONCE_SECONDS, tls), owner=True)
        # limit=0: the gate is the limit. A request that waited inside aiohttp would use up its time-out.
        fresh = aiohttp.TCPConnector(limit=0, force_close=True, ssl=tls)
        self._fresh_pool = self._make_pool(fresh, owner=True)

    async def close(self) -> None:
        """Close the pools; a connector of the user's stays open."""
        pools = {
            id(pool): pool
            for pool in (self._repeatable_pool, self._once_pool, self._fresh_pool)
            if pool is not None
        }
        self._repeatable_pool = self._once_pool = self._fresh_pool = None
        for pool in pools.values():
            await pool.close()

    def pick(self, *, once: bool) -> aiohttp.ClientSession:
        """Return the pool for a request; ``once`` if it must reach the panel at most once."""
        pool = self._repeatable_pool
        if once:
            trusted = self._reused_answers >= REUSED_ANSWERS_BEFORE_ONCE
            pool = self._once_pool if trusted else self._fresh_pool
        if pool is None:
            raise RuntimeError("the pools are not open")
        return pool

    def reused_answered(self) -> None:
        """Count an answer over a reused connection: the panel keeps connections."""
        self._reused_answers += 1

    def reused_dropped(self) -> None:
        """Note that a reused connection broke under a request: the panel closes them without notice."""
        self._reused_answers = 0

    def _make_pool(self, connector: aiohttp.BaseConnector, *, owner: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=owner,
            # PHP locks a session per cookie: with a real jar the panel would serve one call at a time.
            cookie_jar=aiohttp.DummyCookieJar(),
            # With True aiohttp looks up netrc and proxies in a thread, for every request.
            trust_env=False,
            request_class=TrackedRequest,
            response_class=NoReplayResponse,
            max_line_size=self._max_header_bytes,
            max_field_size=self._max_header_bytes,
            max_headers=MAX_HEADERS,
        )


def _monitored(keepalive_seconds: float, tls: ssl.SSLContext | bool) -> aiohttp.TCPConnector:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=keepalive_seconds, ssl=tls)
    # aiohttp has no public way to give a connector its protocol; a connector of the user's keeps its own.
    factory: Any = functools.partial(MonitoredConnection, loop=asyncio.get_running_loop())
    connector._factory = factory
    return connector

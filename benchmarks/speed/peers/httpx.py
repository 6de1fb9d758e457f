"""httpx: one ``AsyncClient``, HTTP/1.1, workers that pull targets."""

from __future__ import annotations

from typing import Any

import httpx

from ..work import ANSWER_SECONDS, BOUNDED_PARTS, CONNECT_SECONDS, FORM, HEADERS, base
from .calling import Calling


class Httpx(Calling):
    """`work.Peer`, without a fleet; httpx has no time-out for all of a call."""

    timeouts = BOUNDED_PARTS

    def __init__(self, port: int, calls: int) -> None:
        self._base = base(port, calls)
        self._client = httpx.AsyncClient(
            http2=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, pool=None),
        )

    async def _call(self, method: str, path: str) -> Any:
        headers = FORM if method == "POST" else HEADERS
        response = await self._client.request(method, self._base + path, headers=headers)
        response.raise_for_status()
        return response.json()

    async def close(self) -> None:
        await self._client.aclose()

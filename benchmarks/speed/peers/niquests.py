"""niquests: one ``AsyncSession``, HTTP/1.1, not multiplexed, workers that pull targets."""

from __future__ import annotations

from typing import Any

import niquests

from ..work import ANSWER_SECONDS, BOUNDED_PARTS, CONNECT_SECONDS, FORM, HEADERS, IN_FLIGHT, base
from .calling import Calling


class Niquests(Calling):
    """`work.Peer`, without a fleet; niquests has no time-out for all of a call."""

    timeouts = BOUNDED_PARTS

    def __init__(self, port: int, calls: int) -> None:
        self._base = base(port, calls)
        self._session = niquests.AsyncSession(
            multiplexed=False, disable_http2=True, disable_http3=True, pool_maxsize=IN_FLIGHT
        )

    async def _call(self, method: str, path: str) -> Any:
        headers = FORM if method == "POST" else HEADERS
        response = await self._session.request(
            method, self._base + path, headers=headers, timeout=(CONNECT_SECONDS, ANSWER_SECONDS)
        )
        response.raise_for_status()
        return response.json()

    async def close(self) -> None:
        await self._session.close()

"""requests: threads, each with a ``Session`` of its own."""

from __future__ import annotations

import asyncio
import builtins
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from ..server import VMS_PER_SERVICE
from ..work import (
    ANSWER_SECONDS,
    BOUNDED_PARTS,
    CONNECT_SECONDS,
    FORM,
    HEADERS,
    IN_FLIGHT,
    base,
    targets,
)


class Requests:
    """`work.Peer`, without a fleet; requests has no time-out for all of a call.

    The loop waits in `stop`, `list` and `get`: nothing else is on it.
    """

    timeouts = BOUNDED_PARTS

    def __init__(self, port: int, calls: int) -> None:
        self._base = base(port, calls)
        self._pool = ThreadPoolExecutor(IN_FLIGHT)
        self._own = threading.local()

    def _call(self, method: str, path: str) -> Any:
        session = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
        headers = FORM if method == "POST" else HEADERS
        response = session.request(
            method, self._base + path, headers=headers, timeout=(CONNECT_SECONDS, ANSWER_SECONDS)
        )
        response.raise_for_status()
        return response.json()

    def _stop(self, target: tuple[int, str]) -> None:
        assert self._call("POST", f"/service/{target[0]}/vms/{target[1]}/stop")["status"] is True

    def _list(self, target: tuple[int, str]) -> None:
        assert len(self._call("GET", f"/service/{target[0]}/vms")["vms"]) == VMS_PER_SERVICE

    def _get(self, target: tuple[int, str]) -> None:
        assert self._call("GET", f"/service/{target[0]}")["service"]["id"]

    async def stop(self, calls: int) -> None:
        builtins.list(self._pool.map(self._stop, targets(calls)))

    async def list(self, calls: int) -> None:
        builtins.list(self._pool.map(self._list, targets(calls)))

    async def get(self, calls: int) -> None:
        builtins.list(self._pool.map(self._get, targets(calls)))

    async def fleet(self, calls: int) -> None:
        raise NotImplementedError("not written for it")

    async def paced(self, calls: int, rate: float) -> builtins.list[float]:
        return await asyncio.to_thread(self._paced, calls, rate)

    def _paced(self, calls: int, rate: float) -> builtins.list[float]:
        began = time.perf_counter()

        def one(due: float, target: tuple[int, str]) -> float:
            self._stop(target)
            return time.perf_counter() - due

        sent = []
        for number, target in enumerate(targets(calls)):
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            sent.append(self._pool.submit(one, due, target))
        return [each.result() for each in sent]

    async def close(self) -> None:
        self._pool.shutdown()

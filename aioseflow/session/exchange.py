"""The record of one call on the wire, live while the call runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import attrs

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@attrs.define(eq=False)
class Exchange:
    """A call as it goes over the wire, live while the call runs.

    Attributes:
        call: ``"vms.stop"``.
        request: method and path as sent, ``"POST /service/9/vms/4/stop"``.
        attempts: how many times it was tried so far.
        sent: how many of these may have reached the panel.
        refused: how many of these the panel refused for now, and certainly did not carry out.
        sent_at: when it was sent last, in seconds of the loop's clock.
        status: HTTP status of the last answer, None while there is none.
        waits: seconds waited before each retry.
        queued: seconds spent at the gate, in all.
        pages: what a list says about being incomplete (``"page 1 of 3"``); None for a whole one.
    """

    call: str
    request: str
    attempts: int = 0
    sent: int = 0
    refused: int = 0
    sent_at: float = 0.0
    status: int | None = None
    raw_headers: Mapping[str, str] = attrs.field(default=_NO_HEADERS, repr=False)
    waits: list[float] = attrs.Factory(list)
    queued: float = 0.0
    pages: str | None = attrs.field(default=None, init=False)
    _scrub: Callable[[str], str] = attrs.field(default=str, repr=False)
    _may_have_left: bool = attrs.field(default=False, init=False, repr=False)
    _reused_connection: bool = attrs.field(default=False, init=False, repr=False)
    _first_on_tls: bool = attrs.field(default=False, init=False, repr=False)
    _connection: Any = attrs.field(default=None, init=False, repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the last answer: names in lower case, without cookies, our own credentials masked."""
        lowered = ((name.lower(), value) for name, value in self.raw_headers.items())
        return {name: self._scrub(value) for name, value in lowered if name != "set-cookie"}

    def scrub(self, text: str) -> str:
        """Mask our own credentials in a text that came from outside."""
        return self._scrub(text)

    @property
    def may_have_left(self) -> bool:
        """Whether bytes of the current attempt may have left this machine."""
        return self._may_have_left

    @property
    def reused_connection(self) -> bool:
        """Whether the last attempt used a connection that had carried a request before."""
        return self._reused_connection

    @property
    def first_on_tls(self) -> bool:
        """Whether the last attempt was the first on a TLS connection, whose handshake may still fail."""
        return self._first_on_tls

    def begin(self, now: float) -> None:
        """Begin an attempt. It counts as sent until something shows that it was not."""
        self.attempts += 1
        self.sent += 1
        self.sent_at = now
        self._may_have_left, self._reused_connection = True, False

    def not_sent(self) -> None:
        """Note that nothing of the current attempt has left this machine: it has no connection."""
        if self._may_have_left:
            self.sent -= 1
            self._may_have_left = False

    def leaving(
        self, now: float, connection: Any = None, *, reused: bool, first_on_tls: bool = False
    ) -> None:
        """Note that there is a connection (aiohttp's protocol), to which the request is written next."""
        if not self._may_have_left:
            self.sent += 1
        self.sent_at = now
        self._may_have_left, self._reused_connection, self._first_on_tls = True, reused, first_on_tls
        self._connection = connection

    def answer_read(self) -> None:
        """Note that the answer was read to its end: nothing may arrive before the next request."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.is_idle = True

    def drop_connection(self) -> None:
        """Close the connection, so that nothing is sent over it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.force_close()
            connection.close()


_capturing: ContextVar[tuple[list[Exchange], ...]] = ContextVar("aioseflow_capturing", default=())

current_exchange: ContextVar[Exchange | None] = ContextVar("aioseflow_exchange", default=None)
"""The exchange of the attempt that the running task makes, for aiohttp's hooks. None for other requests."""


class capture:  # noqa: N801 - it is called, and entered
    """Collect the exchanges of the calls made in this block, by this task and by the tasks that it starts."""

    __slots__ = ("_exchanges", "_token")

    def __enter__(self) -> list[Exchange]:
        self._exchanges: list[Exchange] = []
        self._token = _capturing.set((*_capturing.get(), self._exchanges))
        return self._exchanges

    def __exit__(self, *ended: object) -> None:
        _capturing.reset(self._token)


def begin_exchange(call: str, request: str, scrub: Callable[[str], str] = str) -> Exchange:
    """Open the record of a call, and add it to the lists of the `capture` blocks around it."""
    exchange = Exchange(call, request, scrub=scrub)
    for exchanges in _capturing.get():
        exchanges.append(exchange)
    return exchange

"""What one call did on the wire, for those who want to see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

import attrs

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@attrs.define(eq=False)
class Exchange:
    """One call as it went over the wire, live while the call runs.

    Attributes:
        call: ``"vms.stop"``.
        request: method and path as sent, ``"POST /service/9/vms/4/stop"``.
        attempts: how many times it was tried so far.
        sent: how many of these may have reached the server.
        sent_at: when it was sent last, in seconds of the loop's clock.
        status: HTTP status of the last answer, None while there is none.
        waits: seconds waited before each repeat.
    """

    call: str
    request: str
    attempts: int = 0
    sent: int = 0
    sent_at: float = 0.0
    status: int | None = None
    raw_headers: Mapping[str, str] = attrs.field(default=_NO_HEADERS, repr=False)
    waits: list[float] = attrs.Factory(list)

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the last answer: names in lower case, cookies left out."""
        lowered = ((name.lower(), value) for name, value in self.raw_headers.items())
        return {name: value for name, value in lowered if name != "set-cookie"}


_capturing: ContextVar[tuple[list[Exchange], ...]] = ContextVar("aioseflow_capturing", default=())


@contextmanager
def capture() -> Iterator[list[Exchange]]:
    """Collect the exchanges of the calls made in this block, by this task and the tasks that it starts."""
    exchanges: list[Exchange] = []
    token = _capturing.set((*_capturing.get(), exchanges))
    try:
        yield exchanges
    finally:
        _capturing.reset(token)


def begin_exchange(call: str, request: str) -> Exchange:
    """Open the record of one call and show it to whoever is capturing."""
    exchange = Exchange(call, request)
    for exchanges in _capturing.get():
        exchanges.append(exchange)
    return exchange

"""Guard of sending: one last check before a request that changes something leaves this machine.

A process that was stopped, or cut off, may wake up with requests that it was allowed to send before. No other
code runs between the last check and the bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

_guard: ContextVar[Callable[[], None] | None] = ContextVar("aioseflow_send_guard", default=None)


def guard_sending(check: Callable[[], None]) -> None:
    """Call ``check`` before each change that this task, and the tasks that it starts, will send.

    An exception of it ends the call, and nothing of that request has left. Reads are not checked.
    """
    _guard.set(check)


def check_guard(method: str) -> None:
    """Raise what the guard of the running task raises for a request with this HTTP method."""
    if method != "GET" and (check := _guard.get()) is not None:
        check()

"""What an operator can see: one frozen object and one logger name for each thing that happens.

The loggers are ``aioseflow.sent``, ``.answered``, ``.refused``, ``.waiting``, ``.retried``, ``.unknown``,
``.limit`` and ``.circuit``; hooks get the objects. What nobody listens to is not made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, TypeAlias

import attrs


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened to an account's calls; ``account`` is its name."""

    name: ClassVar[str]
    level: ClassVar[int]

    account: str

    def __str__(self) -> str:
        told = (
            f"{field.name}={getattr(self, field.name)}" for field in attrs.fields(type(self)) if field.repr
        )
        return " ".join((self.name, *told))


@attrs.frozen(kw_only=True)
class _CallEvent(Event):
    call: str
    request: str
    attempt: int


@attrs.frozen(kw_only=True)
class Sent(_CallEvent):
    """An attempt goes out."""

    name: ClassVar[str] = "sent"
    level: ClassVar[int] = logging.DEBUG


@attrs.frozen(kw_only=True)
class Answered(_CallEvent):
    """The panel answered, whatever it said; ``seconds`` is the whole exchange without the gate."""

    name: ClassVar[str] = "answered"
    level: ClassVar[int] = logging.DEBUG

    status: int
    seconds: float


@attrs.frozen(kw_only=True)
class Refused(_CallEvent):
    """The panel turned the request away for now; ``retry_after`` is the seconds it asked for, if it did."""

    name: ClassVar[str] = "refused"
    level: ClassVar[int] = logging.INFO

    status: int | None
    retry_after: float | None


@attrs.frozen(kw_only=True)
class Waiting(_CallEvent):
    """A call waits before it goes on.

    ``reason`` is ``"told"`` (the panel's throttle, for this account), ``"backoff"`` (before a repeat) or
    ``"down"`` (the panel does not answer: one request at a time). ``seconds`` is None where nobody knows.
    """

    name: ClassVar[str] = "waiting"
    level: ClassVar[int] = logging.INFO

    reason: str
    seconds: float | None


@attrs.frozen(kw_only=True)
class Retried(_CallEvent):
    """A call goes again; ``cause`` is why the last attempt did not do."""

    name: ClassVar[str] = "retried"
    level: ClassVar[int] = logging.INFO

    cause: str


@attrs.frozen(kw_only=True)
class Unknown(_CallEvent):
    """A change was sent, and whether the panel acted is not known."""

    name: ClassVar[str] = "unknown"
    level: ClassVar[int] = logging.WARNING

    sent_at: datetime


@attrs.frozen(kw_only=True)
class LimitChanged(Event):
    """Another number of requests may be in flight."""

    name: ClassVar[str] = "limit"
    level: ClassVar[int] = logging.DEBUG

    before: int
    after: int
    why: str


@attrs.frozen(kw_only=True)
class CircuitChanged(Event):
    """``state`` is ``"open"`` (nothing is sent: the credentials were refused), ``"down"`` (the panel does not
    answer: one request at a time), or ``"closed"``."""

    name: ClassVar[str] = "circuit"
    level: ClassVar[int] = logging.WARNING

    state: str
    why: str


Hook: TypeAlias = Callable[[Event], object]

_LOGS: Final[dict[type[Event], logging.Logger]] = {
    kind: logging.getLogger(f"aioseflow.{kind.name}")
    for kind in (Sent, Answered, Refused, Waiting, Retried, Unknown, LimitChanged, CircuitChanged)
}
# Without this, an application that has not set up logging would find warnings on its stderr.
logging.getLogger("aioseflow").addHandler(logging.NullHandler())
_hook_log: Final = logging.getLogger("aioseflow.hooks")


class Events:
    """Tells what happens to one account's calls to the loggers and to the user's hooks."""

    __slots__ = ("_account", "_hooks")

    def __init__(self, account: str, hooks: Sequence[Hook]) -> None:
        self._account = account
        self._hooks = tuple(hooks)

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody would see such an event."""
        return True if self._hooks else _LOGS[kind].isEnabledFor(kind.level)

    def tell(self, kind: type[Event], **facts: Any) -> None:
        """Make the event and show it, if anybody wants it."""
        if not self.wants(kind):
            return
        event = kind(account=self._account, **facts)
        _LOGS[kind].log(kind.level, "%s", event, extra={"event": event})
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:  # noqa: BLE001 - a broken counter must not make a reboot that worked fail
                _hook_log.exception("a hook failed on %s", event)

"""Events for operators: one frozen class and one logger for each kind.

The loggers are ``aioseflow.sent``, ``.answered``, ``.refused``, ``.waiting``, ``.retried``, ``.unknown``,
``.limit`` and ``.circuit``; hooks get the objects. An event without a listener is not made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, TypeAlias

import attrs

from ..callables import is_async_callable, is_of_run, name_of, said, warn
from ..errors import ConfigurationError


@attrs.frozen(kw_only=True)
class Event:
    """Base of the events of an account's calls; ``account`` is its name."""

    name: ClassVar[str]
    level: ClassVar[int]

    account: str

    def __str__(self) -> str:
        facts = (
            f"{field.name}={getattr(self, field.name)}" for field in attrs.fields(type(self)) if field.repr
        )
        return " ".join((self.name, *facts))


@attrs.frozen(kw_only=True)
class _CallEvent(Event):
    call: str
    request: str
    attempt: int


@attrs.frozen(kw_only=True)
class Sent(_CallEvent):
    """A request is about to be sent."""

    name: ClassVar[str] = "sent"
    level: ClassVar[int] = logging.DEBUG


@attrs.frozen(kw_only=True)
class Answered(_CallEvent):
    """The panel answered, whatever the answer says; ``seconds`` is the whole exchange without the gate."""

    name: ClassVar[str] = "answered"
    level: ClassVar[int] = logging.DEBUG

    status: int
    seconds: float


@attrs.frozen(kw_only=True)
class Refused(_CallEvent):
    """The panel refused the request for now; ``retry_after`` is the wait in seconds that it asked for."""

    name: ClassVar[str] = "refused"
    level: ClassVar[int] = logging.INFO

    status: int | None
    retry_after: float | None


@attrs.frozen(kw_only=True)
class Waiting(_CallEvent):
    """A call waits before it goes on.

    ``reason`` is ``"told"`` (the panel asked for it, or its request rate is reached), ``"backoff"`` (before a
    retry) or ``"down"`` (the panel does not answer: one request at a time). ``seconds`` is None where the
    duration is not known.
    """

    name: ClassVar[str] = "waiting"
    level: ClassVar[int] = logging.INFO

    reason: str
    seconds: float | None


@attrs.frozen(kw_only=True)
class Retried(_CallEvent):
    """A request is sent again; ``cause`` is the failure of the last attempt."""

    name: ClassVar[str] = "retried"
    level: ClassVar[int] = logging.INFO

    cause: str


@attrs.frozen(kw_only=True)
class Unknown(_CallEvent):
    """A change was sent, and it is not known whether the panel acted."""

    name: ClassVar[str] = "unknown"
    level: ClassVar[int] = logging.WARNING

    sent_at: datetime


@attrs.frozen(kw_only=True)
class LimitChanged(Event):
    """The limit of requests in flight has changed; ``why`` is the reason in words."""

    name: ClassVar[str] = "limit"
    level: ClassVar[int] = logging.DEBUG

    before: int
    after: int
    why: str


@attrs.frozen(kw_only=True)
class CircuitChanged(Event):
    """The login circuit or the breaker has changed its state.

    ``state`` is ``"open"`` (the credentials were refused: nothing is sent), ``"down"`` (the panel does not
    answer: one request at a time), or ``"closed"``.
    """

    name: ClassVar[str] = "circuit"
    level: ClassVar[int] = logging.WARNING

    state: str
    why: str


Hook: TypeAlias = Callable[[Event], object]

_LOGS: Final[dict[type[Event], logging.Logger]] = {
    kind: logging.getLogger(f"aioseflow.{kind.name}")
    for kind in (Sent, Answered, Refused, Waiting, Retried, Unknown, LimitChanged, CircuitChanged)
}
# Without it, Python prints warnings on the stderr of an application that has not set up logging.
logging.getLogger("aioseflow").addHandler(logging.NullHandler())
_hook_log: Final = logging.getLogger("aioseflow.hooks")


class Events:
    """Sends the events of one account's calls to the loggers and to the user's hooks.

    Raises `ConfigurationError` for a hook that cannot be called, or whose call would do nothing.
    """

    __slots__ = ("_account", "_failed", "_hooks")

    def __init__(self, account: str, hooks: Sequence[Hook]) -> None:
        self._account = account
        self._hooks = _checked(hooks)
        self._failed: set[int] = set()

    def wants(self, kind: type[Event]) -> bool:
        """Return True if an event of this kind has a listener."""
        return True if self._hooks else _LOGS[kind].isEnabledFor(kind.level)

    def emit(self, kind: type[Event], **facts: Any) -> None:
        """Make an event and send it to its listeners, if there are any.

        A hook that raises is logged each time, and warned of once.
        """
        if not self.wants(kind):
            return
        event = kind(account=self._account, **facts)
        _LOGS[kind].log(kind.level, "%s", event, extra={"event": event})
        for place, hook in enumerate(self._hooks):
            try:
                returned = hook(event)
                if hasattr(returned, "__await__"):
                    _refuse(returned)
            except BaseException as error:  # a broken counter must not make a reboot that worked fail
                if is_of_run(error):
                    raise
                name = f"hooks[{place}] ({name_of(hook)})"
                _hook_log.exception("%s failed on %s", name, event)
                if place not in self._failed:
                    self._failed.add(place)
                    warn(f"{name} failed on {event.name}: {said(error)}; see the logger aioseflow.hooks")


def _checked(hooks: Sequence[Hook]) -> tuple[Hook, ...]:
    if callable(hooks) or not isinstance(hooks, Iterable):
        raise ConfigurationError(f"hooks is {hooks!r:.60}; give a list of functions: hooks=[…]")
    checked = tuple(hooks)
    for place, hook in enumerate(checked):
        if not callable(hook):
            raise ConfigurationError(f"hooks[{place}] is {hook!r:.60}, which cannot be called with an event")
        if is_async_callable(hook):
            raise ConfigurationError(
                f"hooks[{place}] ({name_of(hook):.80}) is an async function, which nobody would await; "
                "give a plain function, which may put the event into an asyncio.Queue"
            )
    return checked


def _refuse(returned: Any) -> None:
    """Raise `TypeError` for what a hook returned and nobody awaits."""
    close = getattr(returned, "close", None)
    if close is not None:
        close()
    raise TypeError(f"it returned a {type(returned).__name__}, which nobody awaits; give a plain function")

"""A search for secrets through everything that a run leaves: logs, errors, tracebacks, warnings, reprs.

with collecting() as bag:
    try:
        await seflow.vms.reboot(9, 4)
    except SeFlowError as error:
        bag.error("the reboot", error)
assert bag.betrays({"password": PASSWORD}) == []
"""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import traceback
import warnings
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from html import escape
from typing import Any, Final
from urllib.parse import quote, quote_plus

import attrs

from aioseflow import SeFlow

PIECE: Final = 10


def forms(secret: str) -> dict[str, str]:
    """How programs write a text, by the name of the way."""
    data = secret.encode()
    php = json.dumps(secret)[1:-1].replace("/", "\\/")
    found = {
        "plain": secret,
        "quoted": quote(secret, safe=""),
        "quoted in lower case": _lower_escapes(quote(secret, safe="")),
        "quoted path": quote(secret),
        "quoted path in lower case": _lower_escapes(quote(secret)),
        "form": quote_plus(secret),
        "form in lower case": _lower_escapes(quote_plus(secret)),
        "JSON": json.dumps(secret)[1:-1],
        "JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "PHP's JSON": php,
        "PHP's JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1].replace("/", "\\/"),
        "JSON in JSON": json.dumps(php)[1:-1],
        "hex": data.hex(),
        "HEX": data.hex().upper(),
        "repr": repr(secret)[1:-1],
        "repr of bytes": repr(data)[2:-1],
        "HTML": escape(secret),
        "PHP's HTML": escape(secret).replace("&#x27;", "&#039;"),
        "UTF-8 read as Latin-1": data.decode("latin-1"),
    }
    for shift in range(3):
        for name, encode in (("base64", b64encode), ("URL-safe base64", urlsafe_b64encode)):
            # The characters at both ends belong to what stands beside it, too.
            whole = encode(b"\0" * shift + data + b"\0" * (-(shift + len(data)) % 3)).decode()
            left, right = (0, 2, 3)[shift], (0, 2, 3)[(-(shift + len(data))) % 3]
            found[f"{name} shifted by {shift}"] = whole[left : len(whole) - right]
    return found


def basic(username: str, password: str) -> str:
    """The value of HTTP Basic."""
    return b64encode(f"{username}:{password}".encode()).decode()


def tail(username: str, password: str) -> str:
    """What of the value of HTTP Basic depends on the password alone."""
    return basic(username, password)[-(-8 * len(f"{username}:".encode()) // 6) :]


def _lower_escapes(text: str) -> str:
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _bare(text: str) -> str:
    # Every escaping of an escaped text only adds backslashes; hex may be written in either case.
    return text.replace("\\", "").casefold()


@attrs.define(eq=False, repr=False)
class Bag:
    """The texts of a run, each with the place that it was found in; its repr, in a frame, is none of them."""

    texts: list[tuple[str, str]] = attrs.Factory(list)
    records: int = 0
    errors: int = 0

    def text(self, where: str, text: str) -> None:
        """Something that was shown."""
        self.texts.append((where, text))

    def thing(self, where: str, thing: object) -> None:
        """Whatever can be printed: its repr, its str, and what an f-string makes of it."""
        self.text(f"repr of {where}", repr(thing))
        self.text(f"str of {where}", str(thing))
        self.text(f"{where} in an f-string", f"{thing} {thing!r} {[thing]!r} {thing!a}")

    def error(self, where: str, error: BaseException) -> None:
        """An error with all that hangs on it, its traceback with the locals of every frame included."""
        seen: set[int] = set()
        self._error(where, error, seen)

    def _error(self, where: str, error: BaseException, seen: set[int]) -> None:
        if id(error) in seen:
            return
        seen.add(id(error))
        self.errors += 1
        where = f"{where}: {type(error).__name__}"
        self.thing(where, error)
        for name in ("args", "__dict__", "__notes__"):
            self.text(f"{name} of {where}", repr(getattr(error, name, None)))
        for name, value in vars(error).items():
            self.text(f".{name} of {where}", f"{value} {value!r}")
        # Not everything that asyncio and aiohttp raise can be pickled; what can is looked at.
        with suppress(Exception):
            self.text(f"pickle of {where}", pickle.dumps(error).decode("utf-8", "replace"))
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        self.text(f"traceback of {where}", "".join(shown.format()))
        parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        for part in (error.__cause__, error.__context__, *parts):
            if part is not None:
                self._error(where, part, seen)

    def record(self, record: logging.LogRecord) -> None:
        """A log record: its message, its arguments, its attributes and its exception."""
        self.records += 1
        where = f"log {record.name}"
        self.text(where, record.getMessage())
        self.text(f"args of {where}", repr(record.args))
        self.text(f"attributes of {where}", repr(record.__dict__))
        if record.exc_info and record.exc_info[1] is not None:
            self.error(where, record.exc_info[1])

    def betrays(self, secrets: Mapping[str, str]) -> list[str]:
        """Where which secret stands, in which form: whole, or cut off before or behind a piece of it."""
        texts = {_bare(text): where for where, text in self.texts}
        everything = "\n".join(texts)
        looked_for = {
            part: f"{name} ({form})"
            for name, secret in secrets.items()
            for form, written in forms(secret).items()
            for part in (_bare(written), _bare(written)[-PIECE:], _bare(written)[:PIECE])
        }
        return sorted(
            f"{name} in the {where}: …{text[max(0, place - 60) : place + 60]}…"
            for part, name in looked_for.items()
            if part in everything
            for text, where in texts.items()
            if (place := text.find(part)) >= 0
        )


class _Listener(logging.Handler):
    def __init__(self, bag: Bag) -> None:
        super().__init__(logging.NOTSET)
        self._bag = bag

    def emit(self, record: logging.LogRecord) -> None:
        self._bag.record(record)


@contextmanager
def collecting() -> Iterator[Bag]:
    """Collect all logs and warnings of a block, with asyncio's debug mode on where a loop runs."""
    bag = Bag()
    root = logging.getLogger()
    listener, level = _Listener(bag), root.level
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    debug = None if loop is None else (loop.get_debug(), loop.slow_callback_duration)
    if loop is not None:
        loop.set_debug(True)
        # Every callback is then logged as a slow one, with what it was called with.
        loop.slow_callback_duration = 0.0
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield bag
        for warning in caught:
            bag.text("warning", f"{warning.message} {warning!r} {warning.source!r}")
    finally:
        if loop is not None and debug is not None:
            loop.set_debug(debug[0])
            loop.slow_callback_duration = debug[1]
        root.setLevel(level)
        root.removeHandler(listener)


@attrs.define(eq=False)
class Operator:
    """Somebody who makes calls, and puts all that can be seen of client and errors into a bag."""

    seflow: SeFlow
    bag: Bag

    async def tries(self, call: Awaitable[Any], where: str = "the call") -> BaseException | None:
        """Await it, look at how it failed, and give the error."""
        error: BaseException | None = None
        with self.seflow.capture() as exchanges:
            try:
                await call
            except BaseException as failure:  # noqa: BLE001 - a cancellation is what some of the tests are about
                error = failure
                self.bag.error(where, failure)
        for exchange in exchanges:
            self.bag.thing("exchange", exchange)
        self.looks_around()
        return error

    async def cancels(self, call: Awaitable[Any], ready: Callable[[], Awaitable[object]]) -> None:
        """Make a call, and cancel it as soon as ``ready`` says so."""
        task = asyncio.ensure_future(call)
        await ready()
        task.cancel()
        assert isinstance(await self.tries(task, "what was cancelled"), asyncio.CancelledError)

    def looks_around(self) -> None:
        """Everything that a client shows of itself."""
        seflow = self.seflow
        session = seflow._session
        shared = session.shared
        things: list[object] = [seflow, seflow.with_options(deadline=9), session, session.options, shared]
        things += [shared.circuit, seflow.account, seflow.billing, seflow.support, seflow.domains]
        things += [seflow.services, seflow.vms, seflow.fleet, seflow._fleet_account, seflow.stats()]
        things += [vars(shared), vars(shared.connections), vars(seflow)]
        for thing in things:
            self.bag.thing(f"client's {type(thing).__name__}", thing)

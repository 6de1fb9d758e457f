"""The product's chance and calendar, made a function of the seed and of the loop's clock."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import random
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from unittest import mock

from support.virtual import START

import aioseflow

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

_SPARED: Final = ("aioseflow.sandbox", "aioseflow.cli", "aioseflow.pages", "aioseflow.__main__")


def _is_product(name: str) -> bool:
    return name.startswith("aioseflow.") and not name.startswith(_SPARED)


# A module that is imported within `repeatable` keeps the calendar that it finds.
for _found in pkgutil.walk_packages(aioseflow.__path__, "aioseflow."):
    if _is_product(_found.name):
        # Some need what is not installed everywhere.
        with contextlib.suppress(ImportError):
            importlib.import_module(_found.name)


class WallClock:
    """The calendar of the client's machine: ``offset`` seconds ahead of the true time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.offset = 0.0
        self.clock = clock

    def now(self) -> datetime:
        """The time that the machine shows."""
        return true_time(self.clock()) + timedelta(seconds=self.offset)


def true_time(loop_seconds: float) -> datetime:
    """The true calendar at a moment of the loop's clock."""
    return EPOCH + timedelta(seconds=loop_seconds - START)


def loop_seconds(moment: datetime) -> float:
    """A moment of a calendar that was never wrong, as the loop's clock had it."""
    return START + (moment - EPOCH).total_seconds()


@contextmanager
def repeatable(seed: int, wall: WallClock) -> Iterator[None]:
    """Within the block the product's chance comes from the seed, and its calendar is ``wall``."""
    source = random.Random(f"product {seed}")
    before_init = random.Random.__init__

    def seeded(self: random.Random, x: Any = None) -> None:
        before_init(self, source.random() if x is None else x)

    def token_hex(nbytes: int | None = None) -> str:
        return source.randbytes(nbytes or 32).hex()

    modules = [module for name, module in sorted(sys.modules.items()) if _is_product(name)]
    before = random.getstate()
    with ExitStack() as stack:
        stack.callback(random.setstate, before)
        random.seed(source.random())
        stack.enter_context(mock.patch.object(random.Random, "__init__", seeded))
        stack.enter_context(mock.patch.object(secrets, "token_hex", token_hex))
        calendar = _calendar(wall)
        for module in modules:
            for name, value in list(vars(module).items()):
                if value is datetime:
                    stack.enter_context(mock.patch.object(module, name, calendar))
                elif value is time:
                    stack.enter_context(mock.patch.object(module, name, _Time(wall)))
                elif isinstance(value, random.Random):
                    value.seed(source.random())
        yield


class _Time:
    """The module `time` on the story's clocks."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall

    def monotonic(self) -> float:
        """The loop's clock."""
        return self._wall.clock()

    def time(self) -> float:
        """The client's calendar."""
        return self._wall.now().timestamp()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def _calendar(wall: WallClock) -> type[datetime]:
    class IsAny(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Calendar(datetime, metaclass=IsAny):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            moment = wall.now()
            return moment.astimezone(tz) if tz is not None else moment.replace(tzinfo=None)

    return Calendar

"""What the product takes from chance and the calendar, made a function of the seed and the loop's clock."""

from __future__ import annotations

import random
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from unittest import mock

from support.virtual import START

import aioseflow

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

# A module that is imported within the block keeps the calendar that it finds.
for _name in aioseflow.__all__:
    getattr(aioseflow, _name)

_SPARED: Final = ("aioseflow.sandbox", "aioseflow.cli")


def loop_seconds(moment: datetime) -> float:
    """A moment of the calendar as the loop's clock had it."""
    return START + (moment - EPOCH).total_seconds()


@contextmanager
def repeatable(seed: int, clock: Callable[[], float]) -> Iterator[None]:
    """Within the block the product's chance comes from the seed, and its calendar from ``clock``."""
    source = random.Random(f"product {seed}")
    as_ever = random.Random.__init__

    def seeded(self: random.Random, x: Any = None) -> None:
        as_ever(self, source.random() if x is None else x)

    def token_hex(nbytes: int | None = None) -> str:
        return source.randbytes(nbytes or 32).hex()

    modules = [module for name, module in sorted(sys.modules.items()) if _is_product(name)]
    before = random.getstate()
    with ExitStack() as stack:
        stack.callback(random.setstate, before)
        random.seed(source.random())
        stack.enter_context(mock.patch.object(random.Random, "__init__", seeded))
        stack.enter_context(mock.patch.object(secrets, "token_hex", token_hex))
        calendar = _calendar(clock)
        for module in modules:
            for name, value in list(vars(module).items()):
                if value is datetime:
                    stack.enter_context(mock.patch.object(module, name, calendar))
                elif isinstance(value, random.Random):
                    value.seed(source.random())
        yield


def _is_product(name: str) -> bool:
    return name.startswith("aioseflow.") and not name.startswith(_SPARED)


def _calendar(clock: Callable[[], float]) -> type[datetime]:
    class IsAny(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Calendar(datetime, metaclass=IsAny):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            moment = EPOCH + timedelta(seconds=clock() - START)
            return moment.astimezone(tz) if tz is not None else moment.replace(tzinfo=None)

    return Calendar

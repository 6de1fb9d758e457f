"""Coroutines of an immediate journal: its store answers without suspending, and no loop is held up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def complete(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends to its end, with or without a loop, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} suspended, although its journal is immediate")


def has_loop() -> bool:
    """Whether a loop runs in this thread, which a function that blocks would hold up."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

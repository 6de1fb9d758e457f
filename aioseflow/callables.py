"""Functions that an application gives (hooks, predicates, checks), and the exceptions that they raise."""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
import warnings
from typing import Any, Final

_MESSAGE_CHARACTERS_MAX: Final = 400


def is_async_callable(value: Any) -> bool:
    """Whether a call of ``value`` returns a coroutine (or an async generator) instead of doing its work.

    True of an ``async def`` function or method, of an object whose class has an ``async def __call__``, and
    of a `functools.partial` of one of them.
    """
    while isinstance(value, functools.partial | functools.partialmethod):
        value = value.func
    value = inspect.unwrap(value) if callable(value) else value
    if _is_async(value):
        return True
    # Of a class, a call makes an object.
    return not isinstance(value, type) and _is_async(getattr(type(value), "__call__", None))  # noqa: B004


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def name_of(value: Any) -> str:
    """Return the name of a function for a message: ``app.metrics.count``."""
    while isinstance(value, functools.partial):
        value = value.func
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    module = getattr(value, "__module__", None)
    return f"{module}.{name}" if isinstance(module, str) and module != "builtins" else str(name)


def is_of_run(error: BaseException) -> bool:
    """Whether an exception is an interrupt or the cancellation of the present task, not its code's own."""
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        return True
    if not isinstance(error, asyncio.CancelledError):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


def without_locals(error: BaseException) -> BaseException:
    """Return an exception whose frames keep no objects alive: a report may have one for each VM."""
    traceback.clear_frames(error.__traceback__)
    return error


def said(error: BaseException) -> str:
    """Return an exception as one sentence with its place in the code: ``ValueError: no host (x.py:9)``."""
    try:
        text = " ".join(str(error).split())[:_MESSAGE_CHARACTERS_MAX]
    except Exception:  # noqa: BLE001 - the text of a user's exception
        text = "its text cannot be read"
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    place = "".join(f" ({frame.filename.rpartition('/')[2]}:{frame.lineno})" for frame in frames)
    return f"{type(error).__name__}{f': {text}' if text else ''}{place}"


def warn(message: str) -> None:
    """Warn of a failure that only a log would show, and most programs have set up none.

    Where warnings are errors this does nothing: what failed must not break what called it.
    """
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:
        return

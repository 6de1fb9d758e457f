"""The changes that a journal takes, in a form that every store understands.

A change is a tuple ``(kind, parameters, future)``; the future, if there is one, gets its result.
"""

from __future__ import annotations

import enum
from typing import Any, TypeAlias


class Kind(enum.IntEnum):
    """What a change is."""

    INTEND = enum.auto()
    ACCEPTED = enum.auto()
    REQUEUED = enum.auto()
    FINISHED = enum.auto()
    REOPENED = enum.auto()
    DISCOVERED = enum.auto()
    WITHOUT_VMS = enum.auto()
    LOST = enum.auto()
    CREATE = enum.auto()
    HOLD = enum.auto()
    SELECTED = enum.auto()
    ENDED = enum.auto()
    LEARN = enum.auto()
    MARK = enum.auto()
    """Changes nothing: whoever waits for it knows that all before it is durable."""


# The future is Any: one that is told a list of conflicts, a bool or nothing.
Change: TypeAlias = tuple[Kind, tuple[Any, ...], Any]

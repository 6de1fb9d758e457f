"""Preparation of a run: what has to be looked up before it is known what the run is to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    from ..journal import StoredRun
    from ..model.fleet_account import FleetAccount
    from ..plan.spec import RunSpec

T = TypeVar("T")


@attrs.frozen(eq=False)
class PreparedRun:
    """Everything that a run needs to begin.

    Attributes:
        load: reads what an earlier run execution left; None for a new run.
    """

    accounts: tuple[FleetAccount, ...]
    spec: RunSpec
    load: Callable[[], Awaitable[StoredRun]] | None = None


Prepare: TypeAlias = Callable[[], Coroutine[Any, Any, PreparedRun]]
"""Looks up what a run is to do, in a journal. Raises what the run would raise."""


def complete(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends to its end, with or without a loop, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} suspended, although its journal is immediate")

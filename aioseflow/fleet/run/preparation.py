"""Preparation of a run: what has to be looked up in a journal before the run can begin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from ..journal import StoredRun
    from ..model.fleet_account import Closeable, FleetAccount
    from ..plan.spec import RunSpec


@attrs.frozen(eq=False)
class PreparedRun:
    """Everything that a run needs to begin.

    Attributes:
        load: reads what an earlier run execution left; None for a new run.
    """

    accounts: tuple[FleetAccount, ...]
    spec: RunSpec
    load: Callable[[], Awaitable[StoredRun]] | None = None


Prepare: TypeAlias = "Callable[[Closeable | None], Coroutine[Any, Any, PreparedRun]]"
"""Looks up what a run is to do, in a journal. Raises what the run would raise.

Its argument is the run of the same id that this process started earlier and that is still live.
"""

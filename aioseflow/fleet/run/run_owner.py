"""`RunOwner`: gives a run what outlives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from ..actions.steps import Steps
    from ..journal import Journal, StoredRun
    from ..model.fleet_account import FleetAccount
    from ..model.outcome import TargetKey
    from .execution import RunExecution, RunResumer
    from .state import RunState


class InMemoryRuns(Protocol):
    """Live runs of this process that are in no journal: `recovery.registry.ElsewhereInMemory`."""

    @property
    def any_is_live(self) -> bool:
        """Whether there is one."""
        ...

    def taken(self, keys: Iterable[TargetKey]) -> dict[TargetKey, str]:
        """Return those of these VMs that one of them is not done with, with its id."""
        ...


class RunOwner(Protocol):
    """Gives a run what outlives it: `recovery.registry.RunRegistry`."""

    @property
    def journal(self) -> Journal | None:
        """The journal into which its runs are recorded."""
        ...

    def resumer(self, execution: RunExecution, *, repeat_unknown: bool) -> RunResumer:
        """Return the object that restores the targets of an earlier run execution."""
        ...

    def is_complete(self, stored: StoredRun, steps: Steps) -> bool:
        """Whether a stored run leaves nothing to resume."""
        ...

    def acting_elsewhere(self, account_keys: Mapping[str, str], besides: RunState) -> InMemoryRuns:
        """Return the live runs of this process without a journal, other than one, on these accounts."""
        ...

    async def restore_limits(self, accounts: Sequence[FleetAccount]) -> None:
        """Let the limit of each account start near the one that an earlier run found."""
        ...

    async def remember(self, execution: RunExecution, began: datetime) -> None:
        """Store the measurements of a run, for the estimates and limits of later runs."""
        ...

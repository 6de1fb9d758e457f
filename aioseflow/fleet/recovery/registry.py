"""The runs that a fleet remembers: in a journal, or in memory until its client is closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from weakref import WeakSet, WeakValueDictionary

import attrs

from ..journal import Journal, RunNotFound, StoredRun
from ..model.ending import RunPhase
from .estimates import limits_from, notes_of
from .resume import Resumer, is_complete

if TYPE_CHECKING:
    from ..actions.steps import Steps
    from ..model.fleet_account import FleetAccount
    from ..model.outcome import TargetKey
    from ..run.execution import RunExecution
    from ..run.run import Run
    from ..run.state import RunState

_KEPT: Final = 100  # ended runs in memory: a bot that lives for months must not grow for months


_IN_MEMORY: Final[WeakSet[Run]] = WeakSet()
"""The live runs of this process that are in no journal, of all fleets: no lease keeps two of them apart."""


@attrs.define(eq=False)
class ElsewhereInMemory:
    """Live runs of this process without a journal on the same accounts, besides one run."""

    account_keys: Mapping[str, str]
    besides: RunState

    def _runs(self) -> Iterator[tuple[Run, dict[str, str]]]:
        for run in tuple(_IN_MEMORY):
            if run.is_live and run.run_state is not self.besides:
                yield run, {account.key: account.name for account in run.accounts}

    @property
    def any_is_live(self) -> bool:
        """Whether there is one."""
        mine = set(self.account_keys.values())
        return any(not mine.isdisjoint(names) for _, names in self._runs())

    def taken(self, keys: Iterable[TargetKey]) -> dict[TargetKey, str]:
        """Return those of these VMs that another run is not done with, with its id."""
        others = list(self._runs())
        if not others:
            return {}
        found: dict[TargetKey, str] = {}
        for key in keys:
            account, service_id, vm_id = key
            for run, names in others:
                name = names.get(self.account_keys[account])
                if name is not None and (name, service_id, vm_id) in run.run_state.open:
                    found.setdefault(key, run.run_id)
        return found


@attrs.define(eq=False)
class RunRegistry:
    """Runs by id. With a journal only those of this process that live; the journal has the others."""

    journal: Journal | None = None
    _runs: dict[str, Run] = attrs.field(factory=dict, init=False)
    # One that was made and never started must be free to go, and to warn.
    _made: WeakValueDictionary[str, Run] = attrs.field(factory=WeakValueDictionary, init=False)

    _replaced: dict[Run, Run] = attrs.field(factory=dict, init=False)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.values())

    def made(self, run: Run) -> None:
        """There is a run of this id, which may never be started."""
        self._made[run.run_id] = run

    def started(self, run: Run) -> Run | None:
        """Remember a run in the place of an earlier one of its id; return that, if it is still live."""
        earlier = self._runs.pop(run.run_id, None)
        self._runs[run.run_id] = run
        if self.journal is None:
            _IN_MEMORY.add(run)
            if earlier is not None:
                self._replaced[run] = earlier
        return earlier if earlier is not None and earlier.is_live else None

    def ended(self, run: Run) -> None:
        """A run is over."""
        if self._made.get(run.run_id) is run:
            del self._made[run.run_id]
        if self.journal is not None:
            if self._runs.get(run.run_id) is run:
                del self._runs[run.run_id]
            return
        _IN_MEMORY.discard(run)
        earlier = self._replaced.pop(run, None)
        if run.state is RunPhase.REFUSED and self._runs.get(run.run_id) is run:
            # What was refused is no run. Where it was to resume one, that one is left as it was.
            del self._runs[run.run_id]
            if earlier is not None:
                self._runs[run.run_id] = earlier
        over = [each for each in self._runs.values() if each.is_over]
        for each in over[:-_KEPT]:
            del self._runs[each.run_id]

    def find(self, run_id: str) -> Run | None:
        """The run of this process that has this id."""
        return self._made.get(run_id) or self._runs.get(run_id)

    def get(self, run_id: str) -> Run:
        """Return the live run of this id. Raises `RunNotFound`."""
        run = self.find(run_id)
        if run is None:
            raise RunNotFound(
                f"no run {run_id!r:.60} here; runs live in memory until the client is closed, unless it has "
                'a journal: SeFlow(…, journal="runs.sqlite")'
            )
        return run

    def acting_elsewhere(self, account_keys: Mapping[str, str], besides: RunState) -> ElsewhereInMemory:
        """The live runs of this process without a journal on these accounts, besides one."""
        return ElsewhereInMemory(account_keys, besides)

    def resumer(self, execution: RunExecution, *, repeat_unknown: bool) -> Resumer:
        """The object that takes up what an earlier run execution left."""
        return Resumer(
            execution.pools, execution.spec, execution.run_state, execution.scheduler, repeat_unknown
        )

    def is_complete(self, stored: StoredRun, steps: Steps) -> bool:
        """Whether a stored run leaves nothing to resume."""
        return is_complete(stored, steps)

    async def restore_limits(self, accounts: Sequence[FleetAccount]) -> None:
        """Let each account start near the limit that an earlier run found."""
        if self.journal is not None:
            await limits_from(self.journal, accounts)

    async def remember(self, execution: RunExecution, began: datetime) -> None:
        """Keep what a run measured, for the estimates and limits of later ones."""
        if self.journal is not None:
            for account, key, value in await notes_of(self.journal, execution, began):
                self.journal.learn(account, key, value)

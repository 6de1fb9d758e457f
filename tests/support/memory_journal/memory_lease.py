"""Leases of a journal in memory, which can be taken away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import attrs

from aioseflow.fleet.journal.lease import Holder

from .memory_database import MemoryDatabase


@attrs.define(eq=False)
class MemoryLease:
    """The lease of one run, until it is given or `MemoryDatabase.take_away` ends it."""

    run_id: str
    lost: Callable[[], None]
    _database: MemoryDatabase
    _pause: Callable[[], Awaitable[None]]

    def may_send(self) -> bool:
        """Whether no other process can have taken the run."""
        return self._database.leases.get(self.run_id) is self

    async def give(self, *, pruned: bool = False) -> None:
        """Let other processes take the run."""
        if self._database.leases.get(self.run_id) is self:
            del self._database.leases[self.run_id]
        await self._pause()


@attrs.define(eq=False)
class MemoryLeases:
    """The leases of one process in a database in memory.

    Attributes:
        taken: the lease that this process took last, by run id.
    """

    taken: dict[str, MemoryLease] = attrs.field(factory=dict, init=False)
    _database: MemoryDatabase
    _pause: Callable[[], Awaitable[None]]

    async def take(self, run_id: str, lost: Callable[[], None]) -> MemoryLease | None:
        """Take the lease of a run; None if a process has it, this one too."""
        await self._pause()
        if run_id in self._database.leases:
            return None
        lease = MemoryLease(run_id, lost, self._database, self._pause)
        self._database.leases[run_id] = self.taken[run_id] = lease
        return lease

    async def holder(self, run_id: str) -> Holder | None:
        """Return the process that has the lease of a run, by what it recorded of itself."""
        await self._pause()
        if run_id not in self._database.leases:
            return None
        run = self._database.run_of(run_id)
        return Holder() if run is None else run.holder

    async def living(self, run_ids: Iterable[str]) -> frozenset[str]:
        """Return those of the runs whose lease a process has."""
        await self._pause()
        return frozenset(run_ids) & self._database.leases.keys()

    def is_lost(self, run_id: str) -> bool:
        """Whether this process had the lease of a run, and has it no more; the holder learns that."""
        lease = self.taken.get(run_id)
        if lease is None or lease.may_send():
            return False
        lease.lost()
        return True

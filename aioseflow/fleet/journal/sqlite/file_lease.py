"""Leases of a journal in a file: an OS lock for each run, which the kernel frees when its holder dies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple

import attrs

from ..lease import Holder
from . import run_lock

if TYPE_CHECKING:
    from filelock import BaseFileLock


T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class LockedFile(Protocol):
    """The file of a journal, as far as its leases use it."""

    @property
    def file(self) -> Path:
        """The file itself, where the path of the journal is a link."""
        ...

    def recorded_holder(self, run_id: str) -> Holder:
        """The process that took a run last."""
        ...

    async def carry_out(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Carry out a function that blocks, without holding the loop."""
        ...


@attrs.define(eq=False)
class FileLease:
    """The lock of one run; a process cannot lose it while it lives."""

    path: Path
    _lock: BaseFileLock | None
    _journal: LockedFile

    def may_send(self) -> bool:
        """True until the lease is given."""
        return self._lock is not None

    async def give(self, *, pruned: bool = False) -> None:
        """Free the lock; of a run that was ``pruned`` the file goes, too."""
        lock, self._lock = self._lock, None
        if lock is not None:
            await self._journal.carry_out(self._give, lock, pruned)

    def _give(self, lock: BaseFileLock, pruned: bool) -> None:
        try:
            if pruned:
                # While it is held: a process that waited for it finds that the run is gone.
                self.path.unlink(missing_ok=True)
        finally:
            lock.release()


@attrs.define(eq=False)
class FileLeases:
    """The locks of all runs of a file."""

    _journal: LockedFile

    async def take(self, run_id: str, lost: Callable[[], None]) -> FileLease | None:
        """Lock a run; None if a process has locked it. ``lost`` is never called."""
        return await self._journal.carry_out(self._take, run_id)

    def _take(self, run_id: str) -> FileLease | None:
        path = run_lock.place(self._journal.file, run_id)
        lock = run_lock.take(path)
        return None if lock is None else FileLease(path, lock, self._journal)

    async def holder(self, run_id: str) -> Holder | None:
        """Return the process that has locked a run, by what it recorded of itself."""
        return await self._journal.carry_out(self._holder, run_id)

    def _holder(self, run_id: str) -> Holder | None:
        return self._journal.recorded_holder(run_id) if self._is_locked(run_id) else None

    async def living(self, run_ids: Iterable[str]) -> frozenset[str]:
        """Return those of the runs that a process has locked."""
        return await self._journal.carry_out(self._living, run_ids)

    def _living(self, run_ids: Iterable[str]) -> frozenset[str]:
        return frozenset(run_id for run_id in run_ids if self._is_locked(run_id))

    def _is_locked(self, run_id: str) -> bool:
        return run_lock.is_taken(run_lock.place(self._journal.file, run_id))

"""The place of a journal: a SQLite file or a database server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar, TypeVarTuple

from .change import Change
from .lease import Leases
from .records import RunInfo, StoredRun

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class JournalStore(Protocol):
    """Keeps the runs of a journal.

    Plain functions block, may be called in any thread, and raise `JournalError`: changes between `open` and
    `close`; readings at any time, because they need no lock for writing and make nothing. `submit` carries
    one out while the loop goes on. A `Journal` calls them in the thread of the loop only where the store is
    ``immediate``, and in `Journal.flush_now`.
    """

    @property
    def immediate(self) -> bool:
        """Whether functions run in this thread, because no loop can be held up: coroutines never suspend."""
        ...

    def in_this_thread(self) -> AbstractContextManager[bool]:
        """Be immediate within a block, for a loop that is about to end; gives whether that is possible."""
        ...

    @property
    def place(self) -> str:
        """The file or address, for messages; without a password."""
        ...

    @property
    def leases(self) -> Leases:
        """The leases of its runs."""
        ...

    @property
    def commits(self) -> int:
        """Number of groups of changes that have become durable."""
        ...

    async def open(self) -> None:
        """Make the store usable; it is made or brought up to date where needed. Raises `JournalError`."""
        ...

    async def close(self) -> None:
        """Give back what `open` took. Raises `JournalError`."""
        ...

    def submit(self, function: Callable[[*Ts], T], *arguments: *Ts) -> asyncio.Future[T]:
        """Carry out a function that blocks, after those submitted before, without holding the loop.

        Raises `RuntimeError` where that is not possible any more.
        """
        ...

    # -- changes ------------------------------------------------------------------------------------------

    def apply(self, changes: Sequence[Change]) -> list[Any]:
        """Make the changes durable in their order, all or none, and return the result of each.

        A change of a run whose lease was lost is left out: its result is a `LeaseLost`.
        """
        ...

    def forget(self, run_id: str) -> bool:
        """Delete an ended run; False if it is not ended, or gone already."""
        ...

    # -- readings -----------------------------------------------------------------------------------------

    def number_of(self, run_id: str) -> int | None:
        """The number of a run in this store, None if there is no such run. A number is never used again."""
        ...

    def run_ids(self, *, running: bool = False) -> list[str]:
        """The ids of all runs, or of those recorded as running, the newest first."""
        ...

    def all_runs(self) -> list[RunInfo]:
        """Every run, the newest first."""
        ...

    def one_run(self, run_id: str) -> RunInfo | None:
        """A run without its targets."""
        ...

    def whole_run(self, run_id: str) -> StoredRun | None:
        """A run with its targets."""
        ...

    def open_elsewhere(self, run: int, dead: Set[str]) -> dict[tuple[str, str, str], str]:
        """The VMs, by account, service and VM id, that other running runs are not done with, with their run.

        Accounts have the names of this run; their keys decide which is which (`account_names.counterpart`).
        Runs in ``dead`` keep nothing from others.
        """
        ...

    def learned(self, account_key: str, name: str) -> dict[str, float]:
        """The numbers that are remembered of an account, by their keys.

        A number that is remembered under the name of the account, as journals without account keys did,
        counts where there is none under its key.
        """
        ...

    def prunable(self, before: int | None, keep: int) -> list[str]:
        """Ended runs beyond the newest ``keep`` that ended before a time (microseconds), the oldest first."""
        ...

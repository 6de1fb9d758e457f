"""Leases: the right of one process to go on with a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class Holder:
    """The process that holds the lease of a run; None for what it has not recorded yet.

    Attributes:
        pid: its process id on ``host``.
        since: time at which it took the lease (aware UTC).
    """

    pid: int | None = None
    host: str | None = None
    since: datetime | None = None

    def __str__(self) -> str:
        if self.pid is None or self.since is None:
            return "another process"
        return f"process {self.pid} on {self.host} since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class Lease(Protocol):
    """The lease of one run, while this process has it.

    A store whose leases end by time renews them itself, in the loop of the process: a loop that hangs loses
    its leases.
    """

    def may_send(self) -> bool:
        """Say whether this process still has the lease, at once and without asking anybody.

        Called in the last synchronous line before a request leaves. Once False, always False.
        """
        ...

    async def give(self, *, pruned: bool = False) -> None:
        """Let other processes take the run; nothing happens if the lease is not held any more.

        A caller that is cancelled meanwhile has given the lease nevertheless. ``pruned`` says that the run
        was deleted under this lease.
        """
        ...


class Leases(Protocol):
    """The leases of all runs of a journal."""

    async def take(self, run_id: str, lost: Callable[[], None]) -> Lease | None:
        """Take the lease of a run; None if a living process has it, this one too.

        ``lost`` is called in the thread of the loop when the store learns that the lease was lost, such as by
        a commit that is refused; it may be called more than once.

        Raises `JournalError` where no lease can be kept.
        """
        ...

    async def holder(self, run_id: str) -> Holder | None:
        """Return the process that has the lease of a run, None if no living process has it."""
        ...

    async def living(self, run_ids: Iterable[str]) -> frozenset[str]:
        """Return those of the runs whose lease a living process has, this one too; one question for all."""
        ...

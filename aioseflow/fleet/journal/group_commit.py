"""Group commit: changes queue up, and all that wait are made durable in one transaction.

One queue holds everything, in its order. A commit takes what it finds at its beginning; changes that come
meanwhile are for the next one. So no change is ever durable before an earlier one, whichever thread makes the
commit: that of the store, or the loop's own where it cannot wait (`GroupCommit.commit_now`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, TypeVarTuple

from .change import Change, Kind
from .faults import JournalError

if TYPE_CHECKING:
    from .journal_store import JournalStore

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_GROUP_AT_MOST: Final = 4096
_COMMIT_AT_ONCE_FROM: Final = 32
"""Number of changes that came during a commit from which on the next one does not linger."""

Committed: TypeAlias = tuple[Sequence[Change], list[Any] | None]
"""Changes and their results; None where the commit failed."""


class GroupCommit:
    """Commits for one open store, for one loop at a time. Its methods are for the thread of that loop.

    Attributes:
        broken: why no change is taken any more; None while all is well.
    """

    def __init__(self, store: JournalStore, linger: float) -> None:
        self.broken: JournalError | None = None
        self._store = store
        self._linger = linger
        self._queue: deque[Change] = deque()
        self._committing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._job: asyncio.Future[Committed] | None = None
        self._hurried = False
        self._unraised = False

    def put(self, change: Change) -> None:
        """Take a change, to be committed soon. Raises `JournalError` once a commit has failed."""
        if self.broken is not None:
            raise self._error()
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # A loop that is gone took its timers and callbacks along.
            self._loop, self._timer, self._job = loop, None, None
        self._queue.append(change)
        if self._timer is None and self._job is None:
            self._timer = loop.call_later(self._linger, self._start)

    async def commit(self, kind: Kind, parameters: tuple[Any, ...]) -> Any:
        """Commit everything with this change at the end, and return its result. Raises `JournalError`."""
        if self._store.immediate:
            return self.commit_now((kind, parameters, None))
        return await self._commit_soon(kind, parameters)

    async def flush(self) -> None:
        """Wait until every change that was put so far is durable. Raises `JournalError`."""
        if self._queue or self._job is not None or self.broken is not None:
            await self._commit_soon(Kind.MARK, ())

    async def settle(self) -> None:
        """`flush`, without suspending where the store is immediate."""
        if self._store.immediate:
            self.commit_now()
        else:
            await self.flush()

    async def read(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Read from the store without holding the loop, after every change that was put so far."""
        if self.broken is None:
            await self.flush()
        return await self._store.submit(function, *arguments)

    async def read_soon(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Read without suspending where the store is immediate; else as `read` does."""
        if not self._store.immediate:
            return await self.read(function, *arguments)
        if self.broken is None:
            await self.settle()
        return function(*arguments)

    def commit_now(self, last: Change | None = None) -> Any:
        """Commit everything in this thread, ``last`` at the end, and return the result of that.

        Raises `JournalError`; interrupted (Ctrl-C), what was not committed is in the queue again.
        """
        if self.broken is not None:
            raise self._error()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if last is not None:
            self._queue.append(last)
        while True:
            # Also with nothing to do: a commit that the store's thread is making has to end first.
            changes, results = committed = self._commit()
            self._settle(committed)
            if self.broken is not None:
                raise self._error()
            if not self._queue:
                return results[-1] if changes and results and changes[-1] is last else None

    def raise_unraised(self) -> None:
        """Raise the error that broke it if nothing has raised it yet."""
        if self.broken is not None and self._unraised:
            raise self._error()

    async def _commit_soon(self, kind: Kind, parameters: tuple[Any, ...]) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.put((kind, parameters, future))
        if self._timer is not None:
            self._timer.cancel()
            self._start()
        else:
            self._hurried = True
        return await future

    def _error(self) -> JournalError:
        self._unraised = False
        error = JournalError(str(self.broken))
        # A new one for each: raised in many tasks, one object would collect the frames of all.
        error.__cause__ = self.broken
        return error

    def _start(self) -> None:
        self._timer = None
        self._hurried = False
        try:
            self._job = self._store.submit(self._commit)
        except RuntimeError:
            # No threads any more: the interpreter is going down.
            self._settle(self._commit())
        else:
            self._job.add_done_callback(self._ended)

    def _ended(self, job: asyncio.Future[Committed]) -> None:
        if job is self._job:
            self._job = None
        if not job.cancelled():
            self._settle(job.result())
        if self._queue and self._job is None and self._timer is None:
            if self._hurried or len(self._queue) >= _COMMIT_AT_ONCE_FROM:
                self._start()
            else:
                self._timer = asyncio.get_running_loop().call_later(self._linger, self._start)

    def _commit(self) -> Committed:
        """Commit one group of changes; may be called in any thread."""
        with self._committing:
            if self.broken is not None:
                return (), None
            # Of a deque, that another thread appends to it meanwhile is no matter.
            changes = [self._queue.popleft() for _ in range(min(len(self._queue), _GROUP_AT_MOST))]
            commits = self._store.commits
            try:
                return changes, self._store.apply(changes)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must get it
                self._unraised = True
                self.broken = error if isinstance(error, JournalError) else _wrapped(error)
                return changes, None
            except BaseException:
                if self._store.commits == commits:
                    self._queue.extendleft(reversed(changes))
                raise

    def _settle(self, committed: Committed) -> None:
        """Give the results to those who wait; in the thread of the loop."""
        changes, results = committed
        if results is not None:
            for (_, _, future), result in zip(changes, results, strict=True):
                if future is None or future.done() or future.get_loop().is_closed():
                    continue
                if isinstance(result, JournalError):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        else:
            self._fail(changes)
        if self.broken is not None:
            rest = list(self._queue)
            self._queue.clear()
            self._fail(rest)

    def _fail(self, changes: Sequence[Change]) -> None:
        for _, _, future in changes:
            if future is not None and not future.done() and not future.get_loop().is_closed():
                future.set_exception(self._error())


def _wrapped(error: Exception) -> JournalError:
    wrapped = JournalError(f"the journal could not record what was done: {error!r:.300}")
    wrapped.__cause__ = error
    return wrapped

"""Group commit: changes queue up, and all that wait are made durable in one transaction.

One queue holds everything, in its order. A commit takes what it finds at its beginning; what comes meanwhile
is the next one's. So nothing that came earlier is ever durable later, whoever makes the commit: the journal's
thread, or the loop's own where it cannot wait for that (`GroupCommit.commit_now`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .change import Change, Kind
from .faults import JournalError

if TYPE_CHECKING:
    from .sqlite.sqlite_store import SqliteStore

_GROUP_AT_MOST: Final = 4096
_WORTH_A_COMMIT: Final = 32
"""So many changes that came during a commit are not kept waiting for more."""

Committed: TypeAlias = tuple[Sequence[Change], list[Any] | None]
"""Changes and their results; None where the commit failed."""


class GroupCommit:
    """Commits for one open store, for one loop at a time. Its methods are for that loop's thread.

    Attributes:
        broken: why nothing is taken any more; None while all is well.
    """

    def __init__(self, store: SqliteStore, executor: Executor, linger: float) -> None:
        self.broken: JournalError | None = None
        self._store = store
        self._executor = executor
        self._linger = linger
        self._queue: deque[Change] = deque()
        self._committing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._job: asyncio.Future[Committed] | None = None
        self._hurried = False
        self._untold = False

    def put(self, op: Change) -> None:
        """Take a change, to be committed soon. Raises `JournalError` once a commit has failed."""
        if self.broken is not None:
            raise self._telling()
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # A loop that is gone took its timers and callbacks along.
            self._loop, self._timer, self._job = loop, None, None
        self._queue.append(op)
        if self._timer is None and self._job is None:
            self._timer = loop.call_later(self._linger, self._start)

    async def flush(self) -> None:
        """Wait until everything that was put so far is durable. Raises `JournalError`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.put((Kind.MARK, (), future))
        if self._timer is not None:
            self._timer.cancel()
            self._start()
        else:
            self._hurried = True
        await future

    def commit_now(self, last: Change | None = None) -> Any:
        """Commit everything in this thread, ``last`` at the end, and return the result of that.

        Raises `JournalError`; interrupted (Ctrl-C), what was not committed is in the queue again.
        """
        if self.broken is not None:
            raise self._telling()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if last is not None:
            self._queue.append(last)
        while True:
            # Also with nothing to do: a commit that the journal's thread is making has to end first.
            ops, results = committed = self._commit()
            self._settle(committed)
            if self.broken is not None:
                raise self._telling()
            if not self._queue:
                return results[-1] if ops and results and ops[-1] is last else None

    def raise_untold(self) -> None:
        """Raise the error that broke it if nobody has met with it yet."""
        if self.broken is not None and self._untold:
            raise self._telling()

    def _telling(self) -> JournalError:
        self._untold = False
        error = JournalError(str(self.broken))
        # A new one for each: raised in many tasks, one object would collect the frames of all.
        error.__cause__ = self.broken
        return error

    def _start(self) -> None:
        self._timer = None
        self._hurried = False
        loop = asyncio.get_running_loop()
        try:
            self._job = loop.run_in_executor(self._executor, self._commit)
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
            if self._hurried or len(self._queue) >= _WORTH_A_COMMIT:
                self._start()
            else:
                self._timer = asyncio.get_running_loop().call_later(self._linger, self._start)

    def _commit(self) -> Committed:
        """One group; in any thread."""
        with self._committing:
            if self.broken is not None:
                return (), None
            # Of a deque, that another thread appends to it meanwhile is no matter.
            ops = [self._queue.popleft() for _ in range(min(len(self._queue), _GROUP_AT_MOST))]
            commits = self._store.commits
            try:
                return ops, self._store.apply(ops)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
                self._untold = True
                self.broken = error if isinstance(error, JournalError) else _wrapped(error)
                return ops, None
            except BaseException:
                if self._store.commits == commits:
                    self._queue.extendleft(reversed(ops))
                raise

    def _settle(self, committed: Committed) -> None:
        """Tell those who wait; in the loop's thread."""
        ops, results = committed
        if results is not None:
            for (_, _, future), result in zip(ops, results, strict=True):
                if future is not None and not future.done() and not future.get_loop().is_closed():
                    future.set_result(result)
        else:
            self._fail(ops)
        if self.broken is not None:
            rest = list(self._queue)
            self._queue.clear()
            self._fail(rest)

    def _fail(self, ops: Sequence[Change]) -> None:
        for _, _, future in ops:
            if future is not None and not future.done() and not future.get_loop().is_closed():
                future.set_exception(self._telling())


def _wrapped(error: Exception) -> JournalError:
    wrapped = JournalError(f"the journal could not record what was done: {error!r:.300}")
    wrapped.__cause__ = error
    return wrapped

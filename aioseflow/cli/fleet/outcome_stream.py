"""Outcomes of a run as lines of JSON on stdout, each when it is known."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import attrs

from ..output import OutputFormat, OutputOptions
from ..run_control import RunControl
from ..terminal import give_up_stdout
from .print_report import outcome_row

if TYPE_CHECKING:
    from ... import Outcome, Run

_GRACE_SECONDS: Final = 1.0


@attrs.define(eq=False)
class OutcomeStream:
    """Writes outcomes in a thread: neither a slow reader nor a full disk is a matter of the run.

    Attributes:
        error: what kept it from writing all of them, None as long as nothing did.
    """

    write_line: Callable[[object], None]
    error: Exception | None = None
    _outcomes: queue.SimpleQueue[Outcome | None] = attrs.field(factory=queue.SimpleQueue, init=False)
    _written: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop, init=False)

    def start(self) -> None:
        """Begin to write what `take` is given."""
        # A daemon: the end of the process does not wait for a reader that reads no more.
        threading.Thread(target=self._write_all, name="aioseflow jsonl", daemon=True).start()

    async def take(self, run: Run) -> None:
        """Take every outcome of a run."""
        async for outcome in run:
            self._outcomes.put(outcome)

    async def end(self, control: RunControl) -> None:
        """Wait for the last line; at Ctrl-C no longer than a second."""
        self._outcomes.put(None)
        waits = [asyncio.ensure_future(event.wait()) for event in (self._written, control.given_up)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if control.given_up.is_set():
            await asyncio.wait(waits[:1], timeout=_GRACE_SECONDS)
        for wait in waits:
            wait.cancel()
        if not self._written.is_set():
            self.error = self.error or InterruptedError("nobody reads them")
            give_up_stdout()

    def _write_all(self) -> None:
        try:
            for outcome in iter(self._outcomes.get, None):
                self.write_line(outcome_row(outcome))
        except Exception as error:  # noqa: BLE001 - raised where the run has ended
            self.error = error
        # The loop may have ended where nobody waited.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._written.set)


@asynccontextmanager
async def streamed(run: Run, out: OutputOptions, control: RunControl) -> AsyncIterator[OutcomeStream | None]:
    """Write each outcome when it is known, with ``--output jsonl``, while the block lasts."""
    if out.form is not OutputFormat.JSONL:
        yield None
        return
    stream = OutcomeStream(out.stream())
    stream.start()
    reading = asyncio.ensure_future(stream.take(run))
    try:
        yield stream
    finally:
        if not run.is_over:
            reading.cancel()
        # An error that ends the run early is raised where the run is awaited.
        await asyncio.gather(reading, return_exceptions=True)
        await stream.end(control)

"""Words for people, written by a thread while a run lasts: a terminal that takes nothing stops no run."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from .terminal import discard, give_up_stderr

_TEXTS_MAX: Final = 1000
_LAST_WORDS_SECONDS: Final = 1.0


class BackgroundStream:
    """A stream whose `write` never waits and never raises: a thread writes to the stream behind it.

    What that stream does not take is lost. Nothing is written any more after it has failed once.
    """

    def __init__(self, stream: TextIO) -> None:
        self.encoding = stream.encoding
        self.errors = stream.errors
        self._stream = stream
        self._texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._gone = False
        # A daemon: nothing waits for a terminal that is stopped.
        self._thread = threading.Thread(target=self._write_all, name="aioseflow words", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether nothing can be written any more."""
        return self._gone

    @property
    def is_behind(self) -> bool:
        """Whether the stream has not taken everything yet; a picture can wait for the next one."""
        return not self._texts.empty()

    def write(self, text: str) -> int:
        """Hand a text to the thread."""
        if not self._gone and self._texts.qsize() < _TEXTS_MAX:
            self._texts.put(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread does so after each text."""

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream behind."""
        return self._stream.fileno()

    def end(self) -> bool:
        """Wait for the last texts; whether the stream has taken them, or failed, within a second."""
        self._texts.put(None)
        self._thread.join(_LAST_WORDS_SECONDS)
        return not self._thread.is_alive()

    def _write_all(self) -> None:
        for text in iter(self._texts.get, None):
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                self._gone = True
                discard(self._stream)
                return


@contextmanager
def words_in_background() -> Iterator[None]:
    """Write what goes to stderr in a thread while the block lasts.

    A stream that takes nothing at its end is given up: stderr is nowhere from then on.
    """
    before = sys.stderr
    if before is None or before.closed:
        yield
        return
    stream = BackgroundStream(before)
    sys.stderr = stream
    try:
        yield
    finally:
        sys.stderr = before
        if not stream.end():
            give_up_stderr()

"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import sys


def fill_closed_descriptors() -> None:
    """Open what was closed (``>&-``) onto nothing.

    The next file to be opened would otherwise become standard output, and whatever is written there go into
    it: the journal, for one.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest that is free is this one.
            os.open(os.devnull, os.O_RDWR)


def give_up_streams() -> None:
    """Send nowhere what cannot be written: the interpreter would complain of it once more when it ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)

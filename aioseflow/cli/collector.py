"""The garbage collector, which must not hold a run."""

from __future__ import annotations

import gc

is_ours = False
"""Whether the process is this command's alone; a program that calls it as a function keeps its collector."""


def spare() -> None:
    """Keep full collections from holding the loop of a run that is about to begin.

    Of 100,000 VMs each looks through everything there is: the heartbeat that is late once in a thousand times
    was 100 ms late without this, and 17 with it. A library must not do so to its users.
    """
    if is_ours:
        gc.collect()
        gc.freeze()
        gc.set_threshold(700, 10, 100)

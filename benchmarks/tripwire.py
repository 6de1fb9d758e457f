"""Instruction counts that must not run away: a tripwire, with room for what another machine counts.

    python -m benchmarks.tripwire

One stop and one VM of a fleet beside aiohttp tuned by hand, decoding beside a function by hand, all in this
run; exit status 1 where a ratio is more than 1.25 times its bound, 2 without valgrind.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from .speed import decoding, valgrind
from .speed.instructions import of_peers
from .speed.peers import OURS, TUNED
from .speed.server import serving
from .speed.table import Bound

ROOM: Final = 1.25
CALLS: Final = 600


def ratios() -> list[Bound]:
    """What is counted, and its bound without the room."""
    with serving() as port:
        works = {"stop": CALLS, "fleet": CALLS}
        with ThreadPoolExecutor(2) as both:
            counting = both.submit(of_peers, {OURS: works, TUNED: works}, port)
            decoded = both.submit(decoding.instructions).result()
            each = counting.result()
    ours, tuned = each[OURS], each[TUNED]
    read = decoded[decoding.OURS, "list"] / decoded[decoding.HAND, "list"]
    return [
        Bound("one stop over tuned aiohttp", ours["stop"] / tuned["stop"], 1.10),
        Bound("a VM of a fleet over tuned aiohttp", ours["fleet"] / tuned["fleet"], 1.20),
        Bound(f"decoding a list of {decoding.MANY:,} VMs over a function by hand", read, 1.30),
    ]


def trips(bound: Bound) -> bool:
    """Whether it is beyond the room, too."""
    return bound.value is not None and bound.value > ROOM * bound.limit


def line(bound: Bound) -> str:
    """A ratio and what it means."""
    said = "TRIPPED" if trips(bound) else "holds" if bound.holds else "does not hold, within the room"
    room = f"at most {bound.limit:.2f}, trips at {ROOM * bound.limit:.3f}"
    return f"{bound.what:55} {bound.value:6.3f}  ({room})  {said}"


def main() -> int:
    """Print the ratios, and judge them."""
    if not valgrind.is_there():
        print("valgrind is not installed")
        return 2
    bounds = ratios()
    for bound in bounds:
        print(line(bound))
    return 1 if any(map(trips, bounds)) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Instructions a call.

A peer works for few and for many calls; what the difference took, the calls took. Where the machine keeps the
server waiting, the client's loop turns more often for the same answers, so the least of some runs counts.

    python -m benchmarks.speed.instructions stop 1000 PEER…
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from . import valgrind
from .work import IN_FLIGHT

# They open the connections and are in both runs.
WARM: Final = IN_FLIGHT
TIMES: Final = 3


def of_peers(
    wanted: Mapping[str, Mapping[str, int]],
    port: int,
    *,
    times: int = TIMES,
    python: str = sys.executable,
    allocations: bool = False,
) -> dict[str, dict[str, float]]:
    """Instructions (or blocks from the heap) of one call of each work of each peer, of so many calls."""
    forks: dict[str, Any] = {}
    for peer, works in wanted.items():
        for work, calls in works.items():
            # A run of a fleet acts on all of it, so the second run is what is counted.
            warm = {"work": "get" if work == "list" else work, "calls": calls if work == "fleet" else WARM}
            more = {"work": work, "calls": calls}
            for number in range(times):
                forks[f"{peer} {work} few {number}"] = [peer, calls, [warm]]
                forks[f"{peer} {work} many {number}"] = [peer, calls, [warm, more]]
    command = [python, "-m", "benchmarks.speed.worker", "--fork", str(port), json.dumps(forks)]
    counts = valgrind.of_forks(command, allocations=allocations)

    def each(peer: str, work: str, calls: int) -> float:
        few, many = (min(counts[f"{peer} {work} {n} {i}"] for i in range(times)) for n in ("few", "many"))
        return (many - few) / calls

    return {
        peer: {work: each(peer, work, calls) for work, calls in works.items()}
        for peer, works in wanted.items()
    }


if __name__ == "__main__":
    from .server import serving

    work, calls, *names = sys.argv[1:]
    with serving() as port:
        for name, found in of_peers({name: {work: int(calls)} for name in names}, port).items():
            print(f"{name:32} {work:6} {found[work] / 1000:10.1f} k", flush=True)

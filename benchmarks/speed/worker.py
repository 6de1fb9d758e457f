"""One peer in a process of its own: so many calls at a time, as often as it is told on its standard input.

    python -m benchmarks.speed.worker PEER WORK PORT FLEET

Each line read is a number of calls; each line written is what they took, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from .peers import PEERS
from .work import WORK


async def _work(name: str, work: str, port: int, fleet: int) -> None:
    peer = PEERS[name](port, fleet)
    for line in sys.stdin:
        calls = int(line)
        wall, cpu = time.perf_counter(), time.process_time()
        await WORK[work](peer, calls)
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps(took), flush=True)
    await peer.close()


if __name__ == "__main__":
    name, work, port, fleet = sys.argv[1:]
    asyncio.run(_work(name, work, int(port), int(fleet)))

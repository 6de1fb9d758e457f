"""Instructions a call, counted by valgrind: the same number whatever else the machine does.

A peer is run twice, for few and for many calls; what the difference took, the calls took.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_COUNTED: Final = re.compile(r"I\s+refs:\s+([\d,]+)")
WARM: Final = 200


def counted(command: list[str], said: str = "") -> int:
    """How many instructions a command takes."""
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(  # noqa: S603
        [*valgrind, *command], input=said, capture_output=True, text=True, env=environment, check=False
    )
    found = _COUNTED.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-4000:]}")
    return int(found[1].replace(",", ""))


def of_calls(peer: str, work: str, port: int, *, calls: int, python: str = sys.executable) -> float:
    """Instructions of one call."""
    fleet = calls if work == "fleet" else 50
    command = [python, "-m", "benchmarks.speed.worker", peer, work, str(port), str(fleet)]
    warm = calls if work == "fleet" else WARM
    runs = [f"{warm}\n", f"{warm}\n{calls}\n"]
    with ThreadPoolExecutor(2) as both:
        few, many = both.map(lambda said: counted(command, said), runs)
    return (many - few) / calls


if __name__ == "__main__":
    from .server import serving

    work, calls, *names = sys.argv[1:]
    with serving() as port:
        for name in names:
            print(f"{name:32} {work:6} {of_calls(name, work, port, calls=int(calls)) / 1000:10.1f} k", flush=True)

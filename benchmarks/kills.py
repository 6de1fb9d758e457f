"""Whether a run survives kill -9: nothing lost, nothing done twice that must not be, nothing claimed wrongly.

    python -m benchmarks.kills [--runs 200] [--seed 1]      exit status 1 if anything is wrong
    python -m benchmarks.kills --runs 1 --seed 77           replays one
    python -m benchmarks.kills --fsync                      needs strace: what is synced before what is sent

Each run is a process that acts on a sandbox on loopback (`tests/support/kills.py` says how it is drawn), is
killed after a drawn number of requests, and goes on in a new process, which may be killed too. Then report
and journal are held against the panel's own record.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.kills import ACTIONS, Kill, Result, Story, play

from . import synced

OPEN_AT_LEAST = 0.6


def campaign(runs: int, seed: int) -> int:
    """Kill so many runs; 1 if something was wrong with one, or too few were killed with intents open."""
    killed: list[Result] = []
    wrong = unharmed = 0
    began = time.monotonic()
    for number in range(seed, seed + 2 * runs):
        if len(killed) == runs:
            break
        result = asyncio.run(play(Story.of(number)))
        if result.kills:
            killed.append(result)
        else:
            unharmed += 1
        for line in result.wrong:
            wrong += 1
            print(f"WRONG with --seed {number} --runs 1 ({result.story.action}): {line}", flush=True)
    print(
        f"{len(killed)} runs killed in {time.monotonic() - began:.0f} s, {unharmed} ended before their time"
    )
    hit = _table(killed)
    share = hit / max(1, len(killed))
    print(f"{hit} of {len(killed)} runs had open intents when they were killed; {wrong} violations")
    return 1 if wrong or len(killed) < runs or (runs >= 20 and share < OPEN_AT_LEAST) else 0


def _table(killed: Sequence[Result]) -> int:
    kills = [kill for result in killed for kill in result.kills]
    print(f"{len(kills)} kills: {_times(killed)}")
    for action in ACTIONS:
        some = [result for result in killed if result.story.action == action]
        counts: Counter[str] = Counter()
        for result in some:
            counts.update(result.counts)
        print(f"  {action:10} {len(some):3} runs  {', '.join(f'{n} {word}' for word, n in counts.items())}")
    print("phase         kills   with open intents")
    for phase in ("discovering", "acting", "settling", "at the end"):
        at = [kill for kill in kills if kill.phase == phase]
        print(f"  {phase:11} {len(at):5}   {sum(bool(kill.open) for kill in at):5}")
    print("open intents  kills")
    for low, high in ((0, 0), (1, 2), (3, 4), (5, 8), (9, 16), (17, 24), (25, 32)):
        number = sum(low <= len(kill.open) <= high for kill in kills)
        shown = str(low) if low == high else f"{low}-{high}"
        print(f"  {shown:11} {number:5}   {'#' * round(60 * number / max(1, len(kills)))}")
    return sum(any(map(_was_open, result.kills)) for result in killed)


def _was_open(kill: Kill) -> bool:
    return bool(kill.open)


def _times(killed: Sequence[Result]) -> str:
    times = Counter(len(result.kills) for result in killed)
    return ", ".join(f"{runs} runs {number} times" for number, runs in sorted(times.items()))


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fsync", action="store_true", help="trace one run with strace instead")
    given = parser.parse_args(argv)
    return synced.main() if given.fsync else campaign(given.runs, given.seed)


if __name__ == "__main__":
    sys.exit(main())

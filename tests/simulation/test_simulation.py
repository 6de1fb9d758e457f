"""Many seeds, each of which must keep every invariant; AIOSEFLOW_SIMULATION_SEEDS says how many."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from .story import play_seed

SEEDS: Final = int(os.environ.get("AIOSEFLOW_SIMULATION_SEEDS", "60"))
CHUNK: Final = 20
TESTS: Final = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_invariant_holds_in_every_story(first: int) -> None:
    broken = {}
    for seed in range(first, min(first + CHUNK, SEEDS)):
        result = play_seed(seed)
        if result.wrong:
            broken[seed] = result.wrong
    lines = [
        f"PYTHONPATH=tests python -m simulation {seed}\n    {wrong[0]}" for seed, wrong in broken.items()
    ]
    assert not lines, "to replay and see:\n" + "\n".join(lines)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_is_the_same_in_every_process(hash_seed: str) -> None:
    seeds = [3, 8, 30]
    here = [play_seed(seed).digest for seed in seeds]
    there = [
        subprocess.run(
            [sys.executable, "-m", "simulation", "--digest", str(seed)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent))),
                "PYTHONHASHSEED": hash_seed,
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in seeds
    ]
    assert there == here

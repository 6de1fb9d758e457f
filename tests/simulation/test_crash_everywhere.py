"""Small worlds in which the client dies at every single step that its commands pass, and goes on.

Every step is tried where AIOSEFLOW_SIMULATION_SEEDS asks for many seeds, as the checks do; else every third.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import pytest

from .story import StoryResult, play
from .worlds import make_small_world

SEEDS: Final = range(12)
STRIDE: Final = 1 if int(os.environ.get("AIOSEFLOW_SIMULATION_SEEDS", "0")) >= 500 else 3


def _lines(result: StoryResult, *dies_at: int) -> Iterator[str]:
    if result.wrong:
        at = " ".join(map(str, dies_at))
        yield f"PYTHONPATH=tests python -m simulation --small {result.seed} --dies-at {at}"
        yield f"    {result.wrong[0]}"


def _every_step(seed: int, lives: Callable[[int], tuple[int, ...]]) -> list[str]:
    """Describe what breaks where the last death comes at each step that there is."""
    world = make_small_world(seed)
    lines: list[str] = []
    for step in count(1 + seed % STRIDE, STRIDE):
        dies_at = lives(step)
        result = play(world, dies_at=dies_at)
        if result.deaths < len(dies_at):
            assert step > 10, "hardly a step was tried"
            return lines
        lines += _lines(result, *dies_at)
    raise AssertionError("not reached")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crash_at_any_await_breaks_nothing(seed: int) -> None:
    lines = _every_step(seed, lambda step: (step,))
    assert not lines, "to replay and see:\n" + "\n".join(lines)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_second_crash_at_any_await_of_the_resumed_run_breaks_nothing(seed: int) -> None:
    lines = _every_step(seed, lambda step: (_in_the_middle(seed), step))
    assert not lines, "to replay and see:\n" + "\n".join(lines)


def _in_the_middle(seed: int) -> int:
    """Return a step at which requests are under way."""
    return 14 + 2 * seed

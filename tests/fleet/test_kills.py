"""Real processes, killed with -9 in the middle of a run; `python -m benchmarks.kills` does it 200 times."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.journals import RUN, begin, finish, opened, rows
from support.kills import Story, play

from aioseflow.fleet.model.target import Stage

SEEDS = {"stop": (1, 2), "reboot": (3, 4), "stop+start": (5, 6)}


@pytest.mark.parametrize(
    ("action", "seed"), [(action, seed) for action, seeds in SEEDS.items() for seed in seeds]
)
async def test_a_killed_run_goes_on_and_gives_every_vm_one_true_outcome(action: str, seed: int) -> None:
    result = await play(Story.of(seed, action, small=True))
    assert result.wrong == []
    assert result.kills, "it came to its end before it was killed: choose another seed"


@pytest.mark.parametrize(
    ("status", "left_at", "lost"),
    [
        ("unknown", Stage.SENT, True),
        ("unknown", Stage.ACCEPTED, False),
        ("unknown", Stage.QUEUED, True),
        ("changed", Stage.ACCEPTED, False),
        ("failed", Stage.ACCEPTED, False),
        ("failed", Stage.QUEUED, False),
    ],
)
async def test_what_a_resume_opens_again_still_says_that_something_was_sent(
    tmp_path: Path, status: str, left_at: Stage, lost: bool
) -> None:
    """Killed once more before it is decided anew, it would otherwise be sent a second time."""
    async with opened(tmp_path / "runs.sqlite") as journal:
        held = await begin(journal)
        await held.selected(rows(1))
        finish(held, 0, status=status, attempts=0, answer_lost=False, left_at=left_at)
        held.reopened([0])
        await journal.flush()
        (target,) = (await journal.read(RUN)).targets
        await held.give()
    assert (target.status, target.stage, target.answer_lost) == (None, left_at, lost)

"""The simulation can fail: each of the deliberate bugs breaks an invariant in one of the first 500 stories.

`python -m simulation.test_bugs` prints which seed catches which bug, and by which words.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from .internals import BUGS
from .story import play
from .worlds import make_world


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_bug_is_caught_within_five_hundred_seeds(bug: str) -> None:
    # The seed depends on the Python: lives end at one of their steps.
    assert first_seed(bug) is not None


def first_seed(name: str, seeds: Iterable[int] = range(500)) -> tuple[int, str] | None:
    """Return the first seed that catches a bug, and by which words."""
    bug = BUGS[name]
    for seed in seeds:
        world = make_world(seed)
        if not bug.shows_in(world):
            continue
        with pytest.MonkeyPatch.context() as patch:
            bug.patch(patch)
            wrong = play(world).wrong
        if wrong and not play(world).wrong:
            return seed, wrong[0]
    return None


if __name__ == "__main__":
    for name in BUGS:
        print(f"{name}: {first_seed(name)}", flush=True)  # noqa: T201

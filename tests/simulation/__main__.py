"""`python -m simulation SEED` replays one seed and shows it; `--seeds 0:20000 --jobs 2` runs many."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from .story import Figures, Story, tell, tell_seed
from .world import make_small_world, make_world


def main() -> int:
    """Run; 1 if an invariant broke."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, help="the seed to replay")
    parser.add_argument("--small", action="store_true", help="of the small worlds")
    parser.add_argument(
        "--dies-at", type=int, nargs="*", help="the step at which each life but the last ends"
    )
    parser.add_argument("--seeds", help="many, as first:last+1")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--digest", action="store_true", help="print only the digest of the panel's record")
    given = parser.parse_args()
    if given.seeds is not None:
        first, last = map(int, given.seeds.split(":"))
        return _many(range(first, last), given.jobs)
    if given.seed is None:
        parser.error("give a seed, or --seeds")
    return _replay(given)


def _replay(given: argparse.Namespace) -> int:
    world = make_small_world(given.seed) if given.small else make_world(given.seed)
    dies_at = None if given.dies_at is None else tuple(given.dies_at)
    figures = tell(world, dies_at=dies_at, shown=None if given.digest else _show)
    if given.digest:
        print(figures.digest)  # noqa: T201
        return 0
    for line in figures.wrong:
        print(f"WRONG: {line}")  # noqa: T201
    print(figures)  # noqa: T201
    return 1 if figures.wrong else 0


def _show(story: Story) -> None:
    print("\n".join([*story.world.lines(), *story.witness.trace()]))  # noqa: T201
    for said in story.said:
        if said.error is not None:
            print(f"raised: {said.error!r}")  # noqa: T201
        if said.report is None:
            continue
        print(said.report)  # noqa: T201
        for outcome in said.report.outcomes:
            verified = " (verified)" if outcome.verified else ""
            cause = f" {outcome.cause}" if outcome.cause else ""
            where = f"VM {outcome.vm_id} of {outcome.service_id}"
            print(f"  {where}: {outcome.status}{verified}{cause}, {outcome.attempts} sent")  # noqa: T201


def _many(seeds: Iterable[int], jobs: int) -> int:
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    bad = 0
    for figures in _told(seeds, jobs):
        counts.update(figures.counts)
        counts.update(stories=1, steps=figures.steps, requests=figures.requests, deaths=figures.deaths)
        if figures.wrong:
            bad += 1
            print(f"seed {figures.seed}: {figures.wrong[0]}", flush=True)  # noqa: T201
    seconds = time.perf_counter() - began
    shown = ", ".join(f"{number} {what}" for what, number in counts.items())
    print(f"{bad} broken of {shown}; {counts['stories'] / seconds:.1f} a second")  # noqa: T201
    return 1 if bad else 0


def _told(seeds: Iterable[int], jobs: int) -> Iterator[Figures]:
    if jobs == 1:
        yield from map(tell_seed, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(tell_seed, seeds, chunksize=20)


if __name__ == "__main__":
    sys.exit(main())

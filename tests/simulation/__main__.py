"""`python -m simulation SEED` replays one seed and shows it; `--seeds 0:20000 --jobs 2` runs many."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from .history import Performed
from .story import Story, StoryResult, play, play_seed
from .worlds import make_small_world, make_world


def main() -> int:
    """Run; 1 if an invariant broke."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, help="the seed to replay")
    parser.add_argument("--small", action="store_true", help="of the small worlds")
    parser.add_argument(
        "--dies-at", type=int, nargs="*", help="the steps at which the first lives end, one for each"
    )
    parser.add_argument("--seeds", help="many, as first:last+1")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--digest", action="store_true", help="print only the digest of the panels' record")
    options = parser.parse_args()
    if options.seeds is not None:
        first, last = map(int, options.seeds.split(":"))
        return _many(range(first, last), options.jobs)
    if options.seed is None:
        parser.error("give a seed, or --seeds")
    return _replay(options)


def _replay(options: argparse.Namespace) -> int:
    world = make_small_world(options.seed) if options.small else make_world(options.seed)
    dies_at = None if options.dies_at is None else tuple(options.dies_at)
    result = play(world, dies_at=dies_at, shown=None if options.digest else _show)
    if options.digest:
        print(result.digest)  # noqa: T201
        return 0
    for line in result.wrong:
        print(f"WRONG: {line}")  # noqa: T201
    for line in result.known:
        print(f"known: {line}")  # noqa: T201
    print(result)  # noqa: T201
    return 1 if result.wrong else 0


def _show(story: Story) -> None:
    print("\n".join([*story.world.lines(), *story.witness.trace()]))  # noqa: T201
    for performed in story.performed:
        print(f"\ncommand {performed.number}: {performed.command.verb} of run {performed.run_id}")  # noqa: T201
        _show_performed(performed)


def _show_performed(performed: Performed) -> None:
    if performed.error is not None:
        print(f"raised: {performed.error!r}")  # noqa: T201
    for finding in performed.findings or ():
        print(f"  {finding}")  # noqa: T201
    if performed.report is not None:
        print(performed.report)  # noqa: T201
    for run_id, report in performed.after.items():
        print(f"  run {run_id}")  # noqa: T201
        for outcome in report.outcomes:
            verified = " (verified)" if outcome.verified else ""
            cause = f" {outcome.cause}" if outcome.cause else ""
            where = f"VM {outcome.vm_id} of {outcome.service_id} ({outcome.account!r})"
            print(f"    {where}: {outcome.status}{verified}{cause}, {outcome.attempts} sent")  # noqa: T201


def _many(seeds: Iterable[int], jobs: int) -> int:
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    known: Counter[str] = Counter()
    bad = 0
    for result in _results(seeds, jobs):
        counts.update(result.counts)
        counts.update(
            stories=1, runs=result.runs, steps=result.steps, requests=result.requests, deaths=result.deaths
        )
        known.update({line.partition("]")[0].removeprefix("[") for line in result.known})
        if result.wrong:
            bad += 1
            print(f"seed {result.seed}: {result.wrong[0]}", flush=True)  # noqa: T201
    seconds = time.perf_counter() - began
    shown = ", ".join(f"{number} {what}" for what, number in counts.items())
    print(f"{bad} broken of {shown}; {counts['stories'] / seconds:.1f} a second")  # noqa: T201
    for kind, number in known.most_common():
        print(f"known fault in {number} stories: {kind}")  # noqa: T201
    return 1 if bad else 0


def _results(seeds: Iterable[int], jobs: int) -> Iterator[StoryResult]:
    if jobs == 1:
        yield from map(play_seed, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(play_seed, seeds, chunksize=20)


if __name__ == "__main__":
    sys.exit(main())

"""How long a run is expected to take, from what earlier runs of the same accounts measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

import attrs

from ...text import quantity


@attrs.frozen
class Estimate:
    """How long a run is expected to take.

    Attributes:
        seconds: None where nothing was measured.
        basis: the measurements, in words.
    """

    seconds: float | None
    basis: str


@attrs.frozen
class Pace:
    """Time that the rules of a rollout add to that of the requests.

    Attributes:
        rounds: how many VMs, one after the other, are waited for until they are seen done; 0 where no rule
            makes a VM wait for another.
        between: seconds from the moment at which a VM is seen done until the next one begins.
        pauses: seconds of the pauses between batches.
    """

    rounds: int = 0
    between: float = 0.0
    pauses: float = 0.0


def expect(
    known: Mapping[str, Mapping[str, float]],
    action: str,
    steps: Iterable[str],
    counts: Mapping[str, int],
    pace: Pace = Pace(),
) -> Estimate:
    """Return how long a run takes.

    Args:
        known: what earlier runs measured, by account.
        action: the name of the action; ``steps`` are the names of its steps.
        counts: the number of VMs that are acted on, by account.
        pace: what the rollout adds.
    """
    names = tuple(steps)
    needed = {account: count for account, count in counts.items() if count}
    if not needed:
        return Estimate(0.0, "nothing to do")
    times, runs, longest = [], 0.0, 0.0
    for account, count in needed.items():
        learned = known.get(account, {})
        settling = sum(learned.get(f"settle.{step}", 0.0) for step in names)
        rate = learned.get(f"rate.{action}") or (inf if pace.rounds and settling else None)
        if not rate:
            return Estimate(None, f"no {action} of {account} was measured yet")
        runs += learned.get(f"runs.{action}", 0)
        times.append(count / rate + settling)
        longest = max(longest, settling)
    paced = pace.rounds * (longest + pace.between) if longest else 0.0
    waits = f", {longest:.1f} s to settle" if longest else ""
    rates = [rate for account in needed if (rate := known[account].get(f"rate.{action}"))]
    slowest = f"{min(rates):.1f} VMs/s" if rates else "no rate"
    basis = f"{runs:.0f} earlier {action} run{'s'[: runs != 1]}: {slowest}{waits}"
    if paced > max(times):
        basis = f"{quantity(pace.rounds, 'VM')} one after the other{waits}"
    return Estimate(max(paced, *times) + pace.pauses, basis)

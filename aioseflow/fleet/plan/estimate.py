"""How long a run is expected to take, from what earlier runs of the same accounts measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs


@attrs.frozen
class Estimate:
    """How long a run is expected to take.

    Attributes:
        seconds: None where nothing was measured.
        basis: the measurements, in words.
    """

    seconds: float | None
    basis: str


def expect(
    known: Mapping[str, Mapping[str, float]], action: str, steps: Iterable[str], counts: Mapping[str, int]
) -> Estimate:
    """Return how long a run takes.

    Args:
        known: what earlier runs measured, by account.
        action: the name of the action; ``steps`` are the names of its steps.
        counts: the number of VMs that are acted on, by account.
    """
    names = tuple(steps)
    needed = {account: count for account, count in counts.items() if count}
    if not needed:
        return Estimate(0.0, "nothing to do")
    times, runs, longest = [], 0.0, 0.0
    for account, count in needed.items():
        learned = known.get(account, {})
        rate = learned.get(f"rate.{action}")
        if not rate:
            return Estimate(None, f"no {action} of {account} was measured yet")
        runs += learned.get(f"runs.{action}", 1)
        settling = sum(learned.get(f"settle.{step}", 0.0) for step in names)
        times.append(count / rate + settling)
        longest = max(longest, settling)
    waits = f", {longest:.1f} s to settle" if longest else ""
    slowest = min(known[account][f"rate.{action}"] for account in needed)
    return Estimate(
        max(times), f"{runs:.0f} earlier {action} run{'s'[: runs != 1]}: {slowest:.1f} VMs/s{waits}"
    )

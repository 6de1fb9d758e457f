"""How long a run is expected to take, from what earlier runs of the same accounts measured."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class Estimate:
    """What earlier runs say about a run to come: seconds, and in words what that is based on."""

    seconds: float | None
    basis: str


def expect(known: Mapping[str, Mapping[str, float]], action: str, counts: Mapping[str, int]) -> Estimate:
    """How long an action takes on so many VMs of each account, by what was learned of the accounts."""
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
        settling = sum(learned.get(f"settle.{step}", 0.0) for step in action.split("+"))
        times.append(count / rate + settling)
        longest = max(longest, settling)
    waits = f", {longest:.1f} s to settle" if longest else ""
    slowest = min(known[account][f"rate.{action}"] for account in needed)
    return Estimate(
        max(times), f"{runs:.0f} earlier {action} run{'s'[: runs != 1]}: {slowest:.1f} VMs/s{waits}"
    )

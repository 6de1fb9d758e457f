"""Work left undone, and needless doubt: what a report must not say unless the world gave a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from aioseflow import InvalidArgument, Status

from .claim import SLACK, Claim
from .record import Arrival, Wanted
from .world import ONCE

_SAME_CAUSE: Final = 5  # failures in a row, `Rollout.same_cause`
_BAD: Final = (Status.FAILED, Status.UNKNOWN)
_NOT_DONE_AFTER: Final = 180.0  # seconds: until then a panel may still carry out what it was sent
_WRITTEN: Final = 1.0  # seconds in which an answer is in the journal
_BETWEEN: Final = 2.0  # seconds between two lists that show the same


def without_reason(claim: Claim) -> str:
    """Say why a VM that was not acted on should have been; empty where the world gave a reason."""
    cause = claim.outcome.cause or "no cause"
    if claim.outcome.error is not None:
        if {"faults", "outside", "overload", "standstills"} & {*claim.world.disturbances}:
            return ""
        return f"and nothing went wrong that could raise {claim.outcome.error!r}"
    reason = _REASONS.get(cause)
    if reason is None:
        return "which is no reason"
    return "" if reason(claim) else "and that did not happen"


def _ordered(*verbs: str) -> Callable[[Claim], bool]:
    return lambda claim: any(
        verb in verbs for performed in claim.run.until(claim.at) for verb in performed.orders
    )


def _within(*states: str) -> Callable[[Claim], bool]:
    def was(claim: Claim) -> bool:
        moments = claim.witness.states(claim.key, claim.run.began, claim.at)
        return any(state in states for state in moments)

    return was


def _too_many_failed(claim: Claim) -> bool:
    bad = any(outcome.status in _BAD or outcome.error is not None for outcome in claim.report.outcomes)
    # An unknown of an earlier execution may be decided by now.
    return "max_failures" in claim.run.rollout and (bad or len(claim.run.until(claim.at)) > 1)


def _failed_alike(claim: Claim) -> bool:
    place = claim.key[:2]
    failed = [
        outcome
        for outcome in claim.report.outcomes
        if outcome.key[:2] == place and outcome.status is Status.FAILED
    ]
    return len(failed) >= _SAME_CAUSE


def _moved(claim: Claim) -> bool:
    """A plan leaves alone what is not as it was planned."""
    return bool(claim.world.plan) and bool(claim.world.outside or len(claim.run.until(claim.at)) > 1)


_REASONS: Final[Mapping[str, Callable[[Claim], bool]]] = {
    "cancelled": _ordered("cancel", "interrupt", "close"),
    "drained": _ordered("drain"),
    "deadline": lambda claim: "deadline" in claim.run.rollout,
    "max_failures": _too_many_failed,
    "max_unavailable": lambda claim: "max_unavailable" in claim.run.rollout,
    "same_cause": _failed_alike,
    "interrupted": lambda claim: claim.run.died(claim.at),
    "not_running": lambda claim: any(
        state != "running" for state in claim.witness.states(claim.key, claim.run.began, claim.at)
    ),
    "not_found": _within("gone"),
    "not_listed": lambda claim: bool({"faults", "outside", "overload"} & {*claim.world.disturbances}),
    "transitional": _within("stopping", "starting", "rebooting"),
    "moved": _moved,
    "invalid_selection": lambda claim: any(
        isinstance(performed.error, InvalidArgument) for performed in claim.run.until(claim.at)
    ),
}


def needless_unknown(claim: Claim) -> tuple[str, str] | None:
    """The kind, and why the outcome of a VM that is called ``unknown`` was known; None where it was not."""
    outcome, world = claim.outcome, claim.world
    last = claim.sent[-1] if claim.sent else None
    if world.clock_steps or world.standstills or last is None or last.answered_at is None:
        return None
    step = claim.step
    if _was_taken(claim, last):
        return "what was accepted is called unknown", f"and its answer was whole: {claim.shown()}"
    orders = [verb for performed in claim.run.until(claim.at) for verb in performed.orders]
    if claim.run.died(claim.at) or {"cancel", "interrupt", "close"} & {*orders}:
        return None
    if step in ONCE:
        if last.verb == step and last.was_answered_well and outcome.cause == "lost_answer":
            return "needless unknown of a call made once", f"and its answer was whole: {claim.shown()}"
        return None
    wanted = claim.run.wanted(step)
    if wanted is None or not claim.run.wait:
        return None
    for performed in claim.run.until(claim.at):
        # A list of the same moment was asked for before.
        since = max(last.answered_at + SLACK, performed.began)
        until = min(claim.until, claim.until if performed.ended is None else performed.ended)
        if found := _needless_in(claim, wanted, since, until):
            return found
    return None


def _was_taken(claim: Claim, last: Arrival) -> bool:
    """Whether the panel took the step in time for the client to write that down, and nothing came since."""
    ended_early = claim.outcome.cause in ("interrupted", "cancelled", "drained", "deadline")
    if not ended_early or last.verb != claim.step or not last.was_answered_well or last.life is None:
        return False
    ends = [performed.ended or last.life.ended_at for performed in claim.run.until(claim.at)]
    took = last.answered_at or 0.0
    alone = len(ends) == 1 and len(claim.sent) == 1
    return alone and took + _WRITTEN + claim.world.latency < min(ends[0], last.life.ended_at, claim.until)


def _needless_in(claim: Claim, wanted: Wanted, since: float, until: float) -> tuple[str, str] | None:
    """Judge the lists of one command: those that a client read before do not count."""
    witness, key = claim.witness, claim.key
    patience = claim.world.patience
    lists = witness.lists(*key[:2], since, until)
    so = [each.request.time for each in lists if witness.stayed(key, wanted, each.request.time, until)]
    # The count of VMs that are down reads lists of its own, between those that settle.
    enough = 3 if "max_unavailable" in claim.run.rollout else 1
    if len(so) > enough and so[-1] - so[0] >= _BETWEEN:
        return "what was seen done is called unknown", f"and {len(so)} lists showed it: {claim.shown()}"
    still = [each for each in lists if witness.stood_still(key, each.request.time, until)]
    is_long = len(still) > 2 and still[-1].request.time - still[0].request.time >= patience >= _NOT_DONE_AFTER
    if is_long and not so and witness.state(key, until) in ("running", "stopped"):
        return "what came to nothing is called unknown", f"and lists showed it for {patience:.0f} s"
    return None

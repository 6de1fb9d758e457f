"""Whether the panel shows what an outcome says, status by status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aioseflow import Outcome, Status

from .claim import SLACK, Claim
from .known import Violation
from .undone import needless_unknown, without_reason
from .world import ONCE, READS

_GRAPHS: Final = frozenset({"cpu", "net", "disk"})
_SETTLED: Final = 45.0  # seconds in which whatever looks must have seen it


def wrong_claims(claim: Claim) -> Iterator[Violation]:
    """Yield what is not true of a claim.

    - ``unchanged`` and ``not_attempted``: the panel never got a change of this VM, or, for the latter,
      answered each with "not now". ``unchanged``: the VM was as wanted; ``not_attempted`` has a reason.
    - ``changed``: the panel got the request; each step before the last took effect or was needless. Verified:
      the VM was as wanted at some moment after that. Not verified: the panel accepted, and it took effect
      unless the VM ignores such, or was so.
    - ``failed`` by a refusal or as not done: it did nothing. ``failed``, not settled: the VM was not so for
      all of a last while in which the client read lists.
    - ``unknown``: something was sent, and nothing could decide it (see `needless_unknown`).
    - What only reads sends no change, and is never ``changed`` or ``unknown``.
    - ``attempts`` are at least those that the panel got, unless a life was cut short: its count is lost.
    """
    outcome, sent = claim.outcome, claim.sent
    where = f"run {claim.run.id}, VM {outcome.vm_id} of {outcome.service_id} ({outcome.account!r})"

    def wrong(kind: str, why: str) -> Violation:
        return Violation(kind, f"{where}: {outcome.status} ({outcome.cause}), {why}")

    if outcome.finished_at < outcome.started_at and (claim.is_dated or _in_one_life(claim)):
        yield wrong("ends before it begins", f"from {outcome.started_at} to {outcome.finished_at}")
    if not claim.run.died(claim.at) and outcome.attempts < len(sent):
        yield wrong("attempts", f"{outcome.attempts} attempts, and the panel got {claim.shown()}")
    if claim.run.steps[0] in READS:
        if sent:
            yield wrong("reading changes", f"and the panel got {claim.shown()}")
        if outcome.status in (Status.CHANGED, Status.UNKNOWN):
            yield wrong("reading is a change", "and it only reads")
            return
    match outcome.status:
        case Status.UNCHANGED:
            why = _wrong_unchanged(claim)
        case Status.NOT_ATTEMPTED:
            refused = all(each.surely_refused for each in sent)
            why = "" if refused else f"and the panel got {claim.shown()}"
            if not why and (undone := without_reason(claim)):
                yield wrong("work left undone", undone)
        case Status.CHANGED:
            why = _wrong_changed(claim)
        case Status.FAILED:
            why = _wrong_failed(claim)
        case _:
            why = "" if outcome.attempts or sent or claim.run.died(claim.at) else "and nothing was sent"
            if not why and (needless := needless_unknown(claim)):
                yield wrong(*needless)
    if why and outcome.status is Status.UNCHANGED and claim.has_old_lists:
        # One list says that nothing is needed; but a restore knows that the run has stopped the VM.
        if claim.run.made_by.command.verb == "restore":
            yield wrong("restore trusts an old list", why)
        return
    if why:
        stepped = (
            outcome.status in (Status.CHANGED, Status.FAILED)
            and claim.step in ONCE
            and claim.world.clock_steps
        )
        clock = " after a step of the clock" if stepped else ""
        yield wrong(f"false {outcome.status}{clock}", why)


def _in_one_life(claim: Claim) -> bool:
    return len(claim.run.until(claim.at)) == 1 and not claim.run.died(claim.at)


def _wrong_unchanged(claim: Claim) -> str:
    if claim.sent:
        return f"and the panel got {claim.shown()}"
    if claim.step == "usage" and not claim.witness.was_read(claim.key, claim.run.id, _GRAPHS):
        return "and the panel was never asked for all of it"
    wanted = [claim.run.wanted(step) for step in claim.run.steps]
    # What was listed before it became a target counts.
    since = min(claim.since, claim.run.began - SLACK)
    if any(each is not None and not claim.was(each, since) for each in wanted):
        return f"and it never was {wanted}"
    return ""


def _wrong_changed(claim: Claim) -> str:
    *earlier, last = claim.run.steps
    witness, world = claim.witness, claim.world
    sent = [each for each in claim.sent if each.verb == last]
    if not sent and not claim.is_touched and not any(event.what == "restart" for event in world.outside):
        return f"and the panel never got it: {claim.shown() or 'nothing'}"
    ignores = claim.key in witness.ignoring
    before = claim.run.began
    for step in earlier:
        wanted = claim.run.wanted(step)
        if done := claim.effects(step):
            before = max(before, done[-1])
        elif not (ignores and wanted is None) and (wanted is None or not claim.was(wanted)):
            return f"and {step}, which comes before, never was done: {claim.shown()}"
    wanted = claim.run.wanted(last)
    is_so = wanted is not None and claim.was(wanted, max(before, claim.since))
    if claim.outcome.verified:
        if wanted is not None:
            return "" if is_so else f"verified, and it never was {wanted}"
        if world.uptime is None:
            return "verified, and nothing shows it"
        return "" if claim.effects(last) or claim.is_touched else "verified, and it never happened"
    if not any(each.request.status == 200 for each in sent):
        return f"and the panel never accepted it: {claim.shown()}"
    return "" if claim.effects(last) or ignores or is_so else f"and nothing happened: {claim.shown()}"


def _wrong_failed(claim: Claim) -> str:
    outcome, step = claim.outcome, claim.step
    # A rollout waits until what was rebooted runs again.
    wanted = claim.run.wanted(step) or "running"
    if outcome.cause == "not_settled":
        early = claim.until - _SETTLED
        lists = claim.witness.lists(*claim.key[:2], early, claim.until)
        if claim.is_dated and claim.witness.stayed(claim.key, wanted, early, claim.until) and len(lists) > 1:
            return f"and yet it was {wanted} for {_SETTLED:.0f} s"
        return ""
    # The error of an interrupted step may be that of a reading, which refused nothing.
    error = outcome.error if outcome.cause != "interrupted" else None
    refused = error is not None and not error.may_have_acted
    if (refused or outcome.cause == "not_done") and claim.effects(step) and not claim.is_touched:
        return f"and yet {step} took effect: {claim.shown()}"
    return ""


def is_final(outcome: Outcome) -> bool:
    """Whether nothing more may be done for a VM whose outcome this is, however often its run is resumed."""
    match outcome.status:
        case Status.UNCHANGED:
            return True
        case Status.CHANGED:
            return outcome.cause is None
        case Status.FAILED:
            return outcome.error is not None or outcome.cause in ("not_settled", "not_done")
        case Status.UNKNOWN:
            return (outcome.step or outcome.action) in ONCE
        case Status.NOT_ATTEMPTED:
            return outcome.cause == "not_running"

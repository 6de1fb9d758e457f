"""Promises of the commands that follow a run: retry, restore, reconcile, and of a fair world."""

from __future__ import annotations

from collections.abc import Iterator

from aioseflow import Finding, Status

from .history import History, KnownRun, Performed
from .known import Violation
from .record import Key
from .world import READS

_QUIET = frozenset({"reconcile", "look"})


def broken_promises(history: History, performed: Performed) -> Iterator[Violation]:
    """Yield what a command did, or left undone, against its promise."""
    if performed.command.verb in _QUIET:
        yield from _sent_by(history, performed)
    if performed.findings is not None:
        yield from _findings(history, performed)
    if performed.command.verb == "restore" and history.runs:
        yield from _restored(history, performed)
    if history.world.is_fair and performed.ended is not None:
        yield from _undone(history, performed)


def _sent_by(history: History, performed: Performed) -> Iterator[Violation]:
    sent = [
        each
        for each in history.witness.arrivals
        if each.is_change and each.command == performed.number and each.life is performed.life
    ]
    # Before there is a run, the command makes one.
    if sent and performed.run is None:
        yield Violation("sends a change", f"{performed.command.verb} sent {len(sent)} changes")


# -- reconcile --------------------------------------------------------------------------------------------


def _findings(history: History, performed: Performed) -> Iterator[Violation]:
    """A verdict is what the panel shows; nothing that two readings can tell is left open."""
    known = history.find(performed.run_id)
    if known is None or performed.ended is None:
        return
    for finding in performed.findings or ():
        if why := _wrong_finding(history, known, performed, finding):
            kind = "needless doubt" if finding.verdict == "cannot_tell" else f"false {finding.verdict}"
            yield Violation(f"reconcile: {kind}", f"VM {finding.key}: {finding.why}; {why}")


def _wrong_finding(history: History, known: KnownRun, performed: Performed, finding: Finding) -> str:
    witness, key = history.witness, finding.key
    began, ended = performed.began, performed.ended or performed.began
    step = finding.step or known.steps[-1]
    wanted, done = known.wanted(step), witness.effects_on(key, step, known.id)
    # Somebody else, or another run such as a restore, may have undone it since.
    touched = bool(history.world.outside) or len({each.run_id for each in witness.changes(key)}) > 1
    match finding.verdict:
        case "done":
            shown = done or touched if wanted is None else witness.was(key, wanted, began, ended)
            return "" if shown else "and the panel shows nothing of it"
        case "not_done":
            return "and it took effect" if done and not touched else ""
    if wanted is None or history.world.clock_steps:
        return ""
    lists = witness.lists(*key[:2], began, ended)
    if len(lists) < 2 or not witness.stood_still(key, began, ended) or witness.state(key, began) == "gone":
        return ""
    late = all(began - each.request.time > _GRACE for each in witness.changes(key, known.id))
    if witness.holds(key, wanted, began):
        return "and two lists showed it to be done"
    return "and two lists showed it not to be done" if late and not known.died(began) else ""


_GRACE = 200.0  # seconds, longer than that of `Fleet.reconcile`


# -- restore ----------------------------------------------------------------------------------------------


def _restored(history: History, performed: Performed) -> Iterator[Violation]:
    """A restore that is refused names what its run has stopped."""
    earlier = [run for run in history.runs if run.made_by.number < performed.number]
    if not earlier or performed.run is not None or performed.ended is None:
        # The report of a run that began is checked as every other.
        return
    parent = earlier[-1] if performed.command.latest else earlier[0]
    must = _stopped_then(history, parent, performed)
    unnamed = [key for key in must if performed.error is None or key[2] not in str(performed.error)]
    if unnamed:
        yield Violation("restore leaves VMs out", f"{performed.error!r} does not name {sorted(unnamed)}")


def _stopped_then(history: History, parent: KnownRun, performed: Performed) -> frozenset[Key]:
    """The VMs that a run had stopped when a command began, and that are down by it at the end."""
    if "stop" not in parent.steps:
        return frozenset()
    must, _ = history.stopped_by(parent)
    return frozenset(
        key for key in must if history.witness.effects_on(key, "stop", parent.id)[-1].at < performed.began
    )


# -- a fair world -----------------------------------------------------------------------------------------


def _undone(history: History, performed: Performed) -> Iterator[Violation]:
    """Where nothing went wrong every VM is changed or unchanged, and each that needed it was acted on."""
    report, known = performed.report, history.find(performed.run_id)
    if report is None or known is None or performed.run is None:
        return
    for outcome in report.outcomes:
        if outcome.status in (Status.CHANGED, Status.UNCHANGED):
            continue
        reads = known.steps[0] in READS and outcome.cause == "not_settled"
        if not reads and outcome.cause != "not_running":
            yield Violation(
                "work left undone", f"in a fair world {outcome.key} is {outcome.status} ({outcome.cause})"
            )
    for key in known.must:
        wanted = [known.wanted(step) for step in known.steps]
        was_so = any(each is not None and history.witness.holds(key, each, known.began) for each in wanted)
        was_off = history.witness.state(key, known.began) == "stopped"
        needed = known.steps[0] not in READS and not was_so and not (known.steps[0] == "reboot" and was_off)
        done = any(history.witness.effects_on(key, step, known.id) for step in known.steps)
        if needed and not done:
            yield Violation("work left undone", f"in a fair world nothing was done for {key}")

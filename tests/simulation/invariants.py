"""Invariants of a whole story: what the client said against the panels' record.

- Nothing lost: every VM that a run is for is a target with one outcome, or its service is undiscovered.
- Nothing claimed that the panel does not show, in any report that was given at any time (see `claims`).
- What must happen at most once (a reboot) is never sent again once it reached the panel, unless that answered
  "not now" (`throttle`, 429), over all lives and runs; a retry may repeat what was answered "no".
- What was final when a run ended stays so when it is resumed, and nothing is sent for it.
- The journal gives back what the run reported; `Fleet.runs` counts what `Fleet.report` does, and names the
  latest run first, whatever the clocks say.
- Readers saw the report's outcomes, each once. Nothing of ours is left at the end.
- Commands that follow a run do what they promise (see `afterwards`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from aioseflow import InvalidArgument, Report, Status

from .afterwards import broken_promises
from .claim import Claim
from .claims import is_final, wrong_claims
from .history import History, KnownRun, Performed
from .known import Violation
from .record import Arrival, Key
from .world import ONCE


def violations(history: History) -> Iterator[Violation]:
    """Yield the invariants that do not hold."""
    yield from _left_over(history)
    for known in history.runs:
        yield from _of_run(history, known)
    yield from _sent_once(history)
    for performed in history.performed:
        yield from _agreement(history, performed)
        yield from broken_promises(history, performed)


def _left_over(history: History) -> Iterator[Violation]:
    for life, gate in history.gates:
        if not life.dead and (gate.in_flight or gate.waiting):
            held = f"at the end {gate.in_flight} slots are held and {gate.waiting} wait"
            yield Violation("slots", f"life {life.number}: {held}")
    for performed in history.performed:
        if performed.run is not None and not performed.life.dead:
            progress = performed.run.progress
            if progress.in_flight or progress.settling or progress.queued or progress.discovering:
                yield Violation("not idle", f"at the end the run is not idle: {progress}")


# -- one run ----------------------------------------------------------------------------------------------


def _of_run(history: History, known: KnownRun) -> Iterator[Violation]:
    seen: list[frozenset[tuple[str, ...]]] = []
    for at, report in _reports(history, known):
        words = _words(report)
        if words in seen:
            continue
        seen.append(words)
        yield from _lost(history, known, report, at)
        for outcome in report.outcomes:
            yield from wrong_claims(Claim(history.witness, known, report, outcome, at))
    mine = [each for each in known.performed if each.ended is not None and each.report is not None]
    for performed in mine:
        yield from _readers(performed)
        yield from _kept(performed)
    for earlier, later in pairwise(mine):
        yield from _stays(history, earlier, later)


def _reports(history: History, known: KnownRun) -> Iterator[tuple[float, Report]]:
    """Every report of a run that was given, with its moment."""
    for performed in history.performed:
        if known.id in performed.before:
            yield performed.began, performed.before[known.id]
        if performed.ended is None:
            continue
        if performed.run_id == known.id and performed.report is not None:
            yield performed.ended, performed.report
        if known.id in performed.after:
            yield performed.ended, performed.after[known.id]


def _words(report: Report) -> frozenset[tuple[str, ...]]:
    """The outcomes, in words."""
    return frozenset(
        (*each.key, each.status, str(each.verified), str(each.cause), str(each.step), str(each.attempts))
        for each in report.outcomes
    )


def _lost(history: History, known: KnownRun, report: Report, at: float) -> Iterator[Violation]:
    def lost(what: str) -> Violation:
        return Violation("lost", f"run {known.id}: {what}")

    if report.finished_at is None:
        yield lost("its report says that it goes on")
        return
    targets, outcomes = Counter(report.targets), Counter(outcome.key for outcome in report.outcomes)
    if targets != outcomes or (targets and max(targets.values()) > 1):
        yield lost(f"targets {sorted(targets.items())} have outcomes {sorted(outcomes.items())}")
    if sum(report.counts.values()) != len(report.targets):
        yield lost(f"the counts {report.counts} are not of {len(report.targets)} targets")
    if extra := sorted(set(targets) - known.may):
        yield lost(f"never selected: {extra}")
    undiscovered = {(each.account, each.service_id) for each in report.undiscovered}
    missing = {
        key for key in known.must - set(targets) if not {(key[0], key[1]), (key[0], None)} & undiscovered
    }
    if known.parent is None:
        # It may have been gone when its service was listed.
        missing = {key for key in missing if history.witness.state(key, at) != "gone"}
    refused = _is_refused(known, at) or (known.id in history.broken and not targets)
    if missing and not refused:
        gone = all(history.witness.state(key, at) == "gone" for key in missing)
        yield Violation(
            _kind_of_loss(known, at, gone=gone), f"run {known.id} says nothing of {sorted(missing)}"
        )
    if report.ok and undiscovered:
        yield lost("ok, and yet something was not discovered")
    if report.finished_at < report.started_at and len(known.until(at)) == 1 and not known.died(at):
        where = f"run {known.id}: {report.started_at}, {report.finished_at}"
        yield Violation("a report ends before it begins", where)


def _kind_of_loss(known: KnownRun, at: float, *, gone: bool) -> str:
    if known.parent is not None:
        return f"{known.made_by.command.verb} leaves {'what is gone' if gone else 'VMs'} out"
    return "a killed run forgets what its plan had lost" if known.world.plan and known.died(at) else "lost"


def _is_refused(known: KnownRun, at: float) -> bool:
    """Whether it was refused before it began: then nothing is a target."""
    return any(isinstance(each.error, InvalidArgument) for each in known.until(at))


def _readers(performed: Performed) -> Iterator[Violation]:
    report = performed.report
    for outcomes in performed.read:
        keys = [outcome.key for outcome in outcomes]
        if len(set(keys)) < len(keys):
            yield Violation("readers", f"a reader saw an outcome twice: {keys}")
        if report is not None and any(outcome not in report.outcomes for outcome in outcomes):
            yield Violation("readers", "a reader saw an outcome that the report does not have")


def _kept(performed: Performed) -> Iterator[Violation]:
    """The journal gives back what the run reported."""
    kept = performed.after.get(performed.run_id or "")
    if isinstance(performed.error, InvalidArgument):
        return  # It was refused, and knew nothing of its targets yet.
    if performed.report is not None and kept is not None and _words(performed.report) != _words(kept):
        said, has = _words(performed.report), _words(kept)
        yield Violation("kept", f"reported {sorted(said - has)}, and the journal has {sorted(has - said)}")


def _stays(history: History, earlier: Performed, later: Performed) -> Iterator[Violation]:
    """Check that outcomes that were final when a run ended are not touched when it is resumed."""
    if earlier.report is None or later.report is None:
        return
    now = {outcome.key: outcome for outcome in later.report.outcomes}
    for outcome in earlier.report.outcomes:
        if not is_final(outcome):
            continue
        after = now.get(outcome.key)
        sent = [
            each
            for each in history.witness.changes(outcome.key, later.run_id)
            if each.command == later.number
        ]
        # A figure that the panel shows may decide later what no answer did.
        decided = outcome.status is Status.UNKNOWN and history.world.uptime is not None
        if after is None or sent or (after.status is not outcome.status and not decided):
            yield Violation(
                "final",
                f"VM {outcome.key}: {outcome.status} ({outcome.cause}) was final, and on resuming it became "
                f"{None if after is None else after.status}, sent: {len(sent)}",
            )


# -- all runs ---------------------------------------------------------------------------------------------


def _sent_once(history: History) -> Iterator[Violation]:
    for key in history.witness.keys:
        for verb in sorted(ONCE):
            calls = [each for each in history.witness.changes(key) if each.verb == verb]
            for before, again in pairwise(calls):
                if not before.surely_refused and not _is_retried(history, key, before, again):
                    numbers = [each.request.number for each in calls]
                    yield Violation("sent twice", f"{verb} of {key}: requests {numbers}")
            for known in history.runs:
                if len(history.witness.effects_on(key, verb, known.id)) > 1:
                    yield Violation("done twice", f"{verb} of {key} in run {known.id}")


def _is_retried(history: History, key: Key, before: Arrival, again: Arrival) -> bool:
    """Whether a call was repeated by a run that was made to, after the client had said what became of it."""
    retry = history.find(again.run_id)
    return (
        before.run_id != again.run_id and retry is not None and retry.parent is not None and key in retry.must
    )


def _is_no_run(history: History, known: KnownRun, number: int) -> bool:
    """Whether nothing of a run was ever sent by a command, and each try of it was refused, or died.

    What was refused is no run, and a life may die while it takes back the record.
    """
    tried = [each for each in {known.made_by, *known.performed} if each.number <= number]
    worked = any(each.report is not None and each.error is None for each in tried)
    changes = (change for key in known.may for change in history.witness.changes(key, known.id))
    return not worked and all(change.command > number for change in changes)


def _agreement(history: History, performed: Performed) -> Iterator[Violation]:
    """`Fleet.runs` and `Fleet.report` agree, and the latest run comes first."""
    if performed.infos is None:
        return
    listed = [info.header.run_id for info in performed.infos]
    made = [known.id for known in reversed(history.runs) if known.made_by.number <= performed.number]
    if listed != [run_id for run_id in made if run_id in listed]:
        yield Violation("order of runs", f"made {made[::-1]}, listed {listed[::-1]}")
    no_runs = {known.id for known in history.runs if _is_no_run(history, known, performed.number)}
    if lost := set(made) - set(listed) - no_runs:
        yield Violation("runs", f"not listed: {sorted(lost)}")
    for info in performed.infos:
        report = performed.after[info.header.run_id]
        counts = {status.value: number for status, number in report.counts.items() if number}
        counted = {status: number for status, number in info.counts.items() if number}
        where = f"run {info.header.run_id}: runs() {counted}, report() {counts}"
        if info.state == "ended" and counted != counts:
            known = history.find(info.header.run_id)
            refused = known is not None and _is_refused(known, performed.began)
            yield Violation("counts of a refused run" if refused else "counts disagree", where)
        if info.targets != len(report.targets) or sum(counted.values()) > info.targets:
            yield Violation("counts disagree", f"{where}, {info.targets} of {len(report.targets)} targets")

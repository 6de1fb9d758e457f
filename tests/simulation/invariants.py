"""What must hold after every story, however it went: the client's word against the panel's record.

- Nothing lost: every selected VM is a target with exactly one outcome, or its service is undiscovered.
- Nothing claimed that the panel does not show, status by status (see `_claim`).
- What must happen at most once (a reboot) is never sent again once it reached the panel, unless that answered
  "not now" (`throttle`, 429), over all lives of a run.
- What was final when a run ended stays so when it is resumed, and nothing is sent for it; the journal gives
  back what the run reported.
- Readers saw the report's outcomes, each once. Nothing of ours is left at the end.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from aioseflow import Outcome, Report, Status

from .repeatable import loop_seconds
from .witness import Arrival, Pair

if TYPE_CHECKING:
    from .story import Said, Story

_WANTED = {"stop": "stopped", "start": "running"}
_SLACK = 0.001  # the calendar has microseconds
_SETTLED = 45.0  # seconds in which whoever looks must have seen it


def broken(story: Story) -> list[str]:
    """Which invariants do not hold, in words."""
    wrong: list[str] = []
    for said in story.said:
        if not said.life.dead:
            wrong += _left_over(said)
    last = story.said[-1]
    if last.life.dead or last.run is None:
        return wrong
    report = last.report
    if report is None or report.finished_at is None:
        return [*wrong, f"the run did not end: {report}"]
    wrong += _lost(story, report)
    wrong += _readers(last, report)
    wrong += _sent_once(story)
    wrong += _kept(story)
    for earlier, later in pairwise(said for said in story.said if not said.life.dead):
        wrong += _stays(story, earlier, later)
    for outcome in report.outcomes:
        wrong += [f"{_name(outcome)}: {why}" for why in _claim(story, outcome)]
    return wrong


def _left_over(said: Said) -> list[str]:
    wrong = []
    gate = said.gate
    if gate is not None and (gate.in_flight or gate.waiting):
        wrong.append(f"at the end {gate.in_flight} slots are held and {gate.waiting} wait")
    if said.run is not None:
        progress = said.run.progress
        if progress.in_flight or progress.settling or progress.queued or progress.discovering:
            wrong.append(f"at the end the run is not idle: {progress}")
    return wrong


def _lost(story: Story, report: Report) -> list[str]:
    wrong = []
    targets, outcomes = Counter(report.targets), Counter(outcome.key for outcome in report.outcomes)
    if targets != outcomes or (targets and max(targets.values()) > 1):
        wrong.append(f"targets {sorted(targets.items())} have outcomes {sorted(outcomes.items())}")
    if sum(report.counts.values()) != len(report.targets):
        wrong.append(f"the counts {report.counts} are not of {len(report.targets)} targets")
    named = {(service, vm) for _, service, vm in targets}
    if extra := sorted(named - story.chosen):
        wrong.append(f"never selected: {extra}")
    undiscovered = {lost.service_id for lost in report.undiscovered}
    missing = {pair for pair in story.chosen - named if pair[0] not in undiscovered}
    if missing and None not in undiscovered:
        wrong.append(f"selected, and neither a target nor undiscovered: {sorted(missing)}")
    if report.ok and (missing or undiscovered):
        wrong.append("ok, and yet something was not discovered")
    return wrong


def _readers(said: Said, report: Report) -> list[str]:
    wrong = []
    for outcomes in said.read:
        keys = [outcome.key for outcome in outcomes]
        if len(set(keys)) < len(keys):
            wrong.append(f"a reader saw an outcome twice: {keys}")
        if any(outcome not in report.outcomes for outcome in outcomes):
            wrong.append("a reader saw an outcome that the report does not have")
    return wrong


def _sent_once(story: Story) -> list[str]:
    wrong = []
    for pair in sorted(story.chosen):
        reboots = [each for each in story.witness.changes(pair) if each.verb == "reboot"]
        if any(not each.surely_refused for each in reboots[:-1]):
            wrong.append(f"reboot of {pair} was sent again: {_shown(reboots)}")
    wrong += [
        f"reboot of {pair} took effect {n} times"
        for pair, n in story.witness.panel.repeated("reboot").items()
    ]
    return wrong


def _kept(story: Story) -> list[str]:
    """What the journal gives back is what the run reported."""
    wrong = []
    for said in story.said:
        if said.report is not None and said.kept is not None and not said.life.dead:
            told, kept = _words(said.report), _words(said.kept)
            if told != kept:
                wrong.append(f"reported {sorted(told - kept)}, and the journal has {sorted(kept - told)}")
    return wrong


def _words(report: Report) -> set[tuple[str, ...]]:
    return {
        (*each.key, each.status, str(each.verified), str(each.cause), str(each.step), str(each.attempts))
        for each in report.outcomes
    }


def _stays(story: Story, earlier: Said, later: Said) -> list[str]:
    """What was final when a run ended is not touched when it is resumed."""
    if earlier.report is None or later.report is None or earlier.report.run_id != later.report.run_id:
        return []
    wrong = []
    now = {outcome.key: outcome for outcome in later.report.outcomes}
    for outcome in earlier.report.outcomes:
        if not _is_final(outcome):
            continue
        after = now.get(outcome.key)
        sent = [
            each
            for each in story.witness.changes((outcome.service_id, outcome.vm_id))
            if each.life is later.life
        ]
        if after is None or after.status is not outcome.status or sent:
            wrong.append(
                f"{_name(outcome)}: {outcome.status} ({outcome.cause}) was final, and on resuming it became "
                f"{None if after is None else after.status}, sent: {_shown(sent) or 'nothing'}"
            )
    return wrong


def _is_final(outcome: Outcome) -> bool:
    match outcome.status:
        case Status.UNCHANGED:
            return True
        case Status.CHANGED:
            return outcome.cause is None
        case Status.FAILED:
            return outcome.error is not None or outcome.cause == "not_settled"
        case Status.UNKNOWN:
            return outcome.action == "reboot"
        case Status.NOT_ATTEMPTED:
            return outcome.cause == "not_running"


def _claim(story: Story, outcome: Outcome) -> list[str]:
    """Whether the panel shows what an outcome says.

    - ``unchanged`` and ``not_attempted``: it never got a change of this VM, or, for the latter, answered
      each with "not now".
    - ``changed``, verified: the VM was in the wanted state at some moment between start and end; a sequence
      has had all its effects.
    - ``changed``, not verified: it was accepted, and took effect unless the VM ignores such, or was so.
    - ``failed`` by a refusal: it did nothing. ``failed``, not settled: it was not so for all of a last while
      in which the client read lists.
    - ``attempts`` are at least those that the panel got, unless a life was cut short: its count is lost.
    """
    witness, pair = story.witness, (outcome.service_id, outcome.vm_id)
    sent = witness.changes(pair)
    steps = outcome.action.split("+")
    since, until = loop_seconds(outcome.started_at) - _SLACK, loop_seconds(outcome.finished_at) + _SLACK
    done = {step: witness.effect_count(pair, step) for step in steps}
    wrong: list[str] = []
    if until < since:
        wrong.append("it ended before it began")
    died = any(life.dead for life in story.lives)
    if not died and outcome.attempts < len(sent):
        wrong.append(f"{outcome.attempts} attempts, and the panel got {_shown(sent)}")
    match outcome.status:
        case Status.UNCHANGED | Status.NOT_ATTEMPTED:
            turned_away = outcome.status is Status.NOT_ATTEMPTED and all(each.surely_refused for each in sent)
            if sent and not turned_away:
                wrong.append(f"{outcome.status} ({outcome.cause}), and the panel got {_shown(sent)}")
        case Status.CHANGED if outcome.verified:
            wanted = _WANTED.get(steps[-1])
            if wanted is None:
                wrong.append("nothing shows it, and yet it is verified")
            elif not witness.was(pair, wanted, since, until):
                wrong.append(f"verified as {wanted}, which it never was")
        case Status.CHANGED:
            wrong += _unverified(story, pair, sent, steps[-1], done[steps[-1]], since, until)
        case Status.FAILED if outcome.cause == "not_settled":
            # A rollout waits until what was rebooted runs again.
            wanted = _WANTED.get(outcome.step or steps[-1], "running")
            early = until - _SETTLED
            if (
                witness.stayed(pair, wanted, early, until)
                and witness.lists_between(pair[0], early, until) > 1
            ):
                wrong.append(f"not settled, and yet it was {wanted} for {_SETTLED:.0f} s")
        case Status.FAILED:
            step = outcome.step or steps[-1]
            if outcome.error is not None and not outcome.error.may_have_acted and done.get(step):
                wrong.append(f"refused ({outcome.cause}), and yet {step} took effect: {_shown(sent)}")
        case Status.UNKNOWN:
            if not (outcome.attempts or died):
                wrong.append("unknown, and yet nothing was sent")
    return wrong


def _unverified(
    story: Story, pair: Pair, sent: list[Arrival], step: str, done: int, since: float, until: float
) -> list[str]:
    witness = story.witness
    machine = witness.panel.services[pair[0]].vms[pair[1]]
    wanted = _WANTED.get(step)
    is_so = wanted is not None and witness.was(pair, wanted, since, until)
    if not any(each.verb == step and each.request.status == 200 for each in sent):
        return [f"changed, and yet the panel never accepted it: {_shown(sent)}"]
    if not (done or machine.ignores_power or is_so):
        return [f"changed, and yet nothing happened: {_shown(sent)}"]
    return []


def _name(outcome: Outcome) -> str:
    return f"VM {outcome.vm_id} of {outcome.service_id}"


def _shown(arrivals: list[Arrival]) -> str:
    return ", ".join(
        f"#{each.request.number} {each.verb} → {each.request.status} {each.request.fault or ''}".strip()
        for each in arrivals
    )

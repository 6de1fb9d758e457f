"""What became of a change whose answer was lost: what a later reading decides, and what it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import attrs

from ...models import PowerState, Vm
from ...safety import Safety
from ..actions.action import Action, held, rebooted_since
from ..journal import Journal, StoredTarget
from ..model.outcome import Outcome, Status, TargetKey
from ..model.target import Stage
from ..run.stored_outcome import Step, facts_of, outcome_of, sent_error
from ..run.verdict import INTERRUPTED, NOT_DONE_AFTER_SECONDS, Reading, verdict

FindingVerdict: TypeAlias = Literal["done", "not_done", "cannot_tell"]

_CLOCKS_APART: Final = 60.0  # seconds by which a panel's uptime figures may be behind


@attrs.frozen(kw_only=True)
class Finding:
    """What a reading says of a VM whose answer was lost, and the evidence.

    ``evidence`` holds what was read: ``power``, ``locked``, ``uptime``, ``listed`` and when (``sent_at``,
    ``read_at``, aware UTC); ``why`` puts it into a sentence.
    """

    account: str
    service_id: str
    vm_id: str
    vm_label: str
    action: str
    step: str | None
    verdict: FindingVerdict
    evidence: dict[str, Any] = attrs.field(hash=False)
    why: str

    @property
    def key(self) -> TargetKey:
        """Account, service id and VM id."""
        return self.account, self.service_id, self.vm_id

    def __str__(self) -> str:
        name = self.vm_label or self.vm_id
        return f"{name} ({self.service_id}/{self.vm_id}): {self.verdict.replace('_', ' ')}: {self.why}"


def judge(
    action: Action,
    vm: Vm | None,
    done: bool | None,
    *,
    sent_at: datetime | None,
    read_at: datetime,
    grace: float = NOT_DONE_AFTER_SECONDS,
) -> tuple[FindingVerdict, str]:
    """Whether what was sent was done, by a reading after it: ``done`` is what the action says of it.

    A refusal to a repeat decides nothing, and is not asked for here.
    """
    if action.safety is Safety.ONCE and not action.settles:
        if not action.takes_down:
            return "cannot_tell", "nothing that can be read tells"
        return _judge_once(vm, sent_at, read_at, grace)
    if done:
        return "done", "it is gone" if vm is None else f"it is read as {_said(vm)}"
    if vm is None:
        return "cannot_tell", "it is in no list any more"
    if done is None:
        return "cannot_tell", "what the panel shows of it does not tell"
    if (reason := held(vm)) is not None:
        return "cannot_tell", f"it is {reason}: the panel took a request and is still at it; ask again"
    return _after_grace(f"it is read as {_said(vm)}", sent_at, read_at, grace)


def _judge_once(
    vm: Vm | None, sent_at: datetime | None, read_at: datetime, grace: float
) -> tuple[FindingVerdict, str]:
    if vm is None or sent_at is None or not isinstance(vm.uptime, int):
        return "cannot_tell", "the panel shows neither uptime nor boot time: no reading can tell"
    booted = f"it has been up for {vm.uptime} s, and the request was sent {_ago(sent_at, read_at)} before"
    if rebooted_since(vm, sent_at, read_at):
        return "done", booted
    if vm.uptime < (read_at - sent_at).total_seconds() + _CLOCKS_APART:
        return "cannot_tell", f"{booted}: too close to tell"
    return _after_grace(booted, sent_at, read_at, grace)


def _after_grace(
    what: str, sent_at: datetime | None, read_at: datetime, grace: float
) -> tuple[FindingVerdict, str]:
    if sent_at is None:
        return "cannot_tell", f"{what}, and when it was sent is not known"
    until = sent_at + timedelta(seconds=grace)
    if read_at < until:
        return (
            "cannot_tell",
            f"{what}, but the panel may still be at it: ask again after {until:%H:%M:%S} UTC",
        )
    return "not_done", f"{what}, {_ago(sent_at, read_at)} after it was sent"


def _ago(sent_at: datetime, read_at: datetime) -> str:
    return f"{(read_at - sent_at).total_seconds():.0f} s"


def _said(vm: Vm) -> str:
    word = vm.power.value if vm.power is not PowerState.UNKNOWN else vm.power_word or "of unknown power"
    return f"{word}, locked" if vm.locked else word


def evidence_of(vm: Vm | None, sent_at: datetime | None, read_at: datetime) -> dict[str, Any]:
    """What was read, for the record."""
    seen: dict[str, Any] = {"sent_at": sent_at, "read_at": read_at, "listed": vm is not None}
    if vm is not None:
        seen |= {
            "power": vm.power.value,
            "power_word": vm.power_word,
            "locked": vm.locked,
            "uptime": vm.uptime,
            "memory": vm.memory,
            "cpus": vm.cpus,
        }
    return seen


def reading_of(found: FindingVerdict) -> Reading | None:
    """The reading that a finding stands for; None where it cannot tell."""
    return {"done": Reading.DONE, "not_done": Reading.NOT_DONE}.get(found)


@attrs.frozen
class Correction:
    """The outcome that a finding gives a target, and how far the target had come with it."""

    outcome: Outcome
    stage: Stage
    answer_lost: bool


def correction(
    target: StoredTarget, steps: Sequence[Step], finding: Finding | None, now: datetime
) -> Correction | None:
    """The outcome that is true of a target after its reading; None where it keeps the one that it has.

    ``finding`` is None for a target that was not read back, because it is decided without that.
    """
    reading = None if finding is None else reading_of(finding.verdict)
    if target.stage is Stage.DONE and reading is None:
        return None
    facts = facts_of(target, steps, reading)
    status, cause = verdict(facts, None if reading is Reading.NOT_DONE else INTERRUPTED)
    names = [step.name for step in steps]
    named = len(names) > 1 and status is not Status.CHANGED
    outcome = attrs.evolve(
        outcome_of(target, steps, now),
        status=status,
        cause=cause,
        verified=reading is not None,
        step=names[min(target.step, len(names) - 1)] if named else None,
        error=sent_error(target),
    )
    # A step that is seen done, or not done, has its answer.
    stage = facts.stage
    if reading is not None:
        stage = Stage.ACCEPTED if reading is Reading.DONE else Stage.QUEUED
    return Correction(outcome, stage, facts.answer_lost and reading is None)


def record(journal: Journal, run_id: str, target: StoredTarget, found: Correction) -> None:
    """Write a corrected outcome into the journal."""
    outcome = found.outcome
    journal.finished(
        run_id,
        target.row.number,
        status=outcome.status.value,
        verified=outcome.verified,
        cause=outcome.cause,
        step_name=outcome.step,
        attempts=outcome.attempts,
        answer_lost=found.answer_lost,
        error=outcome.error,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
        left_at=found.stage,
    )

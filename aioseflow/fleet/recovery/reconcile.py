"""What became of a change whose answer was lost: what a later reading decides, and what it cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import attrs

from ...models import PowerState, Vm
from ...safety import Safety
from ..actions.action import Action, held, rebooted_since
from ..journal import Journal, StoredRun, StoredTarget
from ..model.outcome import Outcome, Status, TargetKey
from .past import INTERRUPTED, outcome_of, sent_error

FindingVerdict: TypeAlias = Literal["done", "not_done", "cannot_tell"]

GRACE: Final = 180.0
"""Seconds after a request was sent before "not done" is said: longer than a panel's own time-outs."""

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
    grace: float = GRACE,
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


def decided(target: StoredTarget, finding: Finding, stored: StoredRun) -> Outcome | None:
    """The outcome that a finding decides; None where it decides none."""
    names = stored.info.header.action.split("+")
    outcome = outcome_of(target, stored.info.header.action, datetime.now(UTC))
    error = sent_error(target)
    if finding.verdict == "not_done":
        return attrs.evolve(outcome, status=Status.FAILED, cause="not_done", verified=True, error=error)
    if finding.verdict == "done" and target.step >= len(names) - 1:
        return attrs.evolve(outcome, status=Status.CHANGED, cause=None, verified=True, step=None, error=error)
    if target.stage != "done":
        return attrs.evolve(outcome, cause=INTERRUPTED)
    return None


def record(journal: Journal, run_id: str, target: StoredTarget, outcome: Outcome) -> None:
    """Write down what was decided."""
    journal.finished(
        run_id,
        target.row.number,
        status=outcome.status.value,
        verified=outcome.verified,
        cause=outcome.cause,
        step_name=outcome.step,
        attempts=outcome.attempts,
        may_have_acted=target.may_have_acted or target.stage == "open",
        error=outcome.error,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
    )

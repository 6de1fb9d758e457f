"""Findings: what a later reading says of a request whose answer was lost, and what it cannot say."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, TypeAlias

import attrs

from ...models import PowerState, Vm
from ...safety import Safety
from ..actions.action import Action
from ..model.clock import Instant
from ..model.outcome import TargetKey
from ..model.vm_state import held
from ..run.verdict import NOT_DONE_AFTER_SECONDS, Reading

FindingVerdict: TypeAlias = Literal["done", "not_done", "cannot_tell"]

DATE_PRECISION_SECONDS: Final = 1.0
"""Precision of the times that a panel gives: HTTP dates are whole seconds."""

UPTIME_LAG_SECONDS: Final = 60.0
"""Time by which the uptime that a panel shows may be behind."""


@attrs.frozen(kw_only=True)
class Finding:
    """Finding on a VM whose answer was lost: what a reading says of it, and the evidence.

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
    sent: Instant | None,
    read: Instant,
    grace: float = NOT_DONE_AFTER_SECONDS,
) -> tuple[FindingVerdict, str]:
    """Decide whether a request was carried out, by a reading after it; ``done`` is what the action says.

    ``sent`` is the moment of the request, ``read`` that of the reading, ``grace`` the seconds between them
    before "not done" is said. A refusal of a repeated request decides nothing, and has no part in this.
    """
    if action.safety is Safety.ONCE and not action.settles:
        if not action.takes_down:
            return "cannot_tell", "no reading can confirm it"
        return _judge_uptime(vm, sent, read, grace)
    if done:
        return "done", "it is gone" if vm is None else f"it is read as {_said(vm)}"
    if vm is None:
        return "cannot_tell", "it is not listed any more"
    if done is None:
        return "cannot_tell", "the panel does not report what would show it"
    if (reason := held(vm)) is not None:
        return "cannot_tell", f"it is {reason}: the panel is still working on a request; ask again"
    if sent is None:
        return "cannot_tell", f"it is read as {_said(vm)}, and when it was sent is not known"
    return _after_grace(f"it is read as {_said(vm)}", sent.least_seconds_until(read), grace)


def _judge_uptime(
    vm: Vm | None, sent: Instant | None, read: Instant, grace: float
) -> tuple[FindingVerdict, str]:
    if vm is None or sent is None or not isinstance(vm.uptime, int):
        return "cannot_tell", "this panel reports no uptime, so a reboot cannot be confirmed"
    seconds = sent.panel_seconds_until(read)
    if seconds is None:
        return "cannot_tell", (
            f"it has been up for {vm.uptime} s, and how long ago the request was sent is not certain: "
            "the panel gave no time, or a clock was set meanwhile"
        )
    booted = f"it has been up for {vm.uptime} s, and the request was sent {seconds:.0f} s before"
    if vm.uptime < seconds - DATE_PRECISION_SECONDS:
        return "done", booted
    if vm.uptime < seconds + UPTIME_LAG_SECONDS:
        return "cannot_tell", f"{booted}: too close to decide"
    return _after_grace(booted, seconds, grace)


def _after_grace(what: str, seconds: float, grace: float) -> tuple[FindingVerdict, str]:
    if seconds < grace:
        left = math.ceil(grace - seconds)
        return "cannot_tell", f"{what}, but the panel may still carry it out: ask again in {left} s"
    return "not_done", f"{what}, {seconds:.0f} s after it was sent"


def _said(vm: Vm) -> str:
    word = vm.power.value if vm.power is not PowerState.UNKNOWN else vm.power_word or "of unknown power"
    return f"{word}, locked" if vm.locked else word


def evidence_of(vm: Vm | None, sent: Instant | None, read: Instant) -> dict[str, Any]:
    """The values of a reading, for `Finding.evidence`."""
    sent_at = None if sent is None else sent.at
    seen: dict[str, Any] = {"sent_at": sent_at, "read_at": read.at, "listed": vm is not None}
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

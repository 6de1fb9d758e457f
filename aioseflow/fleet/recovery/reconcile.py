"""Reconciling a run: read back every VM whose answer was lost, and correct its outcome by that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from ...errors import SeFlowError
from ...models import Service, Vm
from ...text import escape
from ..actions.action import Action
from ..actions.method_calls import done_or_undecided, look_check
from ..actions.steps import Steps
from ..discovery.discover import Discovery
from ..discovery.selected_vms import listed_vms
from ..journal import HeldRun, StoredRun, StoredTarget
from ..model.clock import Instant
from ..model.fleet_account import FleetAccount
from ..model.outcome import Outcome, Status, TargetKey
from ..model.target import Stage
from ..model.undiscovered import Undiscovered
from ..run.stored_outcome import Step, facts_of, key_of, last_entry, outcome_of, sent_error, sent_instant
from ..run.verdict import INTERRUPTED, Reading, verdict
from .findings import Finding, FindingVerdict, evidence_of, judge, reading_of

_BETWEEN_READINGS_SECONDS: Final = 2.0
_NOT_LISTED: Final = "its service could not be listed"


@attrs.frozen
class VmReading:
    """Reading of a VM: its service, the VM (None if it is in no list any more), and when it was read."""

    service: Service
    vm: Vm | None
    read: Instant


@attrs.define(eq=False)
class Reconciler:
    """Reads the VMs of a stored run back."""

    accounts: Sequence[FleetAccount]

    async def findings(
        self, stored: StoredRun, steps: Steps, grace: float
    ) -> list[tuple[StoredTarget, Finding]]:
        action = stored.info.header.action
        at = last_entry(stored)
        unknown = [target for target in stored.targets if outcome_of(target, steps, at).status.is_undecided]
        first = await self._read(unknown)
        # A list may be stale just after a change: what it claims is looked at a second time.
        was_read = any(isinstance(each, VmReading) for each in first.values())
        await asyncio.sleep(_BETWEEN_READINGS_SECONDS if was_read else 0)
        second = await self._read(unknown)
        found = []
        for target in unknown:
            key, step = key_of(target), steps[min(target.step, len(steps) - 1)]
            before, after = first.get(key, _NOT_LISTED), second.get(key, _NOT_LISTED)
            found.append((target, await self._finding(target, step, action, before, after, grace)))
        return found

    async def _read(self, targets: Sequence[StoredTarget]) -> dict[TargetKey, VmReading | str]:
        """Read the lists of these targets: for each VM its reading, or why it could not be read."""
        keys = frozenset(key_of(target) for target in targets)
        seen: dict[TargetKey, VmReading | str] = {}
        for account in self.accounts:
            discovery = Discovery(account, None)
            lists = await listed_vms(account, keys, discovery)
            for key in keys:
                if key[0] == account.name and key[1] in lists.gone:
                    seen[key] = VmReading(Service(id=key[1]), None, Instant(datetime.now(UTC)))
            for listed in lists.listed:
                read = Instant(datetime.now(UTC), listed.panel_at)
                vms = {vm.id: vm for vm in listed.vms}
                for key in keys:
                    # From a part of a list it is only known of those that are in it.
                    if key[:2] == (account.name, listed.service.id) and (key[2] in vms or listed.is_whole):
                        seen[key] = VmReading(listed.service, vms.get(key[2]), read)
            for loss in discovery.undiscovered:
                said = "" if loss.error is None else f": {escape(str(loss.error), 300)}"
                for key in keys:
                    if key[0] == account.name and loss.service_id in (key[1], None):
                        seen.setdefault(key, f"{_NOT_LISTED}{said}")
        return seen

    async def _finding(
        self,
        target: StoredTarget,
        step: Action,
        action: str,
        before: VmReading | str,
        after: VmReading | str,
        grace: float,
    ) -> Finding:
        row, sent = target.row, sent_instant(target)
        verdict: FindingVerdict = "cannot_tell"
        why = next((each for each in (after, before) if isinstance(each, str)), "")
        vm, read = None, Instant(datetime.now(UTC))
        if isinstance(after, VmReading):
            vm, read = after.vm, after.read
            if isinstance(before, VmReading):
                readings = {await self._done(target, step, each) for each in (before, after)}
                done = readings.pop() if len(readings) == 1 else None
                verdict, why = judge(step, vm, done, sent=sent, read=read, grace=grace)
        return Finding(
            account=row.account,
            service_id=row.service_id,
            vm_id=row.vm_id,
            vm_label=row.vm_label,
            action=action,
            step=step.name if action != step.name else None,
            verdict=verdict,
            evidence=evidence_of(vm, sent, read),
            why=why,
        )

    async def _done(self, target: StoredTarget, step: Action, reading: VmReading) -> bool | None:
        service, vm = reading.service, reading.vm
        done = done_or_undecided(step, vm)
        if done is not None or vm is None or not step.settles:
            return done
        account = next(account for account in self.accounts if account.name == target.row.account)
        try:
            return await look_check(step, account)(service, vm)
        except SeFlowError:
            return None


@attrs.frozen
class Correction:
    """The outcome that a finding gives a target, and how far the target had come with it."""

    outcome: Outcome
    stage: Stage
    answer_lost: bool


def _correction(
    target: StoredTarget, steps: Sequence[Step], finding: Finding | None, at: datetime
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
        outcome_of(target, steps, at),
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


def record(held: HeldRun, stored: StoredRun, found: Iterable[tuple[StoredTarget, Correction]]) -> None:
    """Record corrected outcomes, and that the run has ended: one that was killed, at its last entry."""
    causes = {target.row.number: target.cause for target in stored.targets}
    for target, correction in found:
        outcome = correction.outcome
        causes[target.row.number] = outcome.cause
        held.finished(
            target.row.number,
            status=outcome.status.value,
            verified=outcome.verified,
            cause=outcome.cause,
            step_name=outcome.step,
            attempts=outcome.attempts,
            answer_lost=correction.answer_lost,
            error=outcome.error,
            started_at=outcome.started_at,
            finished_at=outcome.finished_at,
            left_at=correction.stage,
        )
    info, lost = stored.info, stored.info.undiscovered
    if info.state != "ended" and not stored.discovered:
        # The run ends here, and what it had not listed stays unlisted.
        lost += tuple(Undiscovered(account=each, cause=INTERRUPTED) for each in info.header.accounts)
    left = {*causes.values(), *(loss.cause for loss in lost)}
    by = (info.ended_by or "") if info.state == "ended" else INTERRUPTED
    held.ended(
        finished_at=info.finished_at or last_entry(stored),
        error=info.error,
        undiscovered=lost,
        ended_by=by if by in left else "",
    )


def corrections(
    stored: StoredRun, steps: Steps, findings: Sequence[tuple[StoredTarget, Finding]]
) -> Iterator[tuple[StoredTarget, Correction]]:
    """The outcomes that a reconciled run gets: of what was read back, and of everything else left open."""
    at = last_entry(stored)
    by_number = {target.row.number: finding for target, finding in findings}
    for target in stored.targets:
        finding = by_number.get(target.row.number)
        if (found := _correction(target, steps, finding, at)) is not None:
            yield target, found

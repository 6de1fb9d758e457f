"""Resuming a run: every target that is not decided is read back before anything is sent."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs

from ...errors import OutcomeUnknown
from ...models import PowerState, Service, Vm
from ...safety import Safety
from ..actions.method_calls import done_or_undecided
from ..discovery.selected_vms import listed_vms
from ..model.clock import Instant
from ..model.outcome import Status, TargetKey, cause_of
from ..model.progress import NO_SERVICE
from ..model.target import Stage, Target, TargetState
from ..model.vm_state import held
from ..run.stored_outcome import (
    Step,
    facts_of,
    key_of,
    last_entry,
    outcome_of,
    remains_of,
    sent_error,
    sent_instant,
)
from ..run.verdict import INTERRUPTED, UNREACHABLE, Facts, Reading
from .findings import judge, reading_of

if TYPE_CHECKING:
    from ..journal import StoredRun, StoredTarget
    from ..plan.spec import RunSpec
    from ..run.scheduler import Scheduler
    from ..run.state import RunState
    from ..run.worker import WorkerPool


class ResumePoint(enum.Enum):
    """Where a resumed run takes a target up."""

    FINAL = enum.auto()
    """Its outcome stays."""
    SEND = enum.auto()
    """Nothing is under way: the step may begin."""
    VERIFY = enum.auto()
    """The panel may have carried out the step: read the VM back before anything is sent."""
    POLL = enum.auto()
    """The panel accepted the step: read the VM back until it is done."""


_TO_BE_RESUMED: Final = frozenset(
    {
        INTERRUPTED,
        *("cancelled", "drained", "deadline", "no_progress", "max_failures", "max_unavailable", "same_cause"),
        *("journal_failed", "lease_lost", "run_failed", "in_another_run", "not_found", "not_listed"),
        *(UNREACHABLE, "max_down_per_service"),
    }
)
"""Causes of a run that ended before the target did."""


def resume_point(stored: StoredTarget, steps: Sequence[Step]) -> ResumePoint:
    """Decide where a resumed run takes a target up; `README` explains it to users as "Resuming"."""
    facts = facts_of(stored, steps)
    if stored.stage is not Stage.DONE:
        return _point_of(facts)
    status = Status(stored.status or Status.NOT_ATTEMPTED)
    if status.is_undecided:
        # What the panel accepted is not sent again, whatever could be read of it since.
        is_accepted = facts.stage is Stage.ACCEPTED and not facts.answer_lost
        return ResumePoint.POLL if is_accepted else ResumePoint.VERIFY
    error, later = stored.error, stored.cause in _TO_BE_RESUMED
    if status is Status.NOT_ATTEMPTED:
        return ResumePoint.SEND if later or error is not None else ResumePoint.FINAL
    if not later or (error is not None and cause_of(error) == stored.cause):
        return ResumePoint.FINAL
    if status is Status.FAILED:
        # A sequence that was broken off while an accepted step was read back, or between two steps.
        return _point_of(facts)
    # What no reading can verify is waited for until it serves again, if it was taken down.
    unread = status is Status.CHANGED and not stored.verified
    return ResumePoint.POLL if unread else ResumePoint.FINAL


def _point_of(facts: Facts) -> ResumePoint:
    changes = facts.safety is not Safety.READ
    if changes and (facts.answer_lost or facts.stage is Stage.SENT):
        return ResumePoint.VERIFY
    return ResumePoint.POLL if facts.stage is Stage.ACCEPTED else ResumePoint.SEND


def is_complete(stored: StoredRun, steps: Sequence[Step]) -> bool:
    """Whether a stored run leaves nothing to resume."""
    # What was not listed for a plan is not listed by resuming it either.
    planned = stored.info.header.document.get("planned", False)
    if not stored.discovered or (stored.info.undiscovered and not planned):
        return False
    return all(resume_point(target, steps) is ResumePoint.FINAL for target in stored.targets)


@attrs.define(eq=False)
class Resumer:
    """Takes up the targets of an earlier run execution."""

    pools: Sequence[WorkerPool]
    spec: RunSpec
    run_state: RunState
    scheduler: Scheduler
    repeat_unknown: bool
    _queue: list[TargetState] = attrs.field(factory=list, init=False)
    _watch: list[TargetState] = attrs.field(factory=list, init=False)
    _panel_times: dict[tuple[str, str], datetime] = attrs.field(factory=dict, init=False)

    async def read_back(self, history: StoredRun) -> None:
        """Decide on every target, with one list of each service that has an undecided one."""
        steps = self.run_state.declared
        at = last_entry(history)
        undecided: list[tuple[StoredTarget, ResumePoint]] = []
        for stored in history.targets:
            if len(steps) > 1 and stored.row.power == PowerState.STOPPED:
                self.run_state.off_before.add(key_of(stored))
            point = resume_point(stored, steps)
            if point is ResumePoint.FINAL:
                self.run_state.restore_outcomes([(outcome_of(stored, steps, at), remains_of(stored))])
                self._count(stored)
            else:
                undecided.append((stored, point))
        recorder = self.run_state.recorder
        if undecided:
            mine = [key_of(stored) for stored, _ in undecided]
            await recorder.refuse_contested(await recorder.taken_elsewhere(mine))
        states = [self._state(stored, point) for stored, point in undecided]
        for state in states:
            self.run_state.restore_target(state)
        recorder.reopened([stored.row.number for stored, _ in undecided if stored.stage is Stage.DONE])
        # The count of VMs that are down has to know all services of the run.
        counts = any(pool.availability is not None for pool in self.pools)
        wanted = history.targets if counts else [stored for stored, _ in undecided]
        vms, read = await self._list(frozenset(map(key_of, wanted)))
        for state, (stored, point) in zip(states, undecided, strict=True):
            key = state.key
            if key in vms:
                service, vm = vms[key]
                state.target = Target(key[0], service, vm)
                self._decide(state, stored, point)
            else:
                self._decide_unlisted(state, stored, point, listed=key[:2] in read)

    async def _list(
        self, keys: frozenset[TargetKey]
    ) -> tuple[dict[TargetKey, tuple[Service, Vm]], set[tuple[str, str]]]:
        """The listed VMs with their services, and the services of which all VMs are known.

        Of these a list was read whole, or they do not exist any more.
        """
        vms: dict[TargetKey, tuple[Service, Vm]] = {}
        read: set[tuple[str, str]] = set()
        for pool in self.pools:
            lists, name = await listed_vms(pool.account, keys, pool.producer.discovery), pool.account.name
            read |= {(name, service_id) for service_id in lists.gone}
            for listed in lists.listed:
                service = listed.service
                if listed.is_whole:
                    read.add((name, service.id))
                if listed.panel_at is not None:
                    self._panel_times[name, service.id] = listed.panel_at
                vms.update({(name, service.id, vm.id): (service, vm) for vm in listed.vms})
                if pool.availability is not None:
                    pool.availability.note_list(name, service.id, listed)
        return vms, read

    def _count(self, stored: StoredTarget) -> None:
        """Count a VM as down that the run left so, also where its service cannot be listed now."""
        left_so = stored.status in (Status.CHANGED, Status.UNCHANGED)
        for pool in self.pools:
            availability = pool.availability
            if availability is not None and availability.stays_down and left_so:
                availability.presume_down(key_of(stored))

    def _count_begun(self, state: TargetState) -> None:
        """Count a VM as down if an earlier run execution may have taken it down."""
        for pool in self.pools:
            if pool.availability is not None and (state.step or state.stage is not Stage.QUEUED):
                pool.availability.count_begun(state.key)

    def requeue_targets(self) -> None:
        """Hand the targets to the workers, now that there are some."""
        pools = {pool.account.name: pool for pool in self.pools}
        for state in (*self._watch, *self._queue):
            self._count_begun(state)
        for state in self._watch:
            state.idle = False
            pools[state.target.account].watch(state)
        needing = [
            state
            for state in self._queue
            if state.answer_lost or state.step or pools[state.target.account].producer.skip_needless([state])
        ]
        self.scheduler.enqueue_all(needing)

    def _state(self, stored: StoredTarget, point: ResumePoint) -> TargetState:
        """Rebuild a target's state from the journal, so that a cancel while resuming gives a true outcome."""
        row = stored.row
        target = Target(
            row.account,
            Service(id=row.service_id, name=row.service_name or None),
            Vm(id=row.vm_id, label=row.vm_label or None),
        )
        return TargetState(
            target,
            row.number,
            target.key,
            NO_SERVICE,
            step=min(stored.step, len(self.spec.steps) - 1),
            started_at=stored.started_at,
            stage=_STAGES[point],
            changed_before=stored.changed_before,
            requests=stored.attempts,
            answer_lost=point is ResumePoint.VERIFY,
            error=sent_error(stored) if point is ResumePoint.VERIFY else None,
            unread=stored.error if point is ResumePoint.POLL and _was_unreadable(stored) else None,
        )

    def _decide(self, state: TargetState, stored: StoredTarget, point: ResumePoint) -> None:
        action, vm = self.spec.steps[state.step], state.target.vm
        if point is ResumePoint.SEND:
            self._queue.append(state)
        elif point is ResumePoint.POLL:
            if action.settles or action.takes_down:
                self._watch.append(state)
            else:
                self.run_state.decide(state)
        elif action.safety is Safety.ONCE and not self.repeat_unknown:
            self._verify_once(state, stored)
        elif action.settles and (done_or_undecided(action, vm) or held(vm) is not None):
            state.error = sent_error(stored) or _lost(state, stored)
            self._watch.append(state)
        else:
            # It ends in the same state however often it is sent, or the operator says so.
            state.error = None
            self._queue.append(state)

    def _verify_once(self, state: TargetState, stored: StoredTarget) -> None:
        action, vm = self.spec.steps[state.step], state.target.vm
        read = Instant(datetime.now(UTC), self._panel_times.get(state.key[:2]))
        found, _ = judge(action, vm, done_or_undecided(action, vm), sent=sent_instant(stored), read=read)
        reading = reading_of(found)
        if reading is Reading.DONE and state.step < len(self.spec.steps) - 1:
            state.changed_before = True
            self.run_state.advance(state)
            self._queue.append(state)
            return
        state.error = sent_error(stored) or _lost(state, stored)
        self.run_state.decide(state, stored.cause or INTERRUPTED, reading=reading)

    def _decide_unlisted(
        self, state: TargetState, stored: StoredTarget, point: ResumePoint, *, listed: bool
    ) -> None:
        """Decide on a VM that is in no list: gone if the list of its service was read (``listed``)."""
        action = self.spec.steps[state.step]
        why = "not_found" if listed else "not_listed"
        if not listed:
            self._count_begun(state)
        if point is ResumePoint.SEND:
            self.run_state.decide(state, why)
        elif listed and action.settles and done_or_undecided(action, None):
            self.run_state.decide(state, reading=Reading.DONE)
        elif point is ResumePoint.POLL:
            self.run_state.decide(state, why, reading=Reading.UNREADABLE)
        else:
            state.error = sent_error(stored) or _lost(state, stored)
            self.run_state.decide(state, why if listed else None)


def _was_unreadable(stored: StoredTarget) -> bool:
    return stored.status is not None and Status(stored.status).is_undecided


_STAGES: Final = {
    ResumePoint.SEND: Stage.QUEUED,
    ResumePoint.VERIFY: Stage.SENT,
    ResumePoint.POLL: Stage.ACCEPTED,
}


def _lost(state: TargetState, stored: StoredTarget) -> OutcomeUnknown:
    """The error of a request whose sender was killed."""
    target, at = state.target, stored.sent_at
    when = f" at {at:%H:%M:%S} UTC" if at is not None else ""
    return OutcomeUnknown(
        f"The run ended when a request for VM {target.vm.id} of service {target.service.id} was about to be "
        f"sent{when}. No answer was seen, so the panel may or may not have acted.",
        sent_at=at,
        attempts=stored.attempts,
    )

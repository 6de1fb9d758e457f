"""Going on with a run: everything that is not decided is read back before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs

from ...errors import OutcomeUnknown
from ...models import PowerState, Service, Vm
from ...safety import Safety
from ..actions.action import held
from ..discovery.discover import listed_vms
from ..journal import StoredRun, StoredTarget
from ..model.outcome import Status, TargetKey, cause_of
from ..model.refusals import refuse_contested
from ..model.target import Target
from ..plan.spec import RunSpec
from ..run.scheduler import Scheduler
from ..run.state import RunState, TargetState
from ..run.worker import WorkerPool
from .past import INTERRUPTED, ResumePoint, key_of, outcome_of, resume_point, sent_error
from .reconcile import judge


@attrs.define(eq=False)
class Resumer:
    """Takes up the targets of an earlier sitting."""

    pools: Sequence[WorkerPool]
    spec: RunSpec
    run_state: RunState
    scheduler: Scheduler
    repeat_unknown: bool
    _queue: list[TargetState] = attrs.field(factory=list, init=False)
    _watch: list[TargetState] = attrs.field(factory=list, init=False)

    async def read_back(self, history: StoredRun) -> None:
        """Decide on every target, with one list of each service that has an undecided one."""
        steps, action = self.spec.steps, self.spec.action
        now = datetime.now(UTC)
        undecided: list[tuple[StoredTarget, ResumePoint]] = []
        for stored in history.targets:
            if len(steps) > 1 and stored.row.power == PowerState.STOPPED:
                self.run_state.off_before.add(key_of(stored))
            kind = resume_point(stored, steps)
            if kind == "final":
                self.run_state.recall([outcome_of(stored, action, now)])
                self._count(stored)
            else:
                undecided.append((stored, kind))
        if (elsewhere := await self.run_state.recorder.open_elsewhere()) and undecided:
            mine = {key_of(stored) for stored, _ in undecided}
            refuse_contested({key: run for key, run in elsewhere.items() if key in mine})
        states = [self._standing(stored, kind) for stored, kind in undecided]
        for state in states:
            self.run_state.reopen(state)
        self.run_state.recorder.reopened(
            [stored.row.number for stored, _ in undecided if stored.stage == "done"]
        )
        # What counts how many VMs are down has to know all services of the run.
        counts = any(pool.availability is not None for pool in self.pools)
        wanted = history.targets if counts else [stored for stored, _ in undecided]
        keys = frozenset(map(key_of, wanted))
        vms: dict[TargetKey, tuple[Service, Vm]] = {}
        read: set[tuple[str, str]] = set()
        for pool in self.pools:
            for listed in await listed_vms(pool.account, keys, pool.producer.discovery):
                name, service = pool.account.name, listed.service
                if listed.is_whole:
                    read.add((name, service.id))
                vms.update({(name, service.id, vm.id): (service, vm) for vm in listed.vms})
                if pool.availability is not None:
                    pool.availability.read(name, service.id, listed)
        for state, (stored, kind) in zip(states, undecided, strict=True):
            key = state.key
            if key in vms:
                service, vm = vms[key]
                state.target = Target(key[0], service, vm)
                self._decide(state, stored, kind)
            else:
                self._without_reading(state, stored, kind, listed=key[:2] in read)

    def _count(self, stored: StoredTarget) -> None:
        """What an earlier sitting left down is down, also where its service cannot be listed now."""
        left_so = stored.status in (Status.CHANGED, Status.UNCHANGED)
        for pool in self.pools:
            availability = pool.availability
            if availability is not None and availability.stays_down and left_so:
                availability.presume_down(key_of(stored))

    def resume_point(self) -> None:
        """Go on with what was decided to go on, now that there are workers."""
        pools = {pool.account.name: pool for pool in self.pools}
        for state in self._watch:
            state.idle = False
            pools[state.target.account].watch(state)
        needing = [
            state
            for state in self._queue
            if state.may_have_acted or state.step or pools[state.target.account].producer.needing([state])
        ]
        self.scheduler.add_all(needing)

    def _standing(self, stored: StoredTarget, kind: ResumePoint) -> TargetState:
        """It stands such that whatever ends the run before it is decided says what is true of it."""
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
            step=min(stored.step, len(self.spec.steps) - 1),
            started_at=stored.started_at,
            changed=stored.step > 0 and stored.attempts > 0,
            attempts=stored.attempts,
            accepted=kind == "read",
            may_have_acted=kind == "ask",
            error=sent_error(stored) if kind == "ask" else None,
        )

    def _decide(self, state: TargetState, stored: StoredTarget, kind: ResumePoint) -> None:
        action, vm = self.spec.steps[state.step], state.target.vm
        if kind == "begin":
            state.error = None
            self._queue.append(state)
        elif kind == "read":
            state.error = None
            state.accepted = True
            if action.settles or action.takes_down:
                self._watch.append(state)
            else:
                self.run_state.finish(state, Status.CHANGED)
        elif action.safety is Safety.ONCE and not self.repeat_unknown:
            self._ask_once(state, stored)
        else:
            state.may_have_acted = True
            done = action.done(vm)
            if action.settles and (done or held(vm) is not None):
                state.error = sent_error(stored) or _lost(state, stored)
                self._watch.append(state)
            else:
                # Ends in the same state however often it is sent, or the operator says so.
                state.error = None
                self._queue.append(state)

    def _ask_once(self, state: TargetState, stored: StoredTarget) -> None:
        action, vm = self.spec.steps[state.step], state.target.vm
        now = datetime.now(UTC)
        verdict, _ = judge(action, vm, action.done(vm), sent_at=stored.sent_at, read_at=now)
        error = sent_error(stored) or _lost(state, stored)
        if verdict == "done" and state.step == len(self.spec.steps) - 1:
            self.run_state.finish(state, Status.CHANGED, verified=True, error=error)
        elif verdict == "not_done":
            self.run_state.finish(state, Status.FAILED, cause="not_done", error=error)
        else:
            self.run_state.finish(state, Status.UNKNOWN, cause=stored.cause or INTERRUPTED, error=error)

    def _without_reading(
        self, state: TargetState, stored: StoredTarget, kind: ResumePoint, *, listed: bool
    ) -> None:
        action = self.spec.steps[state.step]
        cause = "not_found" if listed else "not_listed"
        if listed and kind != "begin" and action.settles and action.done(None):
            self.run_state.finish(state, Status.CHANGED, verified=True)
        elif kind == "begin" or (kind == "read" and not listed):
            self.run_state.give_up(state, cause)
        else:
            error = sent_error(stored) or _lost(state, stored)
            self.run_state.finish(
                state, Status.UNKNOWN, cause=cause if listed else cause_of(error), error=error
            )


def _lost(state: TargetState, stored: StoredTarget) -> OutcomeUnknown:
    """The error of a request whose sender was killed."""
    target, at = state.target, stored.sent_at
    when = f" at {at:%H:%M:%S} UTC" if at is not None else ""
    return OutcomeUnknown(
        f"the run ended after a request for VM {target.vm.id} of service {target.service.id} was about to be "
        f"sent{when}, and no answer was seen: whether the panel acted is not known",
        sent_at=at,
        attempts=stored.attempts,
    )

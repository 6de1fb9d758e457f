"""Going on with a run: everything that is not decided is read back before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs

from ...errors import OutcomeUnknown
from ...models import PowerState, Service, Vm
from ...safety import Safety
from ..actions.action import held
from ..journal import StoredRun, StoredTarget
from ..model.outcome import Status, TargetKey, cause_of
from ..model.refusals import refuse_contested
from ..plan.spec import Orders
from ..run.producer import listed_vms
from ..run.scheduler import Schedule
from ..run.state import Ledger, Standing
from ..run.worker import Crew
from ..select.selection import Target
from .past import INTERRUPTED, TakeUp, key_of, outcome_of, sent_error, take_up
from .reconcile import judge


@attrs.define(eq=False)
class Resuming:
    """Takes up the targets of an earlier sitting."""

    crews: Sequence[Crew]
    orders: Orders
    ledger: Ledger
    schedule: Schedule
    repeat_unknown: bool
    _queue: list[Standing] = attrs.field(factory=list, init=False)
    _watch: list[Standing] = attrs.field(factory=list, init=False)

    async def read_back(self, history: StoredRun) -> None:
        """Decide on every target, with one list of each service that has an undecided one."""
        steps, action = self.orders.steps, self.orders.action
        now = datetime.now(UTC)
        undecided: list[tuple[StoredTarget, TakeUp]] = []
        for stored in history.targets:
            if len(steps) > 1 and stored.row.power == PowerState.STOPPED:
                self.ledger.off_before.add(key_of(stored))
            kind = take_up(stored, steps)
            if kind == "final":
                self.ledger.recall([outcome_of(stored, action, now)])
                self._count(stored)
            else:
                undecided.append((stored, kind))
        if (elsewhere := await self.ledger.book.open_elsewhere()) and undecided:
            mine = {key_of(stored) for stored, _ in undecided}
            refuse_contested({key: run for key, run in elsewhere.items() if key in mine})
        standings = [self._standing(stored, kind) for stored, kind in undecided]
        for standing in standings:
            self.ledger.reopen(standing)
        self.ledger.book.reopened([stored.row.number for stored, _ in undecided if stored.stage == "done"])
        # What counts how many VMs are down has to know all services of the run.
        counts = any(crew.availability is not None for crew in self.crews)
        wanted = history.targets if counts else [stored for stored, _ in undecided]
        keys = frozenset(map(key_of, wanted))
        vms: dict[TargetKey, tuple[Service, Vm]] = {}
        read: set[tuple[str, str]] = set()
        for crew in self.crews:
            for listed in await listed_vms(crew.account, keys, crew.intake.discovery):
                name, service = crew.account.name, listed.service
                if listed.is_whole:
                    read.add((name, service.id))
                vms.update({(name, service.id, vm.id): (service, vm) for vm in listed.vms})
                if crew.availability is not None:
                    crew.availability.read(name, service.id, listed)
        for standing, (stored, kind) in zip(standings, undecided, strict=True):
            key = standing.key
            if key in vms:
                service, vm = vms[key]
                standing.target = Target(key[0], service, vm)
                self._decide(standing, stored, kind)
            else:
                self._without_reading(standing, stored, kind, listed=key[:2] in read)

    def _count(self, stored: StoredTarget) -> None:
        """What an earlier sitting left down is down, also where its service cannot be listed now."""
        left_so = stored.status in (Status.CHANGED, Status.UNCHANGED)
        for crew in self.crews:
            availability = crew.availability
            if availability is not None and availability.stays_down and left_so:
                availability.presume_down(key_of(stored))

    def take_up(self) -> None:
        """Go on with what was decided to go on, now that there are workers."""
        crews = {crew.account.name: crew for crew in self.crews}
        for standing in self._watch:
            standing.idle = False
            crews[standing.target.account].watch(standing)
        needing = [
            standing
            for standing in self._queue
            if standing.may_have_acted
            or standing.step
            or crews[standing.target.account].intake.needing([standing])
        ]
        self.schedule.add_all(needing)

    def _standing(self, stored: StoredTarget, kind: TakeUp) -> Standing:
        """It stands such that whatever ends the run before it is decided says what is true of it."""
        row = stored.row
        target = Target(
            row.account,
            Service(id=row.service_id, name=row.service_name or None),
            Vm(id=row.vm_id, label=row.vm_label or None),
        )
        return Standing(
            target,
            row.number,
            target.key,
            step=min(stored.step, len(self.orders.steps) - 1),
            started_at=stored.started_at,
            changed=stored.step > 0 and stored.attempts > 0,
            attempts=stored.attempts,
            accepted=kind == "read",
            may_have_acted=kind == "ask",
            error=sent_error(stored) if kind == "ask" else None,
        )

    def _decide(self, standing: Standing, stored: StoredTarget, kind: TakeUp) -> None:
        action, vm = self.orders.steps[standing.step], standing.target.vm
        if kind == "begin":
            standing.error = None
            self._queue.append(standing)
        elif kind == "read":
            standing.error = None
            standing.accepted = True
            if action.settles or action.takes_down:
                self._watch.append(standing)
            else:
                self.ledger.finish(standing, Status.CHANGED)
        elif action.safety is Safety.ONCE and not self.repeat_unknown:
            self._ask_once(standing, stored)
        else:
            standing.may_have_acted = True
            done = action.done(vm)
            if action.settles and (done or held(vm) is not None):
                standing.error = sent_error(stored) or _lost(standing, stored)
                self._watch.append(standing)
            else:
                # Ends in the same state however often it is sent, or the operator says so.
                standing.error = None
                self._queue.append(standing)

    def _ask_once(self, standing: Standing, stored: StoredTarget) -> None:
        action, vm = self.orders.steps[standing.step], standing.target.vm
        now = datetime.now(UTC)
        verdict, _ = judge(action, vm, action.done(vm), sent_at=stored.sent_at, read_at=now)
        error = sent_error(stored) or _lost(standing, stored)
        if verdict == "done" and standing.step == len(self.orders.steps) - 1:
            self.ledger.finish(standing, Status.CHANGED, verified=True, error=error)
        elif verdict == "not_done":
            self.ledger.finish(standing, Status.FAILED, cause="not_done", error=error)
        else:
            self.ledger.finish(standing, Status.UNKNOWN, cause=stored.cause or INTERRUPTED, error=error)

    def _without_reading(
        self, standing: Standing, stored: StoredTarget, kind: TakeUp, *, listed: bool
    ) -> None:
        action = self.orders.steps[standing.step]
        cause = "not_found" if listed else "not_listed"
        if listed and kind != "begin" and action.settles and action.done(None):
            self.ledger.finish(standing, Status.CHANGED, verified=True)
        elif kind == "begin" or (kind == "read" and not listed):
            self.ledger.give_up(standing, cause)
        else:
            error = sent_error(stored) or _lost(standing, stored)
            self.ledger.finish(
                standing, Status.UNKNOWN, cause=cause if listed else cause_of(error), error=error
            )


def _lost(standing: Standing, stored: StoredTarget) -> OutcomeUnknown:
    """The error of a request whose sender was killed."""
    target, at = standing.target, stored.sent_at
    when = f" at {at:%H:%M:%S} UTC" if at is not None else ""
    return OutcomeUnknown(
        f"the run ended after a request for VM {target.vm.id} of service {target.service.id} was about to be "
        f"sent{when}, and no answer was seen: whether the panel acted is not known",
        sent_at=at,
        attempts=stored.attempts,
    )

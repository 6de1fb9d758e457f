"""Every place where the simulation touches the engine's internals: its gate, and the deliberate bugs.

A bug is a function that patches the engine. `replace` puts a function in the place of another in every
module of the package, so that a bug does not depend on who imports what.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, Final, Protocol

import attrs
import pytest

from aioseflow import Outcome, Reboot, RunInfo, SeFlow, Skip, Start, Status, Stop, Undiscovered, Vm
from aioseflow.fleet.discovery.vm_list import VmList
from aioseflow.fleet.journal import Journal, StoredTarget
from aioseflow.fleet.model.clock import Instant, RunClock
from aioseflow.fleet.model.target import Stage, TargetState
from aioseflow.fleet.recovery.reconcile import corrections
from aioseflow.fleet.recovery.resume import ResumePoint, Resumer, resume_point
from aioseflow.fleet.recovery.undo import is_to_undo
from aioseflow.fleet.run.availability import AvailabilityCounter
from aioseflow.fleet.run.execution import RunExecution
from aioseflow.fleet.run.recorder import JournalRecorder
from aioseflow.fleet.run.scheduler import Scheduler
from aioseflow.fleet.run.settle import SettlePoller
from aioseflow.fleet.run.verdict import INTERRUPTED, Facts, Reading, Verdict, verdict
from aioseflow.safety import Safety
from aioseflow.session.gate import Admission, Gate, RequestClass
from aioseflow.session.retry import TABLE, FailureKind, RetryRule

from .world import World

Patch = pytest.MonkeyPatch


class RequestGate(Protocol):
    """The gate of a client, whose slots are all free once the client is closed."""

    @property
    def in_flight(self) -> int: ...

    @property
    def waiting(self) -> int: ...


def gate_of(seflow: SeFlow) -> RequestGate:
    """The gate that all requests of a client pass."""
    gate: RequestGate = seflow._session.shared.gate
    return gate


def replace(patch: Patch, before: Any, after: Any) -> None:
    """Put ``after`` in the place of ``before`` in every module of the package."""
    found = False
    for name, module in list(sys.modules.items()):
        if name.startswith("aioseflow.") and not name.startswith("aioseflow.sandbox"):
            for key, value in list(vars(module).items()):
                if value is before:
                    patch.setattr(module, key, after)
                    found = True
    assert found, f"{before!r} is in no module"


# -- what is sent -----------------------------------------------------------------------------------------


def _send_before_the_commit(patch: Patch) -> None:
    before = JournalRecorder.intend

    async def intend(self: JournalRecorder, state: TargetState) -> None:
        # The journal gets it in time, and nobody waits until it is durable.
        writing = asyncio.ensure_future(before(self, state))
        writing.add_done_callback(asyncio.Future.exception)
        await asyncio.sleep(0)

    patch.setattr(JournalRecorder, "intend", intend)


def _repeat_a_reboot_after_a_reset(patch: Patch) -> None:
    lost = {**TABLE[FailureKind.LOST], Safety.ONCE: RetryRule.RETRY}
    replace(patch, TABLE, {**TABLE, FailureKind.LOST: lost})


def _take_an_open_intent_for_not_done(patch: Patch) -> None:
    def forgetful(stored: StoredTarget, steps: Any) -> ResumePoint:
        return ResumePoint.SEND if stored.stage is Stage.SENT else resume_point(stored, steps)

    replace(patch, resume_point, forgetful)


def _send_a_lost_reboot_again(patch: Patch) -> None:
    def verify_once(self: Resumer, state: TargetState, stored: StoredTarget) -> None:
        state.error = None
        self._queue.append(state)

    patch.setattr(Resumer, "_verify_once", verify_once)


def _leave_out_a_third(patch: Patch) -> None:
    for action in (Stop, Start, Reboot):
        before = action.skip

        def skip(self: Any, vm: Vm, before: Callable[..., Skip | None] = before) -> Skip | None:
            return before(self, vm) if int(vm.id) % 3 else Skip(Status.NOT_ATTEMPTED, "not_running")

        patch.setattr(action, "skip", skip)


def _call_a_third_needless(patch: Patch) -> None:
    def skip(self: Stop, vm: Vm) -> Skip | None:
        is_so = vm.power == "stopped" or int(vm.id) % 3 == 0
        return Skip(Status.UNCHANGED, "already_stopped") if is_so else None

    patch.setattr(Stop, "skip", skip)


# -- what is counted --------------------------------------------------------------------------------------


def _leak_a_slot_on_cancel(patch: Patch) -> None:
    before = Gate.leave

    def leave(self: Gate, kind: RequestClass, ticket: Admission, now: float, *rest: Any) -> None:
        if rest or not isinstance(sys.exc_info()[1], asyncio.CancelledError):
            before(self, kind, ticket, now, *rest)

    patch.setattr(Gate, "leave", leave)


def _ignore_other_machines(patch: Patch) -> None:
    before = AvailabilityCounter.note_list

    def read(self: AvailabilityCounter, account: str, service_id: str, listed: VmList) -> None:
        ours = {key[2] for key in (*self._ours, *self._down) if key[:2] == (account, service_id)}
        seen = [vm for vm in listed.vms if vm.id in ours]
        before(self, account, service_id, attrs.evolve(listed, vms=seen))

    patch.setattr(AvailabilityCounter, "note_list", read)


def _keep_a_drained_run_paused(patch: Patch) -> None:
    before = Scheduler.stop

    def stop(self: Scheduler, cause: str) -> None:
        paused = self.paused
        before(self, cause)
        self.paused = paused

    patch.setattr(Scheduler, "stop", stop)


def _drop_the_losses_of_odd_accounts(patch: Patch) -> None:
    before: Any = RunExecution.undiscovered.fget  # type: ignore[attr-defined]  # a property

    def undiscovered(self: RunExecution) -> tuple[Undiscovered, ...]:
        return tuple(loss for loss in before(self) if re.fullmatch(r"\w+", loss.account))

    patch.setattr(RunExecution, "undiscovered", property(undiscovered))


def _count_only_what_was_decided(patch: Patch) -> None:
    replace(patch, corrections, lambda stored, steps, findings: ())


def _order_runs_by_the_clock(patch: Patch) -> None:
    before = Journal.runs

    async def by_the_clock(self: Journal) -> list[RunInfo]:
        return sorted(await before(self), key=lambda info: info.header.created_at, reverse=True)

    patch.setattr(Journal, "runs", by_the_clock)


def _take_times_from_the_wall(patch: Patch) -> None:
    calendar: Any = sys.modules[RunClock.__module__]

    patch.setattr(RunClock, "now", lambda self: calendar.datetime.now(UTC))


def _judge_by_our_clock(patch: Patch) -> None:
    def seconds_until(self: Instant, later: Instant) -> float:
        return (later.at - self.at).total_seconds()

    patch.setattr(Instant, "panel_seconds_until", seconds_until)
    patch.setattr(Instant, "least_seconds_until", seconds_until)


# -- what is said -----------------------------------------------------------------------------------------


def _verdict(patch: Patch, wrong: Callable[[Facts, str | None], Verdict | None]) -> None:
    """Let the verdict be wrong where ``wrong`` gives one."""

    def wrong_verdict(facts: Facts, why: str | None = None) -> Verdict:
        return wrong(facts, why) or verdict(facts, why)

    replace(patch, verdict, wrong_verdict)


def _call_what_was_seen_unknown(patch: Patch) -> None:
    def wrong(facts: Facts, why: str | None) -> Verdict | None:
        lost = facts.reading is Reading.DONE and facts.answer_lost
        return (Status.UNKNOWN, "lost_answer") if lost else None

    _verdict(patch, wrong)


def _call_a_killed_read_a_change(patch: Patch) -> None:
    def wrong(facts: Facts, why: str | None) -> Verdict | None:
        killed = facts.stage is Stage.ACCEPTED and why == INTERRUPTED
        return (Status.CHANGED, why) if killed and facts.safety is Safety.READ else None

    _verdict(patch, wrong)


def _end_a_sequence_with_its_first_step(patch: Patch) -> None:
    def wrong(facts: Facts, why: str | None) -> Verdict | None:
        return None if facts.last_step else verdict(facts._replace(last_step=True), why)

    _verdict(patch, wrong)


def _call_the_unlisted_gone(patch: Patch) -> None:
    before = Resumer._decide_unlisted

    def decide(self: Resumer, state: Any, stored: Any, point: Any, *, listed: bool) -> None:
        before(self, state, stored, point, listed=True)

    patch.setattr(Resumer, "_decide_unlisted", decide)


def _restore_what_is_sure(patch: Patch) -> None:
    def is_changed(target: StoredTarget, outcome: Outcome, steps: Sequence[Any], undo: str) -> bool:
        return outcome.status is Status.CHANGED and is_to_undo(target, outcome, steps, undo)

    replace(patch, is_to_undo, is_changed)


def _trust_one_list(patch: Patch) -> None:
    before = SettlePoller._see

    def see(self: SettlePoller, service: Any, each: Any, vm: Vm | None, done: bool | None) -> None:
        each.sightings = 1
        before(self, service, each, vm, done)

    patch.setattr(SettlePoller, "_see", see)


def _dies(world: World) -> bool:
    return any(command.dies is not None for command in world.commands)


def _has(world: World, *verbs: str) -> bool:
    return any(command.verb in verbs for command in world.commands)


def _is_ordered(world: World, *verbs: str) -> bool:
    return any(order.verb in verbs for order in world.orders)


@attrs.frozen
class Bug:
    """A deliberate bug: how to put it into the engine, and the worlds in which it may show."""

    patch: Callable[[Patch], None]
    shows_in: Callable[[World], bool]


BUGS: Final[dict[str, Bug]] = {
    "a request is sent before its intent is durable": Bug(_send_before_the_commit, _dies),
    "a reboot is repeated after a reset": Bug(
        _repeat_a_reboot_after_a_reset, lambda world: "reboot" in world.steps and bool(world.faults)
    ),
    "an open intent is taken for not done": Bug(_take_an_open_intent_for_not_done, _dies),
    "a lost reboot is sent again when its run is resumed": Bug(
        _send_a_lost_reboot_again, lambda world: "reboot" in world.steps and _has(world, "resume")
    ),
    "a third of the VMs is never attempted": Bug(_leave_out_a_third, lambda world: True),
    "a third of the VMs is called stopped": Bug(_call_a_third_needless, lambda world: "stop" in world.steps),
    "a slot is leaked on cancel": Bug(
        _leak_a_slot_on_cancel, lambda world: _is_ordered(world, "cancel", "interrupt", "close")
    ),
    "max_unavailable ignores other machines": Bug(
        _ignore_other_machines, lambda world: "max_unavailable" in world.rollout
    ),
    "a paused run that is drained never ends": Bug(
        _keep_a_drained_run_paused, lambda world: _is_ordered(world, "pause") and _is_ordered(world, "drain")
    ),
    "a loss of discovery is dropped": Bug(
        _drop_the_losses_of_odd_accounts, lambda world: world.accounts[0] != "main" and bool(world.faults)
    ),
    "reconcile leaves counts that do not add up": Bug(
        _count_only_what_was_decided, lambda world: _dies(world) and _has(world, "reconcile")
    ),
    "the latest run is that of the latest clock": Bug(
        _order_runs_by_the_clock, lambda world: bool(world.clock_steps) and _has(world, "retry", "restore")
    ),
    "an outcome ends before it begins": Bug(_take_times_from_the_wall, lambda world: bool(world.clock_steps)),
    "a lost reboot is judged by our clock": Bug(
        _judge_by_our_clock,
        lambda world: "reboot" in world.steps and bool(world.uptime and world.clock_steps),
    ),
    "what was seen done is called unknown": Bug(
        _call_what_was_seen_unknown, lambda world: world.wait and bool(world.faults)
    ),
    "a killed read is called a change": Bug(
        _call_a_killed_read_a_change, lambda world: world.doing == "wait" and _dies(world)
    ),
    "a sequence is called changed after its first step": Bug(
        _end_a_sequence_with_its_first_step, lambda world: len(world.steps) > 1
    ),
    "a VM to destroy whose list cannot be read is called gone": Bug(
        _call_the_unlisted_gone, lambda world: world.doing == "destroy" and _dies(world)
    ),
    "restore skips what is unknown": Bug(_restore_what_is_sure, lambda world: _has(world, "restore")),
    "one stale list verifies": Bug(_trust_one_list, lambda world: bool(world.lagging)),
}

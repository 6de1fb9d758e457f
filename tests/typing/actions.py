"""Actions as a user would write them; checked by four type checkers, never run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import attrs

from aioseflow import (
    Action,
    Destroy,
    Effect,
    PowerState,
    Reboot,
    Report,
    Resize,
    ResizeDisk,
    Safety,
    SeFlow,
    Service,
    SetRdns,
    Skip,
    Start,
    Status,
    Stop,
    Usage,
    Vm,
)


class Label(Action):
    """The least that an action needs, without annotations."""

    name = "label"
    safety = Safety.IDEMPOTENT

    async def perform(self, account, service, vm):  # type: ignore[no-untyped-def]
        await account.vms.reboot(service.id, vm.id)


class Suspend(Action):
    """All that an action may declare and define."""

    name = "suspend"
    safety = Safety.IDEMPOTENT
    effect = Effect.DOWN
    undo = "start"
    requests = 2
    settles = True
    needs_confirmation = True

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, "suspended") if vm.power is PowerState.STOPPED else None

    async def perform(self, account: Any, service: Service, vm: Vm) -> Skip | None:
        return None

    def done(self, vm: Vm | None) -> bool:
        return vm is not None and vm.power is PowerState.STOPPED

    async def look(self, account: SeFlow, service: Service, vm: Vm) -> bool:
        return self.done(await account.vms.get(service.id, vm.id))


class Resume(Suspend):
    """An action that another class undoes."""

    name = "resume"
    effect = Effect.UP
    needs_confirmation = False


@attrs.frozen
class Tag(Action):
    """An action with fields."""

    colour: str
    name = "tag"
    safety = Safety.ONCE

    async def perform(self, account: SeFlow, service: Service, vm: Vm) -> str:
        return f"{self.colour} {service.id}/{vm.id}"


@dataclass
class Note(Action):
    """An action with fields, of the standard library."""

    text: str
    name = "note"
    undo = Tag

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        self.text = self.text.strip()


class Older:
    """An action of before `Action` was a base class."""

    name = "older"
    safety = Safety.ONCE
    settles = False
    takes_down = True
    ends_down = False

    def skip(self, vm: Vm) -> Skip | None:
        return None

    async def perform(self, account: object, service: Service, vm: Vm) -> str:
        return f"{service.id}/{vm.id}"

    def done(self, vm: Vm | None) -> bool | None:
        return None

    async def look(self, account: object, service: Service, vm: Vm) -> bool | None:
        return None


def sequences() -> Sequence[Action]:
    annotated: Sequence[Action] = [Stop(), Resize(memory=4096)]
    one: Action = Stop()
    listed: list[Action] = [Stop(), ResizeDisk(disk_id="virtio0", size=40), Start(), Tag("blue"), Note("x")]
    return [*annotated, one, *listed, Label(), Suspend()]


async def runs(seflow: SeFlow) -> Report:
    inferred = [Stop(), Resize(memory=4096)]
    await seflow.fleet.run(inferred)
    await seflow.fleet.run([Stop(), Resize(memory=4096), Start()])
    await seflow.fleet.run((Stop(), Start()))
    await seflow.fleet.run(sequences())
    await seflow.fleet.run([Suspend(), Older(), Start()])
    for action in (Label(), Suspend(), Resume(), Tag("blue"), Note("x"), Older(), Reboot(), Usage()):
        await seflow.fleet.run(action, services=[9])
    plan = await seflow.fleet.plan(Destroy(), where=[("9", "4")])
    await seflow.fleet.run(plan.confirm(1), action=Destroy())
    run = seflow.fleet.run(SetRdns("{label}.example.com"), vms=["4"])
    await seflow.fleet.retry(run.id, action=[Tag("blue")])
    await seflow.fleet.reconcile(run.id, action=Tag("blue"))
    await seflow.fleet.restore(run, action=Resume())
    declared: tuple[str, Safety, Effect, bool, str] = (
        Stop.name,
        Stop().safety,
        Stop().effect,
        Stop.settles,
        Stop.help,
    )
    assert all(declared)
    return await seflow.fleet.resume(run.id, action=Label())

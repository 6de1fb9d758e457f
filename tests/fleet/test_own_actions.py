"""Actions of the user's own: reports, journals, plans and guards read what they declare."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.clients import virtual_client
from support.histories import killed, panel_and_client, posts, powers, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import (
    Action,
    Effect,
    InvalidArgument,
    Plan,
    PowerState,
    Report,
    Rollout,
    RunRefused,
    Safety,
    Service,
    Skip,
    Start,
    Stop,
    Vm,
)
from aioseflow.fleet.recovery.stored_report import report_of
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

TWO: dict[str, Any] = {"services": 1, "vms_per_service": 2}
REFUSED = Fault("error", path="/service/@id/vms/@vm/stop", codes=("quota",), times=1)


class Halt(Action):
    """Powers a VM off.

    As a user's module would have it.
    """

    name = "halt"
    safety = Safety.IDEMPOTENT
    effect = Effect.DOWN
    undo = "start"
    past = "Halted\x1b[2J"

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        await account.vms.stop(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool:
        return vm is not None and vm.power is PowerState.STOPPED


@attrs.frozen
class DuckHalt:
    """Powers a VM off, in the form of before `Action` was a base class."""

    name: str = "halt"
    safety: Safety = Safety.IDEMPOTENT
    settles: bool = True
    takes_down: bool = True
    ends_down: bool = True

    def skip(self, vm: Vm) -> Skip | None:
        return None

    async def perform(self, account: Any, service: Service, vm: Vm) -> Any:
        await account.vms.stop(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return vm is not None and vm.power is PowerState.STOPPED

    async def look(self, account: Any, service: Service, vm: Vm) -> bool | None:
        return None


class OldHalt(Action):
    """A subclass that declares what the protocol had."""

    name = "halt"
    safety = Safety.IDEMPOTENT
    takes_down = True
    ends_down = True

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        await account.vms.stop(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool:
        return vm is not None and vm.power is PowerState.STOPPED


@attrs.frozen
class FieldHalt(OldHalt):
    """Leaves it to each object."""

    takes_down: bool = False
    ends_down: bool = False
    needs_confirmation: bool = False


class PlainHalt(Action):
    """Powers a VM off, and declares it on the object."""

    safety = Safety.IDEMPOTENT

    def __init__(self) -> None:
        self.name = "halt"
        self.takes_down = self.ends_down = self.settles = True

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        await account.vms.stop(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool:
        return vm is not None and vm.power is PowerState.STOPPED


@attrs.frozen
class DuckStart(DuckHalt):
    """Powers a VM on, which only `done` shows."""

    name: str = "boot"
    takes_down: bool = False
    ends_down: bool = False

    async def perform(self, account: Any, service: Service, vm: Vm) -> Any:
        await account.vms.start(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return vm is not None and vm.power is PowerState.RUNNING


def downtimes(report: Report) -> list[tuple[str, bool, bool]]:
    """VM id, and whether its downtime is open-ended and certain."""
    return sorted((down.key[2], down.open_ended, down.certain) for down in report.downtimes)


LEFT_DOWN = [("4001", True, True), ("4002", True, True)]
UP_AGAIN = [("4001", False, True), ("4002", False, True)]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (Stop(), LEFT_DOWN),
        (Halt(), LEFT_DOWN),
        (OldHalt(), LEFT_DOWN),
        (PlainHalt(), LEFT_DOWN),
        (FieldHalt(takes_down=True, ends_down=True), LEFT_DOWN),
        (FieldHalt(takes_down=True), UP_AGAIN),
        (FieldHalt(), []),
        (DuckHalt(), LEFT_DOWN),
        ([DuckHalt(), Start()], UP_AGAIN),
        ([Halt(), DuckStart()], UP_AGAIN),
        ([Stop(), Start()], UP_AGAIN),
        ([Halt(), Start()], UP_AGAIN),
        ([DuckHalt(ends_down=False), Stop()], LEFT_DOWN),
        (DuckHalt(ends_down=False), UP_AGAIN),
        (DuckStart(), []),
    ],
    ids=repr,
)
async def test_an_action_that_takes_vms_down_has_downtimes_in_every_report(
    what: Any, expected: list[tuple[str, bool, bool]], tmp_path: Path
) -> None:
    stopped_share = 1.0 if isinstance(what, DuckStart) else 0.0
    async with panel_and_client(journal=tmp_path / "runs", **TWO, stopped_share=stopped_share) as (
        panel,
        seflow,
    ):
        run = seflow.fleet.run(what)
        report = await run
        assert statuses(report) == {"changed": 2}
        assert downtimes(report) == expected
        assert downtimes(pickle.loads(pickle.dumps(report))) == expected
        assert downtimes(await seflow.fleet.report(run.id)) == expected
        # What another process reads: it has the journal, and not the class.
        async with virtual_client(panel, journal=tmp_path / "runs") as other:
            assert downtimes(await other.fleet.report(run.id)) == expected


async def test_a_killed_run_of_an_own_action_has_downtimes_that_are_not_certain(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs", **TWO, stop_time=60.0) as (panel, seflow):
        run = seflow.fleet.run([Halt(), Start()]).start()
        await until(lambda: run.progress.settling == 2)
        left = await killed(run, JournalPlace(tmp_path / "runs"))
        async with virtual_client(panel, journal=left) as other:
            report = await other.fleet.report(run.id)
    assert [(down.certain, down.open_ended) for down in report.downtimes] == [(False, True)] * 2


async def test_a_journal_that_does_not_know_the_effect_of_an_own_action_is_read(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs", **TWO) as (_, seflow):
        run = seflow.fleet.run(Halt())
        await run
        journal = seflow.fleet.journal
        assert journal is not None
        stored = await journal.read(run.id)
        (step,) = stored.info.header.document["steps"]
        assert step == {
            "name": "halt",
            "own": True,
            "safety": "idempotent",
            "settles": True,
            "effect": "down",
            "undo": "start",
            "needs_confirmation": False,
            "past": "Halted\x1b[2J",
            "already": "unchanged",
        }
        assert report_of(stored, alive=False).summary().startswith("Halted\\x1b[2J 2 VMs.")
        for name in ("effect", "undo", "needs_confirmation", "past", "already"):
            del step[name]
        report = report_of(stored, alive=False)
        assert statuses(report) == {"changed": 2}
        assert report.downtimes == ()
        assert report.summary().startswith("Completed halt on 2 VMs.")


async def test_vms_that_an_own_action_takes_down_count_for_max_unavailable(tmp_path: Path) -> None:
    rollout = Rollout(max_unavailable=1)
    async with panel_and_client(**TWO) as (panel, seflow):
        plan = await seflow.fleet.plan(Halt(), rollout=rollout)
        assert dict(plan.worst_down) == {"main/33301": 1}
        report = await seflow.fleet.run(Halt(), rollout=rollout)
        assert statuses(report) == {"changed": 1, "not_attempted": 1}
        assert sorted(powers(panel)) == ["running", "stopped"]
        with pytest.raises(RunRefused, match="1 VM of these services is down already") as refused:
            await seflow.fleet.run([Halt(), DuckStart()], rollout=rollout, where='power == "running"')
        assert refused.value.reason == "max_unavailable"


@pytest.mark.parametrize("kept", [True, False], ids=["journal", "memory"])
async def test_restore_undoes_an_own_action_with_what_it_declares(kept: bool, tmp_path: Path) -> None:
    journal = tmp_path / "runs" if kept else None
    async with panel_and_client(REFUSED, journal=journal, **TWO) as (panel, seflow):
        run = seflow.fleet.run(Halt(), rollout=Rollout(same_cause=None))
        assert statuses(await run) == {"changed": 1, "failed": 1}
        summary = (await seflow.fleet.report(run.id)).summary()
        assert f"undo: fleet.restore({run.id!r}) to start the 1 VM again" in summary
        assert "\ndown because of the run" not in summary
        restored = await seflow.fleet.restore(run)
        assert (restored.action, statuses(restored)) == ("start", {"changed": 1})
        assert powers(panel) == ["running"] * 2
        both = seflow.fleet.run([Halt(), Start()])
        await both
        assert (await seflow.fleet.restore(both)).matched_nothing


class Mark(Action):
    """Sets the memory of a VM to 777 MB: changes, and takes nothing down."""

    name = "mark"
    safety = Safety.IDEMPOTENT

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        await account.vms.resize(service.id, vm.id, memory=777)

    def done(self, vm: Vm | None) -> bool:
        return vm is not None and vm.memory == 777


class Unmark(Mark):
    """Sets it to 1024 MB again."""

    name = "unmark"

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        await account.vms.resize(service.id, vm.id, memory=1024)

    def done(self, vm: Vm | None) -> bool:
        return vm is not None and vm.memory == 1024


class Marked(Mark):
    """A mark that can be undone by another action of the user's own."""

    undo = Unmark


async def test_an_own_action_that_undoes_another_is_given_again_where_only_a_journal_knows(
    tmp_path: Path,
) -> None:
    async with panel_and_client(journal=tmp_path / "runs", **TWO, stopped_share=0.5) as (panel, seflow):
        run = seflow.fleet.run(Marked())
        assert statuses(await run) == {"changed": 2}
        async with virtual_client(panel, journal=tmp_path / "runs") as other:
            with pytest.raises(InvalidArgument, match=r"'unmark'.*action="):
                await other.fleet.restore(run.id)
            with pytest.raises(InvalidArgument, match="action= is start"):
                await other.fleet.restore(run.id, action=Start())
            # Of an action that takes nothing down the VMs that were off are restored, too.
            assert statuses(await other.fleet.restore(run.id, action=Unmark())) == {"changed": 2}
        assert {vm.memory for vm in panel.services["33301"].vms.values()} == {1024}
        # The process that ran it has the class.
        panel.services["33301"].vms["4001"].memory = 777
        restored = await seflow.fleet.restore(run)
        assert (restored.action, restored.parent) == ("unmark", run.id)
        assert {vm.memory for vm in panel.services["33301"].vms.values()} == {1024}


async def test_steps_that_are_undone_in_different_ways_are_not_restored_as_one(tmp_path: Path) -> None:
    async with panel_and_client(**TWO) as (_, seflow):
        run = seflow.fleet.run([Marked(), Stop()])
        await run
        with pytest.raises(InvalidArgument, match="start and unmark"):
            seflow.fleet.restore(run)


class Wipe(OldHalt):
    """A change that is for good."""

    name = "wipe"
    needs_confirmation = True


async def test_an_own_action_that_is_for_good_runs_only_as_a_confirmed_plan(tmp_path: Path) -> None:
    async with panel_and_client(REFUSED, journal=tmp_path / "runs", **TWO) as (panel, seflow):
        with pytest.raises(RunRefused, match="wipe is for good"):
            seflow.fleet.run([Start(), Wipe()])
        with pytest.raises(RunRefused, match="halt is for good"):
            seflow.fleet.run(FieldHalt(takes_down=True, needs_confirmation=True))
        plan = await seflow.fleet.plan(Wipe())
        for given in (plan, Plan.from_json(plan.to_json())):
            with pytest.raises(RunRefused, match=r"wipe of 2 VMs is for good.*confirm\(2\)"):
                seflow.fleet.run(given, action=Wipe())
        assert posts(panel) == {}
        run = seflow.fleet.run(plan.confirm(2))
        assert statuses(await run) == {"changed": 1, "failed": 1}
        with pytest.raises(RunRefused, match="was to wipe, for good"):
            await seflow.fleet.retry(run.id)


class Unhalt(Wipe):
    """An action that undoes another one, for good."""

    name = "unhalt"


class Halted(Halt):
    name = "halted"
    undo = Unhalt  # type: ignore[assignment]  # `Halt` names an action


async def test_what_is_for_good_is_not_run_by_a_restore_either(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs", **TWO) as (panel, seflow):
        run = seflow.fleet.run(Halted())
        await run
        panel.clear_record()
        with pytest.raises(RunRefused, match="unhalt is for good"):
            await seflow.fleet.restore(run)
        assert posts(panel) == {}


async def test_an_own_action_with_the_name_of_a_built_in_one_is_undone_as_that(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs", **TWO) as (panel, seflow):
        run = seflow.fleet.run(DuckHalt(name="stop"))
        assert statuses(await run) == {"changed": 2}
        async with virtual_client(panel, journal=tmp_path / "runs") as other:
            assert statuses(await other.fleet.restore(run.id)) == {"changed": 2}
        assert powers(panel) == ["running"] * 2


class Costly(Mark):
    """Sends as many requests as it likes."""

    requests = 7


async def test_the_estimate_of_a_plan_counts_the_requests_that_an_action_declares() -> None:
    async with panel_and_client(**TWO) as (_, seflow):
        one, seven = [await seflow.fleet.plan(action) for action in (Mark(), Costly())]
        both = await seflow.fleet.plan([Costly(), Stop()])
    assert seven.calls - one.calls == 2 * 6
    assert both.calls - seven.calls == 2
    assert "calls" not in json.loads(one.to_json())["document"]


class Bare(Action):
    """Declares no more than it must."""

    name = "bare"

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        await account.vms.reboot(service.id, vm.id)


async def test_an_action_that_declares_nothing_but_its_name_is_sent_at_most_once() -> None:
    lost = Fault("reset", path="/service/@id/vms/@vm/reboot", when="after", times=1)
    async with panel_and_client(lost, **TWO) as (panel, seflow):
        report = await seflow.fleet.run(Bare())
        assert statuses(report) == {"changed": 1, "unknown": 1}
        assert panel.repeated("reboot") == {}
    assert report.downtimes == ()
    assert "1 accepted by the panel, not verified (no reading can verify it)" in report.summary()


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"effect": "down"}, "effect is one of Effect, not 'down'"),
        ({"effect": None}, "effect is one of Effect"),
        ({"undo": 7}, "undo is the name or the class"),
        ({"undo": Stop()}, "undo is the name or the class"),
        ({"safety": "once"}, "safety is one of Safety"),
        ({"name": None}, "its name a word"),
    ],
)
async def test_a_declaration_that_cannot_be_meant_is_refused(declared: dict[str, Any], message: str) -> None:
    kind: Any = type("Odd", (Bare,), declared)
    async with panel_and_client(**TWO) as (panel, seflow):
        with pytest.raises(InvalidArgument, match=message):
            seflow.fleet.run(kind())
        assert panel.requests == []


async def test_a_done_that_breaks_on_a_vm_without_details_takes_nothing_from_an_action_like_one() -> None:
    @attrs.frozen
    class Odd(DuckHalt):
        takes_down: bool = False

        def done(self, vm: Vm | None) -> bool | None:
            assert vm is not None
            return vm.power is PowerState.STOPPED and int(vm.id) >= 1 and (vm.memory or 1 / 0) > 0

    async with panel_and_client(**TWO) as (_, seflow):
        report = await seflow.fleet.run(Odd())
    assert statuses(report) == {"changed": 2}
    assert report.downtimes == ()

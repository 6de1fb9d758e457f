from __future__ import annotations

import asyncio
import signal

import pytest
from examples.conftest import Panels, Run, Spawn, ended

from aioseflow.sandbox import Fault, Sandbox

STOP = "/service/@id/vms/@vmid/stop"


def stopped(panel: Sandbox) -> int:
    """How many VMs of the panel are off."""
    return sum(vm.power == "stopped" for service in panel.services.values() for vm in service.vms.values())


async def test_without_yes_everything_is_listed_and_nothing_is_stopped(panel: Sandbox, run: Run) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    result = await run("stop_everything")
    assert result.code == 0
    assert "33301/4001 vm-4001 running\n" in result.stdout
    assert "4002" not in result.stdout
    assert result.stdout.endswith("5 VMs would be stopped; --yes stops them\n")
    assert not panel.effects
    assert panel.count(method="POST") == 0


async def test_with_yes_every_vm_is_stopped_once_and_told_of(panel: Sandbox, run: Run) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    result = await run("stop_everything", "--yes")
    assert (result.code, result.stderr) == (0, "")
    assert "33301/4002 vm-4002 unchanged already_stopped\n" in result.stdout
    assert "33302/4006 vm-4006 changed" in result.stdout
    assert "5 changed, 1 unchanged, 0 failed, 0 unknown, 0 not_attempted" in result.stdout
    assert stopped(panel) == 6
    assert panel.effect_count("stop") == 5
    assert not panel.repeated("stop")


async def test_running_it_again_sends_nothing_and_is_well(panel: Sandbox, run: Run) -> None:
    assert (await run("stop_everything", "--yes")).code == 0
    panel.clear_record()
    assert (await run("stop_everything", "--yes")).code == 0
    assert panel.count(method="POST") == 0


async def test_a_refused_stop_is_told_with_its_cause_and_ends_with_one(panel: Sandbox, run: Run) -> None:
    panel.faults.add(Fault("error", path=STOP, vm="4005", codes=("vm_locked",)))
    result = await run("stop_everything", "--yes")
    assert result.code == 1
    assert "33302/4005 vm-4005 failed vm_locked\n" in result.stdout
    assert "  1 vm_locked: The panel refused: vm_locked\n" in result.stdout
    assert stopped(panel) == 5


async def test_a_service_that_cannot_be_listed_is_told_of_and_ends_with_one(panel: Sandbox, run: Run) -> None:
    panel.faults.add(Fault("error", path="/service/33302/vms", codes=("broken",)))
    result = await run("stop_everything", "--yes")
    assert result.code == 1
    assert "  service 33302 was not listed: The panel refused: broken\n" in result.stdout
    assert stopped(panel) == 3
    listed = await run("stop_everything")
    assert (listed.code, listed.stderr) == (1, "stop_everything: The panel refused: broken\n")


async def test_a_wrong_password_is_one_sentence_and_is_sent_once(
    panel: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "wrong")
    result = await run("stop_everything", "--yes")
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr.startswith("stop_everything: Wrong e-mail or password")
    assert result.stderr.count("\n") == 1
    assert panel.bad_logins == 1


async def test_no_credentials_are_one_sentence(
    panel: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEFLOW_PASSWORD")
    result = await run("stop_everything", "--yes")
    assert (result.code, result.stderr) == (1, "stop_everything: set SEFLOW_PASSWORD in the environment\n")
    assert not panel.requests


async def test_a_panel_that_is_not_there_is_one_sentence(panel: Sandbox, run: Run) -> None:
    await panel.stop()
    result = await run("stop_everything", "--yes")
    assert (result.code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("stop_everything: No connection ")


async def test_a_label_cannot_steer_the_terminal(
    panel: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = property(lambda vm: "\x1b[2J\u202egood\nnews")
    monkeypatch.setattr("aioseflow.sandbox.machines.Vm.label", label)
    result = await run("stop_everything", "--yes")
    assert "33301/4001 ?[2J?good?news changed" in result.stdout
    assert stopped(panel) == 6


async def test_ctrl_c_ends_it_with_the_truth_about_what_was_sent(panels: Panels, spawn: Spawn) -> None:
    panel = await panels(services=1, faults=[Fault("hang", path=STOP, vm="4002", when="after")])
    process = await spawn("stop_everything", "--yes")
    async with asyncio.timeout(60):
        while panel.effect_count("stop") < 3:  # noqa: ASYNC110 - another process acts, and has no event for it
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    result = await ended(process)
    assert (result.code, result.stderr) == (130, "stop_everything: interrupted\n")
    assert "3 cancelled" in result.stdout
    assert "0 failed" in result.stdout
    assert "0 unknown" not in result.stdout
    assert not panel.repeated("stop")


async def test_it_works_as_a_program_of_its_own(panel: Sandbox, spawn: Spawn) -> None:
    for service in panel.services.values():
        for vm in service.vms.values():
            # Waiting for a stop to be seen takes this program seconds; others prove that it is sent.
            vm.power = "stopped"
    result = await ended(await spawn("stop_everything", "--yes"))
    assert (result.code, result.stderr) == (0, "")
    assert "0 changed, 6 unchanged" in result.stdout
    result = await ended(await spawn("stop_everything", "--all"))
    assert (result.code, result.stdout) == (2, "")

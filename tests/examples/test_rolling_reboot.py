from __future__ import annotations

import asyncio
import signal

import pytest
from examples.conftest import Panels, Run, Spawn, ended

from aioseflow.sandbox import Fault, Sandbox

REBOOT = "/service/@id/vms/@vmid/reboot"
QUICKLY = ("--yes", "--pause", "0.02", "--patience", "1")


def rebooted(panel: Sandbox) -> dict[str, int]:
    """By VM, how often a reboot took effect."""
    return {vm: counter["reboot"] for (_, vm), counter in panel.effects.items() if counter["reboot"]}


def sent(panel: Sandbox) -> list[str]:
    """The VMs that a reboot was sent to, in order."""
    return [request.path.split("/")[4] for request in panel.matching(method="POST", path=REBOOT)]


async def test_without_yes_the_plan_is_told_and_nothing_is_sent(panel: Sandbox, run: Run) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    result = await run("rolling_reboot")
    assert result.code == 0
    assert result.stdout == (
        "33301/4002 is stopped, so it is left alone\n"
        "service 33301: 2 VMs would be rebooted; --yes reboots them\n"
        "service 33302: 3 VMs would be rebooted; --yes reboots them\n"
    )
    assert not sent(panel)


async def test_every_running_vm_is_rebooted_once_service_by_service(panels: Panels, run: Run) -> None:
    panel = await panels(services=3, reboot_time=0.1)
    panel.services["33301"].vms["4002"].power = "stopped"
    result = await run("rolling_reboot", *QUICKLY)
    assert (result.code, result.stderr) == (0, "")
    assert rebooted(panel) == {f"400{number}": 1 for number in (1, 3, 4, 5, 6, 7, 8, 9)}
    order = sent(panel)
    assert [set(order[:2]), set(order[2:5]), set(order[5:])] == [
        {"4001", "4003"},
        {"4004", "4005", "4006"},
        {"4007", "4008", "4009"},
    ]
    # Between two services the list of the first was read until its VMs ran again.
    requests = [(seen.method, seen.path) for seen in panel.requests]
    begin = requests.index(("POST", "/service/33302/vms/4004/reboot"))
    assert requests[:begin].count(("GET", "/service/33301/vms")) >= 4
    assert panel.services["33301"].vms["4002"].power == "stopped"


@pytest.mark.parametrize(
    ("fault", "word", "effects"),
    [
        (Fault("error", path=REBOOT, vm="4002", codes=("vm_locked",)), "failed vm_locked", 0),
        (Fault("reset", path=REBOOT, vm="4002", when="after"), "unknown lost_answer", 1),
        (Fault("status", path=REBOOT, vm="4002", when="before", status=502), "unknown lost_answer", 0),
    ],
    ids=["refused", "answer lost", "broken"],
)
async def test_it_stops_at_a_service_with_a_failure_and_never_sends_again(
    panel: Sandbox, run: Run, fault: Fault, word: str, effects: int
) -> None:
    panel.faults.add(fault)
    result = await run("rolling_reboot", *QUICKLY)
    assert result.code == 1
    assert f"33301/4002 {word}\n" in result.stdout
    assert "service 33302: 3 VMs not touched\n" in result.stdout
    assert sorted(sent(panel)) == ["4001", "4002", "4003"]
    assert rebooted(panel) == {"4001": 1, "4003": 1} | ({"4002": 1} if effects else {})


async def test_it_stops_when_a_vm_does_not_run_again(panels: Panels, run: Run) -> None:
    panel = await panels(faults=[])
    panel.services["33301"].vms["4003"].stuck = True
    result = await run("rolling_reboot", "--yes", "--pause", "0.02", "--patience", "0.3")
    assert result.code == 1
    assert "33301/4003 was rebooted and does not run after 0.3 s\n" in result.stdout
    assert "4001 was rebooted and" not in result.stdout
    assert "service 33302: 3 VMs not touched\n" in result.stdout
    assert not panel.effects.get(("33302", "4004"))


async def test_a_list_that_is_old_just_after_the_change_is_not_believed(panels: Panels, run: Run) -> None:
    stale = Fault("stale", path="/service/@id/vms", seconds=0.05, times=1)
    panel = await panels(services=1, reboot_time=0.3, faults=[stale])
    result = await run("rolling_reboot", "--yes", "--pause", "0.04", "--patience", "3")
    assert result.code == 0
    times = [seen.time for seen in panel.matching(method="GET", path="/service/33301/vms")]
    last = max(seen.time for seen in panel.matching(method="POST", path=REBOOT))
    assert times[-1] - last >= 0.3


async def test_a_service_that_cannot_be_listed_means_that_nothing_is_begun(panel: Sandbox, run: Run) -> None:
    panel.faults.add(Fault("error", path="/service/33302/vms", codes=("broken",)))
    result = await run("rolling_reboot", *QUICKLY)
    assert (result.code, result.stderr) == (1, "rolling_reboot: The panel refused: broken\n")
    assert not sent(panel)


async def test_several_services_that_cannot_be_listed_are_one_sentence(panel: Sandbox, run: Run) -> None:
    panel.faults.add(Fault("error", path="/service/@id/vms", codes=("broken",)))
    result = await run("rolling_reboot", *QUICKLY)
    assert (result.code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("rolling_reboot: some services could not be listed")


async def test_a_list_that_breaks_while_it_waits_ends_it_with_what_was_not_done(
    panel: Sandbox, run: Run
) -> None:
    # The plan and the run's own look-up read the list before.
    panel.faults.add(Fault("error", path="/service/33301/vms", codes=("broken",), after=2))
    result = await run("rolling_reboot", *QUICKLY)
    assert (result.code, result.stderr) == (1, "rolling_reboot: The panel refused: broken\n")
    assert "3 changed" in result.stdout
    assert "service 33302: 3 VMs not touched\n" in result.stdout
    assert sorted(sent(panel)) == ["4001", "4002", "4003"]


async def test_a_wrong_password_is_one_sentence_and_is_sent_once(
    panel: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "wrong")
    result = await run("rolling_reboot", *QUICKLY)
    assert (result.code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert panel.bad_logins == 1


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
async def test_a_pause_that_is_no_time_is_refused(panel: Sandbox, run: Run, text: str) -> None:
    assert (await run("rolling_reboot", f"--pause={text}")).code == 2
    assert not panel.requests


async def test_ctrl_c_ends_it_with_what_was_and_was_not_done(panels: Panels, spawn: Spawn) -> None:
    panel = await panels(faults=[Fault("hang", path=REBOOT, vm="4002", when="after")])
    process = await spawn("rolling_reboot", *QUICKLY)
    assert process.stdout is not None
    told = ""
    async with asyncio.timeout(60):
        while not ("4001 changed" in told and "4003 changed" in told):
            told += (await process.stdout.readline()).decode()
        while not panel.effects["33301", "4002"]:  # noqa: ASYNC110 - another process acts, without an event
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    result = await ended(process)
    assert (result.code, result.stderr) == (130, "rolling_reboot: interrupted\n")
    assert "1 unknown" in result.stdout
    assert "service 33302: 3 VMs not touched\n" in result.stdout
    assert rebooted(panel) == {"4001": 1, "4002": 1, "4003": 1}


async def test_it_works_as_a_program_of_its_own(panel: Sandbox, spawn: Spawn) -> None:
    result = await ended(await spawn("rolling_reboot", *QUICKLY))
    assert (result.code, result.stderr) == (0, "")
    assert panel.effect_count("reboot") == 6
    assert not panel.repeated("reboot")

"""Power on a virtual clock: what takes time, what is refused, what took effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aioseflow.sandbox import Lognormal, Sandbox

Virtually = Callable[..., Sandbox]
ONE = "/service/33301/vms/4001"


async def status(call: Any, path: str = ONE) -> str:
    return str((await call("GET", path)).json["vm"]["status"])


@pytest.mark.parametrize(
    ("first", "action", "between", "last"),
    [
        ("running", "stop", "stopping", "stopped"),
        ("stopped", "start", "starting", "running"),
        ("running", "reboot", "rebooting", "running"),
    ],
)
def test_a_change_of_power_passes_through_a_transitional_state(
    virtually: Virtually, first: Any, action: str, between: str, last: str
) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        vm = panel.services["33301"].vms["4001"]
        vm.power = first
        answer = await call("POST", f"{ONE}/{action}")
        assert (answer.status, answer.json) == (200, {"status": True})
        assert (await status(call), vm.power, vm.phase) == (between, "transitional", between)
        await asyncio.sleep(4.9)
        assert vm.power == "transitional"
        await asyncio.sleep(0.2)
        assert (await status(call), vm.power) == (last, last)
        assert panel.effects["33301", "4001"] == {action: 1}

    virtually(story, services=1, vms_per_service=1, stop_time=5, start_time=5, reboot_time=5)


@pytest.mark.parametrize(("power", "action"), [("stopped", "stop"), ("running", "start")])
def test_what_is_so_already_is_accepted_and_takes_no_effect(
    virtually: Virtually, power: Any, action: str
) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.services["33301"].vms["4001"].power = power
        assert (await call("POST", f"{ONE}/{action}")).json == {"status": True}
        assert panel.services["33301"].vms["4001"].power == power
        assert not panel.effects

    virtually(story, services=1, vms_per_service=1)


def test_a_stopped_vm_cannot_be_rebooted(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.services["33301"].vms["4001"].power = "stopped"
        assert (await call("POST", f"{ONE}/reboot")).json == {"error": ["vm_not_running"]}
        assert panel.effect_count("reboot") == 0

    virtually(story, services=1, vms_per_service=1)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/stop"),
        ("POST", "/start"),
        ("POST", "/reboot"),
        ("POST", "/rebuild_network"),
        ("DELETE", ""),
        ("PUT", ""),
        ("PUT", "/storage/virtio0"),
        ("POST", "/ips"),
        ("DELETE", "/ips/5000"),
    ],
)
def test_a_vm_in_the_middle_of_something_takes_no_change(
    virtually: Virtually, method: str, path: str
) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.services["33301"].vms["4001"].power = "transitional"
        answer = await call(method, ONE + path, {"memory": "1", "size": "90"} if method != "DELETE" else None)
        assert (answer.status, answer.json) == (200, {"error": ["vm_locked"]})
        assert (await call("GET", ONE)).json["vm"]["locked"] == "1"
        assert not panel.effects

    virtually(story, services=1, vms_per_service=1)


def test_a_stuck_vm_never_settles_until_it_is_set_free(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        vm = panel.services["33301"].vms["4001"]
        vm.stuck = True
        assert vm.power == "running"
        await call("POST", f"{ONE}/stop")
        await asyncio.sleep(1_000_000)
        assert await status(call) == "stopping"
        assert repr(vm) == "<Vm 4001 of service 33301: stopping>"
        vm.stuck = False
        assert await status(call) == "stopped"

    virtually(story, services=1, vms_per_service=1)


def test_a_locked_vm_stays_so_until_it_is_set(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        vm = panel.services["33301"].vms["4001"]
        vm.power = "transitional"
        await asyncio.sleep(1_000_000)
        assert await status(call) == "locked"
        vm.power = "running"
        assert await status(call) == "running"

    virtually(story, services=1, vms_per_service=1)


@pytest.mark.parametrize(
    ("power", "action"), [("running", "stop"), ("stopped", "start"), ("running", "reboot")]
)
def test_a_vm_can_accept_and_do_nothing(virtually: Virtually, power: Any, action: str) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        vm = panel.services["33301"].vms["4001"]
        vm.power, vm.ignores_power = power, True
        assert (await call("POST", f"{ONE}/{action}")).json == {"status": True}
        await asyncio.sleep(10)
        assert vm.power == power
        assert not panel.effects

    virtually(story, services=1, vms_per_service=1)


def test_a_reboot_keeps_the_image_it_was_given(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        await call("POST", f"{ONE}/reboot", {"iso": "rescue.iso"})
        assert panel.services["33301"].vms["4001"].iso == "rescue.iso"

    virtually(story, services=1, vms_per_service=1)


@pytest.mark.parametrize("duration", [(1.0, 9.0), Lognormal(3.0, 0.7)])
def test_times_are_drawn_from_the_seed_for_each_vm_and_turn(virtually: Virtually, duration: Any) -> None:
    def settled(seed: int, order: int) -> dict[str, float]:
        times: dict[str, float] = {}

        async def story(panel: Sandbox, call: Any) -> None:
            loop = asyncio.get_running_loop()
            vms = panel.services["33301"].vms
            for vm_id in list(vms)[::order]:
                await call("POST", f"/service/33301/vms/{vm_id}/stop")
            while len(times) < len(vms):
                await asyncio.sleep(0.05)
                for vm_id, vm in vms.items():
                    if vm.power == "stopped":
                        times.setdefault(vm_id, loop.time())

        virtually(story, services=1, vms_per_service=6, seed=seed, stop_time=duration)
        return times

    assert settled(1, 1) == settled(1, -1)
    assert settled(1, 1) != settled(2, 1)
    assert len(set(settled(1, 1).values())) > 3


def test_a_share_of_the_vms_is_stopped_at_first() -> None:
    def stopped(seed: int) -> set[str]:
        panel = Sandbox(services=2, vms_per_service=100, stopped_share=0.3, seed=seed)
        return {
            vm.id
            for service in panel.services.values()
            for vm in service.vms.values()
            if vm.power == "stopped"
        }

    assert 30 < len(stopped(1)) < 90
    assert stopped(1) == stopped(1) != stopped(2)

"""A change that needs a value of the panel's is not sent where that value cannot be read."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from support.coherent import SHORT, panel_and_client

from aioseflow import (
    DecodeError,
    NotFound,
    Outcome,
    Report,
    Resize,
    ResizeDisk,
    SeFlow,
    Service,
    SetRdns,
    Status,
    Vm,
)

DISKS = "GET /service/9/vms/91/storage"
DISK = "PUT /service/9/vms/91/storage/virtio0"
RDNS = "GET /service/9/rdns"
FIRST = [("9", "91")]


def only(report: Report) -> Outcome:
    (outcome,) = report.outcomes
    return outcome


@pytest.mark.parametrize("size", [{}, {"size": None}, {"size": ""}], ids=["absent", "null", "empty"])
async def test_a_disk_of_unknown_size_is_not_resized(size: dict[str, Any]) -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says[DISKS] = {"storage": [{"id": "virtio0", "name": "root", **size}]}
        outcome = only(await seflow.fleet.run(ResizeDisk(disk_id="virtio0", size=30), FIRST, settle=SHORT))
        assert panel.changes == {}
    assert (outcome.status, outcome.cause) == (Status.NOT_ATTEMPTED, "undecodable")
    assert isinstance(outcome.error, DecodeError)
    assert not outcome.error.may_have_acted
    for said in ("VM 91", "disk virtio0", "cannot be read", "resize_disk()"):
        assert said in str(outcome.error)


async def test_a_disk_whose_size_cannot_be_read_back_says_so() -> None:
    async with panel_and_client() as (panel, seflow):
        sizes = iter(({"size": 20},))
        panel.says[DISKS] = lambda: {"storage": [{"id": "virtio0", **next(sizes, {})}]}
        panel.says[DISK] = {"status": True}
        outcome = only(await seflow.fleet.run(ResizeDisk(disk_id="virtio0", size=30), FIRST, settle=SHORT))
    assert (outcome.status, outcome.cause) == (Status.UNKNOWN, "not_readable")
    assert "the size of its disk virtio0 cannot be read" in str(outcome.error)


async def test_a_disk_that_is_in_no_list_any_more_is_not_judged() -> None:
    async with panel_and_client() as (panel, seflow):
        disks = iter(([{"id": "virtio0", "size": 20}],))
        panel.says[DISKS] = lambda: {"storage": next(disks, [])}
        panel.says[DISK] = {"status": True}
        outcome = only(await seflow.fleet.run(ResizeDisk(disk_id="virtio0", size=30), FIRST, settle=SHORT))
    assert (outcome.status, outcome.cause) == (Status.UNKNOWN, "not_readable")
    assert outcome.error is None


class Stand:
    """An account that gives one VM, whatever is asked for, and takes nothing."""

    name = "main"

    def __init__(self, vm: Vm) -> None:
        self.vm = vm

    @property
    def polls(self) -> Stand:
        return self

    async def get(self, service_id: str, vm_id: str) -> Vm:
        return self.vm


async def test_a_size_that_is_read_back_in_an_odd_form_says_which() -> None:
    read = Vm(id="91", memory=4096, cpus=None, unread=("cpus", "cpu_share"))
    account: Any = Stand(read)
    service, vm = Service(id="9"), Vm(id="91")
    with pytest.raises(DecodeError, match="VM 91: its cpus and cpu_share cannot be read"):
        await Resize(memory=4096, cpu=2, cpu_share=50).look(account, service, vm)
    # What was read is decided, and what was not asked for is no matter.
    assert await Resize(memory=4096).look(account, service, vm) is True
    assert await Resize(memory=2048, cpu=2).look(account, service, vm) is False
    account.vm = attrs.evolve(read, unread=())
    assert await Resize(memory=4096, cpu=2).look(account, service, vm) is None


async def test_an_address_that_goes_while_its_name_is_read_back_breaks_nothing() -> None:
    async with panel_and_client() as (panel, seflow):
        vm = panel.vms["9"]["91"]
        panel.says[RDNS] = {"rdns": [{"ipaddress": vm["ip"][0], "ptrcontent": "old.example.com"}]}

        def taken() -> dict[str, bool]:
            vm["ip"] = []
            return {"status": True}

        panel.says["POST /service/9/rdns"] = taken
        outcome = only(await seflow.fleet.run(SetRdns("{label}.example.com"), FIRST, settle=SHORT))
    assert (outcome.status, outcome.cause) == (Status.UNKNOWN, "not_readable")
    assert isinstance(outcome.error, NotFound)


async def test_a_plan_names_what_cannot_be_done_for_a_value_that_was_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with panel_and_client() as (panel, seflow):
        odd(monkeypatch, seflow)
        plan = await seflow.fleet.plan(SetRdns("{id}.example.com"), services=["9"])
        report = await seflow.fleet.run(SetRdns("{id}.example.com"), FIRST, settle=SHORT)
        assert panel.changes == {}
    assert {vm.vm_id: vm.why_not for vm in plan.vms} == {"91": "undecodable", "92": None, "93": None}
    outcome = only(report)
    assert (outcome.status, outcome.cause) == (Status.NOT_ATTEMPTED, "undecodable")
    assert "its address cannot be read" in str(outcome.error)


def odd(monkeypatch: pytest.MonkeyPatch, seflow: SeFlow) -> None:
    """VM 91 has an address that cannot be read."""
    usual = type(seflow.vms).list

    async def listed(self: Any, service_id: Any) -> list[Vm]:
        vms = await usual(self, service_id)
        return [attrs.evolve(vm, ip=(), unread=("ip",)) if vm.id == "91" else vm for vm in vms]

    monkeypatch.setattr(type(seflow.vms), "list", listed)

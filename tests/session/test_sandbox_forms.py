"""Every odd form of an answer that the sandbox knows, as the client and its runs take it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from support.clients import QUICK_RETRY, QUICK_SETTLE

from aioseflow import ApiError, GatewayError, OutcomeUnknown, SeFlow, SettlePolicy, Status
from aioseflow.policy import REUSED_ANSWERS_BEFORE_ONCE
from aioseflow.sandbox import Fault, Sandbox

REBOOT: Final = "/service/@id/vms/@vmid/reboot"
STOP: Final = "/service/@id/vms/@vmid/stop"
LIST: Final = "/service/@id/vms"
NEITHER: Final = {"message": "The command was handed on"}
SERVICE, VM = "33301", "4001"


@asynccontextmanager
async def sandbox(*faults: Fault, **options: Any) -> AsyncIterator[tuple[Sandbox, SeFlow]]:
    """Two services with two VMs each, and a client of them."""
    settings = {"services": 2, "vms_per_service": 2, "stop_time": 0.0, "reboot_time": 0.0, **options}
    async with Sandbox(faults=faults, **settings) as panel:
        async with SeFlow(panel.username, panel.password, base_url=panel.url, retry=QUICK_RETRY) as seflow:
            yield panel, seflow


def words(report: Any) -> dict[str, str]:
    return {outcome.vm_id: outcome.status.value for outcome in report.outcomes}


@pytest.mark.parametrize(
    "payload",
    [None, {"status": "error", "message": "busy"}, {"result": 0}, {"errors": ["locked"]}],
    ids=["usual", "status", "result", "errors"],
)
async def test_a_no_in_other_words_is_a_no(payload: Any) -> None:
    given = {} if payload is None else {"payload": payload}
    async with sandbox(Fault("answer", path=REBOOT, **given)) as (panel, seflow):
        with pytest.raises(ApiError):
            await seflow.vms.reboot(SERVICE, VM)
        report = await seflow.fleet.reboot(settle=QUICK_SETTLE)
        assert panel.effect_count("reboot") == 0
        assert panel.count(path=REBOOT) == 5
    assert set(words(report).values()) == {Status.FAILED}
    assert not report.ok


async def test_the_text_of_a_no_is_shown() -> None:
    async with sandbox(Fault("answer", path=REBOOT)) as (_, seflow):
        with pytest.raises(ApiError, match="VM is locked"):
            await seflow.vms.reboot(SERVICE, VM)


@pytest.mark.parametrize(("when", "effects"), [("before", 0), ("after", 1)])
async def test_a_reboot_that_is_answered_neither_yes_nor_no_is_unknown_and_sent_once(
    when: Any, effects: int
) -> None:
    neither = Fault("answer", payload=NEITHER, path=REBOOT, when=when)
    async with sandbox(neither) as (panel, seflow):
        with pytest.raises(OutcomeUnknown):
            await seflow.vms.reboot(SERVICE, VM)
        assert panel.count(path=REBOOT) == 1
        panel.clear_record()
        report = await seflow.fleet.reboot(services=[SERVICE], settle=QUICK_SETTLE)
        assert panel.count(path=REBOOT) == 2
        assert panel.effect_count("reboot") == 2 * effects
    assert set(words(report).values()) == {Status.UNKNOWN}


async def test_a_stop_that_is_answered_neither_yes_nor_no_is_decided_by_reading_back() -> None:
    lost = Fault("answer", payload=NEITHER, path=STOP, vm="4001")
    done = Fault("answer", payload=NEITHER, path=STOP, vm="4002", when="after")
    settle = SettlePolicy(first_poll=0.01, longest_poll=0.02, patience=0.1)
    async with sandbox(lost, done) as (panel, seflow):
        report = await seflow.fleet.stop(services=[SERVICE], settle=settle)
        assert panel.services[SERVICE].vms["4001"].power == "running"
        assert panel.effects[SERVICE, "4002"]["stop"] == 1
    assert words(report)["4002"] == Status.CHANGED
    assert words(report)["4001"] == Status.UNKNOWN
    assert [outcome.vm_id for outcome in report.outcomes if outcome.verified] == ["4002"]
    assert not report.ok


@pytest.mark.parametrize("status", [403, 404])
async def test_a_page_of_a_machine_in_front_does_not_empty_a_service(status: int) -> None:
    page = Fault("html", status=status, service=33302)
    async with sandbox(page, services_without_vms=1) as (panel, seflow):
        with pytest.raises(GatewayError):
            await seflow.vms.list("33302")
        report = await seflow.fleet.stop(settle=QUICK_SETTLE)
        assert panel.effect_count("stop", service="33302") == 0
    [lost] = report.undiscovered
    assert (lost.service_id, lost.cause) == ("33302", "gateway_error")
    assert words(report) == {"4001": "changed", "4002": "changed"}
    # The panel's own 404 is its word.
    assert [found.service_id for found in report.without_vms] == ["33303"]
    assert not report.ok


ODD: Final[dict[str, Any]] = {
    "memory": "512 MB",
    "cpu": 2.5,
    "disk": "unlimited",
    "locked": "backup",
    "ipaddress": {"ipv4": ["10.16.0.3"], "ipv6": []},
    "template": {"id": 7},
    "bandwidth": {"data_received": 1, "data_sent": 2},
    "usage": "10%",
}


@pytest.mark.parametrize("dialect", ["seflow", "list"])
@pytest.mark.parametrize("fields", [*({name: value} for name, value in ODD.items()), ODD], ids=str)
async def test_a_vm_with_odd_fields_and_its_neighbours_are_acted_on(
    fields: dict[str, Any], dialect: str
) -> None:
    async with sandbox(Fault("odd", vm=4002, fields=fields), dialect=dialect) as (panel, seflow):
        report = await seflow.fleet.stop(settle=QUICK_SETTLE)
        assert panel.repeated("stop") == {}
        assert panel.effect_count("stop") == 4
    assert list(words(report).values()) == [Status.CHANGED] * 4
    assert all(outcome.verified for outcome in report.outcomes)
    assert report.ok


async def test_a_row_that_is_an_empty_array_is_a_vm_of_which_nothing_is_known() -> None:
    async with sandbox(Fault("odd", vm=4002, fields=None)) as (_, seflow):
        first, second = await seflow.vms.list(SERVICE)
    assert (first.id, first.label, second.id, second.label) == ("4001", "vm-4001", "4002", None)


async def test_an_odd_date_of_a_service_does_not_stop_the_account() -> None:
    never = Fault("odd", path="/service", service=33302, fields={"next_due": "Never", "total": "Free"})
    async with sandbox(never) as (_, seflow):
        assert [service.id for service in await seflow.services.list()] == ["33301", "33302"]
        assert (await seflow.fleet.stop(settle=QUICK_SETTLE)).ok


UNASKED: Final[dict[str, dict[str, Any]]] = {
    "right behind": {},
    "later": {"seconds": 0.01},
    "408": {"seconds": 0.01, "status": 408},
    "408 and a close": {"seconds": 0.01, "status": 408, "announced": True},
    "half an answer": {"body": b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"st'},
}


@pytest.mark.parametrize("unasked", UNASKED)
async def test_an_answer_that_nobody_asked_for_is_never_that_of_the_next_reboot(unasked: str) -> None:
    more = Fault("unasked", vm="4002", path=REBOOT, **UNASKED[unasked])
    async with sandbox(more, Fault("answer", vm="4001", path=REBOOT)) as (panel, seflow):
        # From then on connections are kept for reboots too.
        for _ in range(REUSED_ANSWERS_BEFORE_ONCE + 2):
            await seflow.vms.list(SERVICE)
        assert (await seflow.vms.reboot(SERVICE, "4002")).status is True
        await asyncio.sleep(0.03)
        with pytest.raises(ApiError, match="VM is locked") as caught:
            await seflow.vms.reboot(SERVICE, "4001")
        accepted, refused = panel.requests[-2:]
    assert (accepted.fault, refused.fault) == ("unasked", "answer")
    assert accepted.connection != refused.connection
    assert caught.value.attempts == 1


@pytest.mark.parametrize("unasked", [*UNASKED, None])
async def test_a_connection_on_which_something_came_unasked_is_not_used_again(unasked: str | None) -> None:
    faults = [] if unasked is None else [Fault("unasked", path=LIST, times=1, **UNASKED[unasked])]
    async with sandbox(*faults) as (panel, seflow):
        for service in (SERVICE, "33302"):
            assert len(await seflow.vms.list(service)) == 2
            await asyncio.sleep(0.03)
        first, second = panel.requests
    assert (first.connection == second.connection) is (unasked is None)


@pytest.mark.parametrize(
    "forms",
    [
        [Fault("noise")],
        [Fault("charset", announced=True)],
        [Fault("header")],
        [Fault("noise"), Fault("charset", announced=True), Fault("header")],
    ],
    ids=["noise behind", "latin-1", "long header", "all"],
)
async def test_the_form_of_an_answer_takes_nothing_from_its_values(forms: list[Fault]) -> None:
    label = Fault("odd", vm=4002, fields={"label": "Città"})
    async with sandbox(label, *forms) as (panel, seflow):
        first, second = await seflow.vms.list(SERVICE)
        assert (first.label, second.label, second.memory) == ("vm-4001", "Città", 1024)
        assert (await seflow.vms.reboot(SERVICE, VM)).status is True
        assert len(panel.requests) == 2
        assert panel.requests[1].fault == "+".join(fault.kind for fault in forms)
        assert (await seflow.fleet.stop(settle=QUICK_SETTLE)).ok
        assert panel.effect_count("stop") == 4


async def test_latin_1_that_is_not_announced_costs_a_letter() -> None:
    label = Fault("odd", vm=4002, fields={"label": "Città"})
    async with sandbox(label, Fault("charset")) as (panel, seflow):
        assert [vm.label for vm in await seflow.vms.list(SERVICE)] == ["vm-4001", "Citt\ufffd"]
        assert len(panel.requests) == 1


async def test_an_accepted_reboot_in_latin_1_is_accepted() -> None:
    said = Fault("answer", payload={"status": True, "info": ["perché"]}, path=REBOOT, when="after")
    async with sandbox(said, Fault("charset", announced=True)) as (panel, seflow):
        accepted = await seflow.vms.reboot(SERVICE, VM)
        assert (accepted.status, list(accepted.info)) == (True, ["perché"])
        assert panel.effect_count("reboot") == len(panel.requests) == 1


@pytest.mark.parametrize("path", [LIST, "/service"])
async def test_one_page_of_several_is_not_all(path: str) -> None:
    async with sandbox(Fault("pages", path=path)) as (panel, seflow):
        report = await seflow.fleet.stop(settle=QUICK_SETTLE)
        assert panel.effect_count("stop") == 2
    assert set(words(report).values()) == {Status.CHANGED}
    assert report.undiscovered
    assert not report.ok

from __future__ import annotations

import asyncio
from decimal import Decimal

from support.coherent import panel_and_client
from support.reports import a_report, an_outcome

from aioseflow import Bandwidth, NotFound, PowerState, RequestTimeout, SeFlow, Vm
from aioseflow.identifiers import Id
from aioseflow.pages import PageReadings, gather
from aioseflow.sandbox import Sandbox


class StubAccount:
    """An account whose service 8 has no bandwidth and whose service 7 cannot be listed."""

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.services = self.vms = self
        self.now = self.most = 0

    async def bandwidth(self, id: Id) -> Bandwidth:  # noqa: A002
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if id == "8":
            raise NotFound("no such function \x1b[2J")
        return Bandwidth(used=Decimal(5))

    async def list(self, service_id: Id) -> list[Vm]:
        if service_id == "7":
            raise RequestTimeout("no answer")
        return [Vm(id="1", power=PowerState.STOPPED)]


async def test_each_service_of_the_report_is_read_once() -> None:
    report = a_report(an_outcome(1), an_outcome(2), an_outcome(1, service_id="8"))
    facts = await gather([StubAccount()], report)
    assert list(facts.bandwidth) == [("main", "9"), ("main", "8")]
    assert facts.bandwidth["main", "9"] == Bandwidth(used=Decimal(5))
    assert facts.power["main", "9"] == {"1": PowerState.STOPPED}


async def test_what_cannot_be_read_is_a_sentence() -> None:
    report = a_report(*(an_outcome(1, service_id=service) for service in ("9", "8", "7")))
    facts = await gather([StubAccount()], report)
    assert facts.bandwidth["main", "8"] == "could not be read: no such function \\x1b[2J"
    assert facts.power["main", "7"] == "could not be read: no answer"
    assert facts.power["main", "8"] == {"1": PowerState.STOPPED}


async def test_an_account_that_is_not_open_is_said() -> None:
    facts = await gather([StubAccount("other")], a_report(an_outcome(1)))
    assert facts.bandwidth["main", "9"] == "could not be read: no account main is open"


async def test_two_thousand_services_are_not_asked_at_once() -> None:
    stub = StubAccount()
    report = a_report(*(an_outcome(1, service_id=str(10 + number)) for number in range(2000)))
    facts = await gather([stub], report)
    assert len(facts.bandwidth) == 2000
    assert 2 <= stub.most <= 32


async def test_a_vm_that_is_on_another_page_of_the_list_is_not_gone() -> None:
    async with panel_and_client() as (panel, seflow):
        report = await seflow.fleet.reboot()
        shown = list(panel.vms["9"].values())[:1]
        panel.says["GET /service/9/vms"] = {"vms": shown, "meta": {"page": 1, "last_page": 3}}
        del panel.vms["8"]["83"]
        facts = await gather([seflow], report)
    assert facts.power["main", "9"] == {
        "91": PowerState.RUNNING,
        "92": PowerState.UNKNOWN,
        "93": PowerState.UNKNOWN,
    }
    assert facts.power["main", "8"] == {"81": PowerState.RUNNING, "82": PowerState.RUNNING}


async def test_an_empty_report_asks_nothing() -> None:
    assert await gather([StubAccount()], a_report()) == PageReadings()


async def test_a_client_of_a_panel_is_an_account() -> None:
    async with Sandbox(services=2, vms_per_service=3, seed=1) as panel:
        async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
            report = await seflow.fleet.usage()
            facts = await gather([seflow], report)
    assert len(facts.bandwidth) == len(facts.power) == 2
    assert all(isinstance(found, Bandwidth) for found in facts.bandwidth.values())
    assert sum(len(states) for states in facts.power.values()) == 6

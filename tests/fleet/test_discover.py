"""Discovery on answers that the sandbox does not give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.clients import client
from support.coherent import NO_ROUTE
from support.wire import Seen, Wire, http

from aioseflow import ApiError, Status
from aioseflow.account_port import AccountPort


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as server:
        yield server


def panel(answers: dict[str, Any]) -> Callable[[Seen], bytes]:
    """A panel of fixed answers by path; 404 for all else."""

    def answer(seen: Seen) -> bytes:
        said = answers.get(seen.target.removeprefix("/api"))
        return http("", 404) if said is None else said if isinstance(said, bytes) else http(json.dumps(said))

    return answer


REFUSED = http('{"error": ["notallowed"]}')
VMS = {"vms": {"4": {"state": "running"}}}


@pytest.mark.parametrize(
    ("service", "methods", "is_lost"),
    [
        ({"status": "Terminated"}, None, False),
        ({"status": "Cancelled"}, None, False),
        ({"status": "Active"}, {"methods": [{"route": "/service/@id/upgrade"}]}, False),
        ({"status": "Active"}, {"methods": []}, False),
        ({"status": "Active"}, {"methods": [{"route": "/service/@id/vms", "method": "GET"}]}, True),
        ({"status": "Active"}, {"methods": 7}, True),
        ({"status": "Active"}, None, True),
        ({}, REFUSED, True),
    ],
)
async def test_a_refused_list_means_no_vms_only_where_the_panel_says_so(
    wire: Wire, service: dict[str, str], methods: Any, *, is_lost: bool
) -> None:
    services = {"services": [{"id": "8", **service}, {"id": "9"}]}
    wire.answer = panel(
        {
            "/service": services,
            "/service/8/vms": REFUSED,
            "/service/8/methods": methods,
            "/service/9/vms": VMS,
            "/service/9/vms/4/reboot": {"status": True},
        }
    )
    async with client(wire.url) as seflow:
        report = await seflow.fleet.reboot()
    assert report.counts[Status.CHANGED] == 1
    assert [lost.service_id for lost in report.undiscovered] == (["8"] if is_lost else [])
    assert report.ok is not is_lost


async def test_a_list_that_has_no_route_and_no_methods_is_a_service_without_vms(wire: Wire) -> None:
    services = {"services": [{"id": "8"}, {"id": "9"}]}
    wire.answer = panel({"/service": services, "/service/8/vms": NO_ROUTE, "/service/9/vms": VMS})
    async with client(wire.url) as seflow:
        assert [vm.id async for _, vm in seflow.fleet.vms()] == ["4"]


async def test_a_list_that_broke_is_never_taken_for_an_empty_one(wire: Wire) -> None:
    wire.answer = panel({"/service": {"services": [{"id": "8"}]}, "/service/8/vms": {"vms": None}})
    async with client(wire.url) as seflow:
        report = await seflow.fleet.usage()
    assert report.undiscovered[0].cause == "undecodable"
    assert not report.ok


async def test_what_the_panel_lists_twice_is_acted_on_once(wire: Wire) -> None:
    twice = {"vms": [{"id": "4", "state": "online"}, {"id": "4", "state": "online"}]}
    answers = {"/service": {"services": [{"id": "9"}, {"id": "9"}]}, "/service/9/vms": twice}
    wire.answer = panel({**answers, "/service/9/vms/4/reboot": {"status": True}})
    async with client(wire.url) as seflow:
        report = await seflow.fleet.reboot()
    assert len(report.targets) == 1
    assert sum(seen.method == "POST" for seen in wire.requests) == 1


async def test_an_account_without_services_is_an_empty_run_that_is_ok(wire: Wire) -> None:
    wire.answer = panel({"/service": {"services": []}})
    async with client(wire.url) as seflow:
        report = await seflow.fleet.stop()
    assert report.ok
    assert report.targets == ()


async def test_a_vm_whose_id_cannot_be_sent_is_not_attempted(wire: Wire) -> None:
    odd = {"vms": [{"id": "4/5", "state": "online"}]}
    wire.answer = panel({"/service": {"services": [{"id": "9"}]}, "/service/9/vms": odd})
    async with client(wire.url) as seflow:
        report = await seflow.fleet.reboot()
    assert report.counts[Status.NOT_ATTEMPTED] == 1
    assert report.causes.keys() == {"invalid_argument"}


async def test_a_mistake_of_ours_ends_the_run_and_is_not_hidden(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = {"services": [{"id": "8"}, {"id": "9"}]}
    wire.answer = panel({"/service": services, "/service/8/vms": REFUSED, "/service/9/vms": VMS})

    async def broken(self: object, service_id: str) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(AccountPort, "has_vm_functions", broken)
    async with client(wire.url) as seflow:
        run = seflow.fleet.reboot()
        async with asyncio.timeout(10):
            with pytest.raises(ZeroDivisionError):
                await run
    report = run.report
    assert sum(report.counts.values()) == len(report.targets)
    assert not report.ok
    with pytest.raises(ExceptionGroup):
        report.raise_for_failures()


async def test_a_report_that_is_not_over_says_so(wire: Wire) -> None:
    async with client(wire.url) as seflow:
        run = seflow.fleet.stop()
        with pytest.raises(ExceptionGroup) as caught:
            run.report.raise_for_failures()
        assert "is not over" in str(caught.value.exceptions[0])
        run.cancel()


async def test_the_error_of_a_list_names_its_call(wire: Wire) -> None:
    wire.answer = panel({"/service": {"services": [{"id": "8"}]}, "/service/8/vms": REFUSED})
    async with client(wire.url) as seflow:
        report = await seflow.fleet.usage()
    error = report.undiscovered[0].error
    assert isinstance(error, ApiError)
    assert error.request == "GET /service/8/vms"

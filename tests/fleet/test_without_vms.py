"""A service without VMs is named and counted, and only the panel's own word makes it one."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from support.coherent import NO_PAGE, NO_ROUTE, SHORT, CoherentPanel, panel_and_client
from support.wire import http

from aioseflow import (
    ApiError,
    GatewayError,
    NotFound,
    PermissionDenied,
    Plan,
    Report,
    RequestTimeout,
    RunRefused,
    SeFlowError,
    Service,
    Status,
    Stop,
    Vm,
    WithoutVms,
)
from aioseflow.fleet.discovery.discover import Discovery
from aioseflow.models.services import ServiceStatus
from aioseflow.pages.contents import contents_of

REFUSED: Final = http('{"error": ["notallowed"]}', 403)
EMPTY: Final = http("", 404)
LIST, FUNCTIONS = "GET /service/9/vms", "GET /service/9/methods"
NO_VMS: Final = {"methods": [{"route": "/service/@id/upgrade", "method": "GET"}]}
HAS_VMS: Final = {"methods": [{"route": "/service/@id/vms", "method": "GET"}]}


def found(why: str, service_id: str = "9") -> WithoutVms:
    return WithoutVms(account="main", service_id=service_id, service_name=f"web{service_id}", why=why)


def asked(panel: CoherentPanel, path: str) -> int:
    return sum(f"{seen.method} {seen.target.removeprefix('/api')}" == path for seen in panel.requests)


@pytest.mark.parametrize(
    ("status", "listed", "functions", "why"),
    [
        ("Active", {"vms": []}, HAS_VMS, "empty_list"),
        ("Active", NO_ROUTE, NO_VMS, "no_vm_functions"),
        ("Active", REFUSED, NO_VMS, "no_vm_functions"),
        ("Active", NO_ROUTE, NO_ROUTE, "no_such_route"),
        ("Active", NO_ROUTE, NO_PAGE, "no_such_route"),
        ("Terminated", NO_ROUTE, NO_ROUTE, "service_ended"),
        ("Fraud", REFUSED, HAS_VMS, "service_ended"),
    ],
)
async def test_what_the_panel_says_is_named_and_the_report_is_ok(
    status: str, listed: Any, functions: Any, why: str
) -> None:
    async with panel_and_client() as (panel, seflow):
        panel.services[1]["status"] = status
        panel.says |= {LIST: listed, FUNCTIONS: functions}
        report = await seflow.fleet.stop(settle=SHORT)
    assert report.without_vms == (found(why),)
    assert report.undiscovered == ()
    assert report.counts[Status.CHANGED] == len(report.targets) == 3
    assert report.ok


@pytest.mark.parametrize(
    ("status", "listed", "functions"),
    [
        # Nobody else's word empties a service, whatever its status.
        ("Active", NO_PAGE, NO_PAGE),
        ("Active", NO_PAGE, NO_VMS),
        ("Terminated", NO_PAGE, NO_ROUTE),
        ("Active", EMPTY, EMPTY),
        ("Active", EMPTY, NO_VMS),
        ("Active", EMPTY, NO_ROUTE),
        ("Active", EMPTY, HAS_VMS),
        ("Terminated", EMPTY, EMPTY),
        ("Cancelled", http("", 403), NO_ROUTE),
        ("Active", NO_ROUTE, HAS_VMS),
        ("Active", REFUSED, NO_ROUTE),
        ("Active", http("<html>busy</html>", 503), NO_VMS),
        ("Terminated", {"vms": 7}, NO_VMS),
    ],
)
async def test_what_another_says_makes_a_service_undiscovered(
    status: str, listed: Any, functions: Any
) -> None:
    async with panel_and_client() as (panel, seflow):
        panel.services[1]["status"] = status
        panel.says |= {LIST: listed, FUNCTIONS: functions}
        report = await seflow.fleet.stop(settle=SHORT)
    (lost,) = report.undiscovered
    assert (lost.service_id, lost.service_name) == ("9", "web9")
    assert lost.error is not None
    assert report.without_vms == ()
    assert report.counts[Status.CHANGED] == 3
    assert not report.ok


class Refusing:
    """An account whose one service cannot be listed, and which gives this for an answer."""

    name, concurrency = "main", 2

    def __init__(self, error: SeFlowError, *, able: bool | None) -> None:
        self.error, self.able = error, able

    @property
    def services(self) -> Any:
        return SimpleNamespace(list=self._services)

    @property
    def vms(self) -> Any:
        return SimpleNamespace(list=self._vms)

    def capture(self) -> Any:
        return nullcontext([])

    async def _services(self) -> list[Service]:
        return [Service(id="9", name="web9", status=ServiceStatus.TERMINATED)]

    async def _vms(self, service_id: str) -> list[Vm]:
        raise self.error

    async def has_vm_functions(self, service_id: str) -> bool | None:
        return self.able


@pytest.mark.parametrize(
    ("error", "able", "why"),
    [
        # Without codes nobody knows whose word it was, but a list of functions is the panel's.
        (NotFound("no"), None, None),
        (NotFound("no"), True, None),
        (NotFound("no"), False, "no_vm_functions"),
        (PermissionDenied("no"), None, None),
        (ApiError("no"), None, None),
        (GatewayError("no", codes=("x",)), False, None),
        (GatewayError("no"), None, None),
        (RequestTimeout("no"), False, None),
        (NotFound("no", codes=("x",)), None, "service_ended"),
    ],
)
async def test_an_error_without_a_word_of_the_panel_s_proves_nothing(
    error: SeFlowError, able: bool | None, why: str | None
) -> None:
    account: Any = Refusing(error, able=able)
    discovery = Discovery(account, None)
    assert [listed async for listed in discovery.lists()] == []
    assert discovery.without_vms == ([] if why is None else [found(why)])
    assert [lost.error for lost in discovery.undiscovered] == ([error] if why is None else [])


async def test_only_what_was_selected_is_named() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.vms["9"].clear()
        picked = await seflow.fleet.stop(services=["8"], settle=SHORT)
        # The others are listed too, to know how many VMs there are.
        counted = await seflow.fleet.start(services=["8"], settle=SHORT, max_targets="100%")
        panel.says |= {LIST: NO_ROUTE, FUNCTIONS: NO_VMS}
        refused = await seflow.fleet.stop(services=["8"], settle=SHORT, max_targets="100%")
        assert asked(panel, FUNCTIONS) == 0
    for report in (picked, counted, refused):
        assert report.without_vms == ()
        assert report.undiscovered == ()
        assert report.ok


async def test_a_selection_of_nothing_but_a_service_without_vms_matches_nothing() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.vms["9"].clear()
        report = await seflow.fleet.stop(services=["9"])
    assert report.matched_nothing
    assert report.ok
    assert report.without_vms == (found("empty_list"),)
    assert "no VMs in 1 service: web9" in report.summary()


async def test_it_is_told_wherever_a_report_is_told() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says |= {LIST: NO_ROUTE, FUNCTIONS: NO_VMS}
        report = await seflow.fleet.stop(settle=SHORT)
    line = "no VMs in 1 service: web9"
    assert line in report.summary().splitlines()
    assert json.loads(report.to_json())["without_vms"] == [
        {"account": "main", "service_id": "9", "service_name": "web9", "why": "no_vm_functions"}
    ]
    notes = contents_of(report, bandwidth={}, power={}, title=None).notes
    assert notes == (f"N{line[1:]}.",)


async def test_several_are_in_the_order_of_their_ids_and_each_once() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.services += [
            {"id": number, "name": f"web{number}", "status": "Active"} for number in ("100", "20", "3", "20")
        ]
        panel.vms |= {number: {} for number in ("100", "20")}
        report = await seflow.fleet.stop(settle=SHORT)
    assert [(each.service_id, each.why) for each in report.without_vms] == [
        ("3", "no_vm_functions"),
        ("20", "empty_list"),
        ("100", "empty_list"),
    ]


# -- plans --------------------------------------------------------------------------------------------


async def test_a_plan_names_it_and_a_run_of_the_plan_too(tmp_path: Path) -> None:
    async with panel_and_client(journal=tmp_path / "runs") as (panel, seflow):
        panel.says |= {LIST: NO_ROUTE, FUNCTIONS: NO_VMS}
        plan = await seflow.fleet.plan(Stop())
        again = Plan.from_json(plan.to_json())
        run = seflow.fleet.run(again)
        report = await run
        kept = await seflow.fleet.report(run.id)
    assert plan.without_vms == again.without_vms == (found("no_vm_functions"),)
    assert "No VMs in 1 service: web9" in str(plan).splitlines()
    assert plan.undiscovered == ()
    for each in (report, kept):
        assert each.without_vms == plan.without_vms
        assert each.ok


async def test_two_plans_of_one_world_are_one_plan() -> None:
    async with panel_and_client() as (panel, seflow):
        for number in range(40, 20, -1):
            panel.services.append({"id": str(number), "name": "mail", "status": "Active"})
        for lost in ("30", "31"):
            panel.says[f"GET /service/{lost}/vms"] = NO_PAGE
        first, second = await seflow.fleet.plan(Stop()), await seflow.fleet.plan(Stop())
        assert not first.diff(second)
        assert first.digest == second.digest
        panel.services.pop()
        third = await seflow.fleet.plan(Stop())
    assert len(first.without_vms) == 18
    # Lists come in any order.
    assert [loss.service_id for loss in first.lost] == ["30", "31"]
    assert first.diff(third).settings == ("without_vms",)
    assert third.digest != first.digest


async def test_what_was_not_listed_any_more_is_no_service_without_vms() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.vms["9"].clear()
        panel.says["GET /service/8/vms"] = {"vms": 7}
        run = seflow.fleet.stop(strict=True)
        with pytest.raises(RunRefused):
            await run
    report: Report = run.report
    assert report.without_vms == (found("empty_list"),)
    assert [each.service_id for each in report.undiscovered] == ["8"]


async def test_the_error_of_a_service_that_was_not_the_panel_s_word_rides_along() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says |= {LIST: EMPTY, FUNCTIONS: EMPTY}
        plan = await seflow.fleet.plan(Stop())
        report = await seflow.fleet.run(plan)
    (line,) = plan.undiscovered
    assert line.startswith("service 9 (main): gateway_error: A machine in front of the panel ")
    assert line in str(plan).replace("\n    ", " ")
    (lost,) = report.undiscovered
    assert lost.cause == "gateway_error"
    assert str(lost.error) == line.removeprefix("service 9 (main): gateway_error: ")

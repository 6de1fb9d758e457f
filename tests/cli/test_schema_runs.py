"""The schemas of what fleet commands print, against runs on a panel on which things go wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.conftest import Panels
from cli.test_schema import assert_exact, printed, valid
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from support.clients import QUICK_RETRY, QUICK_SETTLE
from support.reports import a_report, an_outcome

from aioseflow import (
    Journal,
    Report,
    Rollout,
    SeFlow,
    Status,
    Stop,
    UntrustedHtml,
    UsageGraphs,
    WithoutVms,
)
from aioseflow.cli.fleet.print_runs import run_document
from aioseflow.cli.schema.catalogue import catalogue
from aioseflow.fleet.model.ending import Ending
from aioseflow.fleet.report.report_json import outcome_document
from aioseflow.sandbox import Fault

STOP = "/service/@id/vms/@vmid/stop"


@pytest.fixture
def kept(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "runs.sqlite")


@pytest.fixture
def seflow(panels: Panels, kept: Journal) -> SeFlow:
    """Of four services one cannot be listed and one has no VMs; one VM is locked, one answer is lost."""
    panel = panels(
        services=3,
        services_without_vms=1,
        faults=[
            Fault("status", path="/service/@id/vms", service="33303", status=500),
            Fault("error", path=STOP, vm="4001", codes=("vm_locked",)),
            Fault("reset", path=STOP, vm="4002", when="after"),
            Fault("status", path="/service/@id/vms/@vmid/reboot", vm="4003", status=502, when="after"),
        ],
    )
    return SeFlow(
        panel.username, panel.password, base_url=panel.url, name="main", journal=kept, retry=QUICK_RETRY
    )


async def test_a_report_of_failed_unknown_and_unlisted_ones_is_as_its_schema_says(seflow: SeFlow) -> None:
    async with seflow:
        report = await seflow.fleet.stop(settle=QUICK_SETTLE, note="night")
        reboot = await seflow.fleet.reboot()
    assert report.counts[Status.FAILED] == 1
    assert reboot.counts[Status.UNKNOWN] == 1 or reboot.counts[Status.NOT_ATTEMPTED]
    assert len(report.undiscovered) == 1
    assert len(report.without_vms) == 1
    for one in (report, reboot):
        assert_exact("report", printed(one.to_document(values=True)))
        for outcome in one.outcomes:
            assert_exact("outcome", printed(outcome_document(outcome, values=True)))


async def test_a_report_of_graphs_is_as_its_schema_says(seflow: SeFlow) -> None:
    async with seflow:
        report = await seflow.fleet.usage([("33301", "4001")])
    document = printed(report.to_document(values=True))
    assert_exact("report", document)
    assert set(document["outcomes"][0]["value"]) == {"cpu", "net", "disk"}


async def test_a_plan_is_as_its_schema_says(seflow: SeFlow) -> None:
    async with seflow:
        plan = await seflow.fleet.plan(Stop(), rollout=Rollout(batches=[1, 2]))
    document = orjson.loads(plan.to_json())
    assert document["undiscovered"]
    assert document["lost"]
    assert document["without_vms"]
    assert_exact("plan", document)
    for vm in plan.vms:
        assert_exact("planned_vm", printed(vm))
    assert not valid("plan", document | {"vms": [document["vms"][0] | {"power": None}]})


async def test_runs_and_findings_are_as_their_schemas_say(seflow: SeFlow, kept: Journal) -> None:
    async with seflow:
        report = await seflow.fleet.reboot()
        found = await seflow.fleet.reconcile(report.run_id)
        listed = [printed(run_document(info, Ending.FINISHED)) for info in await kept.runs()]
    assert found
    for finding in found:
        assert_exact("finding", printed(finding))
    assert valid("run", listed, array=True)
    assert not valid("run", listed[0], array=True)
    for run in listed:
        assert run["undiscovered"]
        assert_exact("run", run)


def test_a_report_that_broke_is_as_its_schema_says() -> None:
    report = a_report(an_outcome(1), over=False, error=ZeroDivisionError("in your predicate"))
    assert_exact("report", printed(report.to_document(values=True)))
    assert_exact("report", printed(a_report(over=False).to_document()))


def test_no_object_of_a_report_may_have_a_name_more(full: Report) -> None:
    document = full.to_document(values=True)
    validator = Draft202012Validator(catalogue()["report"].schema())
    assert validator.is_valid(document)
    places = 0
    for path in _objects(document):
        if "value" in path:
            # A value may be anything that an action gave.
            continue
        spoilt = json.loads(json.dumps(document))
        at = spoilt
        for step in path:
            at = at[step]
        at["unheard_of"] = None
        assert not validator.is_valid(spoilt), path
        places += 1
    assert places > 10


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["outcomes", 0, "status"], "done"),
        (["outcomes", 0, "attempts"], "1"),
        (["outcomes", 0, "started_at"], "2026-01-01T09:00:00"),
        (["outcomes", 0, "error"], "it failed"),
        (["counts", "changed"], "1"),
        (["undiscovered", 0, "cause"], None),
        (["without_vms", 0, "why"], None),
        (["version"], 2),
        (["ok"], "yes"),
        (["finished_at"], "yesterday"),
    ],
)
def test_no_other_value_passes(full: Report, path: list[Any], value: Any) -> None:
    document = json.loads(json.dumps(full.to_document(values=True)))
    at = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    assert not valid("report", document)


@pytest.fixture
def full() -> Report:
    from support.reports import LOST

    html = UntrustedHtml("cpu", "<b>")
    return a_report(
        an_outcome(1, Status.UNCHANGED, action="usage", value=UsageGraphs(cpu=html, net=html, disk=html)),
        an_outcome(2, Status.FAILED, cause="vm_locked", error=LOST.error),
        an_outcome(3),
        targets=tuple(("main", "9", str(number)) for number in range(1, 5)),
        undiscovered=(LOST,),
        without_vms=(
            WithoutVms(account="main", service_id="77", service_name="mail", why="no_vm_functions"),
        ),
    )


def _objects(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all objects in a document."""
    found = [path] if isinstance(value, dict) else []
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in parts:
        found += _objects(part, (*path, step))
    return found

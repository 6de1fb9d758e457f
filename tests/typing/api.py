"""The public API as a user would write it; checked by mypy, never run."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import aiohttp
import attrs

from aioseflow import (
    ALL,
    Accepted,
    Action,
    AdaptiveLimit,
    CauseGroup,
    Comparison,
    Destroy,
    Downtime,
    Event,
    Finding,
    FixedLimit,
    Fleet,
    HealthCheck,
    Journal,
    JournalError,
    Limit,
    Outcome,
    Plan,
    PlanDiff,
    PlannedVm,
    PowerState,
    Progress,
    Refused,
    Report,
    Resize,
    ResizeDisk,
    RetryPolicy,
    Rollout,
    Run,
    RunHeader,
    RunInfo,
    RunIsActive,
    RunNotFound,
    RunRefused,
    Safety,
    Secret,
    SeFlow,
    SeFlowError,
    Service,
    ServiceSummary,
    SetRdns,
    SettlePolicy,
    Skip,
    StalePlan,
    Start,
    Stats,
    Status,
    Stop,
    Timeouts,
    Undiscovered,
    UntrustedHtml,
    UsageGraphs,
    Vm,
    WithoutVms,
    http_check,
    tcp_check,
)


def wants(service: Service, vm: Vm) -> bool:
    return service.name == "web" and vm.power is PowerState.RUNNING and (vm.memory or 0) >= 4096


async def clients(connector: aiohttp.BaseConnector) -> None:
    SeFlow("ops@example.com", Secret("x"), base_url="https://panel.example/api", name="one", limit=8)
    SeFlow.from_env(application="bot/1.0")
    async with SeFlow(
        "ops@example.com",
        "x",
        limit=FixedLimit(16),
        retry=RetryPolicy(attempts=5),
        timeouts=Timeouts(read=5),
        connector=connector,
    ) as seflow:
        assert_type(seflow, SeFlow)
        await seflow.close()
    SeFlow("ops@example.com", "x", retry=None, allow_insecure=True)


async def new_credentials() -> tuple[str, str] | None:
    return "ops@example.com", "y"


def watch(event: Event) -> None:
    if isinstance(event, Refused):
        assert_type(event.retry_after, float | None)


async def manners(context: ssl.SSLContext) -> None:
    seflow = SeFlow(
        "ops@example.com",
        "x",
        limit=AdaptiveLimit(maximum=64, max_per_second=4.0),
        timeouts=30,
        deadline=120,
        credentials=new_credentials,
        hooks=[watch],
        proxy=None,
        ssl_context=context,
    )
    SeFlow("ops@example.com", "x", credentials=lambda: None, ca_file="ca.pem", proxy="http://proxy:3128")
    quick = seflow.with_options(timeout=5, deadline=20, retry=None)
    assert_type(quick, SeFlow)
    seflow.with_options(timeout=Timeouts(read=5))
    seflow.with_options(tries=5)  # type: ignore[call-arg]
    seflow.reset(password="y")
    stats = seflow.stats()
    assert_type(stats, Stats)
    assert_type(stats.latency["vms.stop"].p99, float)
    with quick.capture() as exchanges:
        await quick.vms.stop(9, 4)
    assert_type(exchanges[0].waits, list[float])
    learned = AdaptiveLimit()
    AdaptiveLimit(state=learned.state())
    limit: Limit = FixedLimit(4)
    SeFlow("ops@example.com", "x", limit=limit)


async def calls(seflow: SeFlow) -> None:
    account = await seflow.account.details()
    assert_type(account.credit, Decimal | None)
    assert_type(await seflow.account.update(city="Rome", email="new@example.com"), Accepted)
    await seflow.account.update(town="Rome")  # type: ignore[call-arg]
    invoice = (await seflow.billing.invoices())[0]
    assert_type(invoice.duedate, date | None)
    assert_type(invoice.datepaid, datetime | None)
    assert_type((await seflow.billing.invoice(invoice.id)).total, Decimal | None)
    assert_type(await seflow.domains.is_available("example.com"), bool)
    service = await seflow.services.get("9")
    assert_type(service, Service)
    assert_type(service.password, Secret | None)
    await seflow.services.set_rdns(9, {"192.0.2.1": "a.example", ipaddress.ip_address("::1"): "b.example"})
    await seflow.services.request_upgrade(9, resources={1557: "9953", "12": {"3": 2}}, cycle="Monthly")
    vms = await seflow.vms.list(service.id)
    assert_type(vms, list[Vm])
    assert_type(vms[0].power, PowerState)
    assert_type(await seflow.vms.reboot(9, 4, iso="rescue"), Accepted)
    assert_type(await seflow.vms.usage(9, 4, "cpu"), UntrustedHtml)
    await seflow.vms.usage(9, 4, "gpu")  # type: ignore[arg-type]
    await seflow.vms.resize(9, 4, memory="4096")  # type: ignore[arg-type]
    await seflow.vms.assign_ip(9, 4, 77)  # type: ignore[call-arg]


async def fleets(one: SeFlow, other: SeFlow) -> int:
    run = one.fleet.stop(where=wants, exclude=[("9", "4"), (9, 5)], settle=SettlePolicy(patience=60))
    assert_type(run, Run)
    assert_type(run.id, str)
    async for outcome in run:
        assert_type(outcome, Outcome)
        assert_type(outcome.status, Status)
        assert_type(outcome.error, SeFlowError | None)
    report = await run
    assert_type(report, Report)
    counts: Mapping[Status, int] = report.counts
    for cause, outcomes in report.causes.items():
        assert_type(cause, str)
        assert_type(outcomes, tuple[Outcome, ...])
    report.raise_for_failures()
    async with Fleet([one, other]).reboot(ALL, services=[9]) as second:
        second.pause()
        second.resume()
        second.drain()
        second.cancel()
    pairs = [pair async for pair in one.fleet.vms(where=wants)]
    assert_type(pairs, list[tuple[Service, Vm]])
    await one.fleet.start(where=pairs, wait=False)
    await one.fleet.usage(vms=["4", 5])
    await one.fleet.stop(where='power == "running"', exclude="locked", missing="ignore", note="night")
    await one.fleet.stop(where=None)  # type: ignore[arg-type]
    await one.fleet.stop(missing="skip")  # type: ignore[arg-type]
    await one.fleet.stop(canary=1)  # type: ignore[call-arg]
    await one.fleet.reboot(wait=False)  # type: ignore[call-arg]
    await one.fleet.resize(memory=4096, cpu="2")  # type: ignore[arg-type]
    await one.fleet.wait(where=[("main", "9", 4)], power=PowerState.RUNNING)
    with one.capture() as exchanges:
        await one.vms.stop(9, 4)
    assert_type(exchanges[0].status, int | None)
    return counts[Status.UNKNOWN]


@attrs.frozen
class Snapshot:
    """An action of one's own."""

    label: str
    name: str = "snapshot"
    safety: Safety = Safety.ONCE
    settles: bool = False
    takes_down: bool = False
    ends_down: bool = False

    def skip(self, vm: Vm) -> Skip | None:
        return None if vm.power is PowerState.RUNNING else Skip(Status.NOT_ATTEMPTED, "not_running")

    async def perform(self, account: object, service: Service, vm: Vm) -> str:
        return f"{self.label} of {service.id}/{vm.id}"

    def done(self, vm: Vm | None) -> bool | None:
        return None

    async def look(self, account: object, service: Service, vm: Vm) -> bool | None:
        return None


async def is_well(service: Service, vm: Vm) -> bool:
    return vm.power is PowerState.RUNNING


async def plans(seflow: SeFlow) -> Report:
    check: HealthCheck = tcp_check(22)
    rollout = Rollout(canary=2, batches=["10%", "50%", "100%"], max_failures="5%", healthy=check)
    Rollout(healthy=is_well, max_unavailable=1, per_service=4, pause_between=5, deadline=3600)
    Rollout(healthy=http_check("http://{ip}/health"))
    Rollout(canary=1.5)  # type: ignore[arg-type]
    Rollout(parallel=4)  # type: ignore[call-arg]
    plan = await seflow.fleet.plan(Stop(), where='power == "running"', rollout=rollout, max_targets="20%")
    assert_type(plan, Plan)
    assert_type(plan.vms, tuple[PlannedVm, ...])
    assert_type(plan.seconds, float | None)
    worst: Mapping[str, int] = plan.worst_down
    assert_type(plan.diff(Plan.from_json(plan.to_json())), PlanDiff)
    plan.calls = len(worst)  # type: ignore[misc]
    try:
        return await seflow.fleet.run(plan, note="night shift", requested_by="ops")
    except StalePlan as stale:
        assert_type(stale.moved, tuple[str, ...])
    except RunRefused as refused:
        assert_type(refused.run_id, str | None)
    doomed = await seflow.fleet.plan(Destroy(), where=[("9", "4")])
    await seflow.fleet.run(doomed.confirm(1))
    steps: list[Action] = [Stop(), Resize(memory=4096), Start()]
    await seflow.fleet.run(steps, where=lambda service, vm: vm.label == "web01", rollout=rollout)
    await seflow.fleet.run([Stop(), ResizeDisk(disk_id="virtio0", size=40), Start()])
    await seflow.fleet.run(Snapshot("nightly"), services=[9])
    await seflow.fleet.run(SetRdns("{label}.example.com"))
    await seflow.fleet.run("stop")  # type: ignore[arg-type]
    await seflow.fleet.run(Stop)  # type: ignore[arg-type]
    run = seflow.fleet.run(plan, refresh=True, action=Snapshot("nightly"), healthy=is_well)
    run.limit = 8
    assert_type(run.progress, Progress)
    held: Mapping[str, float] = run.progress.held
    assert_type(len(held), int)
    return await run


async def journals(seflow: SeFlow, path: Path) -> None:
    SeFlow("ops@example.com", "x", journal=path, protected='label =~ "db-.*"')
    journal = Journal(path)
    fleet = Fleet([seflow], journal=journal)
    run = fleet.stop(run_id="nightly-2026-11-24")
    for info in await fleet.runs():
        assert_type(info, RunInfo)
        assert_type(info.header, RunHeader)
    try:
        await fleet.resume(run.id, repeat_unknown=False)
    except (RunNotFound, RunIsActive, JournalError) as error:
        assert_type(str(error), str)
    await fleet.retry(run.id, failed=True, not_attempted=True, unknown=False)
    await fleet.restore(run, note="as it was")
    findings = await fleet.reconcile(run.id)
    assert_type(findings, list[Finding])
    report = await fleet.report(run.id)
    assert_type(report.compare(await run), Comparison)
    assert_type(report.grouped, tuple[CauseGroup, ...])
    assert_type(report.downtimes, tuple[Downtime, ...])
    services: Mapping[tuple[str, str], ServiceSummary] = report.per_service
    assert_type(len(services), int)
    assert_type(report.undiscovered, tuple[Undiscovered, ...])
    assert_type(report.without_vms, tuple[WithoutVms, ...])
    assert_type(report.to_json(), str)
    assert_type(await fleet.prune(keep=100), int)
    for outcome in report.outcomes:
        if isinstance(outcome.value, UsageGraphs):
            assert_type(outcome.value.cpu, UntrustedHtml)

"""The public API as a user would write it; checked by mypy, never run."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import assert_type

import aiohttp

from aioseflow import (
    ALL,
    Accepted,
    AdaptiveLimit,
    Event,
    FixedLimit,
    Fleet,
    Limit,
    Outcome,
    PowerState,
    Refused,
    Report,
    RetryPolicy,
    Run,
    Secret,
    SeFlow,
    SeFlowError,
    Service,
    SettlePolicy,
    Stats,
    Status,
    Timeouts,
    UntrustedHtml,
    Vm,
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
    await one.fleet.stop(where="everything")  # type: ignore[arg-type]
    with one.capture() as exchanges:
        await one.vms.stop(9, 4)
    assert_type(exchanges[0].status, int | None)
    return counts[Status.UNKNOWN]

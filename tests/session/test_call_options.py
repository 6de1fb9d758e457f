"""Deadlines, time-outs, views and waits, on a virtual clock against the real sandbox."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.clients import virtual_client
from support.virtual import VIRTUAL, SocketPairConnector

from aioseflow import (
    ConfigurationError,
    FixedLimit,
    OutcomeUnknown,
    RequestTimeout,
    RetryPolicy,
    SeFlow,
    SeFlowError,
    ServerError,
    Status,
    Throttled,
    TransportError,
)
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.session.call import ONCE

REBOOT = "/service/@id/vms/@vmid/reboot"


def panel_of(*faults: Fault, **settings: Any) -> Sandbox:
    return Sandbox(listen=False, port=80, services=1, vms_per_service=8, faults=faults, **settings)


def clock() -> float:
    return asyncio.get_running_loop().time()


async def failure_of(call: Any) -> SeFlowError:
    with pytest.raises(SeFlowError) as caught:
        await call
    return caught.value


@VIRTUAL
class TestDeadline:
    """``deadline`` bounds everything: the gate, the exchange, the waits, the repeats."""

    async def test_in_the_queue(self) -> None:
        async with panel_of(Fault("hang", path="/service/*")) as panel:
            async with virtual_client(panel, limit=1) as seflow:
                await seflow.services.list()
                slow = asyncio.create_task(seflow.vms.stop(33301, 4001))
                await asyncio.sleep(1)
                error = await failure_of(seflow.with_options(deadline=4).vms.reboot(33301, 4002))
                assert isinstance(error, RequestTimeout)
                assert (clock(), error.attempts, error.may_have_acted) == (1005.0, 0, False)
                assert "4 s" in str(error)
                slow.cancel()
            assert panel.count(path=REBOOT) == 0

    @pytest.mark.parametrize(
        ("name", "kind"), [("reboot", OutcomeUnknown), ("stop", RequestTimeout), ("get", RequestTimeout)]
    )
    async def test_in_the_exchange(self, name: str, kind: type[SeFlowError]) -> None:
        async with panel_of(Fault("hang", path="/service/*")) as panel:
            async with virtual_client(panel, deadline=7) as seflow:
                error = await failure_of(getattr(seflow.vms, name)(33301, 4001))
                assert type(error) is kind
                assert (clock(), error.attempts) == (1007.0, 1)
                assert error.may_have_acted is (name != "get")
            assert len(panel.requests) == 1

    async def test_while_connecting_nothing_was_sent(self) -> None:
        async with panel_of() as panel, SocketPairConnector(panel, hang=True) as connector:
            async with virtual_client(panel, connector=connector, deadline=3) as seflow:
                error = await failure_of(seflow.vms.reboot(33301, 4001))
                assert type(error) is RequestTimeout
                assert not error.may_have_acted
                assert clock() == 1003.0
            assert panel.requests == []

    async def test_before_a_wait_that_would_be_longer(self) -> None:
        async with panel_of(Fault("throttle", seconds=24)) as panel, virtual_client(panel) as seflow:
            error = await failure_of(seflow.with_options(deadline=20).services.list())
            assert isinstance(error, Throttled)
            assert (error.retry_after, clock()) == (24, 1000.0)

    async def test_repeats_included(self) -> None:
        async with panel_of(Fault("status", status=500)) as panel:
            policy = RetryPolicy(attempts=100, first_wait=4, longest_wait=4)
            async with virtual_client(panel, retry=policy, deadline=60) as seflow:
                error = await failure_of(seflow.services.list())
                assert isinstance(error, ServerError)
                assert clock() <= 1060.0
            assert 3 <= len(panel.requests) <= 11

    async def test_asyncio_timeout_composes(self) -> None:
        async with panel_of(Fault("hang")) as panel, virtual_client(panel) as seflow:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(2):
                    await seflow.vms.stop(33301, 4001)
            assert clock() == 1002.0
            assert not isinstance(caught.value, SeFlowError)
            assert seflow.stats().in_flight == 0


@VIRTUAL
class TestTimeout:
    """``timeout`` bounds one exchange, and starts behind the gate."""

    async def test_each_exchange_has_its_own(self) -> None:
        async with panel_of(Fault("hang")) as panel:
            async with virtual_client(panel) as seflow:
                error = await failure_of(seflow.with_options(timeout=5).services.list())
                assert isinstance(error, RequestTimeout)
                assert error.attempts == len(panel.requests) == 3
                assert 1015.0 <= clock() <= 1016.5

    async def test_the_queue_does_not_count(self) -> None:
        async with panel_of(service_time=4.0) as panel:
            async with virtual_client(panel, limit=1, retry=None, timeouts=5) as seflow:
                await asyncio.gather(*(seflow.services.list() for _ in range(6)))
                assert clock() == 1024.0

    @pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "5", True])
    async def test_what_cannot_be_one_is_refused(self, bad: Any) -> None:
        async with panel_of() as panel, virtual_client(panel) as seflow:
            for name in ("timeout", "deadline"):
                with pytest.raises(ConfigurationError, match=name):
                    seflow.with_options(**{name: bad})


@VIRTUAL
class TestViews:
    """`with_options` is a light view on the same session, gate and circuit."""

    async def test_everything_else_is_shared(self) -> None:
        async with panel_of(Fault("status", status=500, path="/service/@id")) as panel:
            async with virtual_client(panel, limit=FixedLimit(3)) as seflow:
                once = seflow.with_options(retry=None)
                assert type(once) is type(seflow)
                await failure_of(once.services.get(33301))
                assert len(panel.requests) == 1
                assert once.stats() == seflow.stats()
                assert once.name == seflow.name
                await failure_of(once.with_options(retry=RetryPolicy()).services.get(33301))
                assert len(panel.requests) == 4
                report = await once.fleet.usage()
                assert report.ok
                with pytest.raises(ConfigurationError, match="enter and close its client"):
                    async with once:
                        pass
                with pytest.raises(ConfigurationError, match="enter and close its client"):
                    await once.close()
            with pytest.raises(ConfigurationError, match="closed"):
                await once.services.list()

    async def test_a_run_of_a_view_ends_with_the_client(self) -> None:
        async with panel_of(Fault("hang", method="POST")) as panel:
            async with virtual_client(panel) as seflow:
                run = seflow.with_options(deadline=500).fleet.reboot().start()
                await asyncio.sleep(1)
            report = await run
            assert report.counts[Status.UNKNOWN] == panel.count(method="POST") > 0
            assert sum(report.counts.values()) == 8


@VIRTUAL
class TestWaits:
    """What the panel asks for is obeyed, by everybody, and nobody comes back in a crowd."""

    async def test_sixty_four_waiters_come_back_spread_and_never_early(self) -> None:
        fault = Fault("status", status=429, retry_after=10, times=64)
        async with panel_of() as panel:
            async with virtual_client(panel, limit=64) as seflow:
                await seflow.services.list()
                panel.faults.add(fault)
                await asyncio.gather(*(seflow.services.list() for _ in range(64)))
            again = sorted(seen.time for seen in panel.requests[65:])
            assert len(again) == 64
            assert again[0] >= 1010.0
            assert again[-1] <= 1011.0 + 1e-6
            assert max(sum(low <= moment < low + 0.001 for moment in again) for low in again) <= 8

    async def test_one_refusal_holds_everybody(self) -> None:
        async with panel_of(Fault("throttle", seconds=24, times=1)) as panel, virtual_client(panel) as seflow:
            first = asyncio.create_task(seflow.services.list())
            await asyncio.sleep(1)
            await seflow.account.details()
            assert clock() >= 1024.0
            await first
            assert seflow.stats().refusals == 1

    async def test_a_call_that_may_not_wait_so_long_ends_at_once_and_nothing_is_sent(self) -> None:
        async with panel_of(Fault("throttle", seconds=60, times=1)) as panel, virtual_client(panel) as seflow:
            first = asyncio.create_task(seflow.services.list())
            await asyncio.sleep(1)
            error = await failure_of(seflow.with_options(deadline=10).vms.reboot(33301, 4001))
            assert isinstance(error, Throttled)
            assert error.retry_after == pytest.approx(59)
            assert (error.attempts, clock()) == (0, 1001.0)
            await first
            assert panel.count(path=REBOOT) == 0

    async def test_a_call_that_queues_already_ends_as_soon_as_the_wait_is_known(self) -> None:
        async with panel_of() as panel, virtual_client(panel, limit=1) as seflow:
            await seflow.services.list()
            panel.faults.add(Fault("latency", seconds=2), Fault("throttle", seconds=600, times=1))
            calls = [asyncio.create_task(seflow.services.list()) for _ in range(5)]
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(result) for result in results} == {Throttled}
            assert clock() == 1002.0
            assert len(panel.requests) == 2

    async def test_a_refusal_is_neither_an_attempt_nor_a_token(self) -> None:
        async with panel_of(Fault("throttle", seconds=1, times=12)) as panel:
            async with virtual_client(panel, limit=FixedLimit(4)) as seflow:
                await seflow.vms.reboot(33301, 4001)
                assert seflow.stats().retry_budget == 100
            assert panel.effect_count("reboot") == 1
            assert panel.count(path=REBOOT) == 13


@VIRTUAL
class TestBudget:
    """A dead panel gets hardly more requests than there are calls."""

    @pytest.mark.parametrize("kind", ["close", "status", "hang"])
    @pytest.mark.parametrize("at_once", [False, True])
    async def test_two_hundred_calls_at_a_dead_panel(self, kind: Any, *, at_once: bool) -> None:
        fault = Fault("status", status=502) if kind == "status" else Fault(kind)
        async with panel_of(fault) as panel, virtual_client(panel, timeouts=0.3) as seflow:
            calls = [seflow.services.list() for _ in range(200)]
            if at_once:
                results = await asyncio.gather(*calls, return_exceptions=True)
            else:
                results = [await failure_of(call) for call in calls]
            assert all(isinstance(result, TransportError | ServerError) for result in results)
            assert len(panel.requests) <= 1.1 * 200
            last = results[-1]
            assert isinstance(last, SeFlowError)
            assert last.retry_budget_empty
            assert "retry budget" in str(last)

    async def test_it_recovers_with_answers(self) -> None:
        fault = Fault("close")
        async with panel_of(fault) as panel, virtual_client(panel) as seflow:
            for _ in range(20):
                await failure_of(seflow.services.list())
            assert seflow.stats().retry_budget < 10
            panel.faults.clear()
            for _ in range(10):
                await seflow.services.list()
            panel.faults.add(Fault("close", times=1))
            await seflow.services.list()

    async def test_it_recovers_with_time(self) -> None:
        async with panel_of(Fault("close", times=100)) as panel, virtual_client(panel) as seflow:
            for _ in range(20):
                await failure_of(seflow.services.list())
            panel.faults.clear()
            await asyncio.sleep(30)
            panel.faults.add(Fault("close", times=1))
            await seflow.services.list()

    async def test_a_fleet_puts_such_a_vm_back_to_the_end_of_its_queue(self) -> None:
        async with panel_of() as panel, virtual_client(panel, limit=FixedLimit(2)) as seflow:
            seflow._session.shared.budget.tokens = 0
            panel.faults.add(Fault("status", method="POST", status=502, vm="4001", times=2))
            report = await seflow.fleet.stop()
            assert report.ok
            assert report.outcomes[-1].vm_id == "4001"
            assert report.outcomes[-1].attempts == 3
            assert panel.repeated("stop") == {}


@VIRTUAL
async def test_what_a_once_call_sends_is_one_request_whatever_the_policy() -> None:
    assert SeFlow("u@example.com", "p")._session.options.retry is not None
    async with panel_of(Fault("close", path=REBOOT)) as panel:
        async with virtual_client(panel, retry=RetryPolicy(attempts=10)) as seflow:
            assert isinstance(await failure_of(seflow.vms.reboot(33301, 4001)), OutcomeUnknown)
        assert panel.count(path=REBOOT) == 1
    assert ONCE.value == "once"

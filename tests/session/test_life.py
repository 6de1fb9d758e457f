"""A client's life: made anywhere, used in one loop by many tasks, cancelled at any moment, closed twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.clients import QUICK_RETRY, client
from support.patience import until
from support.virtual import EVERY_LOOP
from support.wire import Play, Wire, http

from aioseflow import ConfigurationError, FixedLimit, OutcomeUnknown, RetryPolicy, SeFlow, SeFlowError
from aioseflow.sandbox import Fault, Sandbox

SERVICES = http('{"services": []}')

pytestmark = EVERY_LOOP


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as server:
        server.answer = SERVICES
        yield server


class TestOpening:
    async def test_a_client_is_made_outside_a_loop_and_used_inside_its_block(self, wire: Wire) -> None:
        seflow = await asyncio.to_thread(client, wire.url)
        with pytest.raises(ConfigurationError, match="not open"):
            await seflow.services.list()
        async with seflow:
            assert await seflow.services.list() == []
            with pytest.raises(ConfigurationError, match="open already"):
                async with seflow:
                    pass
        with pytest.raises(ConfigurationError, match="closed"):
            await seflow.services.list()
        await seflow.close()
        assert len(wire.requests) == 1

    async def test_a_closed_client_may_be_opened_again(self, wire: Wire) -> None:
        seflow = client(wire.url)
        for _ in range(2):
            async with seflow:
                assert await seflow.services.list() == []

    async def test_another_loop_gets_one_clear_error(self, wire: Wire) -> None:
        async with client(wire.url) as seflow:
            await seflow.services.list()

            async def use() -> None:
                await seflow.services.list()

            async def enter() -> None:
                async with seflow:
                    pass

            for elsewhere in (use, enter, seflow.close):
                with pytest.raises(ConfigurationError, match="another event loop"):
                    await asyncio.to_thread(asyncio.run, elsewhere())
            assert await seflow.services.list() == []

    async def test_a_lent_connector_is_used_and_left_open(self, wire: Wire) -> None:
        async with aiohttp.TCPConnector() as connector:
            for _ in range(2):
                async with client(wire.url, connector=connector) as seflow:
                    await seflow.services.list()
                assert not connector.closed
        assert wire.connections == 1


class TestClosing:
    async def test_every_call_that_waits_or_is_in_flight_ends_with_one_clear_error(self, wire: Wire) -> None:
        patience = RetryPolicy(first_wait=1e6, longest_wait=1e6, deadline=1e7)
        async with client(wire.url, limit=FixedLimit(2), retry=patience) as seflow:
            await seflow.services.list()
            wire.answer = http("oops", 500)
            sleeping = asyncio.create_task(seflow.services.list())
            await wire.arrived(2)
            await until(lambda: seflow.stats().waited > 0)
            wire.answer = Play(then="hang")
            reboot = asyncio.create_task(seflow.vms.reboot(9, 4))
            stop = asyncio.create_task(seflow.vms.stop(9, 5))
            await wire.arrived(4)
            queued = asyncio.create_task(seflow.vms.reboot(9, 6))
            await asyncio.sleep(0)
        results = await asyncio.gather(sleeping, reboot, stop, queued, return_exceptions=True)
        assert [type(result) for result in results] == [
            ConfigurationError,
            OutcomeUnknown,
            ConfigurationError,
            ConfigurationError,
        ]
        assert [getattr(result, "may_have_acted", None) for result in results] == [False, True, True, False]
        assert all("closed" in str(result) for result in results)
        assert len(wire.requests) == 4

    async def test_a_run_that_is_not_over_ends_with_the_client(self) -> None:
        async with Sandbox(services=1, vms_per_service=5, faults=[Fault("hang", method="POST")]) as panel:
            async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
                run = seflow.fleet.reboot().start()
                await until(lambda: panel.count(method="POST") == 5)
            report = await run
        assert dict(report.counts) == {
            "changed": 0, "unchanged": 0, "failed": 0, "unknown": 5, "not_attempted": 0,
        }  # fmt: skip


class TestCancelling:
    @pytest.mark.parametrize("seed", range(3))
    async def test_half_of_a_thousand_cancelled_at_random_poison_nothing(self, seed: int) -> None:
        chance = random.Random(seed)
        async with Sandbox(
            services=1, vms_per_service=1, service_time=(0.0, 0.002), reboot_time=0.0, seed=seed
        ) as panel:
            async with SeFlow(
                panel.username, panel.password, base_url=panel.url, limit=24, retry=QUICK_RETRY
            ) as seflow:
                calls = [
                    asyncio.create_task(
                        seflow.vms.list(33301) if number % 2 else seflow.vms.reboot(33301, 4001)
                    )
                    for number in range(1000)
                ]
                chosen = chance.sample(calls, 500)
                for call in chosen:
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    call.cancel()
                results = await asyncio.gather(*calls, return_exceptions=True)
                # One that was done before it could be cancelled is done.
                spared = set(calls) - set(chosen)
                assert not any(call.cancelled() for call in spared)
                kinds = {type(result) for result in results if isinstance(result, BaseException)}
                assert kinds == {asyncio.CancelledError}
                stats = seflow.stats()
                assert (stats.in_flight, stats.waiting) == (0, 0)
                clean = await asyncio.gather(*(seflow.vms.list(33301) for _ in range(1000)))
                assert all(len(vms) == 1 for vms in clean)
        answered = sum(not isinstance(result, BaseException) for result in results[::2])
        assert answered <= panel.effect_count("reboot") <= 500

    async def test_a_change_that_may_have_left_carries_a_note(self, wire: Wire) -> None:
        async with client(wire.url) as seflow:
            await seflow.services.list()
            wire.answer = Play(then="hang")
            call = asyncio.create_task(seflow.vms.stop(9, 4))
            await wire.arrived(2)
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
        assert caught.value.__notes__ == [
            "vms.stop: POST /service/9/vms/4/stop was sent; it is not known whether the panel acted"
        ]

    async def test_what_changes_nothing_or_never_left_carries_none(self, wire: Wire) -> None:
        async with client(wire.url, limit=1) as seflow:
            await seflow.services.list()
            wire.answer = Play(then="hang")
            reading = asyncio.create_task(seflow.services.list())
            await wire.arrived(2)
            queued = asyncio.create_task(seflow.vms.stop(9, 4))
            await asyncio.sleep(0)
            for call in (queued, reading):
                call.cancel()
                with pytest.raises(asyncio.CancelledError) as caught:
                    await call
                assert not hasattr(caught.value, "__notes__")

    async def test_in_a_fleet_what_was_in_flight_is_unknown(self) -> None:
        fault = Fault("hang", method="POST", when="after")
        async with Sandbox(services=1, vms_per_service=40, faults=[fault]) as panel:
            async with SeFlow(
                panel.username, panel.password, base_url=panel.url, limit=FixedLimit(8)
            ) as seflow:
                run = seflow.fleet.reboot().start()
                await until(lambda: panel.effect_count("reboot") == 8)
                run.cancel()
                report = await run
            unknown = [outcome for outcome in report.outcomes if outcome.status == "unknown"]
            assert {(each.service_id, each.vm_id) for each in unknown} == {
                key for key, counter in panel.effects.items() if counter["reboot"]
            }
            assert report.counts[unknown[0].status] == 8
            assert sum(report.counts.values()) == 40


async def test_many_tasks_share_one_client(wire: Wire) -> None:
    async with client(wire.url, limit=8) as seflow:

        async def worker() -> None:
            for _ in range(10):
                assert await seflow.services.list() == []

        await asyncio.gather(*(worker() for _ in range(30)))
    assert len(wire.requests) == 300
    assert wire.connections <= 8


async def test_an_error_of_another_kind_passes_through_and_gives_the_slot_back(wire: Wire) -> None:
    async with client(wire.url, limit=1) as seflow:
        with pytest.raises(SeFlowError):
            await seflow.services.get("..")
        assert await seflow.services.list() == []
        assert seflow.stats().in_flight == 0

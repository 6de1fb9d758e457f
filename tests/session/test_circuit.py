"""Refused credentials open the circuit for all calls, once; a throttle never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.clients import PASSWORD, QUICK_RETRY, USERNAME, client, virtual_client
from support.virtual import VIRTUAL
from support.wire import Answer, Play, Seen, Wire, http

from aioseflow import (
    AddressNotAllowed,
    AuthenticationError,
    ConfigurationError,
    PermissionDenied,
    SeFlow,
    SeFlowError,
    Throttled,
)
from aioseflow.sandbox import Fault, Sandbox

SERVICES = http('{"services": []}')
WRONG = http('{"error":["wronglogin","unauthorized"]}', 401)


@pytest.fixture
async def panel() -> AsyncIterator[Sandbox]:
    async with Sandbox(services=1, vms_per_service=4, lockout_after=3) as panel:
        yield panel


async def crowd(seflow: SeFlow, number: int = 200) -> list[Any]:
    return await asyncio.gather(*(seflow.services.list() for _ in range(number)), return_exceptions=True)


def at(panel: Sandbox, password: str = "wrong", **options: Any) -> SeFlow:  # noqa: S107 - a wrong one
    return SeFlow(panel.username, password, base_url=panel.url, **{"retry": QUICK_RETRY, **options})


async def test_two_hundred_callers_with_a_wrong_password_send_it_once_and_then_no_more(
    panel: Sandbox,
) -> None:
    async with at(panel) as seflow:
        for _ in range(2):
            results = await crowd(seflow)
            assert {type(result) for result in results} == {AuthenticationError}
        assert len({id(result) for result in results}) == 200
        assert seflow.stats().circuit == "open"
    assert len(panel.requests) == panel.bad_logins == 1


@pytest.mark.parametrize(
    ("kind", "error"), [("wronglogin", AuthenticationError), ("ipnotallowed", AddressNotAllowed)]
)
async def test_a_refusal_in_the_middle_of_a_crowd_turns_all_who_wait_away(
    panel: Sandbox, kind: Any, error: type[SeFlowError]
) -> None:
    async with at(panel, panel.password, limit=4) as seflow:
        await seflow.services.list()
        panel.faults.add(Fault(kind))
        results = await crowd(seflow)
        assert {type(result) for result in results} == {error}
    # Only those that were in flight when the first refusal came.
    assert len(panel.requests) <= 1 + 4


async def test_a_bare_401_opens_the_circuit_and_a_403_never_does() -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = http('{"error": ["unauthorized"]}', 403)
        for _ in range(3):
            with pytest.raises(PermissionDenied):
                await seflow.services.list()
        wire.answer = http("", 401)
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                await seflow.services.list()
        assert len(wire.requests) == 4


async def test_the_throttle_s_401_never_opens_the_circuit(panel: Sandbox) -> None:
    panel.faults.add(Fault("throttle", seconds=300))
    async with at(panel, panel.password) as seflow:
        with pytest.raises(Throttled) as caught:
            await seflow.services.list()
        assert caught.value.retry_after == 300
        assert seflow.stats().circuit == "closed"


async def test_the_first_request_goes_alone_until_it_is_answered() -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = Play(then="hang")
        first = asyncio.create_task(seflow.services.list())
        others = [asyncio.create_task(seflow.services.list()) for _ in range(20)]
        await wire.arrived(1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(wire.requests) == 1
        # It gives up without an answer, so that the next one goes alone as well.
        first.cancel()
        await wire.arrived(2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(wire.requests) == 2
        wire.answer = SERVICES
        others[0].cancel()
        assert await asyncio.gather(*others[1:]) == [[]] * 19


async def test_a_new_password_closes_the_circuit_and_goes_alone_again(panel: Sandbox) -> None:
    async with at(panel) as seflow:
        await crowd(seflow, 3)
        seflow.reset(password="also wrong")
        assert {type(result) for result in await crowd(seflow)} == {AuthenticationError}
        assert panel.bad_logins == 2
        seflow.reset(password=panel.password)
        assert not any(isinstance(result, BaseException) for result in await crowd(seflow))
        assert seflow.stats().circuit == "closed"


async def test_a_reset_with_nothing_new_tries_the_same_again(panel: Sandbox) -> None:
    panel.faults.add(Fault("wronglogin", times=1))
    async with at(panel, panel.password) as seflow:
        with pytest.raises(AuthenticationError):
            await seflow.services.list()
        seflow.reset()
        assert len(await seflow.services.list()) == 1
        with pytest.raises(ConfigurationError, match="password"):
            seflow.reset(password="")


async def test_a_late_refusal_of_the_old_password_does_not_count_against_the_new_one() -> None:
    def answer(seen: Seen) -> Answer:
        return Play(then="hang") if seen.target.endswith("/service/9") else SERVICES

    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = SERVICES
        await seflow.services.list()
        release = asyncio.Event()

        wire.answer = answer
        slow = asyncio.create_task(seflow.services.get(9))
        await wire.arrived(2)
        seflow.reset(password="new")
        assert await seflow.services.list() == []
        assert wire.last.headers["authorization"] != wire.requests[0].headers["authorization"]
        assert not release.is_set()
        slow.cancel()
        assert seflow.stats().circuit == "closed"


class TestCallback:
    """``credentials=`` gives others after a refusal."""

    @pytest.mark.parametrize("asynchronous", [False, True])
    async def test_new_credentials_end_the_refusal_for_everybody_who_waits(
        self, panel: Sandbox, *, asynchronous: bool
    ) -> None:
        asked = 0

        def ask() -> tuple[str, str]:
            nonlocal asked
            asked += 1
            return panel.username, panel.password

        async def ask_slowly() -> tuple[str, str]:
            await asyncio.sleep(0)
            return ask()

        async with at(panel, credentials=ask_slowly if asynchronous else ask) as seflow:
            results = await crowd(seflow)
        assert not any(isinstance(result, BaseException) for result in results)
        assert asked == 1
        assert panel.count(status=401) == 1

    async def test_wrong_ones_are_tried_once_and_then_nobody_is_asked_again(self, panel: Sandbox) -> None:
        asked = 0

        def ask() -> tuple[str, str]:
            nonlocal asked
            asked += 1
            return panel.username, f"guess {asked}"

        async with at(panel, credentials=ask) as seflow:
            for _ in range(2):
                assert {type(result) for result in await crowd(seflow)} == {AuthenticationError}
        assert (asked, len(panel.requests)) == (1, 2)

    @pytest.mark.parametrize("given", [None, "the same", "not a pair", "an error"])
    async def test_without_others_the_refusal_stands(self, panel: Sandbox, given: str | None) -> None:
        def ask() -> Any:
            if given == "an error":
                raise OSError("no keyring here")
            return (panel.username, "wrong") if given == "the same" else given

        async with at(panel, credentials=ask) as seflow:
            assert {type(result) for result in await crowd(seflow)} == {AuthenticationError}
        assert len(panel.requests) == 1

    async def test_without_retries_the_new_ones_are_for_the_next_call(self, panel: Sandbox) -> None:
        async with at(panel, credentials=lambda: (panel.username, panel.password), retry=None) as seflow:
            with pytest.raises(AuthenticationError):
                await seflow.services.list()
            assert len(panel.requests) == 1
            assert len(await seflow.services.list()) == 1

    async def test_an_address_that_is_not_allowed_is_no_question_of_credentials(self, panel: Sandbox) -> None:
        panel.faults.add(Fault("ipnotallowed"))
        async with at(panel, credentials=lambda: ("x@example.com", "y")) as seflow:
            with pytest.raises(AddressNotAllowed):
                await seflow.services.list()
        assert len(panel.requests) == 1

    async def test_a_caller_that_is_cancelled_while_others_are_fetched_leaves_the_refusal(
        self, panel: Sandbox
    ) -> None:
        asking = asyncio.Event()

        async def ask() -> None:
            asking.set()
            await asyncio.Event().wait()

        async with at(panel, credentials=ask) as seflow:
            calls = [asyncio.create_task(seflow.services.list()) for _ in range(5)]
            await asking.wait()
            calls[0].cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] + [AuthenticationError] * 4
        assert len(panel.requests) == 1


@VIRTUAL
async def test_a_panel_that_is_down_gets_one_request_at_a_time_and_then_all_of_them() -> None:
    async with Sandbox(listen=False, port=80, services=1, service_time=0.1) as panel:
        async with virtual_client(panel, retry=None, timeouts=5.0, limit=8) as seflow:
            await seflow.services.list()
            hang = Fault("hang")
            panel.faults.add(hang)
            assert {type(result).__name__ for result in await crowd(seflow, 8)} == {"RequestTimeout"}
            assert seflow.stats().panel == "down"
            await asyncio.sleep(1)
            panel.clear_record()
            calls = [asyncio.create_task(seflow.services.list()) for _ in range(40)]
            await asyncio.sleep(12)
            assert panel.peak == 1
            assert 2 <= len(panel.requests) <= 3
            panel.faults.remove(hang)
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert sum(isinstance(result, SeFlowError) for result in results) == 3
            assert seflow.stats().panel == "up"
            assert panel.peak == 8


@VIRTUAL
async def test_a_call_that_waited_two_minutes_for_a_panel_that_is_down_ends() -> None:
    async with Sandbox(listen=False, port=80, services=1, faults=[Fault("hang")]) as panel:
        async with virtual_client(panel, retry=None, timeouts=20.0) as seflow:
            began = asyncio.get_running_loop().time()
            results = await crowd(seflow, 40)
            assert asyncio.get_running_loop().time() - began < 150
            assert not any(result.may_have_acted for result in results)
            assert "did not answer the last" in str(results[-1])
            assert results[-1].attempts == 0
            assert len(panel.requests) == 7
            assert {type(result).__name__ for result in results} == {"RequestTimeout", "TransportError"}


@VIRTUAL
async def test_a_caller_s_deadline_ends_its_wait_for_a_panel_that_is_down() -> None:
    async with Sandbox(listen=False, port=80, services=1, faults=[Fault("hang")]) as panel:
        async with virtual_client(panel, retry=None, timeouts=20.0) as seflow:
            loop = asyncio.get_running_loop()
            first = asyncio.create_task(seflow.services.list())
            await asyncio.sleep(1)
            began = loop.time()
            with pytest.raises(SeFlowError, match="no free slot within the deadline of 3 s"):
                await seflow.with_options(deadline=3).services.list()
            assert loop.time() - began == pytest.approx(3)
            first.cancel()


def test_user_and_password_of_these_tests_are_not_the_sandbox_s() -> None:
    assert (Sandbox().username, Sandbox().password) != (USERNAME, PASSWORD)

"""The last check before a request leaves: what it raises ends the call, and nothing has left."""

from __future__ import annotations

import asyncio
import contextvars

import pytest
from support.clients import virtual_client
from support.virtual import VIRTUAL

from aioseflow import ConfigurationError, RetryPolicy
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.send_guard import check_guard, guard_sending
from aioseflow.session import aiohttp_hooks

pytestmark = VIRTUAL


class TakenOverError(ConfigurationError):
    """What a guard raises here."""


class Guard:
    """Forbids once it is told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.forbids = False
        self.asked = 0

    def __call__(self) -> None:
        self.asked += 1
        if self.forbids:
            raise TakenOverError("another process has it")


async def test_a_change_is_checked_in_the_moment_in_which_it_leaves() -> None:
    async with Sandbox(services=1, vms_per_service=2, seed=1, listen=False, port=80) as panel:
        async with virtual_client(panel, limit=1, retry=RetryPolicy()) as seflow:
            guard = Guard()
            guard_sending(guard)
            await seflow.vms.list("33301")
            assert guard.asked == 0
            await seflow.vms.stop("33301", "4001")
            assert guard.asked == 1
            panel.clear_record()
            slow = Fault("latency", path="/service/@id/vms", seconds=9.0)
            panel.faults.add(slow)
            # The reading has the only slot, and the change waits behind it.
            reading = asyncio.create_task(seflow.vms.list("33301"))
            await asyncio.sleep(1)
            with seflow.capture() as exchanges:
                changing = asyncio.create_task(seflow.vms.reboot("33301", "4002"))
                await asyncio.sleep(1)
                assert guard.asked == 1
                guard.forbids = True
                with pytest.raises(TakenOverError, match="another process has it") as caught:
                    await changing
            await reading
            assert guard.asked == 2
            assert [(each.sent, each.may_have_left) for each in exchanges] == [(0, False)]
            assert not caught.value.may_have_acted
            assert [request.method for request in panel.requests] == ["GET"]
            assert seflow.stats().in_flight == 0
            guard.forbids = False
            panel.faults.clear()
            assert (await seflow.vms.reboot("33301", "4002")).status


async def test_a_repeat_is_checked_too_and_what_left_before_is_not_forgotten() -> None:
    lost = Fault("reset", path="/service/@id/vms/@vm/stop", when="after", times=1)
    async with Sandbox(services=1, vms_per_service=2, seed=1, listen=False, port=80, faults=[lost]) as panel:
        async with virtual_client(panel, retry=RetryPolicy(first_wait=5.0)) as seflow:
            guard = Guard()
            guard_sending(guard)
            stopping = asyncio.create_task(seflow.vms.stop("33301", "4001"))
            while not panel.faults.hits(lost):  # noqa: ASYNC110 - the panel has no event for it
                await asyncio.sleep(0.01)
            guard.forbids = True
            with pytest.raises(TakenOverError) as caught:
                await stopping
            assert caught.value.may_have_acted
            assert guard.asked == 2
            assert panel.count(method="POST") == 1


async def test_where_aiohttp_does_not_say_when_it_writes_the_guard_is_asked_before_it_connects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aiohttp_hooks, "HAS_SEND_HOOK", False)
    monkeypatch.delattr(aiohttp_hooks.TrackedRequest, "send")
    async with Sandbox(services=1, vms_per_service=2, seed=1, listen=False, port=80) as panel:
        async with virtual_client(panel) as seflow:
            guard = Guard()
            guard_sending(guard)
            await seflow.vms.stop("33301", "4001")
            guard.forbids = True
            with pytest.raises(TakenOverError):
                await seflow.vms.stop("33301", "4002")
            assert panel.count(method="POST") == 1


async def test_a_guard_is_that_of_its_task_and_of_the_tasks_that_it_starts() -> None:
    async def inner() -> None:
        with pytest.raises(TakenOverError):
            check_guard("PUT")

    async def outer() -> None:
        guard = Guard()
        guard.forbids = True
        guard_sending(guard)
        check_guard("GET")
        await asyncio.create_task(inner())

    await asyncio.create_task(outer())
    check_guard("POST")
    contextvars.Context().run(check_guard, "DELETE")

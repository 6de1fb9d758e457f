"""The session's decisions without a socket; what concerns repeats on the wire is in test_session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses
from support.clients import client

from aioseflow import ApiError, OutcomeUnknown, ServerError

URL = "https://panel.example/api"


class Response(aiohttp.ClientResponse):
    """aioresponses does not know the argument that aiohttp 3.14 added."""

    def __init__(self, method: str, url: Any, **options: Any) -> None:
        super().__init__(method, url, **{"stream_writer": Mock(), **options})


@pytest.fixture
def panel() -> Iterator[aioresponses]:
    with aioresponses() as mocked:
        yield mocked


async def test_a_read_is_answered_by_its_third_attempt(panel: aioresponses) -> None:
    for status in (500, 502):
        panel.get(f"{URL}/balance", status=status, response_class=Response)
    panel.get(f"{URL}/balance", body='{"details": {"acc_balance": "1.00"}}', response_class=Response)
    async with client(URL) as seflow:
        with seflow.capture() as exchanges:
            balance = await seflow.billing.balance()
    assert str(balance.acc_balance) == "1.00"
    assert (exchanges[0].attempts, exchanges[0].status, len(exchanges[0].waits)) == (3, 200, 2)


async def test_a_read_gives_up_after_its_third_attempt(panel: aioresponses) -> None:
    panel.get(f"{URL}/balance", status=500, repeat=True, response_class=Response)
    async with client(URL) as seflow:
        with pytest.raises(ServerError, match=r"HTTP 500.*Tried 3 times") as caught:
            await seflow.billing.balance()
    assert (caught.value.attempts, caught.value.status) == (3, 500)


async def test_an_exception_of_the_transport_on_a_once_call_is_unknown(panel: aioresponses) -> None:
    panel.post(f"{URL}/service/9/vms/4/reboot", exception=aiohttp.ServerDisconnectedError())
    async with client(URL) as seflow:
        with pytest.raises(OutcomeUnknown, match="not sent again"):
            await seflow.vms.reboot(9, 4)


async def test_a_refusal_is_raised_at_once(panel: aioresponses) -> None:
    panel.post(f"{URL}/service/9/vms/4/stop", body='{"error": ["vm_locked"]}', response_class=Response)
    async with client(URL) as seflow:
        with pytest.raises(ApiError, match="vm_locked"):
            await seflow.vms.stop(9, 4)

"""A long list is read in slices: the same answer and the same errors, while others have their turns."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import Any

import pytest
from support.clients import client
from support.wire import Wire, http

from aioseflow import DecodeError, Vm
from aioseflow.decoding import decode, decode_slowly
from aioseflow.models import Accepted

MANY = 5_000


def vm(number: int) -> dict[str, Any]:
    return {"id": str(number), "label": f"vm-{number}", "status": "running", "password": "hunter2", "odd": 1}


async def read(payload: Any, *, key: tuple[str, ...] = ("vms",)) -> tuple[Any, int]:
    """Return the result, and how often other tasks had a turn."""
    reading = asyncio.create_task(decode_slowly(list[Vm], payload, key=key, call="vms.list"))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    return await reading, turns


LISTED = [vm(number) for number in range(MANY)]
KEYED = {str(number): {k: v for k, v in vm(number).items() if k != "id"} for number in range(MANY)}


@pytest.mark.parametrize(
    ("payload", "key"),
    [({"vms": LISTED}, ("vms",)), ({"vms": KEYED}, ("vm", "vms")), (LISTED, ()), (KEYED, ())],
    ids=["list", "keyed", "bare list", "bare and keyed"],
)
async def test_it_is_what_decode_gives(payload: Any, key: tuple[str, ...]) -> None:
    answer, turns = await read(payload, key=key)
    assert answer == decode(list[Vm], payload, key=key, call="vms.list")
    assert turns >= MANY // 100


@pytest.mark.parametrize(
    "payload",
    [{"vms": []}, {"vms": {}}, {"vms": [vm(1)]}, {"vms": vm(1)}, {"vms": {"7": {"label": "x"}}}],
)
async def test_short_ones_are_read_too(payload: Any) -> None:
    assert (await read(payload))[0] == decode(list[Vm], payload, key=("vms",), call="vms.list")


@pytest.mark.parametrize(
    "payload",
    [
        {"vms": [*LISTED, {"label": "without an id"}]},
        {"vms": [*LISTED[:120], {**vm(1), "id": [1]}, *LISTED]},
        {"vms": {**KEYED, "bad": {"id": ["3"], "memory": "much"}}},
        {"vms": "none"},
        {"other": []},
        "text",
        None,
    ],
)
async def test_an_error_is_the_same_and_at_the_same_place(payload: Any) -> None:
    with pytest.raises(DecodeError) as plain:
        decode(list[Vm], payload, key=("vms",), call="vms.list")
    with pytest.raises(DecodeError) as sliced:
        await read(payload)
    assert (str(sliced.value), sliced.value.path) == (str(plain.value), plain.value.path)
    assert "hunter2" not in f"{sliced.value.payload}"


async def test_one_object_is_read_too() -> None:
    assert await decode_slowly(Accepted, {"status": True}, call="vms.stop") == Accepted(status=True)


async def test_a_client_reads_a_long_list_slowly_and_a_cancellation_shows_nothing_of_it() -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = http(json.dumps({"vms": LISTED}))
        turns = 0

        def turn() -> None:
            # One call of the loop's each turn, without a task: it stops by itself when the list is there.
            nonlocal turns
            turns += 1
            if not task.done():
                asyncio.get_running_loop().call_soon(turn)

        task = asyncio.create_task(seflow.vms.list(9))
        asyncio.get_running_loop().call_soon(turn)
        vms = await task
        assert [each.id for each in vms] == [each["id"] for each in LISTED]
        needed = turns
        assert needed >= MANY // 100

        task = asyncio.create_task(seflow.vms.list(9))
        for _ in range(needed - MANY // 200):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert "hunter2" not in "".join(shown.format())

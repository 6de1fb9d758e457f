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
from aioseflow.decoding import Reading, decode
from aioseflow.models import Accepted

MANY = 5_000


def vm(number: int) -> dict[str, Any]:
    return {"id": str(number), "label": f"vm-{number}", "status": "running", "password": "hunter2", "odd": 1}


def read(payload: Any, *, key: tuple[str, ...] = ("vms",)) -> tuple[Any, int]:
    """What comes of it, and how often others had a turn."""
    reading = Reading(list[Vm], payload, key=key, call="vms.list")
    turns = sum(1 for _ in reading)
    assert "hunter2" not in repr(reading)
    return reading.answer, turns


LISTED = [vm(number) for number in range(MANY)]
KEYED = {str(number): {k: v for k, v in vm(number).items() if k != "id"} for number in range(MANY)}


@pytest.mark.parametrize(
    ("payload", "key"),
    [({"vms": LISTED}, ("vms",)), ({"vms": KEYED}, ("vm", "vms")), (LISTED, ()), (KEYED, ())],
    ids=["list", "keyed", "bare list", "bare and keyed"],
)
def test_it_is_what_decode_gives(payload: Any, key: tuple[str, ...]) -> None:
    answer, turns = read(payload, key=key)
    assert answer == decode(list[Vm], payload, key=key, call="vms.list")
    assert turns >= MANY // 100


@pytest.mark.parametrize(
    "payload",
    [{"vms": []}, {"vms": {}}, {"vms": [vm(1)]}, {"vms": vm(1)}, {"vms": {"7": {"label": "x"}}}],
)
def test_short_ones_are_read_too(payload: Any) -> None:
    assert read(payload)[0] == decode(list[Vm], payload, key=("vms",), call="vms.list")


@pytest.mark.parametrize(
    "payload",
    [
        {"vms": [*LISTED, {"label": "without an id"}]},
        {"vms": [*LISTED[:120], {**vm(1), "memory": "much"}, *LISTED]},
        {"vms": {**KEYED, "bad": {"id": "3", "memory": "much"}}},
        {"vms": "none"},
        {"other": []},
        "text",
        None,
    ],
)
def test_an_error_is_the_same_and_at_the_same_place(payload: Any) -> None:
    with pytest.raises(DecodeError) as plain:
        decode(list[Vm], payload, key=("vms",), call="vms.list")
    with pytest.raises(DecodeError) as sliced:
        read(payload)
    assert (str(sliced.value), sliced.value.path) == (str(plain.value), plain.value.path)
    assert "hunter2" not in f"{sliced.value.payload}"


def test_one_object_is_read_at_once() -> None:
    reading = Reading(Accepted, {"status": True}, call="vms.stop")
    assert not list(reading)
    assert reading.answer == Accepted(status=True)


async def test_others_run_while_a_client_reads_a_long_list(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = http(json.dumps({"vms": LISTED}))
        turns, meanwhile = 0, []
        real = Reading.__iter__

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        def noticed(reading: Reading[Any]) -> Any:
            before = turns
            yield from real(reading)
            meanwhile.append(turns - before)

        monkeypatch.setattr(Reading, "__iter__", noticed)
        task = asyncio.create_task(others())
        vms = await seflow.vms.list(9)
        task.cancel()
        assert [each.id for each in vms] == [each["id"] for each in LISTED]
        assert len(meanwhile) == 1
        assert meanwhile[0] >= MANY // 100


async def test_a_cancellation_meanwhile_shows_nothing_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = http(json.dumps({"vms": LISTED}))
        slices = 0
        real = Reading.__iter__

        def noticed(reading: Reading[Any]) -> Any:
            nonlocal slices
            for each in real(reading):
                slices += 1
                if slices == 3:
                    task.cancel()
                yield each

        monkeypatch.setattr(Reading, "__iter__", noticed)
        task = asyncio.create_task(seflow.vms.list(9))
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert "hunter2" not in "".join(shown.format())
        assert slices == 3

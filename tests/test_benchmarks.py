from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from aioseflow import Vm
from aioseflow.decoding import decode
from benchmarks import tripwire
from benchmarks.meters import percentile
from benchmarks.speed import handwritten, record
from benchmarks.speed.peers import PEERS
from benchmarks.speed.scale import exponent
from benchmarks.speed.server import FIRST_SERVICE, Record, answer, serving, vm
from benchmarks.speed.table import NOT_THERE, WIDTH, Bound, Table, judged, printed
from benchmarks.speed.work import HEADERS, IN_FLIGHT

TABLE = Table(
    "what it takes, in units that need a long name " * 3,
    ("one", "many"),
    {"tuned": (100.0, 50.0), "ours": (110.0, None), "absent": (NOT_THERE, "—")},
    base="tuned",
)


def test_a_ratio_is_over_the_base_and_none_where_there_is_no_number() -> None:
    assert TABLE.ratio("ours", 0) == pytest.approx(1.1)
    assert TABLE.ratio("ours", 1) is None
    assert TABLE.ratio("tuned", 0) is None
    assert TABLE.ratio("absent", 0) is None


def test_a_printed_table_is_not_too_wide_and_says_what_is_not_installed() -> None:
    lines = printed(TABLE).splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert any("ours" in line and "110.0  1.100" in line for line in lines)
    assert any("absent" in line and "not installed" in line for line in lines)


@pytest.mark.parametrize(
    ("value", "at_most", "holds", "said"),
    [
        (1.1, True, True, "holds"),
        (1.2, True, False, "DOES NOT HOLD"),
        (1.2, False, True, "holds"),
        (None, True, None, "not measured"),
    ],
)
def test_a_bound_is_judged(value: float | None, at_most: bool, holds: bool | None, said: str) -> None:
    bound = Bound("one stop", value, 1.1, at_most=at_most)

    assert bound.holds is holds
    assert judged([bound]).endswith(said)


def test_the_tripwire_leaves_room_beyond_the_bound() -> None:
    within, beyond = Bound("one stop", 1.37, 1.1), Bound("one stop", 1.38, 1.1)

    assert not tripwire.trips(within)
    assert "within the room" in tripwire.line(within)
    assert tripwire.trips(beyond)
    assert "TRIPPED" in tripwire.line(beyond)


def test_the_exponent_of_what_grows_evenly_is_one() -> None:
    assert exponent([100, 1_000, 10_000], [0.5, 5, 50]) == pytest.approx(1)
    assert exponent([100, 1_000, 10_000], [1, 100, 10_000]) == pytest.approx(2)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1000)]

    assert percentile(values, 0.5) == 500
    assert percentile(values, 0.999) == 999
    assert percentile([3.0], 0.99) == 3


def test_the_function_by_hand_reads_what_aioseflow_reads() -> None:
    said = {**vm(FIRST_SERVICE, 7), "node": "hv-3"}

    by_hand = handwritten.read(said)
    ours = decode(Vm, {"vm": said}, key=("vm",), call="vms.get")

    assert {name: getattr(ours, name) for name in handwritten.HandVm.__slots__} == {
        name: getattr(by_hand, name) for name in handwritten.HandVm.__slots__
    }
    assert by_hand.extra == {"node": "hv-3"}


def test_nothing_that_the_server_sends_is_left_for_aioseflow_to_read_alone() -> None:
    ours = decode(Vm, {"vm": vm(FIRST_SERVICE, 7)}, key=("vm",), call="vms.get")
    defaults = {field.name: field.default for field in attrs.fields(Vm)}
    filled = {name for name, default in defaults.items() if getattr(ours, name) != default}

    assert filled - {"extra"} == {*handwritten.HandVm.__slots__} - {"extra"}


@pytest.mark.parametrize(
    ("target", "key", "count"), [("/s3/service", "services", 3), ("/s1x7/service/33301/vms", "vms", 7)]
)
def test_a_path_says_how_large_a_fleet_the_server_plays(target: str, key: str, count: int) -> None:
    body = answer("GET", target).partition(b"\r\n\r\n")[2]

    assert len(json.loads(body)[key]) == count


def test_the_record_names_the_header_that_differs() -> None:
    def recorded(accept: str, *more: str) -> dict[str, Any]:
        seen = Record()
        lines = [
            "GET /s1/service HTTP/1.1",
            f"Authorization: {HEADERS['Authorization']}",
            f"Accept: {accept}",
            *more,
        ]
        seen.add("\r\n".join(lines).encode(), b"")
        return seen.taken()

    base = recorded("application/json")

    assert record.told(base, recorded("application/json", "X-More: 1")) == ("equal", "equal", "x-more")
    assert record.told(base, recorded("*/*")) == ("equal", "not accept", "")


@pytest.mark.parametrize("name", ["aioseflow", "aioseflow, journal", "aiohttp, plain", "aiohttp, tuned"])
async def test_each_way_does_all_of_the_work(name: str) -> None:
    with serving() as port:
        peer = PEERS[name].made(port, 100)
        await peer.stop(IN_FLIGHT)
        await peer.list(2)
        await peer.get(2)
        await peer.fleet(100)
        assert len(await peer.paced(4, 1000)) == 4
        await peer.close()

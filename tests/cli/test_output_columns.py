"""Columns by name, and the order by one."""

from __future__ import annotations

from typing import Any

import pytest

from aioseflow import Vm
from aioseflow.cli.exit_code import Refusal
from aioseflow.cli.output.columns import check, ordered, pick, reach, row_of

_ROWS: list[dict[str, Any]] = [
    {"id": "1", "usage": None, "extra": {}, "items": [], "label": "a"},
    {"id": "2", "usage": {"disk": {"used": 3}}, "extra": {"node": "x", "a.b": 1}, "items": [{"name": "n"}]},
]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("id", "2"),
        ("usage.disk.used", 3),
        ("usage.disk", {"used": 3}),
        ("usage.cpu.used", None),
        ("extra.a.b", 1),
        ("extra.node.x", None),
        ("items.name", ["n"]),
        ("id.x", None),
    ],
)
def test_a_name_reaches_into_objects_and_into_each_of_a_list(name: str, found: Any) -> None:
    assert reach(_ROWS[1], name) == found
    assert pick(_ROWS[1], [name]) == {name: found}


@pytest.mark.parametrize(
    "name", ["id", "usage", "usage.disk.used", "extra.node", "extra.a.b", "items.name", "label"]
)
def test_a_name_that_some_row_has_is_known(name: str) -> None:
    check([name], _ROWS)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ids", r"no column ids \(did you mean id\?\); columns: id, usage, extra, items, label"),
        ("usage.disc", r"no column usage\.disc \(did you mean usage\.disk\?\); columns: usage\.disk"),
        (
            "extra.nod",
            r"no column extra\.nod \(did you mean extra\.node\?\); columns: extra\.node, extra\.a\.b",
        ),
        ("items.size", r"no column items\.size"),
        ("id.x", r"id is no object and has no x"),
        ("zzz.x", r"no column zzz; columns: "),
        ("\x1b[2J", r"no column \\x1b\[2J"),
    ],
)
def test_any_other_is_refused_with_what_there_is(name: str, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        check([name], _ROWS)


def test_where_no_row_goes_on_any_part_may_be_meant() -> None:
    check(["usage.disk.used", "extra.node", "items.name"], [_ROWS[0]])
    check(["usage.disk"], [row_of(Vm(id="1"))])
    check(["anything"], [])
    check(["account"], [], Vm, ["account"])


def test_a_long_list_of_names_is_cut() -> None:
    with pytest.raises(Refusal, match=r"k59, …$"):
        check(["x"], [{f"k{number}": 1 for number in range(99)}])


def test_what_is_no_object_is_no_row() -> None:
    with pytest.raises(TypeError, match="not a row but list"):
        row_of([1])


@pytest.mark.parametrize(
    ("values", "ascending"),
    [
        (["10", "9", "100"], ["9", "10", "100"]),
        ([10, 9.5, None, 100], [9.5, 10, 100, None]),
        (["10.50", "9.5", "-1"], ["-1", "9.5", "10.50"]),
        (["web-10", "Web-9", "alpha"], ["alpha", "Web-9", "web-10"]),
        (["10.0.0.10", "10.0.0.9"], ["10.0.0.9", "10.0.0.10"]),
        ([None, "b", "", [], "a", {}], ["", "a", "b", None, [], {}]),
        (["x", 3, "4", True], [True, 3, "4", "x"]),
        ([["b"], ["a"], {"k": 1}], [["a"], ["b"], {"k": 1}]),
        (["9" * 5000, "8" * 5000], ["8" * 5000, "9" * 5000]),
        (["007", "7", "6"], ["6", "007", "7"]),
    ],
)
def test_rows_are_in_the_order_that_a_person_would_give_them(values: list[Any], ascending: list[Any]) -> None:
    pairs: list[tuple[dict[str, Any], Any]] = [({"k": value}, number) for number, value in enumerate(values)]
    assert [row["k"] for row, _ in ordered(pairs, "k")] == ascending
    for row, number in ordered(pairs, "k"):
        assert values[number] is row["k"]


def test_the_largest_come_first_with_a_minus_but_nothing_stays_last() -> None:
    pairs = [({"k": value}, None) for value in (None, 1, 3, 2)]
    assert [row["k"] for row, _ in ordered(pairs, "-k")] == [3, 2, 1, None]


@pytest.mark.parametrize("sort", ["k", "-k"])
def test_equals_stay_as_they_came(sort: str) -> None:
    pairs = [({"k": "same"}, number) for number in range(5)]
    assert [number for _, number in ordered(pairs, sort)] == list(range(5))

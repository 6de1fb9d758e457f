"""Batches, percentages, thresholds and the order of services are exact; what cannot be right is refused."""

from __future__ import annotations

import json
import math
import pickle
import random
from collections import Counter
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow.errors import InvalidArgument
from aioseflow.fleet.plan.rollout import Rollout, Share, Size, interleave, worst_down
from aioseflow.models import Service, Vm


async def _healthy(service: Service, vm: Vm) -> bool:
    return True


_PERCENTAGES = st.one_of(
    st.integers(1, 100).map(lambda number: f"{number}%"),
    st.integers(1, 1000).map(lambda number: f"{number // 10}.{number % 10}%"),
)
_SIZES: st.SearchStrategy[Size] = st.one_of(st.integers(1, 50), _PERCENTAGES)


@pytest.mark.parametrize(
    ("fields", "total", "sizes"),
    [
        ({}, 7, (7,)),
        ({}, 1, (1,)),
        ({"canary": 2}, 7, (2, 5)),
        ({"canary": 9}, 7, (7,)),
        ({"canary": "1%"}, 7, (1, 6)),
        ({"canary": "100%", "batches": [1]}, 3, (3,)),
        ({"batches": [2]}, 7, (2, 2, 2, 1)),
        ({"batches": [1, 5, "30%"]}, 20, (1, 5, 6, 6, 2)),
        ({"batches": ["30%"]}, 3, (1, 1, 1)),
        ({"batches": ["50%"]}, 5, (2, 2, 1)),
        ({"canary": 2, "batches": ["10%", "50%", "100%"]}, 50, (2, 5, 25, 18)),
        ({"batches": ["7%"]}, 100, (7,) * 14 + (2,)),
        ({"batches": ["12.5%", "100%"]}, 16, (2, 14)),
        ({"batches": [10, 1]}, 10, (10,)),
        ({"canary": 1, "batches": [1]}, 0, ()),
    ],
)
def test_batches_are_ansibles_serial_after_a_canary(
    fields: dict[str, Any], total: int, sizes: tuple[int, ...]
) -> None:
    assert Rollout(**fields).sizes(total) == sizes


@given(
    total=st.integers(0, 300),
    canary=st.none() | _SIZES,
    batches=st.none() | st.lists(_SIZES, min_size=1, max_size=5),
)
def test_batches_cover_every_target_exactly_once(
    total: int, canary: Size | None, batches: list[Size] | None
) -> None:
    rollout = Rollout(canary=canary, batches=batches)
    sizes = rollout.sizes(total)
    assert sum(sizes) == total
    assert all(size >= 1 for size in sizes)
    wanted = [*([] if canary is None else [canary]), *(batches or [])]
    # All but the last, cut one is as large as it was asked to be.
    for size, asked in zip(sizes[:-1], wanted, strict=False):
        assert size == (asked if isinstance(asked, int) else max(1, math.floor(_exact(asked, total))))


def _exact(percentage: str, total: int) -> Fraction:
    return Fraction(percentage.removesuffix("%")) * total / 100


@pytest.mark.parametrize("total", range(1, 21))
def test_every_percentage_of_a_few_vms_is_exact(total: int) -> None:
    for percent in range(1, 101):
        size = f"{percent}%"
        exact = Fraction(percent * total, 100)
        rollout = Rollout(batches=[size], max_failures=size, max_unavailable=size)
        step = max(1, percent * total // 100)
        assert rollout.sizes(total)[0] == step
        assert set(rollout.sizes(total)[:-1]) <= {step}
        assert rollout.unavailable_allowed(total) == step
        assert rollout.failures_allowed(total) == percent * total // 100
        assert [rollout.is_too_many(failures, total) for failures in range(total + 1)] == [
            failures > exact for failures in range(total + 1)
        ]


@given(size=st.one_of(st.integers(0, 50), _PERCENTAGES, st.just("0%")), total=st.integers(0, 10**6))
def test_the_last_failure_allowed_is_the_last_that_is_not_too_many(size: Size, total: int) -> None:
    rollout = Rollout(max_failures=size)
    allowed = rollout.failures_allowed(total)
    assert allowed is not None
    assert not rollout.is_too_many(allowed, total)
    assert rollout.is_too_many(allowed + 1, total)
    exact = Fraction(size) if isinstance(size, int) else _exact(size, total)
    assert allowed == math.floor(exact)


def test_the_first_failure_stops_a_run_that_allows_none() -> None:
    for none in (0, "0%"):
        assert not Rollout(max_failures=none).is_too_many(0, 10)
        assert Rollout(max_failures=none).is_too_many(1, 10)


def test_without_a_limit_nothing_is_too_many() -> None:
    assert not Rollout().is_too_many(10, 10)
    assert Rollout().failures_allowed(10) is None
    assert Rollout().unavailable_allowed(10) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"window": 4, "max_failures": 3, "per_service": 2, "deadline": 60, "healthy": _healthy}, False),
        ({"max_failures": "5%"}, True),
        ({"canary": 1}, True),
        ({"batches": [1]}, True),
        ({"max_unavailable": 1}, True),
    ],
)
def test_it_says_whether_all_targets_must_be_known_first(fields: dict[str, Any], expected: bool) -> None:
    assert Rollout(**fields).needs_everything() is expected


_ALL_SIZES = ["canary", "max_failures", "max_unavailable"]
_ALL_COUNTS = ["window", "per_service", "max_down_per_service", "same_cause"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field in _ALL_SIZES for value in (True, -1, 0.1, "10", "110%", "x%", "", "-1%")),
        *((field, value) for field in _ALL_SIZES for value in ("100.5%", "1e1%", "٣%", "%", b"1%", [1])),
        *((field, value) for field in ("canary", "max_unavailable") for value in (0, "0%", "0.0%")),
        *((field, value) for field in _ALL_COUNTS for value in (True, 0, -3, 1.5, "3", "10%")),
        *(("batches", value) for value in ("10%", 3, [], (), [0], [True], ["10"], [1, "0%"], {1: 2}, {1})),
        *(("pause_between", value) for value in (-1, True, "1", math.nan, math.inf, None)),
        *((field, value) for field in ("deadline", "progress_deadline") for value in (0, -1, True, "1")),
        *((field, value) for field in ("deadline", "progress_deadline") for value in (math.nan, math.inf)),
        ("healthy", True),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Rollout(**{field: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{field} takes ")
    assert caught.value.argument == field
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("10", "takes a number of VMs (3) or a percentage (12.5%), not '10'"),
        (0.1, "takes a number of VMs (3) or a percentage (12.5%), not 0.1"),
        ("110%", "takes at most 100%, not '110%'"),
        ("0%", "takes more than 0%, not '0%'"),
        (0, "takes at least 1, not 0"),
    ],
)
def test_a_refused_size_says_how_to_write_it(value: Any, hint: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Rollout(batches=[1, value])
    assert (str(caught.value), caught.value.argument) == (f"batches {hint}", "batches")


def test_a_share_is_parsed_under_any_name() -> None:
    assert Share.parse("12.5 %", "max_targets") == Share(fraction=Fraction(1, 8))
    assert Share.parse(3, "max_targets") == Share(count=3)
    assert Share.parse(0, "max_targets", least=0).of(9) == 0
    with pytest.raises(InvalidArgument, match=r"^max_targets takes"):
        Share.parse("many", "max_targets")


_FULL: dict[str, Any] = {
    "canary": "5%",
    "batches": (1, "10%"),
    "window": 8,
    "max_failures": 0,
    "max_unavailable": "12.5%",
    "max_down_per_service": 2,
    "per_service": 4,
    "same_cause": None,
    "pause_between": 1.5,
    "deadline": 60,
    "progress_deadline": 30.0,
}


def test_a_rollout_comes_back_from_its_document_without_its_health_check() -> None:
    assert {field.name for field in attrs.fields(Rollout)} == {*_FULL, "healthy"}
    rollout = Rollout(**_FULL, healthy=_healthy)
    again = Rollout.from_document(json.loads(json.dumps(rollout.to_document())))
    assert again == attrs.evolve(rollout, healthy=None)
    assert Rollout.from_document({}) == Rollout.from_document(Rollout().to_document()) == Rollout()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"max_failure": 1}, "did you mean 'max_failures'"),
        ({"zzz": 1}, "there are canary, batches"),
        ({"healthy": None}, "no field 'healthy'"),
        ({1: 1}, "no field 1"),
        ([], "not \\[\\]"),
        (None, "not None"),
        ({"window": "8"}, "window takes .* not '8'"),
    ],
)
def test_a_document_that_is_no_rollout_is_refused(document: object, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Rollout.from_document(document)


def test_a_rollout_survives_pickling_after_use() -> None:
    rollout = Rollout(**_FULL)
    assert rollout.is_too_many(1, 10)
    again = pickle.loads(pickle.dumps(rollout))
    assert again == rollout
    assert again.unavailable_allowed(16) == 2


@pytest.mark.parametrize(
    ("remaining", "order"),
    [
        ({}, ""),
        ({"a": 0, "b": -1}, ""),
        ({"a": 2, "b": 2, "c": 2}, "abcabc"),
        ({"a": 1, "b": 3}, "bbab"),
        ({"a": 5, "b": 3, "c": 3}, "aabcabcabca"),
    ],
)
def test_the_service_with_most_left_goes_first_and_equals_take_turns(
    remaining: dict[str, int], order: str
) -> None:
    assert "".join(interleave(remaining)) == order


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 12), max_size=8))
def test_services_are_taken_as_often_as_they_have_targets_and_never_before_a_longer_one(
    remaining: dict[int, int],
) -> None:
    left = dict(remaining)
    last = dict.fromkeys(left, -1)
    for turn, key in enumerate(interleave(remaining)):
        most = max(left.values())
        assert left[key] == most
        # Of equals, the one whose turn was longest ago.
        assert last[key] == min(last[other] for other in left if left[other] == most)
        left[key] -= 1
        last[key] = turn
    assert not any(left.values())
    assert Counter(interleave(remaining)) == Counter({k: n for k, n in remaining.items() if n})


def test_services_that_cannot_be_ordered_are_interleaved_too() -> None:
    assert list(interleave({("a", "9"): 1, "b": 1, None: 1})) == [("a", "9"), "b", None]


@pytest.mark.parametrize(
    ("shares", "options", "worst"),
    [
        ([], {"down": 3}, 3),
        ([4], {"down": 1, "stays_down": True}, 5),
        ([4], {"down": 1, "stays_down": True, "window": 1, "failures": 0}, 5),
        ([4], {"down": 1, "stays_down": True, "max_unavailable": 3}, 3),
        ([4], {"down": 3, "stays_down": True, "max_unavailable": 2}, 3),
        ([8], {}, 8),
        ([8], {"window": 2}, 8),
        ([8], {"window": 2, "failures": 0}, 2),
        ([8], {"window": 2, "failures": 1}, 3),
        ([8], {"window": 2, "failures": 1, "down": 2}, 5),
        ([8], {"window": 2, "failures": 1, "down": 2, "max_unavailable": 4}, 4),
        ([2, 3, 3], {"failures": 0}, 3),
        ([5, 1, 1], {"failures": 2}, 5),
        ([1, 5], {"failures": 2, "window": 4}, 6),
        ([1, 5], {"failures": 0, "window": 4}, 4),
        ([2, 3, 3], {"failures": 0, "window": 1, "seen": False}, 8),
        ([2, 3, 3], {"failures": 0, "seen": False, "max_unavailable": 2}, 2),
    ],
)
def test_the_worst_number_down_follows_from_what_holds_vms_up(
    shares: list[int], options: dict[str, Any], worst: int
) -> None:
    assert worst_down(shares, **{"down": 0, "stays_down": False, **options}) == worst


@attrs.define(eq=False)
class _Dispatcher:
    """A run over one service's batches as the limits have it; every event is drawn."""

    shares: list[int]
    down: int
    stays_down: bool
    window: int | None
    failures: int
    max_unavailable: int | None
    draw: random.Random
    most: int = 0

    def run(self, finish: float, fail: float) -> int:
        begun = failed = finished_down = 0
        self.most = self.down
        for share in self.shares:
            waiting = share
            while waiting or begun:
                unavailable = self.down + begun + finished_down
                self.most = max(self.most, unavailable)
                may_start = (
                    waiting > 0
                    and failed <= self.failures
                    and (self.window is None or begun < self.window)
                    and (self.max_unavailable is None or unavailable < self.max_unavailable)
                )
                if may_start and (not begun or self.draw.random() >= finish):
                    waiting, begun = waiting - 1, begun + 1
                elif begun:
                    begun -= 1
                    is_failed = self.draw.random() < fail
                    failed += is_failed
                    finished_down += is_failed or self.stays_down
                else:
                    return self.most
        return self.most


_RUNS = st.fixed_dictionaries(
    {
        "shares": st.lists(st.integers(0, 5), min_size=1, max_size=4),
        "down": st.integers(0, 4),
        "stays_down": st.booleans(),
        "window": st.none() | st.integers(1, 6),
        "failures": st.integers(0, 5),
        "max_unavailable": st.none() | st.integers(1, 8),
    }
)


@given(run=_RUNS, finish=st.floats(0, 1), fail=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_no_course_of_events_takes_more_down_than_the_worst(
    run: dict[str, Any], finish: float, fail: float, seed: int
) -> None:
    most = _Dispatcher(draw=random.Random(seed), **run).run(finish, fail)
    assert most <= worst_down(run["shares"], **{k: v for k, v in run.items() if k != "shares"})


@given(run=_RUNS)
def test_the_worst_number_down_is_reached_by_some_course_of_events(run: dict[str, Any]) -> None:
    worst = worst_down(run["shares"], **{k: v for k, v in run.items() if k != "shares"})
    assert max(_courses(run)) == worst


def _courses(run: dict[str, Any]) -> set[int]:
    """The most VMs down in every possible course of events, found by trying all."""
    shares, window, limit = run["shares"], run["window"], run["max_unavailable"]
    seen: set[tuple[int, int, int, int, int]] = set()
    todo = [(0, shares[0], 0, 0, 0)]
    peaks = {run["down"]}
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        batch, waiting, begun, failed, left_down = state
        unavailable = run["down"] + begun + left_down
        peaks.add(unavailable)
        if not waiting and not begun and batch + 1 < len(shares):
            todo.append((batch + 1, shares[batch + 1], 0, failed, left_down))
        is_free = (window is None or begun < window) and (limit is None or unavailable < limit)
        if waiting and is_free and failed <= run["failures"]:
            todo.append((batch, waiting - 1, begun + 1, failed, left_down))
        if begun:
            todo.append((batch, waiting, begun - 1, failed + 1, left_down + 1))
            todo.append((batch, waiting, begun - 1, failed, left_down + run["stays_down"]))
    return peaks

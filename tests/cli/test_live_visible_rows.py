"""Which services have a line."""

from __future__ import annotations

import random

import pytest

from aioseflow import ServiceProgress, Status
from aioseflow.cli.live.visible_rows import VisibleRows


def services(*sizes: int) -> list[ServiceProgress]:
    """Services of so many VMs, none of them done."""
    return [ServiceProgress("main", str(n), "", size, size) for n, size in enumerate(sizes)]


def do(service: ServiceProgress, number: int) -> None:
    """So many of its VMs are done."""
    service.open -= number
    service.counts[Status.CHANGED] += number


def ids(chosen: list[ServiceProgress]) -> list[str]:
    return [service.service_id for service in chosen]


def test_where_all_fit_they_stay_in_their_order() -> None:
    some = services(1, 9, 4)
    choice = VisibleRows()
    assert choice.of(some, 3) == some
    do(some[1], 9)
    assert choice.of(some, 3) == some


def test_those_with_most_left_are_shown_first() -> None:
    some = services(1, 9, 4, 30, 2)
    assert ids(VisibleRows().of(some, 3)) == ["3", "1", "2"]


def test_those_that_are_begun_come_before_larger_ones() -> None:
    some = services(50, 60, 10, 10)
    some[3].in_flight = 1
    do(some[2], 1)
    assert ids(VisibleRows().of(some, 3)) == ["3", "2", "1"]


def test_one_that_is_done_makes_room() -> None:
    some = services(30, 20, 10, 5)
    choice = VisibleRows()
    assert ids(choice.of(some, 2)) == ["0", "1"]
    do(some[0], 30)
    assert ids(choice.of(some, 2)) == ["1", "2"]
    for service in some:
        do(service, service.open)
    assert choice.of(some, 2) == []


def test_nearly_equal_ones_do_not_change_places_all_the_time() -> None:
    some, chance, choice = services(*[50] * 100), random.Random(1), VisibleRows()
    for service in some:
        service.in_flight = 1
    first = ids(choice.of(some, 10))
    for _ in range(40):
        do(chance.choice(some), 1)
        assert set(ids(choice.of(some, 10))) == set(first)


def test_one_with_much_more_is_found_among_thousands() -> None:
    some, choice = services(*[10] * 5000), VisibleRows()
    some[4321] = ServiceProgress("main", "large", "", 9000, 9000)
    seen = [ids(choice.of(some, 5))[0] for _ in range(25)]
    assert seen[-1] == "large"


@pytest.mark.parametrize("seed", range(5))
def test_a_line_is_never_given_to_two_or_to_one_that_is_done(seed: int) -> None:
    chance, choice = random.Random(seed), VisibleRows()
    some = services(*(chance.randint(1, 40) for _ in range(700)))
    while any(service.open for service in some):
        for service in chance.sample(some, 60):
            do(service, min(service.open, chance.randint(1, 20)))
        room = chance.randint(1, 40)
        chosen = choice.of(some, room)
        assert len(set(ids(chosen))) == len(chosen) <= room
        assert all(service.open for service in chosen)
    assert choice.of(some, 5) == []

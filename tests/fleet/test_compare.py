"""Two runs side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reports import a_report, an_outcome, failed

from aioseflow import (
    Outcome,
    Report,
    Status,
)

_GOOD = (Status.CHANGED, Status.UNCHANGED)


def test_two_runs_are_compared_vm_by_vm() -> None:
    before = a_report(
        an_outcome(1, took=2),
        an_outcome(2, Status.FAILED, cause="x"),
        an_outcome(3, took=4),
        an_outcome(4, Status.UNKNOWN, cause="x"),
        an_outcome(5),
        run_id="r0",
    )
    after = a_report(
        an_outcome(1, took=3),
        an_outcome(2, Status.UNCHANGED),
        an_outcome(3, Status.FAILED, cause="x"),
        an_outcome(4, Status.NOT_ATTEMPTED, cause="x"),
        an_outcome(6),
    )
    comparison = after.compare(before)
    assert comparison
    assert [outcome.vm_id for outcome in comparison.fixed] == ["2"]
    assert [outcome.vm_id for outcome in comparison.broken] == ["3"]
    assert [outcome.vm_id for outcome in comparison.still_bad] == ["4"]
    assert [outcome.vm_id for outcome in comparison.only_here] == ["6"]
    assert [outcome.vm_id for outcome in comparison.only_there] == ["5"]
    assert comparison.statuses["main", "9", "3"] == (Status.CHANGED, Status.FAILED)
    assert str(comparison).splitlines() == [
        "run r1 against run r0",
        "  1 fixed, 1 broken, 1 still bad, 1 only here, 1 only there",
        "  fixed: web02",
        "  broken: web03",
        "  still bad: web04",
        "  only here: web06",
        "  only there: web05",
        "  a VM took 1.50 times as long as before (median)",
    ]


def test_a_run_compared_with_itself_shows_no_difference() -> None:
    report = a_report(an_outcome(1), *failed([2]))
    assert not report.compare(report)
    assert [outcome.vm_id for outcome in report.compare(report).still_bad] == ["2"]


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        (a_report(an_outcome(took=2)), a_report(an_outcome(took=6)), 3.0),
        (a_report(an_outcome(took=0)), a_report(an_outcome(took=6)), None),
        (a_report(an_outcome(took=2)), a_report(an_outcome(took=6), action="start"), None),
        (a_report(an_outcome(took=2)), a_report(*failed([1])), None),
        (a_report(an_outcome(took=2, attempts=0)), a_report(an_outcome(took=6)), None),
        (a_report(), a_report(), None),
    ],
)
def test_durations_are_compared_only_where_the_same_was_done(
    before: Report, after: Report, ratio: float | None
) -> None:
    assert after.compare(before).duration_ratio == ratio


def test_a_vm_without_an_outcome_yet_is_neither_gone_nor_new() -> None:
    whole = a_report(an_outcome(1), an_outcome(2))
    running = a_report(an_outcome(1), targets=whole.targets, over=False)
    for comparison in (whole.compare(running), running.compare(whole)):
        assert not comparison
        assert comparison.only_here == comparison.only_there == ()


STATUSES = st.dictionaries(st.integers(0, 12), st.sampled_from(Status), max_size=12)


@given(STATUSES, STATUSES)
def test_the_lists_of_a_comparison_are_disjoint_and_complete(
    first: dict[int, Status], second: dict[int, Status]
) -> None:
    before, after = (
        a_report(*[an_outcome(number, status) for number, status in each.items()]) for each in (first, second)
    )
    comparison = after.compare(before)

    def numbers(outcomes: tuple[Outcome, ...]) -> set[int]:
        return {int(outcome.vm_id) for outcome in outcomes}

    both = first.keys() & second.keys()
    assert numbers(comparison.only_here) == second.keys() - first.keys()
    assert numbers(comparison.only_there) == first.keys() - second.keys()
    bad = {number for number in both if second[number] not in _GOOD}
    assert numbers(comparison.broken) | numbers(comparison.still_bad) == bad
    assert numbers(comparison.broken) == {number for number in bad if first[number] in _GOOD}
    assert numbers(comparison.fixed) == {number for number in both - bad if first[number] not in _GOOD}
    assert bool(comparison) is (first != second)

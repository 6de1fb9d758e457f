from __future__ import annotations

from datetime import timedelta
from typing import Any

from support.reports import NOW, a_report, an_outcome

from aioseflow import Status
from aioseflow.fleet.model.timeline import Moment
from aioseflow.pages.time_chart import TimeChart, time_chart_of


def a_moment(seconds: float, **facts: Any) -> Moment:
    given: dict[str, Any] = dict.fromkeys(
        ["changed", "unchanged", "failed", "unknown", "not_attempted", "in_flight", "settling", "refused"], 0
    )
    return Moment(**{**given, "seconds": seconds, "limit": 8, **facts})


def timeline(*args: Any, **facts: Any) -> TimeChart:
    found = time_chart_of(a_report(*args, **facts))
    assert found is not None
    return found


def test_nothing_done_is_no_timeline() -> None:
    assert time_chart_of(a_report()) is None


def test_each_outcome_that_there_is_has_an_area() -> None:
    found = timeline(an_outcome(1), an_outcome(2, Status.FAILED), an_outcome(3, Status.UNCHANGED))
    assert [layer.kind for layer in found.layers] == ["changed", "unchanged", "failed"]
    assert found.seconds == 249


def test_an_area_of_ten_thousand_vms_is_a_few_hundred_points() -> None:
    outcomes = [an_outcome(number, took=number / 50) for number in range(10_000)]
    (layer,) = timeline(*outcomes).layers
    assert layer.path.count("L") < 600
    # Everything is done at the end, at the top of the plot.
    assert "L1000 0L" in layer.path


def test_a_clock_that_was_set_back_draws_nothing_outside() -> None:
    found = timeline(an_outcome(1, started_at=NOW - timedelta(hours=1)))
    assert "-" not in found.layers[0].path


def test_without_moments_nothing_is_said_of_the_provider() -> None:
    assert timeline(an_outcome(1)).throughput is None
    assert timeline(an_outcome(1), timeline=(a_moment(0, limit=None),)).throughput is None


def test_the_limit_holds_until_it_changes_and_refusals_are_where_they_were() -> None:
    moments = (
        a_moment(0, limit=8, refused=0),
        a_moment(100, limit=16, in_flight=4, refused=0),
        a_moment(200, limit=8, in_flight=8, refused=3),
    )
    found = timeline(an_outcome(1), timeline=moments, finished_at=NOW + timedelta(seconds=400)).throughput
    assert found is not None
    assert (found.lowest, found.highest, found.refused) == (8, 16, 3)
    assert found.refusals == ((50.0, 3),)
    assert found.limit == "M0 600H250V200H500V600H1000"


def test_refusals_of_a_run_that_was_taken_up_again_are_added() -> None:
    moments = (a_moment(10, refused=5), a_moment(20, refused=2), a_moment(30, refused=2))
    found = timeline(an_outcome(1), timeline=moments).throughput
    assert found is not None
    assert found.refused == 7

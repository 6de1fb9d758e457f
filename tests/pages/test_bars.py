from __future__ import annotations

from decimal import Decimal

import pytest
from support.reports import a_report, an_outcome, failed

from aioseflow import Bandwidth, Outcome, PowerState, Report, Status
from aioseflow.pages.bars import bandwidth_by_service, outcomes_by_service, parts_of, vms_by_power
from aioseflow.pages.fragments import Fragments
from aioseflow.pages.gather import Bandwidths, Powers
from aioseflow.pages.vm_rows import VmRow, rows_of


def rows(report: Report, power: Powers | None = None) -> list[VmRow]:
    return rows_of(report, power or {}, Fragments())


def bandwidth(used: int | None, limit: int | None, unit: str = "Mbit") -> Bandwidth:
    return Bandwidth(
        used=None if used is None else Decimal(used),
        limit=None if limit is None else Decimal(limit),
        overage_unit=unit,
    )


def test_a_bar_is_as_long_as_its_vms_are_many() -> None:
    parts = parts_of({"changed": 30, "failed": 10}, ("changed", "failed"), 80)
    assert [(part.kind, part.at, part.width) for part in parts] == [
        ("changed", 0.0, 37.5),
        ("failed", 37.5, 12.5),
    ]


def test_one_failure_of_thousands_is_seen_and_makes_the_bar_no_longer() -> None:
    parts = parts_of({"changed": 9_999, "failed": 1}, ("changed", "failed"), 10_000)
    assert parts[1].width >= 0.5
    assert parts[1].at + parts[1].width == pytest.approx(100)


def test_services_with_the_most_vms_that_need_attention_are_first() -> None:
    report = a_report(
        *(an_outcome(number, service_id="1", service_name="good") for number in range(5)),
        *failed([6, 7], service_id="2", service_name="bad"),
        *failed([8], service_id="3", service_name="less bad"),
    )
    plot = outcomes_by_service(rows(report))
    assert plot is not None
    assert [(bar.name, bar.total, bar.bad) for bar in plot.bars] == [
        ("bad", 2, 2),
        ("less bad", 1, 1),
        ("good", 5, 0),
    ]
    assert plot.kinds == ("changed", "failed")


def test_services_of_one_name_are_distinguished() -> None:
    report = a_report(an_outcome(1, service_id="1"), an_outcome(2, service_id="2"))
    plot = outcomes_by_service(rows(report))
    assert plot is not None
    assert [bar.name for bar in plot.bars] == ["Cloud (1)", "Cloud (2)"]


def test_of_many_services_the_worst_are_drawn_and_the_others_counted() -> None:
    outcomes: list[Outcome] = [
        an_outcome(number, Status.FAILED if number == 150 else Status.CHANGED, service_id=str(number))
        for number in range(200)
    ]
    plot = outcomes_by_service(rows(a_report(*outcomes)))
    assert plot is not None
    assert plot.bars[0].bad == 1
    assert len(plot.bars) + plot.left_out == 200
    assert len(plot.bars) < 50


def test_no_vms_are_no_plot() -> None:
    assert outcomes_by_service([]) is None
    assert vms_by_power({}, []) is None
    assert bandwidth_by_service({}, {}) is None


def test_vms_are_counted_by_power_state_and_what_could_not_be_read_is_said() -> None:
    power: Powers = {
        ("main", "9"): {"1": PowerState.STOPPED, "2": PowerState.STOPPED},
        ("main", "8"): "could not be read: no answer",
    }
    report = a_report(an_outcome(1), an_outcome(2), an_outcome(3), an_outcome(4, service_id="8"))
    plot = vms_by_power(power, rows(report, power))
    assert plot is not None
    assert {part.kind: part.count for part in plot.parts} == {"stopped": 2, "gone": 1}
    assert (plot.total, plot.unread, plot.why) == (3, 1, "could not be read: no answer")


def test_bandwidth_and_its_limit_are_in_one_unit() -> None:
    found = {("main", "1"): bandwidth(450_000_000, 900), ("main", "2"): bandwidth(2_000_000_000, 1, "Gbit")}
    plot = bandwidth_by_service(found, {("main", "1"): "small", ("main", "2"): "large"})
    assert plot is not None
    assert plot.unit == "Gbit/s"
    large, small = plot.lines
    assert (large.name, large.used, large.limit, large.share, large.over) == (
        "large",
        "2.00",
        "1.00",
        "200 %",
        True,
    )
    assert (small.used, small.limit, small.share, small.over) == ("0.45", "0.90", "50 %", False)
    assert large.width == 100
    assert small.width is not None
    assert small.mark is not None
    assert small.width * 2 == pytest.approx(small.mark)


def test_a_service_whose_bandwidth_was_not_read_says_why_and_is_last() -> None:
    found: Bandwidths = {
        ("main", "1"): "could not be read: 404",
        ("main", "2"): bandwidth(1_000_000, None),
        ("main", "3"): bandwidth(None, 100),
        ("main", "4"): bandwidth(5_000_000, 100),
    }
    plot = bandwidth_by_service(found, {})
    assert plot is not None
    assert plot.lines[0].name == "4"
    by_name = {line.name: line for line in plot.lines}
    assert by_name["1"].why == "could not be read: 404"
    assert (by_name["2"].used, by_name["2"].limit, by_name["2"].width) == ("1", "", None)
    assert (by_name["3"].used, by_name["3"].limit, by_name["3"].width) == ("", "100", None)


def test_a_limit_of_zero_divides_nothing() -> None:
    plot = bandwidth_by_service({("main", "1"): bandwidth(5, 0)}, {})
    assert plot is not None
    assert (plot.lines[0].share, plot.lines[0].width) == ("", None)

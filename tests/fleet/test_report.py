"""Reports: counts, groups of causes, downtimes, names and errors."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest
from support.reports import HOSTILE, LOST, NOW, a_report, an_outcome, failed

from aioseflow import (
    ApiError,
    Report,
    SeFlowError,
    Status,
)


@pytest.mark.parametrize(
    ("report", "matched_nothing", "ok"),
    [
        (a_report(), True, True),
        (a_report(over=False), False, False),
        (a_report(undiscovered=(LOST,)), False, False),
        (a_report(error=SeFlowError("x")), False, False),
        (a_report(an_outcome()), False, True),
    ],
)
def test_a_selection_that_matched_nothing_is_a_result_of_its_own(
    report: Report, matched_nothing: bool, ok: bool
) -> None:
    assert report.matched_nothing is matched_nothing
    assert report.ok is ok


def test_what_is_new_in_a_report_need_not_be_given() -> None:
    report = a_report()
    facts = (report.parent, report.note, report.requested_by, report.resumed, report.missing_values)
    assert facts == (None, "", "", 0, 0)
    assert list(report.counts.values()) == [0] * 5


@pytest.mark.parametrize(
    ("action", "status", "step", "facts", "expected"),
    [
        # expected: None, or (certain, open_ended)
        ("stop", Status.CHANGED, None, {}, (True, True)),
        ("destroy", Status.CHANGED, None, {}, (True, True)),
        ("reboot", Status.CHANGED, None, {}, (True, False)),
        ("rebuild_network", Status.CHANGED, None, {}, (True, False)),
        ("start", Status.CHANGED, None, {}, None),
        ("resize", Status.CHANGED, None, {}, None),
        ("usage", Status.UNCHANGED, None, {}, None),
        ("my_own", Status.CHANGED, None, {}, None),
        ("stop", Status.UNCHANGED, None, {"cause": "already_stopped"}, None),
        ("stop", Status.NOT_ATTEMPTED, None, {"cause": "drained"}, None),
        ("stop", Status.FAILED, None, {"cause": "vm_locked", "error": ApiError("x")}, None),
        ("stop", Status.FAILED, None, {"cause": "not_settled"}, None),
        ("stop", Status.UNKNOWN, None, {"cause": "lost_answer"}, (False, True)),
        ("reboot", Status.UNKNOWN, None, {"cause": "lost_answer"}, (False, False)),
        ("start", Status.UNKNOWN, None, {"cause": "lost_answer"}, None),
        ("stop+resize+start", Status.CHANGED, None, {}, (True, False)),
        ("stop+resize+start", Status.FAILED, "stop", {"error": ApiError("x")}, None),
        ("stop+resize+start", Status.FAILED, "stop", {"cause": "cancelled"}, (False, True)),
        ("stop+resize+start", Status.FAILED, "resize", {"error": ApiError("x")}, (True, True)),
        ("stop+resize+start", Status.FAILED, "start", {"cause": "not_settled"}, (True, True)),
        ("stop+resize+start", Status.UNKNOWN, "start", {"cause": "lost_answer"}, (True, True)),
        ("stop+resize+start", Status.NOT_ATTEMPTED, "stop", {"cause": "drained"}, None),
        ("stop+start+reboot", Status.FAILED, "reboot", {"error": ApiError("x")}, (True, False)),
        ("resize+reboot", Status.FAILED, "resize", {"error": ApiError("x")}, None),
    ],
)
def test_who_was_down_is_told_from_the_steps_that_were_done(
    action: str,
    status: Status,
    step: str | None,
    facts: dict[str, Any],
    expected: tuple[bool, bool] | None,
) -> None:
    report = a_report(an_outcome(4, status, 7.5, action=action, step=step, **facts), action=action)
    found = [(down.certain, down.open_ended) for down in report.downtimes]
    assert found == ([] if expected is None else [expected])
    for down in report.downtimes:
        assert (down.key, down.label, down.seconds) == (("main", "9", "4"), "web04", 7.5)


def test_the_longest_come_first() -> None:
    outcomes = [an_outcome(number, took=took) for number, took in [(1, 3), (2, 9), (3, 1), (4, 9)]]
    report = a_report(*outcomes)
    assert [down.label for down in report.downtimes] == ["web02", "web04", "web01", "web03"]
    assert [outcome.vm_id for outcome in report.longest(2)] == ["2", "4"]
    assert len(report.longest()) == 4
    assert report.longest(0) == ()


def test_a_clock_that_was_set_back_gives_no_negative_seconds() -> None:
    report = a_report(an_outcome(took=-5))
    assert report.downtimes[0].seconds == 0
    assert report.per_service["main", "9"].seconds == 0


def test_each_service_has_its_counts_and_the_time_from_first_to_last() -> None:
    report = a_report(
        an_outcome(1, took=2),
        an_outcome(2, Status.FAILED, 4, started_at=NOW + timedelta(seconds=10), cause="x"),
        an_outcome(3, service_id="10", service_name="Other"),
        an_outcome(4, account="second"),
    )
    assert list(report.per_service) == [("main", "9"), ("main", "10"), ("second", "9")]
    summary = report.per_service["main", "9"]
    assert (summary.name, summary.seconds) == ("Cloud", 14)
    assert list(summary.counts) == list(Status)
    assert [number for number in summary.counts.values() if number] == [1, 1]


def test_causes_are_grouped_with_folded_names_and_one_example() -> None:
    report = a_report(
        *failed([*range(1, 15), 17]),
        *failed([20], error=ApiError(f"VM 20 is locked{HOSTILE}")),
        an_outcome(30, Status.NOT_ATTEMPTED, cause="drained"),
        an_outcome(31, Status.NOT_ATTEMPTED, cause="drained"),
        an_outcome(32, Status.UNCHANGED, cause="already_stopped"),
        an_outcome(33, Status.UNKNOWN),
        an_outcome(34),
    )
    groups = [(group.status.value, group.cause, group.count, group.names) for group in report.grouped]
    assert groups == [
        ("failed", "vm_locked", 16, "web[01-14,17,20]"),
        ("not_attempted", "drained", 2, "web[30-31]"),
        ("unchanged", "already_stopped", 1, "web32"),
        ("unknown", "unexplained", 1, "web33"),
    ]
    assert report.grouped[0].example == "VM 20 is locked\\x1b[2J\\u202e fleet.destroy()"
    assert report.grouped[1].example == ""


def test_one_cause_with_two_statuses_is_two_groups() -> None:
    report = a_report(*failed([1, 2], "timeout"), an_outcome(3, Status.UNKNOWN, cause="timeout"))
    assert [(group.status, group.count) for group in report.grouped] == [
        (Status.FAILED, 2),
        (Status.UNKNOWN, 1),
    ]


@pytest.mark.parametrize(
    ("vms", "names"),
    [
        ([("9", "1", "web"), ("9", "2", "web"), ("10", "3", "web")], "web(9/[1-2]), web(10/3)"),
        ([("9", "1", ""), ("9", "2", "")], "9/[1-2]"),
        ([("9", "1", "x" * 60), ("9", "2", "y")], f"{'x' * 47}…(9/1), y"),
    ],
)
def test_a_name_that_is_no_name_gets_its_ids(vms: list[tuple[str, str, str]], names: str) -> None:
    outcomes = [
        an_outcome(0, Status.FAILED, cause="x", service_id=service, vm_id=vm, vm_label=label)
        for service, vm, label in vms
    ]
    assert a_report(*outcomes).grouped[0].names == names


def test_ids_that_two_accounts_have_get_the_account_too() -> None:
    outcomes = [an_outcome(1, Status.FAILED, account=account, vm_label="") for account in ("a", "b")]
    assert a_report(*outcomes).grouped[0].names == "a:9/1, b:9/1"


def test_names_of_a_huge_group_are_bounded_and_count_the_rest() -> None:
    group = a_report(*failed(range(0, 4000, 2))).grouped[0]
    assert group.count == 2000
    assert group.names.endswith("… and 1,970 more")
    assert len(group.names) < 400


def test_str_stays_one_line() -> None:
    assert str(a_report(an_outcome(1), *failed([2]), undiscovered=(LOST,))) == (
        "stop of 2 VMs (r1): 1 changed, 0 unchanged, 1 failed, 0 unknown, 0 not_attempted, 1 undiscovered"
    )


def test_failures_are_raised_as_a_group_of_what_happened() -> None:
    a_report(an_outcome()).raise_for_failures()
    report = a_report(
        *failed([1], error=ApiError("locked")),
        *failed([2]),
        over=False,
        undiscovered=(LOST,),
        error=SeFlowError("journal full"),
    )
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()
    assert [str(error) for error in caught.value.exceptions] == [
        "locked",
        "stop of VM 2 of service 9: failed (vm_locked)",
        "no answer",
        "journal full",
        "run r1 is not over",
    ]


def test_a_report_survives_pickling_with_and_without_its_figures() -> None:
    report = a_report(an_outcome(1), *failed([2]))
    assert pickle.loads(pickle.dumps(report)) == report
    page = report.summary()
    copy = pickle.loads(pickle.dumps(report))
    assert copy == report
    assert copy.summary() == page

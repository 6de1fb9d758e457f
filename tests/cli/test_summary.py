"""What a run came to, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aioseflow import Outcome, Report, SeFlowError, Status, Undiscovered, UntrustedHtml, UsageGraphs
from aioseflow.cli.summary import causes_of, seconds, table_of, usage_of

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _outcome(number: int, status: Status = Status.FAILED, **details: object) -> Outcome:
    facts = {"vm_label": "", "cause": "vm_locked", "action": "stop", **details}
    return Outcome(
        account="main",
        service_id="9",
        service_name="Cloud",
        vm_id=str(number),
        status=status,
        started_at=_NOW,
        finished_at=_NOW,
        **facts,  # type: ignore[arg-type]  # names and types are those of the class
    )


def _report(*outcomes: Outcome, undiscovered: tuple[Undiscovered, ...] = (), over: bool = True) -> Report:
    return Report(
        run_id="r",
        action="stop",
        targets=tuple(outcome.key for outcome in outcomes),
        outcomes=outcomes,
        undiscovered=undiscovered,
        started_at=_NOW,
        finished_at=_NOW + timedelta(seconds=2.5) if over else None,
    )


def test_a_run_that_is_as_asked_has_nothing_to_explain() -> None:
    report = _report(
        _outcome(1, Status.CHANGED, verified=True, cause=None),
        _outcome(2, Status.UNCHANGED, cause="already_stopped"),
    )
    assert causes_of(report, 80) == []


def test_the_table_has_a_row_for_each_run_and_fits_80_columns_at_100000_vms() -> None:
    big = _report(*[_outcome(number) for number in range(3)])
    lines = table_of([big, big]).lines()
    assert lines[0].split() == [
        *("action", "asked", "changed", "unchanged", "failed", "unknown", "not", "attempted", "seconds"),
    ]
    assert lines[1] == lines[2]
    assert lines[1].split() == ["stop", "3", "0", "0", "3", "0", "0", "2.5"]
    assert len(lines[0]) <= 78


def test_a_run_that_is_not_over_has_taken_no_time() -> None:
    assert (seconds(_report()), seconds(_report(over=False))) == (2.5, 0.0)


def test_groups_come_by_status_then_size() -> None:
    report = _report(
        _outcome(1, Status.UNKNOWN, cause="lost_answer"),
        _outcome(2, cause="a"),
        _outcome(3, cause="b"),
        _outcome(4, cause="b"),
        _outcome(5, Status.NOT_ATTEMPTED, cause="not_running"),
        _outcome(6, cause=None),
    )
    heads = [line for line in causes_of(report, 80) if not line.startswith(" ")]
    assert heads == [
        "stop: 2 failed, b",
        "stop: 1 failed, a",
        "stop: 1 failed, no cause given",
        "stop: 1 unknown, lost_answer",
        "stop: 1 not attempted, not_running",
    ]


@pytest.mark.parametrize(("every_unknown", "tail"), [(False, "9/3 and 2 more"), (True, "9/5")])
def test_the_first_are_named_or_all_unknown_ones(every_unknown: bool, tail: str) -> None:
    report = _report(*[_outcome(number, Status.UNKNOWN, cause="x") for number in range(6)])
    assert causes_of(report, 80, every_unknown=every_unknown)[1].endswith(tail)


def test_a_label_is_told_where_it_says_more_than_the_id() -> None:
    report = _report(_outcome(1, vm_label="web-front"), _outcome(2, vm_label="vm-2"))
    assert causes_of(report, 80)[1] == "    9/1 (web-front), 9/2"


def test_an_error_is_told_in_its_own_words_and_a_cause_without_one_in_ours() -> None:
    report = _report(
        _outcome(1, error=SeFlowError("locked\x1b[2J " + "x" * 999)), _outcome(2, cause="not_settled")
    )
    text = "\n".join(causes_of(report, 80))
    assert "locked\\x1b[2J" in text
    assert "Accepted, but not read back as done in the time given" in text
    assert max(map(len, text.splitlines())) <= 80


def test_what_is_not_listed_is_named_by_service_or_account() -> None:
    lost = (
        Undiscovered(account="main", service_id="9", service_name="Cloud", cause="timeout"),
        Undiscovered(account="main", service_id="8", cause="timeout", error=SeFlowError("gone")),
        Undiscovered(account="main", cause="cancelled"),
    )
    assert causes_of(_report(undiscovered=lost), 80) == [
        "stop: not listed, so in none of the counts: service 9 (Cloud)",
        "    timeout",
        "stop: not listed, so in none of the counts: service 8",
        "    gone",
        "stop: not listed, so in none of the counts: account main",
        "    cancelled",
    ]


def test_usage_is_told_in_sizes_of_those_that_were_read() -> None:
    graphs = UsageGraphs(
        cpu=UntrustedHtml("cpu", "a"), net=UntrustedHtml("net", "bb"), disk=UntrustedHtml("disk", "<b>")
    )
    report = _report(_outcome(1, Status.UNCHANGED, value=graphs, vm_label="a\x1bb"), _outcome(2))
    assert usage_of(report).rows == [["9", "1", "a\\x1bb", "1", "2", "3"]]

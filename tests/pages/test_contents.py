from __future__ import annotations

from typing import Any

import pytest
from support.reports import HOSTILE, LOST, NOW, a_report, an_outcome, failed

from aioseflow import (
    AuthenticationError,
    Report,
    RequestTimeout,
    SeFlowError,
    Status,
    Undiscovered,
    WithoutVms,
)
from aioseflow.pages.contents import Contents, contents_of


def contents(report: Report, **facts: Any) -> Contents:
    return contents_of(report, **{"bandwidth": {}, "power": {}, "title": None, **facts})


UNREAD = an_outcome(1, cause="cancelled", verified=False)


@pytest.mark.parametrize(
    ("report", "tone", "verdict"),
    [
        (a_report(an_outcome(1)), "good", "Stopped 1 VM."),
        (a_report(an_outcome(1), an_outcome(2)), "good", "Stopped 2 VMs."),
        (a_report(*failed([1])), "bad", "Stopped 0 of 1 VM. 1 failed."),
        (a_report(an_outcome(3), *failed([1, 2])), "bad", "Stopped 1 of 3 VMs. 2 failed."),
        (a_report(an_outcome(1, Status.UNKNOWN)), "bad", "Stopped 0 of 1 VM. 1 unknown."),
        (a_report(), "empty", "Nothing was sent: no VM matched."),
        (
            a_report(an_outcome(1), undiscovered=(LOST,)),
            "bad",
            "Stopped 1 VM; 1 service could not be listed: 8.",
        ),
        (a_report(undiscovered=(LOST,)), "bad", "Nothing was sent: 1 service could not be listed: 8."),
        (a_report(UNREAD), "bad", "Stopped 1 VM, then interrupted. 1 not verified."),
        (
            a_report(an_outcome(1), over=False, targets=(("main", "9", "1"), ("main", "9", "2"))),
            "open",
            "Stopped 1 of 2 VMs so far; 1 without an outcome yet.",
        ),
        (a_report(over=False), "open", "Not over: no VM is known yet."),
        (a_report(error=AuthenticationError("refused")), "bad", "The run failed. Nothing was sent."),
    ],
)
def test_the_first_sentence_is_true_of_every_ending(report: Report, tone: str, verdict: str) -> None:
    page = contents(report)
    assert (page.tone, page.verdict) == (tone, verdict)
    assert (tone in ("good", "empty")) is report.ok


def test_failures_are_grouped_by_cause_the_failed_first() -> None:
    page = contents(
        a_report(
            *(an_outcome(number, Status.UNKNOWN, cause="lost_answer") for number in range(5)),
            *failed([6, 7], error=RequestTimeout("a backup holds it")),
        )
    )
    assert [(group.kind, group.cause, group.count) for group in page.groups] == [
        ("failed", "vm_locked", 2),
        ("unknown", "lost_answer", 5),
    ]
    assert (page.groups[0].names, page.groups[0].example) == ("web[06-07]", "a backup holds it")
    assert page.why == "2 failed (vm_locked), 5 unknown (lost_answer)"


def test_of_very_many_causes_some_are_shown_and_the_others_counted() -> None:
    page = contents(a_report(*(failed([number], cause=f"cause_{number}")[0] for number in range(100))))
    assert len(page.groups) + page.groups_left_out == 100
    assert page.why.endswith("97 for other causes")


def test_all_five_counts_are_there_and_those_without_an_outcome_when_there_are_any() -> None:
    page = contents(a_report(an_outcome(1)))
    assert [(count.kind, count.number) for count in page.counts] == [
        ("changed", 1),
        ("unchanged", 0),
        ("failed", 0),
        ("unknown", 0),
        ("not_attempted", 0),
    ]
    page = contents(a_report(over=False, targets=(("main", "9", "1"),)))
    assert [(count.kind, count.number) for count in page.counts][-1] == ("pending", 1)


def test_nearly_all_is_not_a_hundred_percent() -> None:
    outcomes = [an_outcome(number) for number in range(9_999)]
    page = contents(a_report(*outcomes, *failed([9_999])))
    shares = {count.kind: count.share for count in page.counts}
    assert (shares["changed"], shares["failed"], shares["unknown"]) == ("99.9 %", "under 0.1 %", "")


def test_what_could_not_be_listed_is_said() -> None:
    page = contents(a_report(undiscovered=(LOST,)))
    (unlisted,) = page.unlisted
    (lost,) = unlisted.named
    assert unlisted.heading == "Not listed, so their VMs are not counted"
    assert (lost.what, lost.cause, lost.error) == ("Old (service 8 of main)", "timeout", "no answer")


def test_what_is_listed_in_part_has_a_heading_of_its_own_and_many_are_counted() -> None:
    error = SeFlowError("the panel listed only page 1 of 3")
    partly = [
        Undiscovered(account="main", service_id=str(number), cause="one_page", error=error)
        for number in range(60)
    ]
    page = contents(a_report(an_outcome(1), undiscovered=(LOST, *partly)))
    assert [(group.heading.split(",")[0], len(group.named), group.left_out) for group in page.unlisted] == [
        ("Not listed", 1, 0),
        ("Listed in part", 50, 10),
    ]
    assert page.unlisted[1].named[0].error == "the panel listed only page 1 of 3"
    assert page.verdict == (
        "Stopped 1 VM; 1 service could not be listed: 8; 60 services listed in part only: 0, 1, 2, …."
    )
    assert page.tone == "bad"


def test_services_without_vms_are_a_note_and_no_loss() -> None:
    found = WithoutVms(account="main", service_id="77", service_name="<b>mail", why="empty_list")
    page = contents(a_report(an_outcome(1, verified=True), without_vms=(found,)))
    assert page.notes == ("No VMs in 1 service: <b>mail.",)
    assert (page.unlisted, page.tone) == ((), "good")


def test_who_was_down_is_said() -> None:
    page = contents(a_report(an_outcome(1, took=70, verified=True)))
    assert page.down is not None
    assert page.down.summary == "1 VM, 1 still down at the end"
    assert page.down.longest == (("web01", "1 min 10 s", "still down"),)
    assert contents(a_report(an_outcome(1, action="usage"), action="usage")).down is None


def test_the_head_says_which_run_it_was() -> None:
    report = a_report(
        an_outcome(1), note="rack 4", requested_by="anna", parent="r0", resumed=2, missing_values=3
    )
    page = contents(report, title="Maintenance")
    assert (page.title, dict(page.facts)) == (
        "Maintenance",
        {
            "Action": "Stop of 1 VM",
            "Run": "r1",
            "Started": "2026-01-01 03:00:00 UTC",
            "Finished": "2026-01-01 03:04:09 UTC",
            "Took": "4 min 09 s",
            "Requested by": "anna",
            "Follows": "r0",
            "Resumed": "2 times",
            "Note": "rack 4",
        },
    )
    assert any("3 VMs" in note for note in page.notes)


def test_without_the_script_two_hundred_rows_are_shown() -> None:
    page = contents(a_report(*(an_outcome(number) for number in range(500))))
    assert (len(page.rows), page.total) == (200, 500)


def test_every_text_of_others_is_fit_to_be_shown() -> None:
    hostile = HOSTILE + "x" * 10_000
    page = contents(
        a_report(
            *failed([1], cause=hostile, vm_label=hostile, error=RequestTimeout(hostile)),
            note=hostile,
            requested_by=hostile,
            error=RequestTimeout(hostile),
            run_id=hostile,
        ),
        title=hostile,
    )
    group = page.groups[0]
    shown = [page.title, page.error, page.why, group.cause, group.names, group.example]
    for text in [*shown, *(value for _, value in page.facts)]:
        assert text.isprintable()
        assert len(text) < 2000


def test_a_run_that_ended_before_it_began_has_no_negative_time() -> None:
    page = contents(a_report(an_outcome(1, took=-5), finished_at=NOW))
    assert page.rows[0].seconds == 0
    assert page.timeline is not None
    assert page.timeline.seconds > 0

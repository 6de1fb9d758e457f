"""The first line of a report, by how the run ended."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from support.reports import LOST, a_report, an_outcome

from aioseflow import GatewayError, Report, StalePlan, Status, Undiscovered
from aioseflow.fleet.report.headline import headline


def report_of(
    *counts: tuple[int, Status, str | None], action: str = "stop", verified: bool = True, **facts: Any
) -> Report:
    """A report with so many outcomes of each status and cause."""
    number = iter(range(1, 100_000))
    outcomes = [
        an_outcome(next(number), status, action=action, cause=cause, verified=verified)
        for many, status, cause in counts
        for _ in range(many)
    ]
    return a_report(*outcomes, action=action, **facts)


CHANGED, UNCHANGED, FAILED, UNKNOWN, LEFT = (
    *(Status.CHANGED, Status.UNCHANGED, Status.FAILED, Status.UNKNOWN, Status.NOT_ATTEMPTED),
)
REFUSED = Undiscovered(
    account="main", service_id="33306", cause="gateway", error=GatewayError("a page came", status=500)
)


@pytest.mark.parametrize(
    ("report", "text", "tone"),
    [
        (report_of((50, CHANGED, None)), "Stopped 50 VMs.", "good"),
        (report_of((1, CHANGED, None), action="start"), "Started 1 VM.", "good"),
        (
            report_of((45, CHANGED, None), (5, UNCHANGED, None)),
            "Stopped 45 VMs; 5 were off already.",
            "good",
        ),
        (
            report_of((50, UNCHANGED, None), action="start"),
            "Nothing to do: 50 VMs are running already.",
            "good",
        ),
        (report_of((50, UNCHANGED, None), action="usage"), "Measured 50 VMs.", "good"),
        (report_of((3, CHANGED, None), action="stop+start"), "Completed stop+start on 3 VMs.", "good"),
        (
            report_of((80, CHANGED, None), (220, LEFT, "drained")),
            "Stopped 80 of 300 VMs, then interrupted. 220 not started.",
            "bad",
        ),
        (
            report_of((199, CHANGED, None), (101, LEFT, "not_running"), action="reboot"),
            "Rebooted 199 VMs; skipped 101 that are off.",
            "good",
        ),
        (
            report_of(
                *((100, CHANGED, None), (19, FAILED, "vm_locked"), (2, UNKNOWN, "lost_answer")),
                *((15, LEFT, "same_cause"), (1, LEFT, "not_running")),
                action="reboot",
            ),
            "Rebooted 100 of 137 VMs; skipped 1 that is off. 19 failed, 2 unknown, 15 not attempted.",
            "bad",
        ),
        (
            report_of((80, CHANGED, None), (21, FAILED, "vm_locked"), (199, LEFT, "max_failures")),
            "Stopped 80 of 300 VMs, then too many VMs failed. 21 failed, 199 not attempted.",
            "bad",
        ),
        (
            report_of((8, CHANGED, None), (2, LEFT, "deadline"), action="resize"),
            "Resized 8 of 10 VMs, then the deadline passed. 2 not attempted.",
            "bad",
        ),
        # Ended before it was read back.
        (
            report_of((50, CHANGED, "cancelled"), verified=False),
            "Stopped 50 VMs, then interrupted. 50 not verified.",
            "bad",
        ),
        (
            report_of((6, CHANGED, None), undiscovered=(REFUSED,)),
            "Stopped 6 VMs; 1 service could not be listed: 33306 (HTTP 500).",
            "bad",
        ),
        # Not refused: the run ended before it listed them.
        (
            report_of((6, CHANGED, None), undiscovered=(REFUSED, attrs.evolve(LOST, cause="drained"))),
            "Stopped 6 VMs, then interrupted; 1 service could not be listed: 33306 (HTTP 500); "
            "1 service not listed yet: 8.",
            "bad",
        ),
        (
            report_of((6, CHANGED, None), undiscovered=(LOST,) * 5),
            "Stopped 6 VMs; 5 services could not be listed: 8, 8, 8, ….",
            "bad",
        ),
        (
            report_of(
                (30, CHANGED, None), over=False, targets=tuple(("main", "9", str(n)) for n in range(250))
            ),
            "Stopped 30 of 250 VMs so far; 220 without an outcome yet.",
            "strong",
        ),
        (a_report(over=False), "Not over: no VM is known yet.", "strong"),
        (a_report(error=MemoryError()), "The run failed. Nothing was sent.", "bad"),
        (
            report_of((50, LEFT, "run_failed"), error=StalePlan("not as planned")),
            "The run was refused. Nothing was sent to 50 VMs.",
            "bad",
        ),
        (
            report_of((3, CHANGED, None), (47, LEFT, "run_failed"), error=MemoryError()),
            "The run failed. Stopped 3 of 50 VMs.",
            "bad",
        ),
    ],
)
def test_the_headline_is_made_of_counts(report: Report, text: str, tone: str) -> None:
    assert headline(report) == (text, tone)
    assert report.summary(width=200).splitlines()[0] == text


def test_no_text_of_others_makes_a_headline_of_its_own() -> None:
    report = report_of((1, FAILED, "x: all as asked"), action="\x1b[2Jall as asked\nStopped 9 VMs.")
    [line] = headline(report).text.splitlines()
    assert line.isprintable()
    assert headline(report).tone == "bad"


def test_services_that_an_interrupted_run_did_not_list_are_listed_by_resuming_it() -> None:
    lost = attrs.evolve(LOST, cause="cancelled")
    page = report_of((6, CHANGED, None), (2, LEFT, "cancelled"), undiscovered=(lost,)).summary()
    assert (
        "  - fleet.resume('r1') continues with the 2 not attempted and the services not listed yet\n" in page
    )
    assert "run it again" not in page


def test_vms_that_were_left_alone_after_others_failed_are_explained() -> None:
    report = report_of((6, FAILED, "hypervisor_down"), (16, LEFT, "same_cause"), (2, FAILED, "vm_locked"))
    page = report.summary()
    assert "not attempted, same_cause: 16 VMs\n" in page
    assert "    Cloud: 6 VMs failed with hypervisor_down, so the rest were left alone\n" in page

"""A report as a page for people."""

from __future__ import annotations

import pytest
from support.reports import HOSTILE, LOST, a_report, an_outcome, failed

from aioseflow import (
    ApiError,
    AuthenticationError,
    InvalidArgument,
    Outcome,
    OutcomeUnknown,
    Report,
    SeFlowError,
    Status,
    Undiscovered,
    WithoutVms,
)
from aioseflow.text import cells


def test_the_page_says_what_happened_to_whom_why_and_what_to_do() -> None:
    report = a_report(
        *(an_outcome(number, took=number, verified=number > 21) for number in range(20, 26)),
        *failed([*range(1, 15), 17], error=ApiError("the VM is locked by a task")),
        an_outcome(50, Status.UNKNOWN, 90, cause="lost_answer", error=OutcomeUnknown("the answer was lost")),
        *(an_outcome(number, Status.NOT_ATTEMPTED, cause="drained") for number in range(60, 64)),
        undiscovered=(LOST,),
        parent="r0",
        note="before the power cut",
        requested_by="alice",
        resumed=1,
        missing_values=3,
    )
    headline, rest, *lines = report.summary().splitlines()
    assert f"{headline} {rest.strip()}" == (
        "Stopped 6 of 26 VMs, then interrupted; 1 service could not be listed: 8. "
        "15 failed, 1 unknown, 4 not started."
    )
    assert lines == [
        "run r1, 2026-01-01 03:00:00 to 03:04:09 UTC, 4 min 09 s",
        "requested by alice; follows run r0; resumed 1 time",
        "note: before the power cut",
        "6 changed, 0 unchanged, 15 failed, 1 unknown, 4 not attempted",
        "2 accepted by the panel, not verified",
        "3 VMs did not match: the panel gave no value for a field of the condition",
        "",
        "unknown, lost_answer: 1 VM",
        "    web50",
        "    the answer was lost",
        "",
        "failed, vm_locked: 15 VMs",
        "    web[01-14,17]",
        "    e.g. the VM is locked by a task",
        "",
        "not attempted, drained: 4 VMs",
        "    web[60-63]",
        "",
        "not included in these numbers:",
        "    service 8 (Old) of main: timeout: no answer",
        "",
        "next:",
        "  - fleet.reconcile('r1') checks what became of the 1 unknown; it only reads",
        "  - fleet.resume('r1') continues with the 4 not attempted",
        "  - fleet.retry('r1') tries the 15 failed again, after fixing the cause",
        "  - run it again for service 8 when the panel answers",
        "undo: fleet.restore('r1') to start the 6 VMs again",
    ]


def without(number: int, name: str = "", account: str = "main") -> WithoutVms:
    return WithoutVms(account=account, service_id=str(number), service_name=name, why="empty_list")


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([without(77)], "no VMs in 1 service: 77"),
        (
            [without(7, "web1"), without(8, "web2"), without(77)],
            "no VMs in 3 services: 77, web[1-2]",
        ),
        # A product's name is that of all services of the product.
        (
            [*(without(number, "hosting") for number in range(1, 1001)), without(2000, "mail")],
            "no VMs in 1,001 services: hosting([1-1000]), mail",
        ),
        (
            [without(7, account="a"), without(7, "x", account="b")],
            "no VMs in 2 services: a:7, x",
        ),
    ],
)
def test_services_without_vms_are_one_line(found: list[WithoutVms], line: str) -> None:
    report = a_report(an_outcome(verified=True), without_vms=tuple(found))
    assert report.ok
    assert report.summary().splitlines()[:4] == [
        "Stopped 1 VM.",
        "run r1, 2026-01-01 03:00:00 to 03:04:09 UTC, 4 min 09 s",
        "1 changed, 0 unchanged, 0 failed, 0 unknown, 0 not attempted",
        line,
    ]


def test_hostile_names_of_services_without_vms_take_a_few_lines() -> None:
    found = tuple(without(number, HOSTILE + chr(0x4E00 + number) * 9999) for number in range(500))
    lines = a_report(an_outcome(verified=True), without_vms=found).summary().splitlines()
    assert len(lines) < 20
    assert any("and 492 more" in line for line in lines)
    assert all(line.isprintable() and cells(line) <= 100 for line in lines)


def test_what_is_listed_in_part_is_told_apart_from_what_is_not_listed() -> None:
    error = SeFlowError("the panel listed only page 1 of 3 of the VMs of service 9")
    partly = Undiscovered(account="main", service_id="9", service_name="web", cause="one_page", error=error)
    report = a_report(an_outcome(verified=True), undiscovered=(partly, LOST))
    page = report.summary()
    assert not report.ok
    assert page.splitlines()[0] == (
        "Stopped 1 VM; 1 service could not be listed: 8; 1 service listed in part only: 9."
    )
    assert (
        "\nnot included in these numbers:\n"
        "    service 8 (Old) of main: timeout: no answer\n"
        "\nlisted in part; others of their VMs are not included:\n"
        "    service 9 (web) of main: the panel listed only page 1 of 3 of the VMs of service 9\n"
    ) in page
    assert "run it again for service 8 when the panel answers" in page
    assert "look in the panel for the VMs that its lists leave out" in page
    alone = a_report(an_outcome(verified=True), undiscovered=(partly,)).summary()
    assert "run it again" not in alone
    assert "not included in these numbers" not in alone


@pytest.mark.parametrize(
    ("report", "headline", "steps"),
    [
        (
            a_report(an_outcome(verified=True)),
            "Stopped 1 VM.",
            ["undo: fleet.restore('r1') to start the 1 VM again"],
        ),
        (
            a_report(),
            "Nothing was sent: no VM matched.",
            ["fleet.vms() shows"],
        ),
        (
            a_report(over=False, targets=(("main", "9", "1"),)),
            "Stopped 0 of 1 VM so far; 1 without an outcome yet.",
            ["fleet.resume('r1')"],
        ),
        (
            a_report(an_outcome(1, Status.NOT_ATTEMPTED, cause="not_running"), action="reboot"),
            "Rebooted 0 VMs; skipped 1 that is off.",
            [],
        ),
        (
            a_report(an_outcome(1, Status.NOT_ATTEMPTED, cause="locked")),
            "Stopped 0 of 1 VM. 1 not attempted.",
            ["fleet.retry('r1') tries the 1 locked again, after fixing the cause"],
        ),
        (
            a_report(an_outcome(1, Status.NOT_ATTEMPTED, cause="authentication")),
            "Stopped 0 of 1 VM. 1 not attempted.",
            ["correct the password first", "fleet.resume('r1')"],
        ),
        (
            a_report(
                undiscovered=(
                    Undiscovered(account="a", cause="authentication", error=AuthenticationError("wrong")),
                )
            ),
            "Nothing was sent: 1 account could not be listed: a.",
            ["correct the password first", "run it again for account a when the panel answers"],
        ),
        (
            a_report(
                an_outcome(1, Status.NOT_ATTEMPTED, cause="invalid_selection"),
                error=InvalidArgument("VM 7 not found"),
            ),
            "The run was refused. Nothing was sent to 1 VM.",
            ["fix what the error says"],
        ),
        (
            a_report(an_outcome(1, Status.NOT_ATTEMPTED, cause="run_failed"), error=MemoryError()),
            "The run failed. Nothing was sent to 1 VM.",
            ["fleet.resume('r1')"],
        ),
    ],
)
def test_the_page_advises_only_what_makes_sense(report: Report, headline: str, steps: list[str]) -> None:
    lines = report.summary().splitlines()
    assert lines[0] == headline
    advice = [line for line in lines[lines.index("") + 1 :] if line.startswith(("  - ", "undo", "Retrying"))]
    assert len(advice) == len(steps)
    assert all(step in line for step, line in zip(steps, advice, strict=True))


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            an_outcome(1, Status.CHANGED, 7, action="reboot"),
            "downtime of 1 VM: at least 7 s; not measured, as they were not read back",
        ),
        (
            an_outcome(1, Status.UNKNOWN, 7, action="reboot", cause="lost_answer"),
            "    web01: 7 s, may have been down",
        ),
        (
            an_outcome(1, Status.UNKNOWN, 7, action="stop+start", step="stop", cause="lost_answer"),
            "    web01: 7 s, may be down",
        ),
        (
            an_outcome(1, Status.FAILED, 7, action="stop+start", step="start", cause="vm_locked"),
            "    web01: 7 s, still down",
        ),
    ],
)
def test_the_page_says_how_sure_it_is_of_who_was_down(outcome: Outcome, line: str) -> None:
    assert line in a_report(outcome, action=outcome.action).summary().splitlines()


def test_the_page_is_bounded_and_printable_whatever_the_panel_and_people_wrote() -> None:
    outcomes = [
        an_outcome(
            number,
            Status.FAILED if number % 3 else Status.UNKNOWN,
            vm_label=f"{HOSTILE}{number}" if number % 2 else "東" * 40 + str(number),
            cause=f"{HOSTILE}{number % 40}",
            error=ApiError("x" * 5000 + HOSTILE),
            account=HOSTILE,
        )
        for number in range(400)
    ]
    lost = Undiscovered(account=HOSTILE, service_id="8" * 500, service_name=HOSTILE, cause=HOSTILE)
    report = a_report(
        *outcomes,
        run_id=f"id-{'x' * 150}{HOSTILE}",
        action=HOSTILE,
        undiscovered=(lost,) * 30,
        note=HOSTILE * 100,
        requested_by=HOSTILE * 100,
        parent=HOSTILE,
        error=SeFlowError(HOSTILE * 100),
    )
    before = a_report(*failed([1], account=HOSTILE, vm_label=HOSTILE), run_id=HOSTILE)
    for page in (report.summary(), str(report.compare(before))):
        lines = page.splitlines()
        assert len(lines) < 400
        assert all(line.isprintable() and cells(line) <= 100 for line in lines)
    assert "and 20 more" in report.summary()
    assert "more causes, of" in report.summary()


def test_the_unknown_are_never_cut_off_by_many_other_causes() -> None:
    outcomes = [
        *failed(range(30), "a"),
        *(failed([number], f"cause_{number}")[0] for number in range(30, 60)),
    ]
    report = a_report(*outcomes, an_outcome(70, Status.UNKNOWN, cause="z"))
    assert "unknown, z: 1 VM" in report.summary()
    assert "and 20 more causes, of 20 VMs" in report.summary()

"""How a run ended, and what follows from that: headline, exit code and advice, from one table."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from support.reports import LOST, a_report, an_outcome

from aioseflow import InvalidArgument, JournalError, LeaseLost, Report, RunRefused, Status, Undiscovered
from aioseflow.cli.exit_code import ExitCode, of_report
from aioseflow.fleet.model.ending import ENDED_BY, Ending, ending_of

C, U, F, N, L = Status.CHANGED, Status.UNCHANGED, Status.FAILED, Status.UNKNOWN, Status.NOT_ATTEMPTED
REFUSED = RunRefused("run r0 is working on 2 of these VMs", reason="in_another_run", run_id="r0")


def ended(*counts: tuple[int, Status, str | None], action: str = "stop", **facts: Any) -> Report:
    """A report with so many outcomes of each status and cause; what is changed was read back."""
    number = iter(range(1, 1000))
    outcomes = [
        an_outcome(next(number), status, action=action, cause=cause, verified=cause is None)
        for many, status, cause in counts
        for _ in range(many)
    ]
    return a_report(*outcomes, action=action, **facts)


def steps_of(report: Report) -> list[str]:
    """The verbs of the next steps of a summary, in order."""
    named: list[str] = []

    def name(verb: str, run_id: str) -> str:
        named.append(verb)
        return f"{verb} {run_id}"

    report.summary(step=name)
    return named


def lost_for(cause: str) -> tuple[Undiscovered, ...]:
    return (attrs.evolve(LOST, error=None, cause=cause),)


TABLE: list[tuple[Report, Ending, str, ExitCode, list[str]]] = [
    # Running.
    (
        ended((2, C, None), over=False, targets=tuple(("main", "9", str(n)) for n in range(1, 6))),
        Ending.RUNNING,
        "Stopped 2 of 5 VMs so far; 3 without an outcome yet.",
        ExitCode.HELD,
        ["resume"],
    ),
    # Finished.
    (ended((2, C, None)), Ending.FINISHED, "Stopped 2 VMs.", ExitCode.OK, ["restore"]),
    (
        ended((2, U, "already_stopped")),
        Ending.FINISHED,
        "Nothing to do: 2 VMs are off already.",
        ExitCode.OK,
        [],
    ),
    (
        ended((2, C, None), (3, L, "not_running"), action="reboot"),
        Ending.FINISHED,
        "Rebooted 2 VMs; skipped 3 that are off.",
        ExitCode.OK,
        [],
    ),
    (
        ended((3, L, "not_running"), action="reboot"),
        Ending.FINISHED,
        "Rebooted 0 VMs; skipped 3 that are off.",
        ExitCode.OK,
        [],
    ),
    (
        ended((1, C, None), (1, L, "no_agent"), action="label"),
        Ending.FINISHED,
        "Completed label on 1 VM; skipped 1 (no_agent).",
        ExitCode.OK,
        [],
    ),
    (
        ended((1, C, None), (1, F, "vm_locked")),
        Ending.FINISHED,
        "Stopped 1 of 2 VMs. 1 failed.",
        ExitCode.FAILED,
        ["retry", "restore"],
    ),
    (
        ended((1, C, None), (1, L, "locked")),
        Ending.FINISHED,
        "Stopped 1 of 2 VMs. 1 not attempted.",
        ExitCode.FAILED,
        ["retry", "restore"],
    ),
    (
        ended((1, C, None), (1, L, "not_found"), parent="r0", follows="retry"),
        Ending.FINISHED,
        "Stopped 1 of 2 VMs. 1 not attempted.",
        ExitCode.FAILED,
        ["restore"],
    ),
    (
        ended((1, N, "lost_answer"), (1, F, "vm_locked"), (1, L, "not_running"), action="reboot"),
        Ending.FINISHED,
        "Rebooted 0 of 3 VMs; skipped 1 that is off. 1 failed, 1 unknown.",
        ExitCode.UNKNOWN,
        ["reconcile", "retry"],
    ),
    (
        ended((1, F, "vm_locked"), (4, L, "same_cause"), action="reboot"),
        Ending.FINISHED,
        "Rebooted 0 of 5 VMs. 1 failed, 4 not attempted.",
        ExitCode.STOPPED,
        ["resume", "retry"],
    ),
    (
        ended((2, C, None), undiscovered=(LOST,)),
        Ending.FINISHED,
        "Stopped 2 VMs; 1 service could not be listed: 8.",
        ExitCode.UNKNOWN,
        ["restore"],
    ),
    (ended(), Ending.FINISHED, "Nothing was sent: no VM matched.", ExitCode.NOTHING_SELECTED, ["vms"]),
    (
        ended(parent="r0", follows="restore", action="start"),
        Ending.FINISHED,
        "Nothing to restore: run r0 left no VM for it.",
        ExitCode.OK,
        [],
    ),
    (
        ended((2, C, None), repeated=True),
        Ending.FINISHED,
        "Run r1 is complete; nothing to resume. Stopped 2 VMs.",
        ExitCode.OK,
        ["restore"],
    ),
    # An unknown outcome of before, in a run that was resumed and came to its end.
    (
        ended((1, C, None), (1, N, "interrupted"), action="reboot", ended_by="", resumed=1),
        Ending.FINISHED,
        "Rebooted 1 of 2 VMs. 1 unknown.",
        ExitCode.UNKNOWN,
        ["reconcile"],
    ),
    # Everything that it had left was decided by a later reading.
    (
        ended((2, C, None), ended_by="interrupted"),
        Ending.FINISHED,
        "Stopped 2 VMs.",
        ExitCode.OK,
        ["restore"],
    ),
    # Ended from outside.
    *(
        (
            ended((1, C, None), (2, L, cause)),
            Ending(cause),
            "Stopped 1 of 3 VMs, then interrupted. 2 not started.",
            ExitCode.INTERRUPTED,
            ["resume", "restore"],
        )
        for cause in ("interrupted", "cancelled", "drained")
    ),
    (
        ended((2, C, "cancelled")),
        Ending.CANCELLED,
        "Stopped 2 VMs, then interrupted. 2 not verified.",
        ExitCode.INTERRUPTED,
        ["resume", "restore"],
    ),
    (
        ended((2, C, "cancelled"), action="reboot"),
        Ending.CANCELLED,
        "Rebooted 2 VMs, then interrupted. 2 not verified.",
        ExitCode.INTERRUPTED,
        ["resume"],
    ),
    (
        ended((2, F, "interrupted"), (1, F, "vm_locked"), action="stop+start"),
        Ending.INTERRUPTED,
        "Completed stop+start on 0 of 3 VMs, then interrupted. 3 failed.",
        ExitCode.INTERRUPTED,
        ["resume", "retry"],
    ),
    (
        ended((1, N, "interrupted"), (1, L, "interrupted"), action="reboot"),
        Ending.INTERRUPTED,
        "Rebooted 0 of 2 VMs, then interrupted. 1 unknown, 1 not started.",
        ExitCode.INTERRUPTED,
        ["reconcile", "resume"],
    ),
    (
        ended((2, C, None), undiscovered=lost_for("drained")),
        Ending.DRAINED,
        "Stopped 2 VMs, then interrupted; 1 service not listed yet: 8.",
        ExitCode.INTERRUPTED,
        ["resume", "restore"],
    ),
    # Stopped by a limit.
    *(
        (
            ended((1, F, "vm_locked"), (2, L, cause)),
            Ending.STOPPED,
            f"Stopped 0 of 3 VMs, then {words}. 1 failed, 2 not attempted.",
            ExitCode.STOPPED,
            ["resume", "retry"],
        )
        for cause, words in (
            ("max_failures", "too many VMs failed"),
            ("max_unavailable", "too many VMs were down"),
            ("deadline", "the deadline passed"),
            ("no_progress", "no VM finished for too long"),
        )
    ),
    (
        ended((1, N, "lost_answer"), (2, L, "max_failures"), action="reboot"),
        Ending.STOPPED,
        "Rebooted 0 of 3 VMs, then too many VMs failed. 1 unknown, 2 not attempted.",
        ExitCode.UNKNOWN,
        ["reconcile", "resume"],
    ),
    # Refused before it began.
    (
        ended((2, L, "in_another_run"), error=REFUSED),
        Ending.REFUSED,
        "The run was refused. Nothing was sent to 2 VMs.",
        ExitCode.HELD,
        [],
    ),
    (
        ended(error=InvalidArgument("VM 7 not found")),
        Ending.REFUSED,
        "The run was refused. Nothing was sent.",
        ExitCode.USAGE,
        [],
    ),
    # Taken over, or broken.
    (
        ended((1, C, None), (2, L, "lease_lost"), error=LeaseLost("gone"), ended_by="lease_lost"),
        Ending.TAKEN_OVER,
        "Another process took the run over. Stopped 1 of 3 VMs until then.",
        ExitCode.HELD,
        ["report"],
    ),
    (
        ended((1, C, None), (2, L, "journal_failed"), error=JournalError("full"), ended_by="journal_failed"),
        Ending.FAILED,
        "The run failed. Stopped 1 of 3 VMs.",
        ExitCode.ERROR,
        ["resume", "restore"],
    ),
]


@pytest.mark.parametrize(("report", "ending", "headline", "code", "steps"), TABLE)
def test_headline_exit_code_and_advice_follow_from_the_ending_and_the_counts(
    report: Report, ending: Ending, headline: str, code: ExitCode, steps: list[str]
) -> None:
    assert report.ending is ending
    assert report.to_document()["ending"] == ending.value
    assert report.summary(width=200).splitlines()[0] == headline
    assert of_report(report) is code
    assert steps_of(report) == steps
    # What is ok ends with 0; and what was stopped, refused or broken never does.
    assert report.ok is (code is ExitCode.OK or report.matched_nothing)


def test_the_table_has_every_ending() -> None:
    assert {ending for _, ending, *_ in TABLE} == set(Ending)


@pytest.mark.parametrize("cause", ENDED_BY)
def test_each_cause_of_an_early_end_has_its_ending_only_while_something_is_left(cause: str) -> None:
    def of(by: str | None, *causes: str) -> Ending:
        return ending_of(over=True, error=None, by=by, causes=causes)

    assert of(cause, cause, "vm_locked") is of(None, cause) is ENDED_BY[cause]
    assert of(cause, "vm_locked") is of("", cause) is Ending.FINISHED


def test_no_advice_says_that_retrying_would_not_help_beside_a_step_that_would() -> None:
    for report, *_ in TABLE:
        page = report.summary()
        assert not ("Retrying would not help" in page and "next:" in page)


def test_a_vm_that_is_gone_is_named_so_and_no_id_is_to_be_checked() -> None:
    from aioseflow import NotFound

    error = NotFound("33301 answered 404; check the ids and the base URL", codes=("vm_notfound",))
    report = a_report(an_outcome(1, F, cause="not_found", error=error), an_outcome(2, L, cause="not_found"))
    page = report.summary()
    assert "check the ids" not in page
    assert page.count("it was listed before and does not exist any more") == 2
    assert "Retrying would not help: the 2 VMs are gone." in page


def test_what_the_end_of_the_run_broke_off_is_resumed_and_only_the_rest_is_retried() -> None:
    report = ended((2, F, "interrupted"), (1, F, "vm_locked"), action="stop+start")
    page = report.summary()
    assert "fleet.resume('r1') continues with the 2 broken off" in page
    assert "fleet.retry('r1') tries the 1 failed again" in page

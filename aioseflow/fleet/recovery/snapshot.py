"""A run of this process in the form in which a journal gives runs back."""

from __future__ import annotations

from ..journal import RunHeader, RunInfo, StoredRun, StoredTarget, TargetRow
from ..model.outcome import Outcome, Status
from ..model.timeline import rows_of
from ..report.report import Report
from ..run.state import RunState


def stored_of(header: RunHeader, run_state: RunState, report: Report, *, discovered: bool) -> StoredRun:
    """A run of this process in the form of a journal's."""
    numbers = {key: number for number, key in enumerate(run_state.targets)}
    outcomes = {outcome.key: outcome for outcome in report.outcomes}
    targets = [_stored(run_state, outcome, numbers[key]) for key, outcome in outcomes.items()]
    return StoredRun(
        info=RunInfo(
            header=header,
            state="ended" if report.finished_at is not None else "running",
            started_at=report.started_at,
            finished_at=report.finished_at,
            targets=len(run_state.targets),
            counts={status.value: count for status, count in report.counts.items()},
            undiscovered=report.undiscovered,
            error=None if report.error is None else str(report.error),
        ),
        discovered=discovered,
        targets=sorted(targets, key=lambda target: target.row.number),
        without_vms=report.without_vms,
        timeline=rows_of(report.timeline),
    )


def _stored(run_state: RunState, outcome: Outcome, number: int) -> StoredTarget:
    names = [step.name for step in run_state.steps]
    step = run_state.ended_at.get(outcome.key, names.index(outcome.step) if outcome.step in names else 0)
    error = outcome.error
    return StoredTarget(
        row=TargetRow(
            number=number,
            account=outcome.account,
            service_id=outcome.service_id,
            service_name=outcome.service_name,
            vm_id=outcome.vm_id,
            vm_label=outcome.vm_label,
            power="stopped" if outcome.key in run_state.off_before else "unknown",
        ),
        stage="done",
        step=step,
        attempts=outcome.attempts,
        may_have_acted=outcome.status is Status.UNKNOWN
        or outcome.key in run_state.taken
        or (error is not None and error.may_have_acted),
        status=outcome.status.value,
        verified=outcome.verified,
        cause=outcome.cause,
        step_name=outcome.step,
        error=error,
        sent_at=outcome.started_at if outcome.attempts else None,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
    )

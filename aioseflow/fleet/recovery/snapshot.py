"""A run of this process in the form in which a journal gives runs back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..journal import RunInfo, StoredRun, StoredTarget, TargetRow
from ..model.target import Stage
from ..model.timeline import rows_of

if TYPE_CHECKING:
    from ..model.outcome import Outcome
    from ..run.run import Run
    from ..run.state import RunState


def stored_of(run: Run) -> StoredRun:
    """A run of this process in the form in which a journal would give it back."""
    run_state, report = run.run_state, run.report
    numbers = {key: number for number, key in enumerate(run_state.targets)}
    outcomes = {outcome.key: outcome for outcome in report.outcomes}
    targets = [_stored(run_state, outcome, numbers[key]) for key, outcome in outcomes.items()]
    return StoredRun(
        info=RunInfo(
            header=run.header,
            state="ended" if report.finished_at is not None else "running",
            started_at=report.started_at,
            finished_at=report.finished_at,
            targets=len(run_state.targets),
            counts={status.value: count for status, count in report.counts.items()},
            undiscovered=report.undiscovered,
            error=None if report.error is None else str(report.error),
            ended_by=report.ended_by,
            discovered=not report.undiscovered,
        ),
        discovered=not report.undiscovered,
        targets=sorted(targets, key=lambda target: target.row.number),
        without_vms=report.without_vms,
        timeline=rows_of(report.timeline),
    )


def _stored(run_state: RunState, outcome: Outcome, number: int) -> StoredTarget:
    names = [step.name for step in run_state.steps]
    step = names.index(outcome.step) if outcome.step in names else 0
    stage, lost, panel_at, changed_before = Stage.QUEUED, False, None, False
    if (remains := run_state.remains.get(outcome.key)) is not None:
        step, stage, lost, panel_at, changed_before = remains
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
        stage=Stage.DONE,
        step=step,
        attempts=outcome.attempts,
        answer_lost=lost,
        status=outcome.status.value,
        verified=outcome.verified,
        cause=outcome.cause,
        step_name=outcome.step,
        error=outcome.error,
        sent_at=outcome.started_at if outcome.attempts else None,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
        left_at=stage,
        sent_panel_at=panel_at,
        changed_before=changed_before,
    )

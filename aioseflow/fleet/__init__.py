"""Every VM of every service at once, and a true word about each."""

from typing import TYPE_CHECKING

from ..lazy import lazily

if TYPE_CHECKING:
    from .actions.action import Action, Effect, Skip
    from .actions.usage import UsageGraphs
    from .fleet import Fleet
    from .journal import Journal, JournalError, LeaseLost, RunHeader, RunInfo, RunIsActive, RunNotFound
    from .model.fleet_account import Closeable, FleetAccount, Flow
    from .model.outcome import Outcome, Status
    from .model.progress import Progress, ServiceProgress
    from .model.refusals import RunRefused
    from .model.timeline import Moment
    from .model.undiscovered import Undiscovered
    from .model.without_vms import WithoutVms
    from .plan.plan import Plan, PlanDiff, StalePlan
    from .plan.planned_vm import PlannedLoss, PlannedVm
    from .plan.rollout import HealthCheck, Rollout
    from .recovery.findings import Finding
    from .report.compare import Comparison
    from .report.report import Report
    from .report.report_groups import CauseGroup, Downtime, ServiceSummary
    from .run.run import Run
    from .select.selection import ALL, Everything, Exclude, Where
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "model.fleet_account": "Closeable FleetAccount Flow",
            "actions.action": "Action Effect Skip",
            "actions.usage": "UsageGraphs",
            "fleet": "Fleet",
            "journal": "Journal JournalError LeaseLost RunHeader RunInfo RunIsActive RunNotFound",
            "model.outcome": "Outcome Status",
            "plan.plan": "Plan PlanDiff StalePlan",
            "plan.planned_vm": "PlannedLoss PlannedVm",
            "model.progress": "Progress ServiceProgress",
            "recovery.findings": "Finding",
            "model.refusals": "RunRefused",
            "report.compare": "Comparison",
            "model.undiscovered": "Undiscovered",
            "report.report": "Report",
            "report.report_groups": "CauseGroup Downtime ServiceSummary",
            "plan.rollout": "HealthCheck Rollout",
            "run.run": "Run",
            "select.selection": "ALL Everything Exclude Where",
            "model.timeline": "Moment",
            "model.without_vms": "WithoutVms",
        },
        modules="discovery",
    )

__all__ = [
    "ALL",
    "Action",
    "CauseGroup",
    "Closeable",
    "Comparison",
    "Downtime",
    "Effect",
    "Everything",
    "Exclude",
    "Finding",
    "Fleet",
    "FleetAccount",
    "Flow",
    "HealthCheck",
    "Journal",
    "JournalError",
    "LeaseLost",
    "Moment",
    "Outcome",
    "Plan",
    "PlanDiff",
    "PlannedLoss",
    "PlannedVm",
    "Progress",
    "Report",
    "Rollout",
    "Run",
    "RunHeader",
    "RunInfo",
    "RunIsActive",
    "RunNotFound",
    "RunRefused",
    "ServiceProgress",
    "ServiceSummary",
    "Skip",
    "StalePlan",
    "Status",
    "Undiscovered",
    "UsageGraphs",
    "Where",
    "WithoutVms",
]

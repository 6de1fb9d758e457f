"""Every VM of every service at once, and a true word about each."""

from typing import TYPE_CHECKING

from ..lazy import lazily

if TYPE_CHECKING:
    from .account import Account, Flow
    from .actions.action import Action, Skip
    from .actions.changes import Destroy, RebuildNetwork, Resize, ResizeDisk, SetRdns
    from .actions.power import Reboot, Start, Stop
    from .actions.usage import Usage, UsageGraphs
    from .fleet import Fleet
    from .health import HealthCheck, http_check, tcp_check
    from .journal import Journal, JournalError, RunHeader, RunInfo, RunIsActive, RunNotFound
    from .outcome import Outcome, Status
    from .plan import Plan, PlanDiff, StalePlan
    from .planned import PlannedLoss, PlannedVm
    from .progress import Progress, ServiceProgress
    from .reconcile import Finding
    from .refusals import RunRefused
    from .report.compare import Comparison
    from .report.report import CauseGroup, Downtime, Report, ServiceSummary, Undiscovered
    from .rollout import Rollout
    from .run import Run
    from .select import ALL, Everything, Where
    from .timeline import Moment
    from .without import WithoutVms
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "account": "Account Flow",
            "actions.action": "Action Skip",
            "actions.changes": "Destroy RebuildNetwork Resize ResizeDisk SetRdns",
            "actions.power": "Reboot Start Stop",
            "actions.usage": "Usage UsageGraphs",
            "fleet": "Fleet",
            "health": "HealthCheck http_check tcp_check",
            "journal": "Journal JournalError RunHeader RunInfo RunIsActive RunNotFound",
            "outcome": "Outcome Status",
            "plan": "Plan PlanDiff StalePlan",
            "planned": "PlannedLoss PlannedVm",
            "progress": "Progress ServiceProgress",
            "reconcile": "Finding",
            "refusals": "RunRefused",
            "report.compare": "Comparison",
            "report.report": "CauseGroup Downtime Report ServiceSummary Undiscovered",
            "rollout": "Rollout",
            "run": "Run",
            "select": "ALL Everything Where",
            "timeline": "Moment",
            "without": "WithoutVms",
        },
        modules=(
            "archive availability book crew discover history intake lanes ledger memory meter orders past "
            "plan_page planning reading reads resuming schedule settle sitting where"
        ),
    )

__all__ = [
    "ALL",
    "Account",
    "Action",
    "CauseGroup",
    "Comparison",
    "Destroy",
    "Downtime",
    "Everything",
    "Finding",
    "Fleet",
    "Flow",
    "HealthCheck",
    "Journal",
    "JournalError",
    "Moment",
    "Outcome",
    "Plan",
    "PlanDiff",
    "PlannedLoss",
    "PlannedVm",
    "Progress",
    "Reboot",
    "RebuildNetwork",
    "Report",
    "Resize",
    "ResizeDisk",
    "Rollout",
    "Run",
    "RunHeader",
    "RunInfo",
    "RunIsActive",
    "RunNotFound",
    "RunRefused",
    "ServiceProgress",
    "ServiceSummary",
    "SetRdns",
    "Skip",
    "StalePlan",
    "Start",
    "Status",
    "Stop",
    "Undiscovered",
    "Usage",
    "UsageGraphs",
    "Where",
    "WithoutVms",
    "http_check",
    "tcp_check",
]

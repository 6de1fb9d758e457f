"""Every VM of every service at once, and a true word about each."""

from .account import Account
from .action import Action, Skip
from .changes import Destroy, RebuildNetwork, Resize, ResizeDisk, SetRdns
from .compare import Comparison
from .fleet import Fleet
from .health import HealthCheck, http_check, tcp_check
from .journal import Journal, JournalError, RunHeader, RunInfo, RunIsActive, RunNotFound
from .outcome import Outcome, Progress, Status
from .plan import Plan, PlanDiff, PlannedVm, StalePlan
from .power import Reboot, Start, Stop
from .reconcile import Finding
from .refusals import RunRefused
from .report import CauseGroup, Downtime, Report, ServiceSummary, Undiscovered
from .rollout import Rollout
from .run import Run
from .select import ALL, Everything, Where
from .usage import Usage, UsageGraphs

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
    "HealthCheck",
    "Journal",
    "JournalError",
    "Outcome",
    "Plan",
    "PlanDiff",
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
    "http_check",
    "tcp_check",
]

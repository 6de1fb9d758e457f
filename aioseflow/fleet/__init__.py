"""Every VM of every service at once, and a true word about each."""

from .account import Account
from .action import Action, Reboot, Start, Stop, Usage, UsageGraphs
from .fleet import Fleet
from .outcome import Outcome, Progress, Report, Status, Undiscovered
from .run import Run
from .select import ALL, Everything, Where

__all__ = [
    "ALL",
    "Account",
    "Action",
    "Everything",
    "Fleet",
    "Outcome",
    "Progress",
    "Reboot",
    "Report",
    "Run",
    "Start",
    "Status",
    "Stop",
    "Undiscovered",
    "Usage",
    "UsageGraphs",
    "Where",
]

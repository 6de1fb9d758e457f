"""What can be done to a VM."""

from .action import Action, Skip
from .changes import Destroy, RebuildNetwork, Resize, ResizeDisk, SetRdns
from .power import Await, Reboot, Start, Stop
from .steps import Steps
from .usage import Usage, UsageGraphs

__all__ = [
    "Action",
    "Await",
    "Destroy",
    "Reboot",
    "RebuildNetwork",
    "Resize",
    "ResizeDisk",
    "SetRdns",
    "Skip",
    "Start",
    "Steps",
    "Stop",
    "Usage",
    "UsageGraphs",
]

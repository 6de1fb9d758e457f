"""The durable record of runs: what was to be done to each VM, was about to be sent, and became of it."""

from .faults import JournalError, LeaseLost, RunIsActive, RunNotFound, lease_lost
from .held_run import HeldRun
from .journal import Journal
from .journal_store import JournalStore
from .lease import Holder, Lease, Leases
from .records import (
    RunHeader,
    RunInfo,
    StoredRun,
    StoredRunState,
    StoredTarget,
    TargetRow,
    check_run_id,
)

__all__ = [
    "HeldRun",
    "Holder",
    "Journal",
    "JournalError",
    "JournalStore",
    "Lease",
    "LeaseLost",
    "Leases",
    "RunHeader",
    "RunInfo",
    "RunIsActive",
    "RunNotFound",
    "StoredRun",
    "StoredRunState",
    "StoredTarget",
    "TargetRow",
    "check_run_id",
    "lease_lost",
]

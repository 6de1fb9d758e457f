"""The durable record of runs: what was to be done to each VM, was about to be sent, and became of it."""

from .faults import JournalError, RunIsActive, RunNotFound
from .journal import Journal
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
    "Journal",
    "JournalError",
    "RunHeader",
    "RunInfo",
    "RunIsActive",
    "RunNotFound",
    "StoredRun",
    "StoredRunState",
    "StoredTarget",
    "TargetRow",
    "check_run_id",
]

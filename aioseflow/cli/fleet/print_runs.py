"""Print the runs of the journal for `aioseflow fleet runs`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Final, Literal, TypeAlias, TypedDict

import attrs

from ...fleet import Journal, RunInfo, Status
from ...text import cells, escape, wrap
from ..exit_code import ExitCode
from ..journal_file import journal
from ..output import OutputOptions
from ..table import Column, Table, print_lines
from ..terminal import columns, echo_err, is_terminal

_HEAD = (Column("run"), Column("when"), Column("action"), Column("state"), Column("VMs", right=True))
_ID_MAX = 200

COLUMNS: Final = (
    *("run_id", "created_at", "action", "state", "targets"),
    *(f"counts.{status.value}" for status in Status),
    "note",
)
"""The columns of a csv of runs."""


State: TypeAlias = Literal["running", "ended", "interrupted"]


class LossDocument(TypedDict):
    """A service that a run could not list; a whole account without an id."""

    account: str
    service_id: str | None
    cause: str


class RunDocument(TypedDict):
    """A run in the journal."""

    run_id: str
    parent: str | None
    accounts: Sequence[str]
    action: str
    state: State
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    targets: int
    counts: Mapping[Status, int]
    undiscovered: list[LossDocument]
    error: str | None
    note: str
    requested_by: str


@attrs.frozen
class ListedRun:
    """A run and its state: ``running``, ``ended``, or ``interrupted`` where no living process has it."""

    info: RunInfo
    state: State


def runs(out: OutputOptions) -> int:
    """Print the runs, the newest first; return the exit code."""
    kept = journal()
    # Listing runs creates no journal.
    listed = asyncio.run(_listed(kept)) if kept.path.exists() else []
    if not out.is_page:
        out.listing([_document(run) for run in listed], COLUMNS)
    elif listed:
        print_lines(_lines(listed, columns() if is_terminal(sys.stdout) else sys.maxsize))
    else:
        echo_err(f"There are no runs in {escape(str(kept.path), _ID_MAX)}.")
    return ExitCode.OK


async def _listed(kept: Journal) -> list[ListedRun]:
    runs = await kept.runs()
    living = await kept.living(info.header.run_id for info in runs if info.state != "ended")
    return [ListedRun(info, _state(info, living)) for info in runs]


def _state(info: RunInfo, living: Set[str]) -> State:
    if info.state == "ended":
        return "ended"
    return "running" if info.header.run_id in living else "interrupted"


def _lines(listed: list[ListedRun], width: int) -> list[str]:
    """Return a line for each run, and one for its counts where both do not fit."""
    rows = [
        [
            escape(info.header.run_id, _ID_MAX),
            f"{info.header.created_at:%Y-%m-%d %H:%M}",
            escape(info.header.action),
            run.state,
            str(info.targets),
        ]
        for run in listed
        for info in [run.info]
    ]
    head, *texts = Table(_HEAD, rows).lines()
    whole = [f"{text}  {_counts(run)}".rstrip() for text, run in zip(texts, listed, strict=True)]
    if all(cells(line) <= width for line in whole):
        return [head, *whole]
    lines = [head]
    for text, run in zip(texts, listed, strict=True):
        lines += [text, *wrap(_counts(run), width, 4)]
    return lines


def _counts(run: ListedRun) -> str:
    """Return the counts of outcomes in the order of `Status`, then of VMs without an outcome."""
    info = run.info
    parts = [
        f"{info.counts[status]} {status.replace('_', ' ')}" for status in Status if info.counts.get(status)
    ]
    if left := info.targets - sum(info.counts.values()):
        parts.append(f"{left} open")
    if info.undiscovered:
        parts.append(f"{len(info.undiscovered)} not listed")
    return ", ".join(parts)


def _document(run: ListedRun) -> RunDocument:
    info, header = run.info, run.info.header
    return {
        "run_id": header.run_id,
        "parent": header.parent,
        "accounts": header.accounts,
        "action": header.action,
        "state": run.state,
        "created_at": header.created_at,
        "started_at": info.started_at,
        "finished_at": info.finished_at,
        "targets": info.targets,
        "counts": {status: info.counts.get(status, 0) for status in Status},
        "undiscovered": [
            {"account": loss.account, "service_id": loss.service_id, "cause": loss.cause}
            for loss in info.undiscovered
        ],
        "error": info.error,
        "note": header.note,
        "requested_by": header.requested_by,
    }

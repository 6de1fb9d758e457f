"""Print the runs of the journal for `aioseflow fleet runs`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias, TypedDict

from ... import Journal, RunInfo, Status
from ...fleet.model.ending import Ending
from ...fleet.recovery.stored_report import ending_of_info
from ...text import cells, escape, wrap
from ..exit_code import ExitCode
from ..journal_file import journal
from ..output import OutputOptions
from ..table import Column, Table, print_lines
from ..terminal import echo_err, line_room

_HEAD = (Column("run"), Column("when"), Column("action"), Column("state"), Column("VMs", right=True))
_ID_MAX, _DAMAGE_MAX = 200, 300

COLUMNS: Final = (
    *("run_id", "created_at", "action", "state", "targets"),
    *(f"counts.{status.value}" for status in Status),
    "note",
)
"""The columns of a csv of runs."""


State: TypeAlias = Literal["running", "ended", "interrupted", "damaged"]

_STATES: Final[Mapping[Ending, State]] = {
    Ending.RUNNING: "running",
    Ending.INTERRUPTED: "interrupted",
    Ending.CANCELLED: "interrupted",
    Ending.DRAINED: "interrupted",
}
"""States of runs that have not come to their end; any other has ended."""


class LossDocument(TypedDict):
    """A service that a run could not list; a whole account without an id."""

    account: str
    service_id: str | None
    cause: str


class RunDocument(TypedDict):
    """A run in the journal."""

    run_id: str
    parent: str | None
    follows: str
    accounts: Sequence[str]
    action: str
    state: State
    ending: Ending
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    targets: int
    counts: Mapping[Status, int]
    undiscovered: list[LossDocument]
    error: str | None
    note: str
    requested_by: str


def runs(out: OutputOptions) -> int:
    """Print the runs, the newest first; return the exit code."""
    kept = journal()
    listed = asyncio.run(_listed(kept))
    if not out.is_page:
        out.listing(listed, COLUMNS)
    elif listed:
        print_lines(_lines(listed, line_room()))
    else:
        echo_err(f"There are no runs in {escape(str(kept.path), _ID_MAX)}.")
    return ExitCode.OK


async def _listed(kept: Journal) -> list[RunDocument]:
    runs = await kept.runs()
    living = await kept.living(info.header.run_id for info in runs if info.state != "ended")
    return [run_document(info, ending_of_info(info, alive=info.header.run_id in living)) for info in runs]


def _lines(listed: list[RunDocument], width: int) -> list[str]:
    """Return a line for each run, and one for its counts where both do not fit."""
    rows = [
        [
            escape(run["run_id"], _ID_MAX),
            f"{run['created_at']:%Y-%m-%d %H:%M}",
            escape(run["action"]) + (f" ({escape(run['follows'])})" if run["follows"] else ""),
            "damaged" if run["state"] == "damaged" else run["ending"].replace("_", " "),
            str(run["targets"]),
        ]
        for run in listed
    ]
    counts = [_counts(run) for run in listed]
    head, *texts = Table(_HEAD, rows).lines()
    whole = [f"{text}  {counted}".rstrip() for text, counted in zip(texts, counts, strict=True)]
    if all(cells(line) <= width for line in whole):
        return [head, *whole]
    pairs = zip(texts, counts, strict=True)
    return [head, *(line for text, counted in pairs for line in (text, *wrap(counted, width, 4)))]


def _counts(run: RunDocument) -> str:
    """Return the counts of outcomes in the order of `Status`, then of VMs without an outcome."""
    if run["state"] == "damaged":
        return escape(run["error"] or "", _DAMAGE_MAX)
    numbers = {status.replace("_", " "): number for status, number in run["counts"].items()}
    numbers["open"] = run["targets"] - sum(numbers.values())
    numbers["not listed"] = len(run["undiscovered"])
    return ", ".join(f"{number} {word}" for word, number in numbers.items() if number)


def run_document(info: RunInfo, ending: Ending) -> RunDocument:
    """Return a run under the names that scripts rely on.

    ``state`` is ``running``, ``interrupted`` where it was killed, cancelled or drained, ``damaged`` where its
    rows cannot be read, or ``ended``.
    """
    header = info.header
    return {
        "run_id": header.run_id,
        "parent": header.parent,
        "follows": header.document.get("follows", ""),
        "accounts": header.accounts,
        "action": header.action,
        "state": "damaged" if info.state == "damaged" else _STATES.get(ending, "ended"),
        "ending": ending,
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

"""Runs to put into a journal, and processes that hold or write one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aioseflow.fleet.journal import Journal, RunHeader, TargetRow

RUN = "run-1"
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """So long after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def header(run_id: str = RUN, **changes: Any) -> RunHeader:
    """A run of one account that stops everything."""
    values: dict[str, Any] = {
        "action": "stop",
        "accounts": ("main",),
        "created_at": NOW,
        "document": {"where": 'power == "running"', "sizes": [1, "10%"]},
    }
    return RunHeader(run_id=run_id, **{**values, **changes})


def rows(count: int, *, first: int = 0) -> list[TargetRow]:
    """Targets, ten of a service."""
    return [
        TargetRow(
            number=number,
            account="main",
            service_id=str(number // 10),
            service_name="Cloud",
            vm_id=str(number),
            vm_label=f"web{number:02}",
            power="running",
        )
        for number in range(first, first + count)
    ]


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[Journal]:
    """A journal for as long as it is needed."""
    journal = Journal(path, **options)
    journal.acquire()
    try:
        yield journal
    finally:
        journal.release()


def begin(journal: Journal, run_id: str = RUN, **changes: Any) -> None:
    """Make a run, and be its runner."""
    assert journal.create(header(run_id, **changes))
    journal.hold(run_id)


def finish(journal: Journal, number: int, run_id: str = RUN, **changes: Any) -> None:
    """The target is done."""
    values: dict[str, Any] = {
        "status": "changed",
        "verified": True,
        "cause": None,
        "step_name": None,
        "attempts": 1,
        "may_have_acted": True,
        "error": None,
        "started_at": NOW,
        "finished_at": later(2),
    }
    journal.finished(run_id, number, **{**values, **changes})


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another Python process, which is gone afterwards, whatever it does."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()

"""Outcomes and reports as a run might have left them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aioseflow import Outcome, Report, RequestTimeout, Status, Undiscovered

NOW: Final = datetime(2026, 1, 1, 3, tzinfo=UTC)
HOSTILE: Final = "\x1b[2J\u202e\nfleet.destroy()\r"
"""What nobody wants on a terminal."""


def an_outcome(number: int = 1, status: Status = Status.CHANGED, took: float = 1.0, **facts: Any) -> Outcome:
    given: dict[str, Any] = {
        "account": "main",
        "service_id": "9",
        "service_name": "Cloud",
        "vm_id": str(number),
        "vm_label": f"web{number:02d}",
        "action": "stop",
        "attempts": 1,
        "started_at": NOW,
        **facts,
    }
    return Outcome(status=status, **{"finished_at": given["started_at"] + timedelta(seconds=took), **given})


def a_report(*outcomes: Outcome, over: bool = True, **facts: Any) -> Report:
    return Report(
        **{
            "run_id": "r1",
            "action": "stop",
            "targets": tuple(outcome.key for outcome in outcomes),
            "outcomes": outcomes,
            "started_at": NOW,
            "finished_at": NOW + timedelta(seconds=249) if over else None,
            **facts,
        }
    )


def failed(numbers: Iterable[int], cause: str = "vm_locked", **facts: Any) -> list[Outcome]:
    return [an_outcome(number, Status.FAILED, cause=cause, **facts) for number in numbers]


LOST: Final = Undiscovered(
    account="main", service_id="8", service_name="Old", cause="timeout", error=RequestTimeout("no answer")
)

"""JSON of a report: plain data with stable names and without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal, TypedDict

from ...plain import ErrorDocument, error_document, fields_of, plain
from ..model.ending import Ending
from ..model.outcome import Outcome, Status, TargetKey
from ..model.undiscovered import Undiscovered, WithoutVms
from .report import Report
from .report_groups import CauseGroup


class TargetDocument(TypedDict):
    """Key of a VM."""

    account: str
    service_id: str
    vm_id: str


class ServiceDocument(TypedDict):
    """Summary of a service."""

    account: str
    service_id: str
    service_name: str
    counts: Mapping[Status, int]
    seconds: float


class DowntimeDocument(TargetDocument):
    """Downtime of a VM."""

    label: str
    seconds: float
    open_ended: bool
    certain: bool
    at_least: bool


class ReportDocument(TypedDict):
    """Report; ``version`` grows if a name must change or is removed."""

    version: Literal[1]
    run_id: str
    parent: str | None
    follows: str
    action: str
    note: str
    requested_by: str
    ok: bool
    ending: Ending
    matched_nothing: bool
    started_at: datetime
    finished_at: datetime | None
    resumed: int
    repeated: bool
    missing_values: int
    error: ErrorDocument | None
    targets: int
    counts: Mapping[Status, int]
    causes: tuple[CauseGroup, ...]
    services: list[ServiceDocument]
    downtimes: list[DowntimeDocument]
    undiscovered: tuple[Undiscovered, ...]
    without_vms: tuple[WithoutVms, ...]
    pending: list[TargetDocument]
    outcomes: list[Outcome]


def document_of(report: Report, *, values: bool) -> dict[str, Any]:
    """Return the document of `Report.to_document`."""
    reached = {outcome.key for outcome in report.outcomes}
    document: ReportDocument = {
        "version": 1,
        "run_id": report.run_id,
        "parent": report.parent,
        "follows": report.follows,
        "action": report.action,
        "note": report.note,
        "requested_by": report.requested_by,
        "ok": report.ok,
        "ending": report.ending,
        "matched_nothing": report.matched_nothing,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "resumed": report.resumed,
        "repeated": report.repeated,
        "missing_values": report.missing_values,
        "error": None if report.error is None else error_document(report.error),
        "targets": len(report.targets),
        "counts": report.counts,
        "causes": report.grouped,
        "services": [
            {
                "account": account,
                "service_id": service_id,
                "service_name": summary.name,
                "counts": summary.counts,
                "seconds": summary.seconds,
            }
            for (account, service_id), summary in report.per_service.items()
        ],
        "downtimes": [],
        "undiscovered": report.undiscovered,
        "without_vms": report.without_vms,
        "pending": [],
        "outcomes": [],
    }
    downtimes: list[DowntimeDocument] = [
        {
            **_target(down.key),
            "label": down.label,
            "seconds": down.seconds,
            "open_ended": down.open_ended,
            "certain": down.certain,
            "at_least": down.at_least,
        }
        for down in report.downtimes
    ]
    head: dict[str, Any] = plain(document)
    # Lists with an entry for each VM are plain already: `plain` takes a second for 100,000 of them.
    return head | {
        "downtimes": downtimes,
        "pending": [_target(key) for key in report.targets if key not in reached],
        "outcomes": [outcome_document(outcome, values=values) for outcome in report.outcomes],
    }


def outcome_document(outcome: Outcome, *, values: bool) -> dict[str, Any]:
    """Return the document of an outcome, without a value that has no JSON form."""
    document = fields_of(outcome)
    value = document.pop("value")
    document |= {
        "status": outcome.status.value,
        "error": plain(outcome.error),
        "started_at": outcome.started_at.isoformat(),
        "finished_at": outcome.finished_at.isoformat(),
    }
    if values:
        with suppress(TypeError):
            document["value"] = plain(value)
    return document


def _target(key: TargetKey) -> TargetDocument:
    account, service_id, vm_id = key
    return {"account": account, "service_id": service_id, "vm_id": vm_id}

"""A report as plain data with stable names, without anything secret."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import math
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from ...errors import SeFlowError
from ...secret import HIDDEN, Secret
from ..model.outcome import Outcome, Status, TargetKey

if TYPE_CHECKING:
    from ..model.undiscovered import Undiscovered
    from .report import Report

VERSION: Final = 1
_DEEPEST: Final = 64
_LONGEST_INT: Final = 4096


class _NoJson(Exception):
    """A value has no JSON form."""


def document_of(report: Report, *, values: bool) -> dict[str, Any]:
    """What `Report.to_document` gives."""
    reached = {outcome.key for outcome in report.outcomes}
    return {
        "version": VERSION,
        "run_id": report.run_id,
        "parent": report.parent,
        "action": report.action,
        "note": report.note,
        "requested_by": report.requested_by,
        "ok": report.ok,
        "matched_nothing": report.matched_nothing,
        "started_at": _time(report.started_at),
        "finished_at": _time(report.finished_at),
        "resumed": report.resumed,
        "missing_values": report.missing_values,
        "error": _error(report.error),
        "targets": len(report.targets),
        "counts": _counts(report.counts),
        "causes": [
            {
                "cause": group.cause,
                "status": group.status.value,
                "count": group.count,
                "names": group.names,
                "example": group.example,
            }
            for group in report.grouped
        ],
        "services": [
            {
                "account": account,
                "service_id": service_id,
                "service_name": summary.name,
                "counts": _counts(summary.counts),
                "seconds": summary.seconds,
            }
            for (account, service_id), summary in report.per_service.items()
        ],
        "downtimes": [
            {
                **_place(down.key),
                "label": down.label,
                "seconds": down.seconds,
                "open_ended": down.open_ended,
                "certain": down.certain,
            }
            for down in report.downtimes
        ],
        "undiscovered": [_undiscovered(lost) for lost in report.undiscovered],
        "without_vms": [attrs.asdict(found) for found in report.without_vms],
        "pending": [_place(key) for key in report.targets if key not in reached],
        "outcomes": [outcome_document(outcome, values=values) for outcome in report.outcomes],
    }


def outcome_document(outcome: Outcome, *, values: bool) -> dict[str, Any]:
    """One outcome, as a report has it."""
    document: dict[str, Any] = {
        "account": outcome.account,
        "service_id": outcome.service_id,
        "service_name": outcome.service_name,
        "vm_id": outcome.vm_id,
        "vm_label": outcome.vm_label,
        "action": outcome.action,
        "step": outcome.step,
        "status": outcome.status.value,
        "verified": outcome.verified,
        "cause": outcome.cause,
        "error": _error(outcome.error),
        "attempts": outcome.attempts,
        "started_at": _time(outcome.started_at),
        "finished_at": _time(outcome.finished_at),
    }
    if values:
        with suppress(_NoJson):
            document["value"] = _plain(outcome.value, _DEEPEST)
    return document


def _undiscovered(lost: Undiscovered) -> dict[str, Any]:
    return {
        "account": lost.account,
        "service_id": lost.service_id,
        "service_name": lost.service_name,
        "cause": lost.cause,
        "error": _error(lost.error),
    }


def _place(key: TargetKey) -> dict[str, str]:
    account, service_id, vm_id = key
    return {"account": account, "service_id": service_id, "vm_id": vm_id}


def _counts(counts: Mapping[Status, int]) -> dict[str, int]:
    return {status.value: counts[status] for status in Status}


def _time(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _error(error: BaseException | None) -> dict[str, Any] | None:
    """The facts of an error; never its excerpt or payload, which are the panel's whole answer."""
    if error is None:
        return None
    known = error if isinstance(error, SeFlowError) else SeFlowError(str(error))
    return {
        "type": type(error).__name__,
        "message": known.message,
        "status": known.status,
        "codes": list(known.codes),
        "call": known.call,
        "request": known.request,
        "attempts": known.attempts,
        "retry_after": known.retry_after,
    }


def _plain(value: Any, depth: int) -> Any:
    """The JSON form of a value: secrets hidden, decimals as text, models by the names that users know."""
    if depth < 0:
        raise _NoJson
    match value:
        case None | bool() | str():
            return value.value if isinstance(value, enum.Enum) else value
        case enum.Enum():
            return _plain(value.value, depth - 1)
        case int():
            # JSON readers end at 64 bits, and str() refuses thousands of digits.
            if value.bit_length() > _LONGEST_INT:
                raise _NoJson
            return int(value) if value.bit_length() < 64 else str(value)
        case float():
            return value if math.isfinite(value) else None
        case Secret():
            return HIDDEN
        case Decimal() | ipaddress.IPv4Address() | ipaddress.IPv6Address():
            return str(value)
        case dt.date():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(item, depth - 1) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, depth - 1) for item in value]
        case _ if attrs.has(type(value)):
            fields = attrs.fields(type(value))
            return {field.alias: _plain(getattr(value, field.name), depth - 1) for field in fields}
        case _:
            raise _NoJson

"""Rows of a journal as records. Each value is checked: a damaged row is never taken for what it is not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Any, Final

from ...model.outcome import Status
from ...model.target import Stage
from ...model.undiscovered import Undiscovered, WithoutVms
from .. import codec
from ..faults import READING_FAILS, RunIsDamaged, damage_of
from ..records import RunHeader, RunInfo, StoredTarget, TargetRow

_Types = Mapping[str, type | UnionType]

RUN: Final[_Types] = {
    "id": int,
    "run_id": str,
    "parent": str | None,
    "action": str,
    "accounts": str,
    "created_at": int,
    "document": str,
    "note": str,
    "requested_by": str,
    "state": str,
    "started_at": int | None,
    "finished_at": int | None,
    "discovered": int,
    "error": str | None,
    "pid": int | None,
    "host": str | None,
    "held_at": int | None,
    "targets": int | None,
    "counts": str | None,
    "account_keys": str | None,
    "ended_by": str | None,
}
"""The columns of a run that a list of runs needs, and the types of their values."""

TARGET: Final[_Types] = {
    "number": int,
    "account": str,
    "service_id": str,
    "service_name": str,
    "vm_id": str,
    "vm_label": str,
    "power": str,
    "stage": int,
    "step": int,
    "attempts": int,
    "may_have_acted": int,
    "status": str | None,
    "verified": int,
    "cause": str | None,
    "step_name": str | None,
    "error": str | None,
    "sent_at": int | None,
    "started_at": int | None,
    "finished_at": int | None,
    "left_at": int | None,
    "changed_before": int,
    "sent_panel_at": int | None,
}
LOSS: Final[_Types] = {
    "account": str,
    "service_id": str | None,
    "service_name": str | None,
    "cause": str,
    "error": str | None,
}
WITHOUT_VMS: Final[_Types] = {"account": str, "service_id": str, "service_name": str, "why": str}

_STATES: Final = ("created", "running", "ended")
_WORDS: Final = frozenset(status.value for status in Status)
_Counted = Callable[[], tuple[int, dict[Any, int]]]


def _typed(types: _Types, values: Sequence[Any]) -> dict[str, Any]:
    for (name, kind), value in zip(types.items(), values, strict=True):
        if not isinstance(value, kind):
            raise TypeError(f"{name} is {value!r:.60}")
    return dict(zip(types, values, strict=True))


def run_info(values: Sequence[Any], counted: _Counted, losses: Sequence[Sequence[Any]]) -> RunInfo:
    """Return a run without its targets. Raises `RunIsDamaged`.

    ``counted`` counts them where its row does not say how many there are.
    """
    with damage_of(_name_of(values), "its row of runs"):
        found = _typed(RUN, values)
        if found["state"] not in _STATES:
            raise ValueError(f"state is {found['state']!r:.60}")
        if found["targets"] is None:
            targets, counts = counted()
            # A word that is none is in the row of a target, which is for those who read it.
            counts = {word: number for word, number in counts.items() if word in _WORDS}
        else:
            targets, counts = found["targets"], _numbers(found["counts"])
        header = RunHeader(
            run_id=found["run_id"],
            parent=found["parent"],
            action=found["action"],
            accounts=_names(found["accounts"]),
            created_at=codec.from_micros(found["created_at"]),
            document=_document(found["document"]),
            note=found["note"],
            requested_by=found["requested_by"],
            account_keys=codec.names_from_json(found["account_keys"]),
        )
        started_at = codec.from_micros_or_none(found["started_at"])
        finished_at = codec.from_micros_or_none(found["finished_at"])
    return RunInfo(
        header=header,
        state=found["state"],
        started_at=started_at,
        finished_at=finished_at,
        targets=targets,
        counts=counts,
        discovered=bool(found["discovered"]),
        undiscovered=tuple(_loss(header.run_id, number, loss) for number, loss in enumerate(losses)),
        error=found["error"],
        ended_by=found["ended_by"],
        pid=found["pid"],
        host=found["host"],
    )


def damaged_info(values: Sequence[Any], damage: RunIsDamaged) -> RunInfo:
    """Return what can be said of a run that cannot be read."""
    found = dict(zip(RUN, values, strict=True))
    action, created_at = found["action"], found["created_at"]
    try:
        created = codec.from_micros(created_at)
    except READING_FAILS:
        created = codec.from_micros(0)
    return RunInfo(
        header=RunHeader(
            run_id=damage.run_id,
            action=action if isinstance(action, str) else "",
            accounts=(),
            created_at=created,
            document={},
        ),
        state="damaged",
        error=str(damage),
    )


def target(run_id: str, values: Sequence[Any]) -> StoredTarget:
    """Return a target. Raises `RunIsDamaged`."""
    with damage_of(run_id, f"row {values[0]!r:.40} of targets"):
        found = _typed(TARGET, values)
        stage, status = Stage(found["stage"]), found["status"]
        if status not in _WORDS and (status is not None or stage is Stage.DONE):
            raise ValueError(f"status is {status!r:.60}")
        if found["step"] < 0 or found["attempts"] < 0:
            raise ValueError(f"step is {found['step']}, attempts is {found['attempts']}")
        return StoredTarget(
            row=TargetRow(
                number=found["number"],
                account=found["account"],
                service_id=found["service_id"],
                service_name=found["service_name"],
                vm_id=found["vm_id"],
                vm_label=found["vm_label"],
                power=found["power"],
            ),
            stage=stage,
            step=found["step"],
            attempts=found["attempts"],
            answer_lost=bool(found["may_have_acted"]),
            status=status,
            verified=bool(found["verified"]),
            cause=found["cause"],
            step_name=found["step_name"],
            error=codec.load_error(found["error"]),
            sent_at=codec.from_micros_or_none(found["sent_at"]),
            started_at=codec.from_micros_or_none(found["started_at"]),
            finished_at=codec.from_micros_or_none(found["finished_at"]),
            left_at=None if found["left_at"] is None else Stage(found["left_at"]),
            changed_before=bool(found["changed_before"]),
            sent_panel_at=codec.from_micros_or_none(found["sent_panel_at"]),
        )


def without_vms(run_id: str, number: int, values: Sequence[Any]) -> WithoutVms:
    """Return a service without VMs. Raises `RunIsDamaged`."""
    with damage_of(run_id, f"row {number} of without_vms"):
        return WithoutVms(**_typed(WITHOUT_VMS, values))


def timeline(run_id: str, document: Any) -> list[Any]:
    """Return the course of a run. Raises `RunIsDamaged`."""
    with damage_of(run_id, "the timeline in its row of runs"):
        found = [] if document is None else json.loads(document)
        if not isinstance(found, list):
            raise TypeError(f"it is {found!r:.60}")
        return found


def learned(values: Sequence[tuple[Any, Any]]) -> dict[str, float]:
    """Return what is remembered of an account, as far as it is numbers."""
    return {
        key: value
        for key, value in values
        if isinstance(key, str) and isinstance(value, float) and math.isfinite(value)
    }


def keys_or_none(document: Any) -> dict[str, str]:
    """Return the keys of a run's accounts; of one whose row is damaged none, so that names decide."""
    try:
        return codec.names_from_json(document)
    except READING_FAILS:
        return {}


def _loss(run_id: str, number: int, values: Sequence[Any]) -> Undiscovered:
    with damage_of(run_id, f"row {number} of losses"):
        found = _typed(LOSS, values)
        return Undiscovered(**{**found, "error": codec.load_error(found["error"])})


def _name_of(values: Sequence[Any]) -> str:
    """Return the id of a run; where that is damaged its number in the file."""
    number, run_id = values[:2]
    return run_id if isinstance(run_id, str) and run_id.isprintable() and run_id else f"number {number}"


def _names(document: str) -> tuple[str, ...]:
    found = json.loads(document)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise TypeError(f"accounts is {document:.60}")
    return tuple(found)


def _numbers(document: Any) -> dict[str, int]:
    found = json.loads(document)
    if not isinstance(found, dict) or not all(type(number) is int for number in found.values()):
        raise TypeError(f"counts is {document:.60}")
    return found


def _document(text: str) -> dict[str, Any]:
    found = json.loads(text)
    steps = found["steps"] if isinstance(found, dict) and "steps" in found else [{"name": ""}]
    whole = isinstance(found, dict) and isinstance(steps, list) and steps
    if not whole or not all(isinstance(step, dict) and isinstance(step.get("name"), str) for step in steps):
        raise TypeError(f"document is {text:.60}")
    return found  # type: ignore[no-any-return]  # it is a dict

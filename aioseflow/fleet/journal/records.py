"""Records of a journal, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

import attrs

from ...errors import InvalidArgument, SeFlowError
from ..model.target import Stage
from ..model.undiscovered import Undiscovered, WithoutVms

StoredRunState: TypeAlias = Literal["created", "running", "ended", "damaged"]
"""``running`` is also what a run stays whose process was killed; `Journal.living` tells the two apart.
``damaged`` is a run whose rows cannot be read: its ``error`` says which, and no more is known of it."""

_LONGEST_ID = 200


def check_run_id(value: object) -> None:
    """Raise `InvalidArgument` for what cannot name a run."""
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _LONGEST_ID:
        raise InvalidArgument(
            f"run_id={value!r:.60} cannot name a run; give 1 to {_LONGEST_ID} printable characters"
        )


def _check_run_id(instance: RunHeader, attribute: attrs.Attribute[str], value: str) -> None:
    check_run_id(value)


def _check_aware(instance: Any, attribute: attrs.Attribute[datetime], value: datetime) -> None:
    if value.tzinfo is None:
        raise InvalidArgument(f"{attribute.name}={value} has no time zone; give an aware UTC time")


@attrs.frozen(kw_only=True)
class RunHeader:
    """Facts of a run that are known before it starts.

    Attributes:
        action: the word for its actions in reports.
        accounts: the names of its accounts.
        account_keys: their keys, by name; empty for runs of journals that had no keys.
        document: values of JSON from which the run can be rebuilt.
    """

    run_id: str = attrs.field(validator=_check_run_id)
    parent: str | None = None
    action: str
    accounts: tuple[str, ...]
    created_at: datetime = attrs.field(validator=_check_aware)
    document: dict[str, Any]
    note: str = ""
    requested_by: str = ""
    account_keys: dict[str, str] = attrs.Factory(dict)

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names of its actions, in their order."""
        return tuple(step["name"] for step in self.document.get("steps", ()))


@attrs.frozen(kw_only=True)
class RunInfo:
    """A run as a list of runs shows it.

    ``counts`` holds the targets that have a final status, by its word. ``pid`` and ``host`` are of the
    process that held it last; ``started_at`` and ``finished_at`` of its first start and its last end.
    ``discovered`` says whether all of its targets are known. ``ended_by`` is the cause for which it ended
    early, empty where it came to its end, None while it has not ended.
    """

    header: RunHeader
    state: StoredRunState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    targets: int = 0
    counts: dict[str, int] = attrs.Factory(dict)
    discovered: bool = False
    undiscovered: tuple[Undiscovered, ...] = ()
    error: str | None = None
    ended_by: str | None = None
    pid: int | None = None
    host: str | None = None

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names of its actions, in their order."""
        return self.header.action_names


@attrs.frozen(kw_only=True)
class TargetRow:
    """A selected VM; ``number`` is its place in the run, ``power`` what was read at its selection."""

    number: int
    account: str
    service_id: str
    service_name: str
    vm_id: str
    vm_label: str
    power: str


@attrs.frozen(kw_only=True)
class StoredTarget:
    """How far a target of a run has come.

    Attributes:
        stage: `Stage.SENT` from the moment before its request may leave until the answer is known,
            `Stage.ACCEPTED` while it is read back, `Stage.DONE` once ``status`` is set.
        attempts: how many of its requests may have reached the panel.
        answer_lost: whether the panel may have carried out the present step without an answer.
        sent_at: time of its last intent.
        changed_before: whether an earlier step changed the VM.
        sent_panel_at: the panel's own time at that moment, None where it is not known.
        left_at: the stage at which it got its outcome, None while it has none.
    """

    row: TargetRow
    stage: Stage = Stage.QUEUED
    step: int = 0
    attempts: int = 0
    answer_lost: bool = False
    status: str | None = None
    verified: bool = False
    cause: str | None = None
    step_name: str | None = None
    error: SeFlowError | None = None
    sent_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    left_at: Stage | None = None
    sent_panel_at: datetime | None = None
    changed_before: bool = False


@attrs.frozen(kw_only=True)
class StoredRun:
    """Everything that the journal knows of a run.

    Attributes:
        discovered: whether no further targets were to come.
        held_at: when the last process took the run.
        timeline: as `timeline.rows_of` gave it, empty while the run lasts and where it was not measured.
        stored_names: the names that accounts have in the journal, by those that they have here; without
            accounts whose names are the same.
    """

    info: RunInfo
    discovered: bool
    held_at: datetime | None = None
    targets: list[StoredTarget]
    timeline: list[Any] = attrs.Factory(list)
    without_vms: tuple[WithoutVms, ...] = ()
    stored_names: Mapping[str, str] = attrs.Factory(dict)

"""`Outcome`: what a run came to for one VM, and `Status`, the word for it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeAlias, overload

import attrs

from ...errors import (
    AddressNotAllowed,
    ApiError,
    AuthenticationError,
    ConfigurationError,
    DecodeError,
    GatewayError,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RequestTimeout,
    SeFlowError,
    ServerError,
    Throttled,
    TransportError,
)
from ...models.shared import unfrozen

TargetKey: TypeAlias = tuple[str, str, str]
"""Account, service id, VM id."""


class Status(enum.StrEnum):
    """Status of a VM at the end of a run."""

    CHANGED = "changed"
    """The panel accepted the action; ``verified`` says whether the result was read back."""
    UNCHANGED = "unchanged"
    """The VM was so already, or it was only read: see ``value``."""
    FAILED = "failed"
    """The panel refused the action, or accepted it and a reading shows that it was not carried out."""
    UNKNOWN = "unknown"
    """A request was sent, and it could not be found out whether it was carried out."""
    NOT_ATTEMPTED = "not_attempted"
    """Nothing was sent, or only requests that the panel refused for now."""

    @property
    def is_bad(self) -> bool:
        """Whether the VM is not, or may not be, as the run should leave it: failed or unknown."""
        return self in BAD

    @property
    def is_undecided(self) -> bool:
        """Whether a later reading may decide: `Fleet.resume` and `Fleet.reconcile` read such a VM back."""
        return self._value_ == "unknown"


BAD: Final = (Status.FAILED, Status("unknown"))
"""The statuses of VMs that are not, or may not be, as a run should leave them."""

UNDONE: Final = (Status("unknown"), Status.FAILED, Status.NOT_ATTEMPTED)
"""The statuses that keep a report from being ok, the worst first."""


def undecided_in(counts: Mapping[Status, int]) -> int:
    """Return how many VMs of these counts a later reading may decide."""
    return sum(count for status, count in counts.items() if status.is_undecided)


@attrs.frozen(kw_only=True)
class Outcome:
    """Outcome of one target of a run.

    Attributes:
        action: the name of the run's action, or of its actions joined by ``+``.
        step: the action in which a sequence was broken off.
        verified: whether a reading showed the result.
        value: what an action that reads returned.
        cause: a stable word for the reason, None where the action was simply done.
        error: the error of the request, or of the reading that could not decide.
        attempts: number of requests that were sent for the VM.
        started_at, finished_at: aware UTC.
    """

    account: str
    service_id: str
    service_name: str
    vm_id: str
    vm_label: str
    action: str
    step: str | None = None
    status: Status
    verified: bool = False
    value: Any = attrs.field(default=None, repr=False)
    cause: str | None = None
    error: SeFlowError | None = None
    attempts: int = 0
    started_at: datetime
    finished_at: datetime

    @property
    def key(self) -> TargetKey:
        """Account, service id and VM id."""
        return self.account, self.service_id, self.vm_id


Row: TypeAlias = tuple[Any, ...]
"""The values of an `Outcome` in the order of its fields, but ``status`` as its word: a member of an
enumeration is an object that the collector follows."""

_FIELDS = tuple(field.name for field in attrs.fields(Outcome))
_STATUS = _FIELDS.index("status")
_STATUSES = {status.value: status for status in Status}
_values_of = attrgetter(*_FIELDS)
_Draft = unfrozen(Outcome)


def _row_of(outcome: Outcome) -> Row:
    values = _values_of(outcome)
    return (*values[:_STATUS], outcome.status.value, *values[_STATUS + 1 :])


def outcome_of(row: Row) -> Outcome:
    """Return the outcome of a row."""
    draft: Any = object.__new__(_Draft)
    # Written out, because a loop over the names takes 11,000 instructions more.
    (
        draft.account,
        draft.service_id,
        draft.service_name,
        draft.vm_id,
        draft.vm_label,
        draft.action,
        draft.step,
        draft.status,
        draft.verified,
        draft.value,
        draft.cause,
        draft.error,
        draft.attempts,
        draft.started_at,
        draft.finished_at,
    ) = row
    draft.status = _STATUSES[draft.status]
    draft.__class__ = Outcome
    outcome: Outcome = draft
    return outcome


class Outcomes(Sequence[Outcome]):
    """Outcomes in order, kept as plain tuples.

    The garbage collector does not follow tuples of plain values. A hundred thousand objects would make each
    full collection stop the loop for 200 ms.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []

    def append(self, row: Row) -> Outcome:
        """Append the outcome of a row, and return it."""
        self._rows.append(row)
        return outcome_of(row)

    def replace(self, outcome: Outcome) -> Outcome:
        """Replace the outcome of a VM, and return the former one."""
        place = next(n for n, old in enumerate(self) if old.key == outcome.key)
        old, self._rows[place] = self[place], _row_of(outcome)
        return old

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Outcome]:
        return map(outcome_of, self._rows)

    @overload
    def __getitem__(self, place: int) -> Outcome: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Outcome]: ...

    def __getitem__(self, place: int | slice) -> Outcome | Sequence[Outcome]:
        rows = self._rows[place]
        if isinstance(rows, list):
            return [outcome_of(row) for row in rows]
        return outcome_of(rows)


PREDICATE_RAISED: Final = "predicate_raised"
"""Cause of VMs that are not selected, because a predicate raised for them."""


class ActionRaised(SeFlowError):
    """A method of an action, or a health check, raised; ``__cause__`` is its exception."""


class PredicateRaised(SeFlowError):
    """A predicate raised for VMs of a service, which are not selected; ``__cause__`` is the first exception.

    Attributes:
        vm_ids: the ids of the VMs.
    """

    def __init__(self, message: str, *, vm_ids: tuple[str, ...] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.vm_ids = vm_ids


_CAUSES: tuple[tuple[type[SeFlowError], str], ...] = (
    (ActionRaised, "action_raised"),
    (PredicateRaised, PREDICATE_RAISED),
    (OutcomeUnknown, "lost_answer"),
    (RequestTimeout, "timeout"),
    (TransportError, "unreachable"),
    (AuthenticationError, "authentication"),
    (AddressNotAllowed, "address_not_allowed"),
    (PermissionDenied, "permission_denied"),
    (NotFound, "not_found"),
    (Throttled, "throttled"),
    (GatewayError, "gateway_error"),
    (ServerError, "server_error"),
    (DecodeError, "undecodable"),
    (ConfigurationError, "configuration"),
    (InvalidArgument, "invalid_argument"),
)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")


def cause_of(error: SeFlowError) -> str:
    """Return the stable word for an error: the panel's own code where it refused with one."""
    if isinstance(error, ApiError) and error.codes and _WORD.fullmatch(error.codes[0]):
        return error.codes[0]
    return next((word for kind, word in _CAUSES if isinstance(error, kind)), "refused")

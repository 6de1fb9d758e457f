"""What became of each VM."""

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
    """The one word that is true of a VM when a run is over."""

    CHANGED = "changed"
    """The provider took it; ``verified`` says whether it was also read back."""
    UNCHANGED = "unchanged"
    """It was so already, or it was only read: the ``value``."""
    FAILED = "failed"
    """It was refused, or it was accepted and then read as not done."""
    UNKNOWN = "unknown"
    """It was sent, and what became of it could not be learned."""
    NOT_ATTEMPTED = "not_attempted"
    """Nothing was sent, or only what the provider turned away for now."""

    @property
    def is_bad(self) -> bool:
        """Whether the VM is not, or may not be, as the run was to leave it: failed or unknown."""
        return self in BAD

    @property
    def is_undecided(self) -> bool:
        """Whether a later reading may decide it: `Fleet.resume` and `Fleet.reconcile` read such a VM back."""
        return self._value_ == "unknown"


BAD: Final = (Status.FAILED, Status("unknown"))
"""The statuses of VMs that are not, or may not be, as a run was to leave them."""


UNDONE: Final = (Status("unknown"), Status.FAILED, Status.NOT_ATTEMPTED)
"""The statuses that keep a report from being ok, the worst first."""


def undecided_in(counts: Mapping[Status, int]) -> int:
    """Return how many VMs of these counts a later reading may decide."""
    return sum(count for status, count in counts.items() if status.is_undecided)


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one VM.

    ``cause`` is a stable word for why it is not simply done, None otherwise; ``attempts`` counts the
    requests that were sent for it; the times are aware UTC.
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
    """The outcome of a row."""
    draft: Any = object.__new__(_Draft)
    # Written out: a loop over the names takes 11,000 instructions more.
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
    """Outcomes in the order in which they came, kept as plain tuples.

    A hundred thousand objects would be looked through by every full garbage collection, which then holds the
    loop for 200 ms; tuples of what holds nothing else are not.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []

    def append(self, row: Row) -> Outcome:
        """One more."""
        self._rows.append(row)
        return outcome_of(row)

    def replace(self, outcome: Outcome) -> Outcome:
        """Put an outcome in the place of the one that its VM has, and return that."""
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


_CAUSES: tuple[tuple[type[SeFlowError], str], ...] = (
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
    """A stable word for an error; the panel's own code where it refused with one."""
    if isinstance(error, ApiError) and error.codes and _WORD.fullmatch(error.codes[0]):
        return error.codes[0]
    return next((word for kind, word in _CAUSES if isinstance(error, kind)), "refused")

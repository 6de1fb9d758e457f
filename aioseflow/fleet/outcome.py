"""What became of each VM, and of a run."""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from ..errors import (
    AddressNotAllowed,
    ApiError,
    AuthenticationError,
    ConfigurationError,
    DecodeError,
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
    """Nothing was sent."""


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


@attrs.frozen(kw_only=True)
class Undiscovered:
    """A service (or a whole account, without ids) whose VMs could not be listed."""

    account: str
    service_id: str | None = None
    service_name: str | None = None
    error: SeFlowError | None = None
    cause: str


@attrs.frozen(kw_only=True)
class Progress:
    """Where a run stands; ``sum(counts) + in_flight + settling + queued == targets`` at every moment.

    ``targets`` grows while services are still being listed (``discovering``).
    """

    targets: int
    counts: Mapping[Status, int]
    in_flight: int
    settling: int
    queued: int
    discovering: bool
    undiscovered: int

    @property
    def done(self) -> int:
        """VMs with an outcome."""
        return sum(self.counts.values())


@attrs.frozen(kw_only=True)
class Report:
    """What a run did, so far or in the end: every target once.

    ``targets`` are the keys of the selected VMs; while the run lasts some have no outcome yet. ``error`` is
    what ``await run`` raises instead of giving the report, None otherwise.
    """

    run_id: str
    action: str
    targets: tuple[TargetKey, ...] = attrs.field(repr=False)
    outcomes: tuple[Outcome, ...] = attrs.field(repr=False)
    undiscovered: tuple[Undiscovered, ...] = ()
    started_at: datetime
    finished_at: datetime | None = None
    error: BaseException | None = None

    @cached_property
    def counts(self) -> dict[Status, int]:
        """How many VMs ended in each of the five statuses; all five are always there."""
        counts = dict.fromkeys(Status, 0)
        for outcome in self.outcomes:
            counts[outcome.status] += 1
        return counts

    @property
    def ok(self) -> bool:
        """Whether the run is over and every VM was discovered and is as asked."""
        bad = self.counts[Status.FAILED] + self.counts[Status.UNKNOWN] + self.counts[Status.NOT_ATTEMPTED]
        over = self.finished_at is not None and self.error is None
        return over and not bad and not self.undiscovered

    @cached_property
    def causes(self) -> dict[str, tuple[Outcome, ...]]:
        """Outcomes by cause, the most frequent first; those without a cause are left out."""
        groups: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            if outcome.cause is not None:
                groups[outcome.cause].append(outcome)
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        return {cause: tuple(outcomes) for cause, outcomes in ordered}

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of what keeps the report from being ok, if anything does."""
        if self.ok:
            return
        bad = (Status.FAILED, Status.UNKNOWN, Status.NOT_ATTEMPTED)
        errors: list[BaseException] = [
            outcome.error
            or SeFlowError(
                f"{outcome.action} of VM {outcome.vm_id} of service {outcome.service_id}: "
                f"{outcome.status} ({outcome.cause})"
            )
            for outcome in self.outcomes
            if outcome.status in bad
        ]
        errors += [
            lost.error or SeFlowError(f"service {lost.service_id} was not listed ({lost.cause})")
            for lost in self.undiscovered
        ]
        if self.error is not None:
            errors.append(self.error)
        if self.finished_at is None:
            errors.append(SeFlowError(f"run {self.run_id} is not over"))
        raise BaseExceptionGroup(str(self), errors)

    def __str__(self) -> str:
        counted = ", ".join(f"{number} {status}" for status, number in self.counts.items())
        missing = f", {len(self.undiscovered)} undiscovered" if self.undiscovered else ""
        return f"{self.action} of {len(self.targets)} VMs ({self.run_id}): {counted}{missing}"


_CAUSES: tuple[tuple[type[SeFlowError], str], ...] = (
    (OutcomeUnknown, "lost_answer"),
    (RequestTimeout, "timeout"),
    (TransportError, "unreachable"),
    (AuthenticationError, "authentication"),
    (AddressNotAllowed, "address_not_allowed"),
    (PermissionDenied, "permission_denied"),
    (NotFound, "not_found"),
    (Throttled, "throttled"),
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

"""Groups of a report: outcomes with one cause, the VMs of one service, what was down how long, and skips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from ..model.ending import ENDED_BY
from ..model.outcome import Outcome, Status, TargetKey
from ..model.vm_state import HELD_CAUSES

SKIPPED: Final = {
    "not_running": "off",
    "no_address": "without an address",
    "excluded": "excluded",
    "protected": "protected",
}
"""What VMs are that are skipped, by cause: they cannot be acted on, however often the run is repeated."""

_NOT_SKIPPED: Final = frozenset(
    {
        *(*ENDED_BY, *HELD_CAUSES, "same_cause", "in_another_run", "moved", "not_found", "not_listed"),
        *("invalid_selection", "invalid_argument", "max_targets", "undiscovered", "other_run"),
    }
)
"""Causes of the fleet itself that are no skips; any other cause without an error is that of a `Skip`."""


def is_skip(outcome: Outcome, *, own: bool) -> bool:
    """Whether nothing was sent to a VM because of what it is, so that it is skipped, not failed.

    ``own`` says that the run has an action of the user's own, whose skips have causes of its own.
    """
    if outcome.status is not Status.NOT_ATTEMPTED or outcome.error is not None or outcome.cause is None:
        return False
    return outcome.cause in SKIPPED or (own and outcome.cause not in _NOT_SKIPPED)


@attrs.frozen(kw_only=True)
class Downtime:
    """Downtime of a VM because of a run. A VM that was down before the run counts, too.

    Attributes:
        label: name of the VM, as `Report.name_of` returns it.
        seconds: time from the beginning to the end of the VM's target.
        open_ended: whether the run left the VM down.
        certain: whether it is known that the VM went down.
        at_least: whether the VM was not read back, so that it was down for longer than that.
    """

    key: TargetKey
    label: str
    seconds: float
    open_ended: bool
    certain: bool = True
    at_least: bool = False


@attrs.frozen(kw_only=True)
class ServiceSummary:
    """Summary of one service in a run.

    Attributes:
        counts: number of outcomes by status; all five are there.
        seconds: time from the beginning of its first target to the end of its last.
    """

    name: str
    counts: Mapping[Status, int]
    seconds: float


@attrs.frozen(kw_only=True)
class CauseGroup:
    """The VMs that have one status for one cause.

    Attributes:
        names: the folded names of the VMs; one line of bounded length.
        example: the error message of one VM, bounded; empty where no VM has an error.
        skipped: whether the VMs were skipped because of what they are: off, or without an address.
    """

    cause: str
    status: Status
    count: int
    names: str
    example: str
    skipped: bool = False

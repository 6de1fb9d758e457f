"""Groups of a report: outcomes with one cause, the VMs of one service, and what was down how long."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..model.outcome import Status, TargetKey


@attrs.frozen(kw_only=True)
class Downtime:
    """Downtime of a VM because of a run. A VM that was down before the run counts, too.

    Attributes:
        label: name of the VM, as `Report.name_of` returns it.
        seconds: time from the beginning to the end of the VM's target.
        open_ended: whether the run left the VM down.
        certain: whether it is known that the VM went down.
    """

    key: TargetKey
    label: str
    seconds: float
    open_ended: bool
    certain: bool = True


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
    """

    cause: str
    status: Status
    count: int
    names: str
    example: str

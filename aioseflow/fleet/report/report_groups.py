"""Groups of a report: outcomes with one cause, the VMs of one service, and what was down how long."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..model.outcome import Status, TargetKey


@attrs.frozen(kw_only=True)
class Downtime:
    """How long the run knows a VM to have been off or unusable, in seconds: from its begin to its end there.

    ``open_ended``: the run left it down, so that it is down for longer. Not ``certain``: it is unknown
    whether it went down at all. One that was down before is not told apart.
    """

    key: TargetKey
    label: str
    seconds: float
    open_ended: bool
    certain: bool = True


@attrs.frozen(kw_only=True)
class ServiceSummary:
    """One service in a run: all five counts, and the seconds from its first begin to its last end."""

    name: str
    counts: Mapping[Status, int]
    seconds: float


@attrs.frozen(kw_only=True)
class CauseGroup:
    """The VMs that have one status for one cause; ``names`` and ``example`` are one line each, and bounded.

    ``example`` is the message of one VM's error, empty where none has one.
    """

    cause: str
    status: Status
    count: int
    names: str
    example: str

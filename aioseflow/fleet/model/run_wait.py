"""`RunWait`: a reason for which a run waits, as data and as a line."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from ...text import duration, escape, listed, quantity

_NAME_MAX_CHARACTERS: Final = 40
HELD_SECONDS_MIN: Final = 0.5
"""An account that waits for less is not throttled: it keeps a pace that was agreed."""
VMS_NAMED_MAX: Final = 5
"""VMs of which a `RunWait` gives the names."""


class WaitReason(enum.StrEnum):
    """Reason for which VMs of a run wait."""

    PAUSED = "paused"
    """The run is paused, until it is resumed."""
    PANEL_AWAY = "panel_away"
    """The panel of an account does not answer."""
    THROTTLED = "throttled"
    """The panel of an account asked to wait."""
    PAUSE_BETWEEN = "pause_between"
    """The next batch has not begun."""
    MAX_UNAVAILABLE = "max_unavailable"
    """As many VMs are down as `Rollout.max_unavailable` allows."""
    MAX_DOWN_PER_SERVICE = "max_down_per_service"
    """As many VMs of a service are down as `Rollout.max_down_per_service` allows."""
    WINDOW = "window"
    """As many VMs have begun and are not done as `Rollout.window` allows."""
    SETTLING = "settling"
    """VMs are read back until they are as wanted."""
    LISTING = "listing"
    """Services are still being listed."""


@attrs.frozen(kw_only=True)
class RunWait:
    """Reason for which a run waits, and the VMs that it concerns.

    Attributes:
        reason: a stable word.
        targets: number of VMs that wait for it; of services for ``listing``.
        account: name of the account, None where it concerns all.
        vms: labels of VMs that are waited for (those that are read back, or that are down); 5 at most.
        since: when this began (aware UTC), None where it is not known.
        seconds: seconds after which it ends, None where that is not known.
    """

    reason: WaitReason
    targets: int = 0
    account: str | None = None
    vms: Sequence[str] = ()
    since: datetime | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        vms = quantity(self.targets, "VM")
        are = f"{vms} {'waits' if self.targets == 1 else 'wait'}"
        of = "" if self.account is None else f" of {escape(self.account, _NAME_MAX_CHARACTERS)}"
        for_ = "" if self.since is None else f" for {duration(self._age)}"
        match self.reason:
            case WaitReason.PAUSED:
                return f"paused: {are}"
            case WaitReason.PANEL_AWAY:
                return f"the panel{of} does not answer{for_ and f',{for_}'}"
            case WaitReason.THROTTLED:
                return f"the panel{of} asked to wait: next request in {duration(self.seconds or 0.0)}"
            case WaitReason.PAUSE_BETWEEN:
                return f"{are} for the next batch"
            case WaitReason.MAX_UNAVAILABLE:
                return f"{are}: as many VMs are down as max_unavailable allows{self._named}"
            case WaitReason.MAX_DOWN_PER_SERVICE:
                return (
                    f"{are}: as many VMs of the service are down as max_down_per_service allows{self._named}"
                )
            case WaitReason.WINDOW:
                return f"{are} for a place in the window"
            case WaitReason.SETTLING:
                being = "is" if self.targets == 1 else "are"
                return f"{vms} {being} being read back, the oldest{for_}{self._named}"
            case WaitReason.LISTING:
                return f"{quantity(self.targets, 'service')} still to be listed"

    @property
    def _age(self) -> float:
        return 0.0 if self.since is None else max(0.0, (datetime.now(UTC) - self.since).total_seconds())

    @property
    def _named(self) -> str:
        names = [escape(name, _NAME_MAX_CHARACTERS) for name in self.vms]
        return f" ({listed(names, VMS_NAMED_MAX)})" if names else ""

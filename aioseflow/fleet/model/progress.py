"""Where a run stands: as a whole, by service, and how the requests of its accounts flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from .fleet_account import Flow
from .outcome import Status


@attrs.frozen(kw_only=True)
class Progress:
    """Where a run stands; ``sum(counts) + in_flight + settling + queued == targets`` at every moment.

    ``targets`` grows while services are still being listed (``discovering``).

    Attributes:
        held: the accounts that wait because their provider asked for it, each with the seconds still to go.
        paused: whether `Run.pause` holds it.
        stopping: why nothing new is begun any more (``"drained"``, ``"max_failures"`` …), None while it is.
        batch, batches: which batch it is at, counted from 1, of how many; None without batches.
        limit: how many requests may be in flight now, of all accounts, None where no account says;
            ``requests`` how many are, ``refused`` how many the providers turned away since the run began.
        flows: by account, how its requests flow, and whether its provider throttles it.
        services: how many services have targets; ``services_done`` how many of these have nothing open.
    """

    targets: int
    counts: Mapping[Status, int]
    in_flight: int
    settling: int
    queued: int
    discovering: bool
    undiscovered: int
    held: Mapping[str, float] = attrs.Factory(dict)
    paused: bool = False
    stopping: str | None = None
    batch: int | None = None
    batches: int | None = None
    limit: int | None = None
    requests: int = 0
    refused: int = 0
    flows: Mapping[str, Flow] = attrs.Factory(dict)
    services: int = 0
    services_done: int = 0

    @property
    def done(self) -> int:
        """VMs with an outcome."""
        return sum(self.counts.values())

    @property
    def throttled(self) -> bool:
        """Whether some provider takes less than it did, or asked to wait."""
        return any(flow.throttled for flow in self.flows.values())


@attrs.define(eq=False)
class ServiceProgress:
    """One service in a run, always up to date: ``done + in_flight + settling + queued == targets``.

    Attributes:
        counts: how many of its VMs ended in each of the five statuses.
        in_flight, settling: how many VMs something is under way for, and how many are being read back.
        open: how many have no outcome yet.
    """

    account: str
    service_id: str
    service_name: str
    targets: int = 0
    open: int = 0
    in_flight: int = 0
    settling: int = 0
    counts: dict[Status, int] = attrs.Factory(lambda: dict.fromkeys(Status, 0))

    @property
    def done(self) -> int:
        """VMs with an outcome."""
        return self.targets - self.open

    @property
    def queued(self) -> int:
        """VMs that nothing is under way for."""
        return self.open - self.in_flight - self.settling


NO_SERVICE: Final = ServiceProgress("", "", "")
"""The progress in which a target is counted before a run has taken it in."""

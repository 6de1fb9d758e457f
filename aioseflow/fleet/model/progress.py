"""Progress of a run, as a whole and by service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from .fleet_account import Flow
from .outcome import Status
from .run_wait import RunWait


@attrs.frozen(kw_only=True)
class Progress:
    """Progress of a run at one moment; ``sum(counts) + in_flight + settling + queued == targets``, always.

    Attributes:
        targets: number of targets; grows while services are still being listed (``discovering``).
        counts: number of outcomes by status.
        in_flight: targets that requests are made for; ``settling`` those that are being read back, ``queued``
            those that wait.
        undiscovered: services and accounts that could not be listed so far.
        held: accounts that wait because the panel asked for it, each with the seconds that are left.
        paused: whether the run is paused.
        stopping: why no new target begins any more (``"drained"``, ``"max_failures"`` …), otherwise None.
        batch, batches: number of the present batch, counted from 1, and of all; None without batches.
        limit: requests of all accounts that may be in flight now, None where no account has a limit;
            ``requests`` those that are, ``refused`` those that panels refused for now since the run began.
        flows: the flow of requests, by account.
        services: services that have targets; ``services_done`` those of them without an open target.
        waiting_for: what the run waits for, what holds up most of it first; each is a line as ``str``.
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
    waiting_for: Sequence[RunWait] = ()

    @property
    def done(self) -> int:
        """Number of targets with an outcome."""
        return sum(self.counts.values())

    @property
    def throttled(self) -> bool:
        """Whether a panel accepts less than before, or asked to wait."""
        return any(flow.throttled for flow in self.flows.values())


@attrs.define(eq=False)
class ServiceProgress:
    """Progress of one service in a run, kept up to date; ``done + in_flight + settling + queued == targets``.

    Attributes:
        targets: number of its targets; ``open`` those without an outcome.
        in_flight: targets that requests are made for; ``settling`` those that are being read back.
        counts: number of outcomes by status.
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
        """Number of targets with an outcome."""
        return self.targets - self.open

    @property
    def queued(self) -> int:
        """Number of targets that wait."""
        return self.open - self.in_flight - self.settling


NO_SERVICE: Final = ServiceProgress("", "", "")
"""The progress in which a target is counted before a run has taken it in."""

"""Entries of the panels' record: requests, effects, and what a VM was from when on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import attrs
from aiohttp.client_proto import ResponseHandler

from aioseflow.sandbox import Request

from .lives import Life

Key: TypeAlias = tuple[str, str, str]
"""Account, service and VM, as in `Outcome.key`."""

Wanted: TypeAlias = Mapping[str, int] | Literal["running", "stopped", "gone"]
"""A state that a VM can be read in: its power, gone, or sizes by their names."""

LAGGING: Final = "lagging"
"""The name of what is wrong with a list that shows an earlier one."""

NOT_ACTED: Final = frozenset({"throttle", "rate", "capacity"})
SIZES: Final = ("memory", "cpu", "cpu_share")
_READ_SECONDS: Final = 29.0  # a client waits 30 for a list
_HARMLESS: Final = frozenset({"latency", "drip", "drop"})
_PROMPT: Final = frozenset({"drop"})


@attrs.define(eq=False)
class Arrival:
    """A request while and after it was answered; ``key`` is None where it concerns no VM.

    ``run_id`` is the run that the client was at, ``command`` the number of the command that it was given.
    """

    request: Request
    account: str
    life: Life | None
    ours: ResponseHandler | None
    service: str | None
    key: Key | None
    verb: str
    run_id: str | None = None
    command: int = -1
    answered_at: float | None = None

    @property
    def is_change(self) -> bool:
        return self.request.method != "GET"

    @property
    def is_live(self) -> bool:
        """Whether the client still waits for the answer."""
        transport = None if self.ours is None else self.ours.transport
        return transport is not None and not transport.is_closing()

    @property
    def faults(self) -> frozenset[str]:
        """The names of what went wrong with it."""
        return frozenset((self.request.fault or "").split("+")) - {""}

    @property
    def is_old(self) -> bool:
        """Whether it is a list that showed an earlier state."""
        return bool(self.faults & {"stale", LAGGING})

    @property
    def surely_refused(self) -> bool:
        """Whether the answer was "not now", which says that nothing was done."""
        return self.request.status in (401, 429) and not self.faults.isdisjoint(NOT_ACTED)

    @property
    def was_answered_well(self) -> bool:
        """Whether the panel's own answer left whole and at once."""
        return self.answered_at is not None and self.request.status == 200 and self.faults <= _PROMPT

    @property
    def is_whole_list(self) -> bool:
        """Whether it is a service's list that was answered truly, and in full."""
        return (
            self.answered_at is not None
            and self.service is not None
            and self.request.method == "GET"
            and self.verb == "vms"
            and self.request.status == 200
            and self.faults <= _HARMLESS
            and self.answered_at < self.request.time + _READ_SECONDS
        )


@attrs.frozen
class Effect:
    """An action that took effect, and the request that asked for it."""

    at: float
    key: Key
    action: str
    arrival: Arrival | None


@attrs.frozen
class Phase:
    """A VM from ``at`` on: in ``phase``, and from ``until`` on in ``target``; ``ours`` by our doing."""

    at: float
    phase: str
    target: str
    until: float
    sizes: tuple[int, ...]
    ours: bool = False

    def power(self, at: float) -> str:
        """The state at a moment of this phase."""
        return self.target if at >= self.until else self.phase

    def holds(self, wanted: Wanted, at: float) -> bool:
        """Whether the VM is as wanted at a moment of this phase."""
        if isinstance(wanted, str):
            return self.power(at) == wanted
        return self.phase != "gone" and all(
            self.sizes[SIZES.index(name)] == size for name, size in wanted.items()
        )

"""Availability: how many VMs of a run's services are down now, because of the run or for another reason."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Set
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from ...errors import SeFlowError
from ..discovery.vm_list import read_vms
from ..model.outcome import Outcome, Status, TargetKey
from ..model.vm_state import is_down

if TYPE_CHECKING:
    from ..discovery.vm_list import VmList
    from ..model.fleet_account import FleetAccount


@attrs.define(eq=False)
class _TakenDown:
    """A VM that the run has taken down, or may have.

    Attributes:
        since: time of the loop at which its place was reserved.
        finished_at: time of its outcome; lists that were asked for later may show it as running.
        seen_up: how many such lists in a row showed it as running.
        seen_down: whether a list showed it as down.
    """

    since: float
    finished_at: float = math.inf
    seen_up: int = 0
    seen_down: bool = False


@attrs.define(eq=False)
class AvailabilityCounter:
    """Counts the VMs that are down, and lets the run take a VM down only while at most ``allowed`` are.

    A VM that the run acts on counts from `reserve` on. If the run leaves it down, it counts for good.
    Otherwise it counts until lists that were asked for after its outcome show it as running, twice or not
    locked. A list may be stale just after a change: where none has shown the VM as down, lists are believed
    only ``stale_for`` seconds after its reservation. Other VMs count if the last list shows them as down.

    Attributes:
        stays_down: whether the actions of the run leave a VM down.
        blocked: set when a VM could not be taken down; the watcher of the run resets it.
    """

    allowed: int
    stays_down: bool
    stale_for: float = 0.0
    blocked: bool = False
    _down: set[TargetKey] = attrs.field(factory=set, init=False)
    _ours: dict[TargetKey, _TakenDown] = attrs.field(factory=dict, init=False)
    _read_at: dict[tuple[str, str], float] = attrs.field(factory=dict, init=False)
    _listed: dict[tuple[str, str], set[TargetKey]] = attrs.field(factory=dict, init=False)

    @property
    def count(self) -> int:
        """Number of VMs that are down now, as far as is known."""
        return len(self._down) + sum(key not in self._down for key in self._ours)

    @property
    def counted(self) -> Iterable[TargetKey]:
        """The VMs that are down now, as far as is known."""
        return {**dict.fromkeys(self._down), **dict.fromkeys(self._ours)}

    @property
    def down(self) -> Set[TargetKey]:
        """The VMs that the last lists showed as down; acting on one of them takes no further place."""
        return self._down

    def note_list(self, account: str, service_id: str, listed: VmList) -> None:
        """Update the count from a list of a service."""
        place, asked_at = (account, service_id), listed.asked_at
        self._read_at[place] = asked_at
        down = self._listed.setdefault(place, set())
        if listed.is_whole:
            # A VM that the list does not contain any more is gone, not down.
            self._down -= down
            down.clear()
        for vm in listed.vms:
            key = (account, service_id, vm.id)
            ours = self._ours.get(key)
            if is_down(vm):
                self._down.add(key)
                down.add(key)
                if ours is not None:
                    ours.seen_up, ours.seen_down = 0, True
                continue
            self._down.discard(key)
            if ours is not None and ours.finished_at <= asked_at:
                ours.seen_up += 1
                believed = ours.seen_down or asked_at >= ours.since + self.stale_for
                if believed and (ours.seen_up >= 2 or vm.locked is False):
                    del self._ours[key]

    async def refresh(self, account: FleetAccount, service_id: str, max_age: float) -> None:
        """List a service if its last list is ``max_age`` seconds old. Where this fails, that list counts."""
        now = asyncio.get_running_loop().time()
        if now - self._read_at.get((account.name, service_id), -math.inf) >= max_age:
            with suppress(SeFlowError):
                listed = await read_vms(account, account.polls, service_id)
                self.note_list(account.name, service_id, listed)

    def reserve(self, key: TargetKey) -> bool:
        """Count a VM that is to go down, and return True; return False where too many are down."""
        if key not in self._down and key not in self._ours and self.count >= self.allowed:
            self.blocked = True
            return False
        self._ours[key] = _TakenDown(asyncio.get_running_loop().time())
        return True

    def count_begun(self, key: TargetKey) -> None:
        """Count a VM that an earlier run execution has begun to act on, however many are down."""
        self._ours.setdefault(key, _TakenDown(asyncio.get_running_loop().time()))

    def presume_down(self, key: TargetKey) -> None:
        """Count a VM that an earlier run execution left down, until lists show it as running."""
        now = asyncio.get_running_loop().time()
        self._ours[key] = _TakenDown(now, finished_at=now)

    def confirm(self, key: TargetKey) -> bool:
        """Whether a reserved VM may still go down after its service was listed again; if not, release it."""
        if key in self._down or self.count <= self.allowed:
            return True
        del self._ours[key]
        self.blocked = True
        return False

    def note_outcome(self, outcome: Outcome) -> None:
        """Note the outcome of a reserved VM: release it, or let later lists decide."""
        key = outcome.key
        if key not in self._ours:
            return
        is_so = outcome.status in (Status.CHANGED, Status.UNCHANGED)
        if outcome.status is Status.NOT_ATTEMPTED or (is_so and outcome.verified and not self.stays_down):
            del self._ours[key]
        elif not self.stays_down or outcome.status is Status.FAILED:
            self._ours[key].finished_at = asyncio.get_running_loop().time()

    def services_read_before(self, moment: float) -> list[tuple[str, str]]:
        """Return the services whose last list was asked for before a time of the loop, the oldest first."""
        old = [(read_at, place) for place, read_at in self._read_at.items() if read_at <= moment]
        return [place for _, place in sorted(old)]

    def services_with_vms_down(self) -> set[tuple[str, str]]:
        """Return the services of which a list might show that a VM is running again."""
        return {key[:2] for key in (*self._down, *self._ours)}

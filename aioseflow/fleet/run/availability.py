"""How many VMs of a run's services are down at this moment, by our doing or by anybody's."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import attrs

from ..model.outcome import Outcome, Status, TargetKey
from ..model.vm_state import is_down

if TYPE_CHECKING:
    from ..discovery.vm_list import VmList


@attrs.define(eq=False)
class _TakenDown:
    """A VM that we took down: since when, from when on lists may say that it is up, and what they said."""

    since: float
    finished_at: float = math.inf
    seen_up: int = 0
    seen_down: bool = False


@attrs.define(eq=False)
class AvailabilityCounter:
    """Counts what is down, and lets a VM be taken down only while that leaves at most ``allowed`` down.

    A VM is down by our doing from `reserve` on: for good, where what was or may have been done leaves it so;
    else until lists that were asked for after its outcome show it running, twice or unlocked. Lists may be
    stale just after a change: where none has shown it down, they are believed ``stale_for`` seconds later.
    Others are down when the last list says so.
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
        """VMs that are down now, as far as is known."""
        return len(self._down) + sum(key not in self._down for key in self._ours)

    def read(self, account: str, service_id: str, listed: VmList) -> None:
        """A list of a service."""
        place, asked_at = (account, service_id), listed.asked_at
        self._read_at[place] = asked_at
        down = self._listed.setdefault(place, set())
        if listed.is_whole:
            # What is in the list no more is not down either, but gone.
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

    def seconds_since_list(self, account: str, service_id: str, now: float) -> float:
        """Seconds since this service was last read."""
        return now - self._read_at.get((account, service_id), float("-inf"))

    def reserve(self, key: TargetKey) -> bool:
        """Take a place for a VM that is to go down; False if too many are down."""
        if key not in self._down and key not in self._ours and self.count >= self.allowed:
            self.blocked = True
            return False
        self._ours[key] = _TakenDown(asyncio.get_running_loop().time())
        return True

    def count_begun(self, key: TargetKey) -> None:
        """Take a place for a VM that an earlier run execution has begun to act on, however many are down."""
        self._ours.setdefault(key, _TakenDown(asyncio.get_running_loop().time()))

    def presume_down(self, key: TargetKey) -> None:
        """An earlier sitting left it down, until lists that are not stale say otherwise."""
        now = asyncio.get_running_loop().time()
        self._ours[key] = _TakenDown(now, finished_at=now)

    def confirm(self, key: TargetKey) -> bool:
        """Whether a reserved VM may still go down, after the lists were read anew; else it is released."""
        if key in self._down or self.count <= self.allowed:
            return True
        del self._ours[key]
        self.blocked = True
        return False

    def note_outcome(self, outcome: Outcome) -> None:
        """Our VM has its outcome; what it says decides from when on a list may say that it is up."""
        key = outcome.key
        if key not in self._ours:
            return
        is_so = outcome.status in (Status.CHANGED, Status.UNCHANGED)
        if outcome.status is Status.NOT_ATTEMPTED or (is_so and outcome.verified and not self.stays_down):
            del self._ours[key]
        elif not self.stays_down or outcome.status is Status.FAILED:
            self._ours[key].finished_at = asyncio.get_running_loop().time()

    def services_read_before(self, moment: float) -> list[tuple[str, str]]:
        """The services whose last list is older than a time of the loop's, the oldest first."""
        old = [(read_at, place) for place, read_at in self._read_at.items() if read_at <= moment]
        return [place for _, place in sorted(old)]

    def services_with_vms_down(self) -> set[tuple[str, str]]:
        """The services of which a list might show that one is up again."""
        return {key[:2] for key in (*self._down, *self._ours)}

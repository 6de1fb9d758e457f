"""Services and their VMs: power, sizes, disks, addresses.

No task runs: a change of power that is due takes place when the VM is read.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from ipaddress import IPv4Address
from math import inf
from typing import Literal, TypeAlias

import attrs

from .chance import Duration, Seed, draw, is_fixed, seconds

Power: TypeAlias = Literal["running", "stopped", "transitional"]
Phase: TypeAlias = Literal["running", "stopped", "stopping", "starting", "rebooting", "locked"]

INTERFACES = ("net0", "net1")
SPARE_ADDRESSES = 8

_FIRST_ADDRESS = int(IPv4Address("10.16.0.2"))
_FIRST_IP_ID = 5000


@attrs.define(eq=False, repr=False, weakref_slot=False)
class Vm:
    """A virtual machine.

    Disks and addresses are stored only once they differ from the initial ones.
    """

    service: Service
    id: str
    ordinal: int
    memory: int = 1024
    cpu: int = 1
    cpu_share: int = 100
    note: str = ""
    iso: str = ""
    stuck: bool = False
    """While True, no change of power ends."""
    ignores_power: bool = False
    """While True, start, stop and reboot are accepted without effect."""
    _phase: Phase = "running"
    _target: Phase = "running"
    _until: float = 0.0
    _turns: int = 0
    _disks: dict[str, int] | None = None
    _addresses: tuple[tuple[int, str], ...] | None = None

    @property
    def label(self) -> str:
        """Name of the VM."""
        return f"vm-{self.id}"

    @property
    def phase(self) -> Phase:
        """State of the VM now, by the loop's clock."""
        if self._phase != self._target and not self.stuck and self.service.now() >= self._until:
            self._phase = self._target
        return self._phase

    @property
    def power(self) -> Power:
        """`running`, `stopped`, or `transitional` for every other phase; an assignment is immediate.

        To assign `transitional` locks the VM until another value is assigned.
        """
        phase = self.phase
        return phase if phase in ("running", "stopped") else "transitional"

    @power.setter
    def power(self, power: Power) -> None:
        if power == "transitional":
            self._phase, self._target, self._until = "locked", self._target, inf
        else:
            self._phase = self._target = power

    def turn(self, phase: Phase, target: Phase, duration: Duration) -> None:
        """Begin a change of power that ends in `target` after `duration`."""
        self._turns += 1
        drawn = 0.0
        if not is_fixed(duration):
            drawn = draw(self.service.seed, "power", phase, self.service.id, self.id, self._turns)
        self._phase, self._target = phase, target
        self._until = self.service.now() + seconds(duration, drawn)

    @property
    def disks(self) -> dict[str, int]:
        """Copy of the sizes in GB by disk id."""
        if self._disks is not None:
            return dict(self._disks)
        # Every third VM has a second disk, so that no client relies on a single one.
        return {"virtio0": 20} if self.ordinal % 3 else {"virtio0": 20, "virtio1": 50}

    def resize_disk(self, disk: str, size: int) -> None:
        """Set the size of a disk in GB."""
        self._disks = self.disks | {disk: size}

    @property
    def addresses(self) -> tuple[tuple[int, str], ...]:
        """Addresses as pairs of address number and interface."""
        if self._addresses is None:
            return ((self.service.first_address + self.ordinal, INTERFACES[0]),)
        return self._addresses

    @addresses.setter
    def addresses(self, addresses: tuple[tuple[int, str], ...]) -> None:
        self._addresses = addresses

    @property
    def ips(self) -> tuple[str, ...]:
        """IPv4 addresses as text."""
        return tuple(address(number) for number, _ in self.addresses)

    def __repr__(self) -> str:
        return f"<Vm {self.id} of service {self.service.id}: {self.phase}>"


@attrs.define(eq=False, repr=False)
class Service:
    """A service of the account; one without VM functions (plain hosting) has no `vms`.

    `now` returns the time of the panel's clock.
    """

    now: Callable[[], float]
    seed: Seed
    id: str
    index: int
    has_vms: bool
    first_address: int
    name: str
    category: str
    domain: str
    total: Decimal
    free: dict[int, None]
    """Numbers of the addresses that can be assigned, oldest first."""
    vms: dict[str, Vm] = attrs.field(factory=dict)
    cycle: str = "Monthly"
    rdns: dict[str, str] = attrs.field(factory=dict)
    selected: dict[str, str] = attrs.field(factory=dict)
    """The item or quantity of each resource that can be upgraded."""
    remembered: tuple[float, list[dict[str, object]]] | None = None
    """The time until which an old VM list is shown, and its rows."""

    def destroy(self, vm: Vm) -> None:
        """Remove a VM and free its addresses."""
        del self.vms[vm.id]
        self.free.update((number, None) for number, _ in vm.addresses)

    def numbers(self) -> list[tuple[int, bool]]:
        """Return the numbers of all addresses of the service, each with whether it is in use."""
        used = {number: True for vm in self.vms.values() for number, _ in vm.addresses}
        used |= dict.fromkeys(self.free, False) if self.has_vms else dict.fromkeys(self.free, True)
        return sorted(used.items())

    def __repr__(self) -> str:
        return f"<Service {self.id} {self.name!r}: {len(self.vms)} VMs>"


def address(number: int) -> str:
    """Return an address as text, from its number."""
    return str(IPv4Address(_FIRST_ADDRESS + number))


def ip_id(number: int) -> str:
    """Return the id of an address, by which it is assigned and removed."""
    return str(_FIRST_IP_ID + number)


def number_of(ip: str) -> int | None:
    """Return the number of an address from its id, None for a text that is no id."""
    return int(ip) - _FIRST_IP_ID if ip.isascii() and ip.isdigit() else None

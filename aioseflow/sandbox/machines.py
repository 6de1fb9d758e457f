"""Services and their VMs: power, sizes, disks, addresses.

Nothing here runs by itself; states settle when read.
"""

from __future__ import annotations

from decimal import Decimal
from ipaddress import IPv4Address
from math import inf
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from .chance import Duration, draw, is_fixed, seconds

if TYPE_CHECKING:
    from .world import World

Power: TypeAlias = Literal["running", "stopped", "transitional"]
Phase: TypeAlias = Literal["running", "stopped", "stopping", "starting", "rebooting", "locked"]

INTERFACES = ("net0", "net1")
SPARE_ADDRESSES = 8

_FIRST_ADDRESS = int(IPv4Address("10.16.0.2"))
_FIRST_IP_ID = 5000


@attrs.define(eq=False, repr=False, weakref_slot=False)
class Vm:
    """One virtual server.

    Disks and addresses exist as objects only once they differ from what it was made with.
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
    """A change of power that it has begun, or will begin, never ends while this is set."""
    ignores_power: bool = False
    """Start, stop and reboot are accepted and come to nothing while this is set."""
    _phase: Phase = "running"
    _target: Phase = "running"
    _until: float = 0.0
    _turns: int = 0
    _disks: dict[str, int] | None = None
    _addresses: tuple[tuple[int, str], ...] | None = None

    @property
    def label(self) -> str:
        """Its name."""
        return f"vm-{self.id}"

    @property
    def phase(self) -> Phase:
        """What it is doing at this moment of the loop's clock."""
        if self._phase != self._target and not self.stuck and self.service.world.now() >= self._until:
            self._phase = self._target
        return self._phase

    @property
    def power(self) -> Power:
        """`running`, `stopped`, or `transitional` for all that lies between; assigning is immediate.

        Assigning `transitional` locks the VM until something else is assigned.
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
        """Begin a change of power that ends in `target` after a time."""
        self._turns += 1
        drawn = 0.0
        world = self.service.world
        if not is_fixed(duration):
            drawn = draw(world.seed, "power", phase, self.service.id, self.id, self._turns)
        self._phase, self._target = phase, target
        self._until = world.now() + seconds(duration, drawn)

    @property
    def disks(self) -> dict[str, int]:
        """Size in GB by disk id; a copy."""
        if self._disks is not None:
            return dict(self._disks)
        # Every third has a second disk, so that nobody relies on there being one.
        return {"virtio0": 20} if self.ordinal % 3 else {"virtio0": 20, "virtio1": 50}

    def resize_disk(self, disk: str, size: int) -> None:
        """Give a disk its new size in GB."""
        self._disks = self.disks | {disk: size}

    @property
    def addresses(self) -> tuple[tuple[int, str], ...]:
        """Its addresses: (number of the address, interface)."""
        if self._addresses is None:
            return ((self.service.first_address + self.ordinal, INTERFACES[0]),)
        return self._addresses

    @addresses.setter
    def addresses(self, addresses: tuple[tuple[int, str], ...]) -> None:
        self._addresses = addresses

    @property
    def ips(self) -> tuple[str, ...]:
        """Its IPv4 addresses as text."""
        return tuple(address(number) for number, _ in self.addresses)

    def __repr__(self) -> str:
        return f"<Vm {self.id} of service {self.service.id}: {self.phase}>"


@attrs.define(eq=False, repr=False)
class Service:
    """One service of the account; one without VM functions (plain hosting) has no `vms`."""

    world: World
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
    """The item, or the quantity, chosen of each resource that can be upgraded."""
    remembered: tuple[float, list[dict[str, object]]] | None = None
    """The VM list as it was before a change, and until when it is shown instead of the true one."""

    def destroy(self, vm: Vm) -> None:
        """Take a VM away and return its addresses."""
        del self.vms[vm.id]
        self.free.update((number, None) for number, _ in vm.addresses)

    def numbers(self) -> list[tuple[int, bool]]:
        """All addresses of the service, and whether each is in use."""
        used = {number: True for vm in self.vms.values() for number, _ in vm.addresses}
        used |= dict.fromkeys(self.free, False) if self.has_vms else dict.fromkeys(self.free, True)
        return sorted(used.items())

    def __repr__(self) -> str:
        return f"<Service {self.id} {self.name!r}: {len(self.vms)} VMs>"


def address(number: int) -> str:
    """The text of an address, from its number."""
    return str(IPv4Address(_FIRST_ADDRESS + number))


def ip_id(number: int) -> str:
    """The id under which an address is assigned and removed."""
    return str(_FIRST_IP_ID + number)


def number_of(ip: str) -> int | None:
    """The number of an address from its id; None for what cannot be one."""
    return int(ip) - _FIRST_IP_ID if ip.isascii() and ip.isdigit() else None

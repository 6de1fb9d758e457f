"""Changes other than power: sizes, network, reverse DNS, and destroying a VM."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from string import Formatter
from typing import Any

import attrs

from ...errors import DecodeError, InvalidArgument, NotFound
from ...identifiers import Id, check_id
from ...models import Service, Vm
from ...safety import Safety
from ..model.fleet_account import FleetAccount
from ..model.outcome import Status, cause_of
from ..model.vm_state import unread
from .action import Action, Effect, Skip, built_in


def _check_positive(name: str, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InvalidArgument(f"{name} takes a whole number of at least 1, not {value!r:.40}", argument=name)


def _unreadable(vm: Vm, what: str, instead: str) -> DecodeError:
    """Return the error of a change that is not sent, because a value that it needs cannot be read."""
    return DecodeError(f"VM {vm.id}: {what} cannot be read, and nothing is sent without it; {instead}")


def _disk_id(value: Id) -> str:
    return check_id(value, "disk_id")


@built_in
@attrs.frozen(kw_only=True)
class Resize(Action):
    """Give the VM memory, cores or a CPU share.

    ``memory`` is in MB, ``cpu`` in cores, ``cpu_share`` in percent of a core; at least one is given. Done
    when the VM is read with them; one that has them already is ``unchanged``.
    """

    memory: int | None = None
    cpu: int | None = None
    cpu_share: int | None = None
    name = "resize"
    safety = Safety.IDEMPOTENT
    past = "Resized"
    already = "of that size already"

    def __attrs_post_init__(self) -> None:
        for name in ("memory", "cpu", "cpu_share"):
            _check_positive(name, getattr(self, name))
        if self.memory is None and self.cpu is None and self.cpu_share is None:
            raise InvalidArgument(
                "Resize needs at least one of memory (MB), cpu (cores), cpu_share (percent)"
            )

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, "already_so") if self.done(vm) else None

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.resize(
            service.id, vm.id, memory=self.memory, cpu=self.cpu, cpu_share=self.cpu_share
        )

    def done(self, vm: Vm | None) -> bool | None:
        if vm is None:
            return False
        pairs: list[tuple[int | None, int | Decimal | None]] = [
            (self.memory, vm.memory),
            (self.cpu, vm.cpus),
            (self.cpu_share, vm.cpu_share),
        ]
        seen = [None if read is None else read == asked for asked, read in pairs if asked is not None]
        return False if False in seen else None if None in seen else True

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        read = await account.polls.get(service.id, vm.id)
        done = self.done(read)
        asked = {"memory": self.memory, "cpus": self.cpu, "cpu_share": self.cpu_share}
        names = [name for name, size in asked.items() if size is not None and unread(read, name)]
        if done is None and names:
            raise DecodeError(
                f"VM {vm.id}: its {' and '.join(names)} cannot be read; look at it in the panel"
            )
        return done


@built_in
@attrs.frozen(kw_only=True)
class ResizeDisk(Action):
    """Give a disk of the VM a size.

    ``size`` is in GB. Done when the disk is read with it; a VM whose disk has it already is ``unchanged``.
    """

    disk_id: str = attrs.field(converter=_disk_id)
    size: int
    name = "resize_disk"
    safety = Safety.IDEMPOTENT
    requests = 2  # it reads the size first
    past = "Resized the disk of"
    already = "of that size already"

    def __attrs_post_init__(self) -> None:
        _check_positive("size", self.size)

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        sizes = {disk.id: disk.size for disk in await account.vms.disks(service.id, vm.id)}
        if self.disk_id not in sizes:
            raise NotFound(f"VM {vm.id} has no disk {self.disk_id}; it has {', '.join(sizes) or 'none'}")
        if sizes[self.disk_id] is None:
            raise _unreadable(
                vm,
                f"the size of its disk {self.disk_id}",
                "look at the disk in the panel, and resize it there or with vms.resize_disk()",
            )
        if sizes[self.disk_id] == self.size:
            return Skip(Status.UNCHANGED, "already_so")
        return await account.vms.resize_disk(service.id, vm.id, self.disk_id, size=self.size)

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        sizes = {disk.id: disk.size for disk in await account.polls.disks(service.id, vm.id)}
        if self.disk_id not in sizes:
            return None
        if sizes[self.disk_id] is None:
            raise DecodeError(f"VM {vm.id}: the size of its disk {self.disk_id} cannot be read")
        return sizes[self.disk_id] == self.size


@built_in
@attrs.frozen
class RebuildNetwork(Action):
    """Write the network configuration of the VM again.

    Sent at most once, and no reading shows that it happened.
    """

    name = "rebuild_network"
    safety = Safety.ONCE
    effect = Effect.BOUNCE
    past = "Rebuilt the network of"
    already = "rebuilt already"

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.rebuild_network(service.id, vm.id)


_NAME_FIELDS = frozenset({"id", "label", "service_id"})


_SHARED_SECONDS = 1.0


@attrs.define(eq=False)
class _Names:
    lock: asyncio.Lock = attrs.Factory(asyncio.Lock)
    read_at: float = -math.inf
    names: dict[str, str | None] = attrs.Factory(dict)


@built_in
@attrs.frozen
class SetRdns(Action):
    """Give the first address of the VM a name.

    ``hostname`` is a template such as ``"{label}.example.com"``; ``{label}``, ``{id}`` and ``{service_id}``
    are those of the VM. Done when the address is read with the name.
    """

    hostname: str
    _readings: dict[tuple[str, str], _Names] = attrs.field(factory=dict, init=False, eq=False, repr=False)
    name = "set_rdns"
    safety = Safety.IDEMPOTENT
    past = "Set the reverse DNS of"
    already = "set already"

    def __attrs_post_init__(self) -> None:
        try:
            parts = [part for part in Formatter().parse(self.hostname) if part[1] is not None]
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"hostname={self.hostname!r:.60} is no template: {error}") from None
        plain = all(field in _NAME_FIELDS and not (spec or how) for _, field, spec, how in parts)
        if not self.hostname or not plain:
            raise InvalidArgument(
                f"hostname={self.hostname!r:.60} is empty, or uses more than "
                "{label}, {id} and {service_id}"
            )

    def skip(self, vm: Vm) -> Skip | None:
        if (error := self._lacking(vm)) is not None:
            return Skip(Status.NOT_ATTEMPTED, cause_of(error), error)
        return None if vm.ip_texts else Skip(Status.NOT_ATTEMPTED, "no_address")

    def _lacking(self, vm: Vm) -> DecodeError | None:
        """Return the error for a VM of which a field is needed that could not be read."""
        instead = "look at the VM in the panel, or name its address with services.set_rdns()"
        if not vm.ip_texts and unread(vm, "ip", "ip_texts"):
            return _unreadable(vm, "its address", instead)
        # With its id in the label's place it would get a wrong name, and not none.
        if unread(vm, "label") and any(part[1] == "label" for part in Formatter().parse(self.hostname)):
            return _unreadable(vm, "its label", instead)
        return None

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        if await self.look(account, service, vm):
            return Skip(Status.UNCHANGED, "already_so")
        await account.services.set_rdns(service.id, {self._ip(vm): self._wanted(service, vm)})
        return None

    async def look(self, account: FleetAccount, service: Service, vm: Vm) -> bool | None:
        if (error := self._lacking(vm)) is not None:
            raise error
        if not vm.ip_texts:
            raise NotFound(f"VM {vm.id} has no address any more")
        name = (await self._names(account, service.id)).get(self._ip(vm))
        return (
            None
            if name is None
            else name.rstrip(".").lower() == self._wanted(service, vm).rstrip(".").lower()
        )

    async def _names(self, account: FleetAccount, service_id: str) -> dict[str, str | None]:
        """Return the names of a service's addresses, of one request for all VMs that look within a second."""
        reading = self._readings.setdefault((account.name, service_id), _Names())
        loop = asyncio.get_running_loop()
        async with reading.lock:
            if loop.time() >= reading.read_at + _SHARED_SECONDS:
                asked_at = loop.time()
                entries = await account.services.rdns(service_id)
                reading.names = {entry.ipaddress_text.strip(): entry.ptrcontent for entry in entries}
                reading.read_at = asked_at
        return reading.names

    @staticmethod
    def _ip(vm: Vm) -> str:
        return vm.ip_texts[0].strip()

    def _wanted(self, service: Service, vm: Vm) -> str:
        return self.hostname.format(id=vm.id, label=vm.label or vm.id, service_id=service.id)


@built_in
@attrs.frozen
class Destroy(Action):
    """Destroy the VM with all its data, for good.

    Runs only as a plan that was confirmed: `Plan.confirm`. Done when the VM is in no list any more.
    """

    name = "destroy"
    safety = Safety.IDEMPOTENT
    effect = Effect.DOWN
    needs_confirmation = True
    past = "Destroyed"
    already = "gone already"

    async def perform(self, account: FleetAccount, service: Service, vm: Vm) -> Any:
        await account.vms.destroy(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return vm is None

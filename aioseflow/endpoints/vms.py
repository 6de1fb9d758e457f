"""``seflow.vms``: virtual machines."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import attrs

from ..errors import InvalidArgument
from ..identifiers import Id, check_id
from ..models import Accepted, AvailableIp, Disk, Interface, UntrustedHtml, Vm, VmIp
from ..session.call import IDEMPOTENT, ONCE, READ, Call
from .arguments import at_least_one, positive, text

if TYPE_CHECKING:
    from ..session.session import Session

UsageKind: TypeAlias = Literal["cpu", "net", "disk"]

_VM = "/service/{service_id}/vms/{vm_id}"
_LIST = Call("GET", "/service/{service_id}/vms", name="vms.list", key="vms", returns=list[Vm], safety=READ)
_GET = Call("GET", _VM, name="vms.get", key=("vm", "vms"), identity="vm_id", returns=Vm, safety=READ)
_DESTROY = Call("DELETE", _VM, name="vms.destroy", returns=Accepted, safety=IDEMPOTENT)
_RESIZE = Call("PUT", _VM, name="vms.resize", returns=Accepted, safety=IDEMPOTENT, makes=("vm",))
_STOP = Call("POST", _VM + "/stop", name="vms.stop", returns=Accepted, safety=IDEMPOTENT)
_START = Call("POST", _VM + "/start", name="vms.start", returns=Accepted, safety=IDEMPOTENT)
_REBOOT = Call("POST", _VM + "/reboot", name="vms.reboot", returns=Accepted, safety=ONCE)
_USAGE_CPU = Call("GET", _VM + "/usage/cpu", name="vms.usage", returns=str, safety=READ, markup=True)
_USAGE_NET = Call("GET", _VM + "/usage/net", name="vms.usage", returns=str, safety=READ, markup=True)
_USAGE_DISK = Call("GET", _VM + "/usage/disk", name="vms.usage", returns=str, safety=READ, markup=True)
_DISKS = Call(
    "GET", _VM + "/storage", name="vms.disks", key=("storage", "disks"), returns=list[Disk], safety=READ
)
_RESIZE_DISK = Call(
    "PUT", _VM + "/storage/{disk_id}", name="vms.resize_disk", returns=Accepted, safety=IDEMPOTENT
)
_INTERFACES = Call(
    "GET", _VM + "/interfaces", name="vms.interfaces", key="interfaces", returns=list[Interface], safety=READ
)
_AVAILABLE_IPS = Call(
    "GET",
    _VM + "/interfaces/{iface}/ips",
    name="vms.available_ips",
    key="ips",
    returns=list[AvailableIp],
    safety=READ,
)
_IPS = Call("GET", _VM + "/ips", name="vms.ips", key="ips", returns=list[VmIp], safety=READ)
_ASSIGN_IP = Call("POST", _VM + "/ips", name="vms.assign_ip", returns=Accepted, safety=ONCE, makes=("ip",))
_REMOVE_IP = Call("DELETE", _VM + "/ips/{ip_id}", name="vms.remove_ip", returns=Accepted, safety=IDEMPOTENT)
_REBUILD_NETWORK = Call(
    "POST", _VM + "/rebuild_network", name="vms.rebuild_network", returns=Accepted, safety=ONCE
)

_USAGE: dict[str, Call[str]] = {"cpu": _USAGE_CPU, "net": _USAGE_NET, "disk": _USAGE_DISK}


@attrs.frozen(repr=False)
class VmsEndpoints:
    """Virtual machines. Every coroutine raises `SeFlowError`; an unknown id is `NotFound`.

    `Accepted` means that the panel accepted a change, not that the change is done. Only reading the VM again
    shows that; `Fleet` does so.
    """

    _session: Session

    async def list(self, service_id: Id) -> builtins.list[Vm]:
        """List the VMs of a service (``GET /service/@id/vms``)."""
        return await self._session.request(_LIST, service_id=service_id)

    async def get(self, service_id: Id, vm_id: Id) -> Vm:
        """Return a VM (``GET /service/@id/vms/@vmid``)."""
        return await self._session.request(_GET, service_id=service_id, vm_id=vm_id)

    async def destroy(self, service_id: Id, vm_id: Id) -> Accepted:
        """Destroy a VM and its disks for good (``DELETE /service/@id/vms/@vmid``)."""
        return await self._session.request(_DESTROY, service_id=service_id, vm_id=vm_id)

    async def resize(
        self,
        service_id: Id,
        vm_id: Id,
        *,
        memory: int | None = None,
        cpu: int | None = None,
        cpu_share: int | None = None,
        note: str | None = None,
    ) -> Accepted:
        """Change a VM's size; only the arguments given are sent (``PUT /service/@id/vms/@vmid``).

        ``memory`` in MB, ``cpu`` in cores, ``cpu_share`` in percent; ``note=""`` clears the note. At least
        one of the four is needed.
        """
        values = at_least_one(
            "a resize",
            memory=None if memory is None else str(positive(memory, "memory")),
            cpu=None if cpu is None else str(positive(cpu, "cpu")),
            cpu_share=None if cpu_share is None else str(positive(cpu_share, "cpu_share")),
            note=None if note is None else text(note, "note", blank=True),
        )
        return await self._session.request(_RESIZE, service_id=service_id, vm_id=vm_id, **values)

    async def stop(self, service_id: Id, vm_id: Id) -> Accepted:
        """Ask the panel to power a VM off (``POST /service/@id/vms/@vmid/stop``)."""
        return await self._session.request(_STOP, service_id=service_id, vm_id=vm_id)

    async def start(self, service_id: Id, vm_id: Id) -> Accepted:
        """Ask the panel to power a VM on (``POST /service/@id/vms/@vmid/start``)."""
        return await self._session.request(_START, service_id=service_id, vm_id=vm_id)

    async def reboot(self, service_id: Id, vm_id: Id, *, iso: str | None = None) -> Accepted:
        """Ask the panel to reboot a VM, from an ISO image if given (``POST …/vms/@vmid/reboot``).

        Sent at most once: a lost answer is `OutcomeUnknown`.
        """
        image = None if iso is None else text(iso, "iso")
        return await self._session.request(_REBOOT, service_id=service_id, vm_id=vm_id, iso=image)

    async def usage(self, service_id: Id, vm_id: Id, kind: UsageKind) -> UntrustedHtml:
        """Return a usage graph as untrusted HTML of the panel (``GET …/vms/@vmid/usage/cpu``)."""
        if kind not in get_args(UsageKind):
            raise InvalidArgument(f"kind must be cpu, net or disk, not {kind!r:.40}", argument="kind")
        html = await self._session.request(_USAGE[kind], service_id=service_id, vm_id=vm_id)
        return UntrustedHtml(kind, html)

    async def disks(self, service_id: Id, vm_id: Id) -> builtins.list[Disk]:
        """List the VM's disks (``GET …/vms/@vmid/storage``)."""
        return await self._session.request(_DISKS, service_id=service_id, vm_id=vm_id)

    async def resize_disk(self, service_id: Id, vm_id: Id, disk_id: Id, *, size: int) -> Accepted:
        """Change a disk's ``size``, in GB (``PUT …/vms/@vmid/storage/@diskid``)."""
        size = positive(size, "size")
        return await self._session.request(
            _RESIZE_DISK, service_id=service_id, vm_id=vm_id, disk_id=disk_id, size=size
        )

    async def interfaces(self, service_id: Id, vm_id: Id) -> builtins.list[Interface]:
        """List the VM's network interfaces (``GET …/vms/@vmid/interfaces``)."""
        return await self._session.request(_INTERFACES, service_id=service_id, vm_id=vm_id)

    async def available_ips(self, service_id: Id, vm_id: Id, iface: Id) -> builtins.list[AvailableIp]:
        """List the addresses that an interface can be given (``GET …/vms/@vmid/interfaces/@iface/ips``)."""
        return await self._session.request(_AVAILABLE_IPS, service_id=service_id, vm_id=vm_id, iface=iface)

    async def ips(self, service_id: Id, vm_id: Id) -> builtins.list[VmIp]:
        """List the VM's addresses (``GET …/vms/@vmid/ips``)."""
        return await self._session.request(_IPS, service_id=service_id, vm_id=vm_id)

    async def assign_ip(self, service_id: Id, vm_id: Id, ip_id: Id, *, interface_id: Id) -> Accepted:
        """Assign one more address to an interface (``POST …/vms/@vmid/ips``).

        Sent at most once: a lost answer is `OutcomeUnknown`, and `ips` shows whether the address is assigned.
        """
        return await self._session.request(
            _ASSIGN_IP,
            service_id=service_id,
            vm_id=vm_id,
            ipid=check_id(ip_id, "ip_id"),
            interfaceid=check_id(interface_id, "interface_id"),
        )

    async def remove_ip(
        self, service_id: Id, vm_id: Id, ip_id: Id, *, interface_id: Id | None = None
    ) -> Accepted:
        """Remove an address (``DELETE …/vms/@vmid/ips/@ipid``)."""
        interface = None if interface_id is None else check_id(interface_id, "interface_id")
        return await self._session.request(
            _REMOVE_IP, service_id=service_id, vm_id=vm_id, ip_id=ip_id, interfaceid=interface
        )

    async def rebuild_network(self, service_id: Id, vm_id: Id) -> Accepted:
        """Write the VM's network configuration again (``POST …/vms/@vmid/rebuild_network``).

        Sent at most once: a lost answer is `OutcomeUnknown`.
        """
        return await self._session.request(_REBUILD_NETWORK, service_id=service_id, vm_id=vm_id)

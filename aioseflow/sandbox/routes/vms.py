"""VMs: their list, their power, their size, their disks.

The provider's document publishes none of these answers.
"""

from __future__ import annotations

from html import escape

from ..chance import draw
from ..forms import text
from ..images import graph
from ..machines import Vm
from ..wire import Dialect, Fragment, Json, PanelError, collection, flag, number, vm_details, vm_list, vm_rows
from .panel_request import PanelRequest

_TEMPLATES = (
    ("debian-12", "Debian Bookworm 12 64 bit"),
    ("debian-13", "Debian Trixie 13 64 bit"),
    ("ubuntu-24.04", "Ubuntu 24.04 LTS 64 bit"),
    ("alma-9", "AlmaLinux 9 64 bit"),
)
_PERCENT = 100


def vms(request: PanelRequest) -> Json:
    """GET /service/@id/vms. Seen on another installation (`by_id`); the other dialects are guesses.

    While a stale list is remembered, the answer is that list.
    """
    service = request.vm_service()
    if service.remembered is not None:
        until, rows = service.remembered
        if request.world.now() < until:
            request.stale = True
            return {"vms": vm_list(request.dialect, rows)}
        service.remembered = None
    return {"vms": vm_list(request.dialect, vm_rows(request.dialect, service.vms))}


def vm(request: PanelRequest) -> Json:
    """GET /service/@id/vms/@vmid. A guess: `vm`, in `by_id` `vms` with the one id."""
    found = request.vm()
    row = vm_details(request.dialect, found)
    return {"vms": {found.id: row}} if request.dialect is Dialect.BY_ID else {"vm": row}


def destroy(request: PanelRequest) -> Json:
    """DELETE /service/@id/vms/@vmid. Frees the addresses. The answer is a guess."""
    found = request.unlocked_vm()
    found.service.destroy(found)
    request.took_effect(found, "destroy")
    return request.done()


def resize(request: PanelRequest) -> Json:
    """PUT /service/@id/vms/@vmid: `memory` in MB, `cpu`, `cpu_share` in percent, `note`.

    The answer is a guess.
    """
    found = request.unlocked_vm()
    memory, cpu, share = (
        request.positive("memory"),
        request.positive("cpu", 1024),
        request.positive("cpu_share", _PERCENT),
    )
    note = text(request.form, "note")
    if memory is None and cpu is None and share is None and note is None:
        raise PanelError(200, "nothing_to_change")
    before = (found.memory, found.cpu, found.cpu_share, found.note)
    found.memory = found.memory if memory is None else memory
    found.cpu = found.cpu if cpu is None else cpu
    found.cpu_share = found.cpu_share if share is None else share
    found.note = found.note if note is None else note
    if before != (found.memory, found.cpu, found.cpu_share, found.note):
        request.took_effect(found, "resize")
    return request.done()


def stop(request: PanelRequest) -> Json:
    """POST /service/@id/vms/@vmid/stop. Seen on another installation. No effect on a stopped VM."""
    found = request.unlocked_vm()
    if found.power == "running" and not found.ignores_power:
        found.turn("stopping", "stopped", request.world.timing.stop)
        request.took_effect(found, "stop")
    return {"status": True}


def start(request: PanelRequest) -> Json:
    """POST /service/@id/vms/@vmid/start. Seen on another installation. No effect on a running VM."""
    found = request.unlocked_vm()
    if found.power == "stopped" and not found.ignores_power:
        found.turn("starting", "running", request.world.timing.start)
        request.took_effect(found, "start")
    return {"status": True}


def reboot(request: PanelRequest) -> Json:
    """POST /service/@id/vms/@vmid/reboot, with an `iso` or without. A guess, after start and stop.

    A stopped VM cannot be rebooted.
    """
    found = request.unlocked_vm()
    if found.power != "running":
        raise PanelError(200, "vm_not_running")
    if not found.ignores_power:
        found.iso = text(request.form, "iso") or ""
        found.turn("rebooting", "running", request.world.timing.reboot)
        request.took_effect(found, "reboot")
    return {"status": True}


def usage_cpu(request: PanelRequest) -> Json:
    """GET /service/@id/vms/@vmid/usage/cpu: "html code that can be embedded"; its wrapping is a guess."""
    return _usage(request, "cpu", "CPU")


def usage_net(request: PanelRequest) -> Json:
    """GET /service/@id/vms/@vmid/usage/net, like `usage_cpu`."""
    return _usage(request, "net", "Network")


def usage_disk(request: PanelRequest) -> Json:
    """GET /service/@id/vms/@vmid/usage/disk, like `usage_cpu`."""
    return _usage(request, "disk", "Disk")


def disks(request: PanelRequest) -> Json:
    """GET /service/@id/vms/@vmid/storage. A guess; sizes in GB."""
    found = request.vm()
    rows = (
        {
            "id": disk,
            "name": f"Disk {place}",
            "size": number(request.dialect, size),
            "primary": flag(request.dialect, place == 0),
        }
        for place, (disk, size) in enumerate(found.disks.items())
    )
    return {"storage": collection(request.dialect, rows)}


def resize_disk(request: PanelRequest) -> Json:
    """PUT /service/@id/vms/@vmid/storage/@diskid: `size` in GB.

    Shrinking is refused. The answer is a guess.
    """
    found = request.unlocked_vm()
    disk = request.ids[2]
    before = found.disks.get(disk)
    if before is None:
        raise PanelError(404, "disk_notfound")
    size = request.positive("size", 1 << 20)
    if size is None:
        raise PanelError(200, "invalid_size")
    if size < before:
        raise PanelError(200, "disk_cannot_shrink")
    if size > before:
        found.resize_disk(disk, size)
        request.took_effect(found, "resize_disk")
    return request.done()


def templates(request: PanelRequest) -> Json:
    """GET /service/@id/templates. A guess."""
    request.vm_service()
    rows = ({"id": template, "name": name} for template, name in _TEMPLATES)
    return {"templates": collection(request.dialect, rows)}


def resources(request: PanelRequest) -> Json:
    """GET /service/@id/resources. A guess; memory in MB, disk in GB."""
    service = request.vm_service()
    used = {
        "memory": sum(vm.memory for vm in service.vms.values()),
        "cpu": sum(vm.cpu for vm in service.vms.values()),
        "disk": sum(sum(vm.disks.values()) for vm in service.vms.values()),
        "ip": sum(taken for _, taken in service.numbers()),
    }
    spare = {"memory": 65536, "cpu": 32, "disk": 1000, "ip": len(service.free)}
    write = request.dialect
    return {
        "resources": {
            name: {
                "used": number(write, amount),
                "free": number(write, spare[name]),
                "total": number(write, amount + spare[name]),
            }
            for name, amount in used.items()
        }
    }


def _usage(request: PanelRequest, kind: str, title: str) -> Json:
    found = request.vm()
    fragment = _graph(
        found, kind, title, 0.0 if found.power == "stopped" else draw(request.world.seed, kind, found.id)
    )
    match request.dialect:
        case Dialect.BY_ID:
            return {"usage": fragment}
        case Dialect.LIST:
            return Fragment(fragment)
        case _:
            return fragment


def _graph(vm: Vm, kind: str, title: str, level: float) -> str:
    return (
        f'<div class="vm-usage vm-usage-{kind}"><h4>{escape(vm.label)}: {title}</h4>'
        f'<img alt="{title} usage" src="data:image/png;base64,{graph(level)}" />'
        f"<p>Average: {level * _PERCENT:.1f} %</p></div>"
    )

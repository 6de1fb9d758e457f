"""A VM's network: interfaces and addresses. The provider's document publishes none of these answers."""

from __future__ import annotations

from ..forms import text
from ..machines import INTERFACES, Vm, address, ip_id, number_of
from ..wire import Json, PanelError, Row, collection, flag, mac
from .panel_request import PanelRequest


def interfaces(request: PanelRequest) -> Json:
    """GET /service/@id/vms/@vmid/interfaces. A guess."""
    found = request.vm()
    rows = (
        {
            "id": interface,
            "name": f"eth{place}",
            "mac": mac(found, place),
            "primary": flag(request.dialect, place == 0),
            "ips": [address(number) for number, at in found.addresses if at == interface],
        }
        for place, interface in enumerate(INTERFACES)
    )
    return {"interfaces": collection(request.dialect, rows)}


def available_ips(request: PanelRequest) -> Json:
    """GET /service/@id/vms/@vmid/interfaces/@iface/ips: the free addresses, oldest first. A guess."""
    found = request.vm()
    _known(request.ids[2])
    return {"ips": collection(request.dialect, (_row(number) for number in found.service.free))}


def ips(request: PanelRequest) -> Json:
    """GET /service/@id/vms/@vmid/ips. A guess."""
    found = request.vm()
    rows = ({**_row(number), "interface": interface} for number, interface in found.addresses)
    return {"ips": collection(request.dialect, rows)}


def assign_ip(request: PanelRequest) -> Json:
    """POST /service/@id/vms/@vmid/ips: `ipid` and `interfaceid`. The answer is a guess."""
    found = request.unlocked_vm()
    interface = _known(text(request.form, "interfaceid") or "")
    number = number_of(text(request.form, "ipid") or "")
    if number is None or number not in found.service.free:
        raise PanelError(200, "ip_not_available")
    del found.service.free[number]
    found.addresses = (*found.addresses, (number, interface))
    request.took_effect(found, "assign_ip")
    return request.done()


def remove_ip(request: PanelRequest) -> Json:
    """DELETE /service/@id/vms/@vmid/ips/@ipid, `interfaceid` in the query if at all.

    The answer is a guess.
    """
    found = request.unlocked_vm()
    number = number_of(request.ids[2])
    interface = text(request.query, "interfaceid")
    kept = tuple(
        (at, where) for at, where in found.addresses if at != number or (interface and where != interface)
    )
    if number is None or len(kept) == len(found.addresses):
        raise PanelError(404, "ip_notfound")
    found.addresses = kept
    found.service.free[number] = None
    request.took_effect(found, "remove_ip")
    return request.done()


def rebuild_network(request: PanelRequest) -> Json:
    """POST /service/@id/vms/@vmid/rebuild_network. The answer is a guess."""
    found: Vm = request.unlocked_vm()
    request.took_effect(found, "rebuild_network")
    return request.done()


def _known(interface: str) -> str:
    if interface not in INTERFACES:
        raise PanelError(404, "interface_notfound")
    return interface


def _row(number: int) -> Row:
    return {
        "id": ip_id(number),
        "ipaddress": address(number),
        "mask": "255.255.255.0",
        "gateway": "10.16.0.1",
    }

"""A VM's network: interfaces and addresses. The provider's document publishes none of these answers."""

from __future__ import annotations

from ..forms import text
from ..machines import INTERFACES, Vm, address, ip_id, number_of
from ..wire import Json, PanelError, Row, collection, flag, mac
from .asked import Asked


def interfaces(asked: Asked) -> Json:
    """GET /service/@id/vms/@vmid/interfaces. A guess."""
    found = asked.vm()
    rows = (
        {
            "id": interface,
            "name": f"eth{place}",
            "mac": mac(found, place),
            "primary": flag(asked.dialect, place == 0),
            "ips": [address(number) for number, at in found.addresses if at == interface],
        }
        for place, interface in enumerate(INTERFACES)
    )
    return {"interfaces": collection(asked.dialect, rows)}


def available_ips(asked: Asked) -> Json:
    """GET /service/@id/vms/@vmid/interfaces/@iface/ips.

    A guess: what the service has to give, oldest first.
    """
    found = asked.vm()
    _known(asked.ids[2])
    return {"ips": collection(asked.dialect, (_row(number) for number in found.service.free))}


def ips(asked: Asked) -> Json:
    """GET /service/@id/vms/@vmid/ips. A guess."""
    found = asked.vm()
    rows = ({**_row(number), "interface": interface} for number, interface in found.addresses)
    return {"ips": collection(asked.dialect, rows)}


def assign_ip(asked: Asked) -> Json:
    """POST /service/@id/vms/@vmid/ips: `ipid` and `interfaceid`. The answer is a guess."""
    found = asked.unlocked_vm()
    interface = _known(text(asked.form, "interfaceid") or "")
    number = number_of(text(asked.form, "ipid") or "")
    if number is None or number not in found.service.free:
        raise PanelError(200, "ip_not_available")
    del found.service.free[number]
    found.addresses = (*found.addresses, (number, interface))
    asked.took_effect(found, "assign_ip")
    return asked.done()


def remove_ip(asked: Asked) -> Json:
    """DELETE /service/@id/vms/@vmid/ips/@ipid, `interfaceid` in the query if at all.

    The answer is a guess.
    """
    found = asked.unlocked_vm()
    number = number_of(asked.ids[2])
    interface = text(asked.query, "interfaceid")
    kept = tuple(
        (at, where) for at, where in found.addresses if at != number or (interface and where != interface)
    )
    if number is None or len(kept) == len(found.addresses):
        raise PanelError(404, "ip_notfound")
    found.addresses = kept
    found.service.free[number] = None
    asked.took_effect(found, "remove_ip")
    return asked.done()


def rebuild_network(asked: Asked) -> Json:
    """POST /service/@id/vms/@vmid/rebuild_network. The answer is a guess."""
    found: Vm = asked.unlocked_vm()
    asked.took_effect(found, "rebuild_network")
    return asked.done()


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

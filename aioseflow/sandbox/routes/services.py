"""Services: their details, addresses, reverse DNS and traffic."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address

from ..chance import draw
from ..forms import mapping
from ..images import graph
from ..machines import Service, address
from ..wire import Dialect, Json, PanelError, collection
from .panel_request import PanelRequest

_VM_METHODS = (
    ("List VMs", "GET", "/service/@id/vms"),
    ("Get VM Details", "GET", "/service/@id/vms/@vmid"),
    ("Stop VM", "POST", "/service/@id/vms/@vmid/stop"),
    ("Start VM", "POST", "/service/@id/vms/@vmid/start"),
    ("Reboot VM", "POST", "/service/@id/vms/@vmid/reboot"),
)
_METHODS = (
    ("Upgrade Request", "POST", "/service/@id/upgrade"),
    ("Upgrade Options", "GET", "/service/@id/upgrade"),
    ("Change service label", "POST", "/service/@id/label"),
    ("Service label", "GET", "/service/@id/label"),
    ("Cancel Service", "POST", "/service/@id/cancel"),
)


def services(request: PanelRequest) -> Json:
    """GET /service."""
    due = str(request.world.date().date() + timedelta(days=30))
    rows = (
        {
            "id": service.id,
            "domain": service.domain,
            "total": f"{service.total:.4f}",
            "status": "Active",
            "billingcycle": service.cycle,
            "next_due": due,
            "category": service.category,
            "category_url": service.category.lower(),
            "name": service.name,
        }
        for service in request.world.services.values()
    )
    return {"services": collection(request.dialect, rows)}


def service(request: PanelRequest) -> Json:
    """GET /service/@id. A service with VMs has made-up passwords, so that a test finds a leak of one."""
    found = request.service()
    today = request.world.date().date()
    return {
        "service": {
            "id": found.id,
            "date_created": "2015-09-02",
            "domain": found.domain,
            "firstpayment": f"{found.total:.2f}",
            "total": f"{found.total:.2f}",
            "billingcycle": found.cycle,
            "next_due": str(today + timedelta(days=30)),
            "next_invoice": str(today + timedelta(days=28)),
            "status": "Active",
            "label": "",
            "username": f"user{found.id}" if found.has_vms else "",
            "password": f"secret-of-service-{found.id}" if found.has_vms else "",
            "rootpassword": f"root-secret-of-service-{found.id}" if found.has_vms else "",
            "name": found.name,
        }
    }


def methods(request: PanelRequest) -> Json:
    """GET /service/@id/methods, on newer installations only. The names of the VM routes are a guess."""
    found = request.service()
    listed = (*_METHODS, *_VM_METHODS) if found.has_vms else _METHODS
    return {"methods": [{"name": name, "method": method, "route": route} for name, method, route in listed]}


def bandwidth_graphs(request: PanelRequest) -> Json:
    """GET /service/@id/bandwidth-graphs. The published images are shortened; these are whole."""
    found = request.service()
    images = {span: graph(_traffic(request, found, span)) for span in ("daily", "weekly", "monthly")}
    name = f"Device: {found.domain}, port: eth{found.index}"
    return {"graphs": [{"switch": "20", "port": str(100 + found.index), "name": name, **images}]}


def bandwidth(request: PanelRequest) -> Json:
    """GET /service/@id/bandwidth. Numbers are text or numbers exactly as in the document."""
    found = request.service()
    used = round(10_000 + _traffic(request, found, "used") * 40_000, 2)
    now = request.world.date()
    start = now - timedelta(days=20)
    formatted = {"limit": "100.00 Mbps", "used": f"{used / 1000:.2f} Kbps", "overage": "0.00 bps"}
    line = f"Bandwidth limit: {formatted['limit']} Used: {formatted['used']} Overage: {formatted['overage']}"
    return {
        "bandwidth": {
            "charge": 0,
            "overage": "0.00",
            "over": False,
            "formatted": {**formatted, "text": line},
            "usage": {
                "from": 1767258000 - 20 * 86400,
                "to": 1767258000,
                "total": used * 20_000_000.25,
                "total_in": used * 11_000_000.25,
                "total_out": used * 9_000_000.25,
                "average_t": used * 1033.5,
                "max_in": used * 1.75,
                "95th": f"{used:.2f}",
                "max_out": used * 4.125,
                "average": used * 0.721,
            },
            "used": f"{used:.2f}",
            "limit": "100",
            "model": "95th",
            "cost": "100",
            "overage_unit": "Mbit",
            "projected_charge": 0,
            "projected_overage": "0.00 bps",
            "projected_usage": formatted["used"],
            "period_from": str(start.date()),
            "period_to": str((start + timedelta(days=33)).date()),
        }
    }


def ips(request: PanelRequest) -> Json:
    """GET /service/@id/ip. The status of an address that is not in use is a guess."""
    rows = (
        {
            "ipaddress": address(number),
            "mask": "255.255.255.0",
            "client_description": "",
            "status": "assigned" if used else "available",
        }
        for number, used in request.service().numbers()
    )
    return {"ips": collection(request.dialect, rows, "ipaddress")}


def rdns(request: PanelRequest) -> Json:
    """GET /service/@id/rdns, under `rdns` in `by_id`, as on newer installations."""
    found = request.service()
    rows = [
        {
            "ipaddress": ip,
            "ptrname": IPv4Address(ip).reverse_pointer,
            "ptrcontent": found.rdns.get(ip, found.domain),
        }
        for ip in (address(number) for number, _ in found.numbers())
    ]
    return {"rdns" if request.dialect is Dialect.BY_ID else "ips": rows}


def set_rdns(request: PanelRequest) -> Json:
    """POST /service/@id/rdns: `ipaddress[IP]=HOST`. Sets all names or none."""
    found = request.service()
    own = {address(number) for number, _ in found.numbers()}
    wanted = mapping(request.form, "ipaddress")
    names = {ip: name.rstrip(".") for ip, name in wanted.items() if isinstance(name, str)}
    if not names:
        raise PanelError(200, "ipaddress_missing")
    if names.keys() != wanted.keys() or not all(names.values()):
        raise PanelError(200, "invalid_hostname")
    if not names.keys() <= own:
        raise PanelError(200, "ip_notfound")
    if any(found.rdns.get(ip, found.domain) != name for ip, name in names.items()):
        request.world.effects.note(found.id, "", "set_rdns")
    found.rdns.update(names)
    return {"info": ["revdnsupdated"]}


def _traffic(request: PanelRequest, service: Service, purpose: str) -> float:
    return draw(request.world.seed, "traffic", service.id, purpose)

"""The 39 calls of the provider's document, and the function that answers each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias
from urllib.parse import unquote

import attrs

from ..wire import Json
from . import account, billing, domains, networks, services, support, upgrades, vms
from .panel_request import PanelRequest

Answer: TypeAlias = Callable[[PanelRequest], Json]

_DOCUMENTED: dict[tuple[str, str], Answer] = {
    ("GET", "/details"): account.details,
    ("POST", "/details"): account.update,
    ("GET", "/balance"): billing.balance,
    ("GET", "/invoice"): billing.invoices,
    ("GET", "/invoice/@id"): billing.invoice,
    ("GET", "/tickets"): support.tickets,
    ("GET", "/tickets/@number"): support.ticket,
    ("GET", "/domain"): domains.domains,
    ("GET", "/domain/@id"): domains.domain,
    ("POST", "/domainorder/status"): domains.availability,
    ("GET", "/service"): services.services,
    ("GET", "/service/@id"): services.service,
    ("GET", "/service/@id/upgrade"): upgrades.options,
    ("POST", "/service/@id/upgrade"): upgrades.upgrade,
    ("GET", "/service/@id/bandwidth-graphs"): services.bandwidth_graphs,
    ("GET", "/service/@id/bandwidth"): services.bandwidth,
    ("GET", "/service/@id/ip"): services.ips,
    ("GET", "/service/@id/rdns"): services.rdns,
    ("POST", "/service/@id/rdns"): services.set_rdns,
    ("GET", "/service/@id/vms"): vms.vms,
    ("GET", "/service/@id/vms/@vmid"): vms.vm,
    ("DELETE", "/service/@id/vms/@vmid"): vms.destroy,
    ("PUT", "/service/@id/vms/@vmid"): vms.resize,
    ("POST", "/service/@id/vms/@vmid/stop"): vms.stop,
    ("POST", "/service/@id/vms/@vmid/start"): vms.start,
    ("POST", "/service/@id/vms/@vmid/reboot"): vms.reboot,
    ("GET", "/service/@id/vms/@vmid/usage/cpu"): vms.usage_cpu,
    ("GET", "/service/@id/vms/@vmid/usage/net"): vms.usage_net,
    ("GET", "/service/@id/vms/@vmid/usage/disk"): vms.usage_disk,
    ("GET", "/service/@id/vms/@vmid/storage"): vms.disks,
    ("PUT", "/service/@id/vms/@vmid/storage/@diskid"): vms.resize_disk,
    ("GET", "/service/@id/templates"): vms.templates,
    ("GET", "/service/@id/vms/@vmid/interfaces"): networks.interfaces,
    ("GET", "/service/@id/vms/@vmid/interfaces/@iface/ips"): networks.available_ips,
    ("GET", "/service/@id/vms/@vmid/ips"): networks.ips,
    ("POST", "/service/@id/vms/@vmid/ips"): networks.assign_ip,
    ("DELETE", "/service/@id/vms/@vmid/ips/@ipid"): networks.remove_ip,
    ("POST", "/service/@id/vms/@vmid/rebuild_network"): networks.rebuild_network,
    ("GET", "/service/@id/resources"): vms.resources,
}

ROUTES: tuple[tuple[str, str], ...] = tuple(_DOCUMENTED)
"""The documented pairs of method and path, in the document's order and spelling."""


@attrs.define
class _Node:
    answers: dict[str, Answer] = attrs.field(factory=dict)
    named: dict[str, _Node] = attrs.field(factory=dict)
    any: _Node | None = None


def _tree(routes: Iterable[tuple[str, str, Answer]]) -> _Node:
    root = _Node()
    for method, path, answer in routes:
        node = root
        for segment in path.split("/")[1:]:
            if segment.startswith("@"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.named.setdefault(segment, _Node())
        node.answers[method] = answer
    return root


_TREE = _tree((method, path, answer) for (method, path), answer in _DOCUMENTED.items())
_TREE_WITH_METHODS = _tree(
    [
        *((method, path, answer) for (method, path), answer in _DOCUMENTED.items()),
        ("GET", "/service/@id/methods", services.methods),
    ]
)


def find(method: str, path: str, *, with_methods: bool) -> tuple[Answer, tuple[str, ...]] | int:
    """Return the function for a path and the ids in the path; 404, or 405 for another method, if none.

    `with_methods` adds the undocumented `GET /service/@id/methods`.
    """
    node = _TREE_WITH_METHODS if with_methods else _TREE
    ids: list[str] = []
    for segment in path.split("/")[1:]:
        named = node.named.get(segment)
        if named is not None:
            node = named
        elif node.any is not None and segment:
            node = node.any
            ids.append(unquote(segment))
        else:
            return 404
    answer = node.answers.get(method)
    if answer is None:
        return 405 if node.answers else 404
    return answer, tuple(ids)

"""An inventory as Ansible reads it: groups with their hosts, and the variables of each host."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from ...fleet.model.target import service_name
from ...models import Service, Vm
from ...text import natural_key
from .ansible_names import distinct, group_part, host_part, is_host_name

Group: TypeAlias = tuple[str, ...]

_UNSAFE: Final = "__ansible_unsafe"
_NO_TEMPLATE: Final = "none"


@attrs.frozen
class Member:
    """A VM with its service and its account."""

    account: str
    service: Service
    vm: Vm

    @property
    def template(self) -> str:
        """The template that the VM was installed from."""
        return self.vm.template_label or self.vm.template or ""


@attrs.frozen
class Inventory:
    """Hosts by their names, and groups by theirs with the names of their hosts."""

    hosts: Mapping[str, Member]
    groups: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, members: Sequence[Member]) -> Inventory:
        """Return the members named, and grouped by service, power and template.

        The names do not depend on the order of the members.
        """
        members = sorted(members, key=lambda member: tuple(map(natural_key, _key(member))))
        groups = _groups(members)
        names = distinct(
            {_key(member): _host_names(member) for member in members}, "-", taken=groups.values()
        )
        inside: dict[str, list[str]] = {name: [] for name in sorted(groups.values())}
        for member in members:
            for group in _groups_of(member):
                inside[groups[group]].append(names[_key(member)])
        return cls({names[_key(member)]: member for member in members}, inside)

    def document(self) -> dict[str, Any]:
        """Return the answer to ``--list``."""
        return {
            "_meta": {"hostvars": {host: variables(member) for host, member in self.hosts.items()}},
            "all": {"children": list(self.groups)},
            **{name: {"hosts": list(hosts)} for name, hosts in self.groups.items()},
        }


def variables(member: Member) -> dict[str, Any]:
    """Return the variables of a host; ``ansible_host`` only if the VM has an address."""
    vm, service = member.vm, member.service
    addresses = _addresses(vm)
    first = next((each for each in addresses if each.version == 4), addresses[0] if addresses else None)
    reached = {"ansible_host": str(first)} if first is not None else {}
    return reached | {
        "seflow_account": _safe(member.account),
        "seflow_service_id": _safe(service.id),
        "seflow_service_name": _safe(service_name(service)),
        "seflow_vm_id": _safe(vm.id),
        "seflow_label": _safe(vm.label),
        "seflow_power": vm.power.value,
        "seflow_memory": vm.memory,
        "seflow_template": _safe(member.template or None),
        "seflow_ips": [str(each) for each in addresses],
    }


def _safe(text: str | None) -> Any:
    """Return a text for Ansible; one that could be a template of Jinja is marked as unsafe."""
    return {_UNSAFE: text} if text is not None and "{" in text else text


def _addresses(vm: Vm) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [
        each
        for each in vm.ip
        # A zone means something on one machine only, and it may be any text.
        if isinstance(each, ipaddress.IPv4Address)
        or (isinstance(each, ipaddress.IPv6Address) and each.scope_id is None)
    ]


def _groups(members: Sequence[Member]) -> dict[Group, str]:
    candidates: dict[Group, list[str]] = {}
    for member in members:
        service, power, template = _groups_of(member)
        exact = [service_name(member.service), member.service.id, member.account]
        candidates[service] = ["_".join(["service", *map(group_part, exact[:end])]) for end in (1, 2, 3)]
        candidates[power] = [f"power_{group_part(power[1])}"]
        candidates[template] = [f"template_{group_part(template[1])}"]
    return distinct(candidates, "_")


def _groups_of(member: Member) -> tuple[Group, Group, Group]:
    return (
        ("service", member.account, member.service.id),
        ("power", member.vm.power.value),
        ("template", member.template or _NO_TEMPLATE),
    )


def _host_names(member: Member) -> list[str]:
    vm, label = member.vm, member.vm.label or ""
    ids = f"{host_part(member.service.id)}-{host_part(vm.id)}"
    valid = is_host_name(label)
    exact = f"{label if valid else 'vm'}-{ids}"
    return [*([label] if valid else []), exact, f"{exact}-{host_part(member.account)}"]


def _key(member: Member) -> tuple[str, str, str]:
    return member.account, member.service.id, member.vm.id

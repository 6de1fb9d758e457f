"""An inventory as Ansible reads it: the groups with their hosts, and each host's variables."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from ...fleet.model.target import service_name
from ...models import Service, Vm
from .ansible_names import distinct, group_part, host_part, is_host_name

Group: TypeAlias = tuple[str, ...]

_UNSAFE: Final = "__ansible_unsafe"
_NO_TEMPLATE: Final = "none"


@attrs.frozen
class Member:
    """A VM, where it is and whose."""

    account: str
    service: Service
    vm: Vm

    @property
    def template(self) -> str:
        """What it was installed from."""
        return self.vm.template_label or self.vm.template or ""


@attrs.frozen
class Inventory:
    """Hosts by their names; groups by theirs, each with its hosts."""

    hosts: Mapping[str, Member]
    groups: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, members: Sequence[Member]) -> Inventory:
        """Name all of them and group them by service, power and template.

        The same VMs give the same names, whatever the order in which they were listed.
        """
        members = sorted(members, key=_place)
        groups = _groups(members)
        names = distinct(
            {_key(member): _host_names(member) for member in members}, "-", taken=groups.values()
        )
        inside: dict[str, list[str]] = {name: [] for name in sorted(groups.values())}
        for member in members:
            for group in _groups_of(member):
                inside[groups[group]].append(names[_key(member)])
        return cls({names[_key(member)]: member for member in members}, inside)

    def variables(self, host: str) -> dict[str, Any]:
        """What Ansible knows of a host. Raises `KeyError`."""
        return variables(self.hosts[host])

    def document(self) -> dict[str, Any]:
        """The whole, as ``--list`` answers."""
        return {
            "_meta": {"hostvars": {host: variables(member) for host, member in self.hosts.items()}},
            "all": {"children": list(self.groups)},
            **{name: {"hosts": list(hosts)} for name, hosts in self.groups.items()},
        }


def variables(member: Member) -> dict[str, Any]:
    """A host's variables; without an address of the VM there is no ``ansible_host``."""
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
    """A text that Ansible takes for a text: what could be a template of Jinja is marked as none."""
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


def _place(member: Member) -> tuple[str, int, str, int, str]:
    # Ids are mostly numbers, and 9 comes before 10.
    service, vm = member.service.id, member.vm.id
    return member.account, len(service), service, len(vm), vm

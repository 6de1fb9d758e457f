"""Write the state in a dialect, with the noise that PHP adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import attrs
import orjson

from .machines import Vm, address

Json: TypeAlias = Any
Row: TypeAlias = dict[str, Json]

BOM = b"\xef\xbb\xbf"
WARNING = (
    b"<br />\n<b>Warning</b>:  Undefined array key &quot;ipv6&quot; in "
    b"<b>/home/hostbill/public_html/includes/modules/class.api.php</b> on line <b>212</b><br />\n"
)
_NULL_MAC = "52:54:00"


class Dialect(StrEnum):
    """The form of an installation's answers.

    - `seflow`: as the provider's document shows; objects of VMs by id with a `status`.
    - `by_id`: objects keyed by id, booleans as "true" and "false", `state` online or offline, as published
      by another installation.
    - `list`: plain lists, real numbers and booleans, `status`.
    - `mixed`: `seflow` with noise: a BOM, a PHP warning before the JSON, `[]` for `{}`.
    """

    SEFLOW = "seflow"
    BY_ID = "by_id"
    LIST = "list"
    MIXED = "mixed"


class Fragment(str):
    """HTML as the whole answer, not as a JSON string."""

    __slots__ = ()


@attrs.frozen
class Reply:
    """Answer of the panel: status, body and headers."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class PanelError(Exception):
    """Answer `{"error": [...]}`."""

    def __init__(self, status: int, *codes: Json) -> None:
        super().__init__(status, *codes)
        self.status = status
        self.codes = codes


def reply(payload: Json, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Return an answer with a payload: JSON, a bare fragment, or zero bytes for None."""
    if payload is None:
        return Reply(status, b"", headers=headers)
    if isinstance(payload, Fragment):
        return Reply(status, payload.encode(), "text/html; charset=utf-8", headers)
    return Reply(status, orjson.dumps(payload), headers=headers)


def error(status: int, *codes: Json, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Return an answer `{"error": [...]}`."""
    return reply({"error": codes}, status, headers)


def with_noise(plain: Reply, drawn: float) -> Reply:
    """Return an answer with the noise of a PHP installation, chosen by a number in [0, 1)."""
    if not plain.body or not plain.content_type.startswith("application/json"):
        return plain
    body = orjson.dumps(_emptied(orjson.loads(plain.body)))
    noise = int(drawn * 6)
    body = (
        body,
        BOM + body,
        WARNING + body,
        BOM + WARNING + body,
        b"\n\n" + body + b"\n",
        BOM + body + b"\r\n",
    )[noise]
    return attrs.evolve(plain, body=body, content_type="text/html; charset=UTF-8")


def _emptied(value: Json) -> Json:
    match value:
        case dict():
            return {key: _emptied(inner) for key, inner in value.items()} or []
        case list():
            return [_emptied(inner) for inner in value]
        case _:
            return value


def collection(dialect: Dialect, rows: Iterable[Row], key: str = "id") -> Json:
    """Return rows as a list, or as an object by `key`; PHP writes either as `[]` when it is empty."""
    if dialect is Dialect.BY_ID:
        return {row[key]: row for row in rows} or []
    return list(rows)


def flag(dialect: Dialect, value: bool) -> Json:
    """Return a boolean as the dialect writes it."""
    if dialect is Dialect.LIST:
        return value
    return ("false", "true")[value] if dialect is Dialect.BY_ID else "01"[value]


def number(dialect: Dialect, value: int) -> Json:
    """Return a number as the dialect writes it."""
    return value if dialect is Dialect.LIST else str(value)


def mac(vm: Vm, place: int) -> str:
    """Return a hardware address of a VM, made up."""
    serial = (vm.service.first_address + vm.ordinal) * 2 + place
    return f"{_NULL_MAC}:{serial >> 16 & 255:02x}:{serial >> 8 & 255:02x}:{serial & 255:02x}"


def ipv6(vm: Vm) -> str:
    """Return an IPv6 address of a VM, made up from the documentation prefix."""
    return f"2001:db8:{vm.service.index + 1:x}::{vm.ordinal + 1:x}"


def vm_rows(dialect: Dialect, vms: Mapping[str, Vm]) -> list[Row]:
    """Return the rows of a service's list of VMs."""
    write = {Dialect.BY_ID: _vm_by_id, Dialect.LIST: _vm_in_list}.get(dialect, _vm_of_seflow)
    return [write(vm) for vm in vms.values()]


def vm_list(dialect: Dialect, rows: list[Row]) -> Json:
    """Return the rows of VMs as a list in the `list` dialect, else as an object by id."""
    return rows if dialect is Dialect.LIST else {row["id"]: row for row in rows} or []


def vm_details(dialect: Dialect, vm: Vm) -> Row:
    """Return one VM, with the fields that the list leaves out (a guess in every dialect)."""
    [row] = vm_rows(dialect, {vm.id: vm})
    row["cpu_share"] = number(dialect, vm.cpu_share)
    row["note"] = vm.note
    row["locked"] = flag(dialect, vm.power == "transitional")
    if dialect is Dialect.BY_ID and vm.power != "transitional":
        row["power"] = flag(dialect, vm.power == "running")
    return row


def _vm_of_seflow(vm: Vm) -> Row:
    """Return a VM in the `seflow` dialect: a guess, because the document publishes no VM."""
    return {
        "id": vm.id,
        "label": vm.label,
        "status": vm.phase,
        "memory": str(vm.memory),
        "cpu": str(vm.cpu),
        "disk": f"{sum(vm.disks.values())}.00",
        "ipaddress": vm.ips,
        "template": "debian-12",
    }


def _vm_by_id(vm: Vm) -> Row:
    """Return a VM as seen on another installation for one that is online; other states are guesses."""
    disk = sum(vm.disks.values())
    phase = vm.phase
    return {
        "bandwidth": 100,
        "burstmem": -512,
        "cpus": str(vm.cpu),
        "disk": disk,
        "id": vm.id,
        "ip": [*vm.ips, " " + ipv6(vm)],
        "ipv6subnets": [f"2001:db8:{vm.service.index + 1:x}::/64"],
        "label": vm.label,
        "memory": vm.memory,
        "pae": 0,
        "password": f"secret-of-vm-{vm.id}",
        "pxe": 0,
        "state": {"running": "online", "stopped": "offline"}.get(phase, phase),
        "template": "linux-debian-12-x86_64-min-gen2-v1",
        "template_label": "Debian Bookworm 12 64 bit",
        "usage": {
            "bandwidth": {"free": 100, "percent": "0", "total": 100, "used": 0},
            "disk": {"free": disk, "percent": "0", "total": disk, "used": 0},
            "memory": {"free": 0, "percent": "0", "total": 0, "used": 0},
        },
    }


def _vm_in_list(vm: Vm) -> Row:
    """Return a VM with addresses as objects and numbers as numbers: a guess."""
    return {
        "id": vm.id,
        "name": vm.label,
        "status": vm.phase,
        "memory": vm.memory,
        "cpus": vm.cpu,
        "disk": sum(vm.disks.values()),
        "ips": [{"ipaddress": address(at), "interface": interface} for at, interface in vm.addresses],
    }

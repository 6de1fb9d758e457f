"""Virtual machines: ``GET /service/@id/vms`` and below."""

from __future__ import annotations

import enum
import functools
import ipaddress
from decimal import Decimal
from typing import Final

import attrs

from ..secret import Secret
from .shared import Address, AddressModel, Model, address, wire


class PowerState(enum.StrEnum):
    """State of a VM's power, the same for all installations.

    ``TRANSITIONAL``: changing between two other states, or locked by a task. ``UNKNOWN``: a word that means
    none of the others, such as ``suspended``, or no word.
    """

    RUNNING = "running"
    STOPPED = "stopped"
    TRANSITIONAL = "transitional"
    UNKNOWN = "unknown"

    @classmethod
    def read(cls, word: object) -> PowerState:
        """Return the state that a word, boolean or number of a panel means. Never raises."""
        if isinstance(word, str) and word in POWER_WORDS:
            return POWER_WORDS[word]
        if isinstance(word, float) and word.is_integer():
            word = int(word)
        if isinstance(word, int) and word not in (0, 1):  # also because str() refuses very long integers
            return cls.UNKNOWN
        text = " ".join(str(word).lower().replace("_", " ").replace("-", " ").split())
        return POWER_WORDS.get(text, cls.UNKNOWN)


# Words that were seen (online, offline, running, stopped, active, booleans), and words of hypervisors.
POWER_WORDS: Final[dict[str, PowerState]] = {
    **dict.fromkeys(
        ["running", "online", "active", "started", "on", "up", "powered on", "poweredon", "true", "1"],
        PowerState.RUNNING,
    ),
    **dict.fromkeys(
        [
            *("stopped", "offline", "off", "down", "halted", "powered off", "poweredoff", "false", "0"),
            *("shutdown", "shut down", "shutoff", "shut off"),
        ],
        PowerState.STOPPED,
    ),
    **dict.fromkeys(
        [
            *("starting", "booting", "powering on", "resuming", "unsuspending", "stopping", "halting"),
            *("shutting down", "powering off", "suspending", "pausing", "saving", "restoring"),
            *("reboot", "rebooting", "restart", "restarting", "reset", "resetting"),
            *("pending", "queued", "waiting", "processing", "in progress", "busy", "locked"),
            *("build", "building", "creating", "provisioning", "deploying", "installing"),
            *("rebuild", "rebuilding", "reinstall", "reinstalling", "resize", "resizing"),
            *("migrating", "cloning", "snapshotting", "backing up"),
            *("deleting", "destroying", "terminating", "removing"),
        ],
        PowerState.TRANSITIONAL,
    ),
}


@attrs.frozen
class Quota(Model):
    """Use of a resource: *seen on another installation*, in ``GET /service/@id/vms``."""

    free: Decimal | None = None
    percent: Decimal | None = None
    total: Decimal | None = None
    used: Decimal | None = None


@attrs.frozen
class VmUsage(Model):
    """Quotas of a VM: *seen on another installation*, in ``GET /service/@id/vms``."""

    bandwidth: Quota | None = None
    disk: Quota | None = None
    memory: Quota | None = None


@attrs.frozen
class Vm(Model):
    """A virtual machine: *seen on another installation*, ``GET /service/@id/vms``; `cpu_share` and `note`
    are documented as parameters of ``PUT …/vms/@vmid``; `locked`, `uptime` and `rootpassword` *inferred*.

    Attributes:
        label: its name; ``hostname`` or ``name`` where the installation has no ``label``.
        power: read from ``state``, else ``status``, else ``power``.
        power_word: the panel's word for the power; None where there is none.
        locked: whether a task of the panel locks the VM. A word that is no boolean (``"backup"``) and a
            number other than 0 and 1 name a lock; they are in `extra` as well.
        memory: MB. burstmem: additional MB, negative where the panel has none.
        cpus: cores. cpu_share: percent.
        disk: GB. bandwidth: in the installation's unit.
        ip_texts: addresses as the panel spells them, or those of ``ipv4`` and ``ipv6`` together; `ip` has the
            objects. Where the panel sends JSON objects, these are under ``"ip"`` in `extra` as well.
        template_label: name of the template; ``template_name`` where the installation has no other.
        ipv6subnet_texts: networks as the panel spells them; `ipv6subnets` has the objects.
        uptime: seconds where it is a number, else the panel's words.
    """

    id: str
    label: str | None = attrs.field(default=None, metadata=wire("label", "hostname", "name"))
    power: PowerState = PowerState.UNKNOWN
    power_word: str | None = None
    locked: bool | None = None
    memory: int | None = None
    cpus: int | None = attrs.field(default=None, metadata=wire("cpus", "cpu"))
    cpu_share: Decimal | None = None
    disk: Decimal | None = None
    bandwidth: Decimal | None = None
    burstmem: int | None = None
    pae: bool | None = None
    pxe: bool | None = None
    template: str | None = None
    template_label: str | None = None
    note: str | None = None
    uptime: int | str | None = None
    ip_texts: tuple[str, ...] = attrs.field(default=(), alias="ip", metadata=wire("ip", "ips", "ipaddress"))
    ipv6subnet_texts: tuple[str, ...] = attrs.field(
        default=(), alias="ipv6subnets", metadata=wire("ipv6subnets")
    )
    password: Secret | None = None
    rootpassword: Secret | None = None
    usage: VmUsage | None = None

    @functools.cached_property
    def ip(self) -> tuple[Address | str, ...]:
        """Addresses in the panel's order; the text itself where it is no address."""
        return tuple(address(text) for text in self.ip_texts)

    @property
    def ips(self) -> tuple[Address | str, ...]:
        """Alias of `ip`."""
        return self.ip

    @functools.cached_property
    def ipv6subnets(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network | str, ...]:
        """IPv6 networks; the text itself where it is none."""
        return tuple(_network(text) for text in self.ipv6subnet_texts)


@attrs.frozen(repr=False)
class UntrustedHtml:
    """HTML from the panel: *documented* as "html code that can be embedded in page",
    ``GET /service/@id/vms/@vmid/usage/cpu`` (``net``, ``disk``).

    The markup may hold scripts. Neither ``str()`` nor a template engine shows it by accident: sanitise
    `html`, or show it in a sandboxed frame.

    Attributes:
        kind: ``"cpu"``, ``"net"`` or ``"disk"``.
        html: the markup as sent.
    """

    kind: str
    html: str

    def __repr__(self) -> str:
        return f"<UntrustedHtml {self.kind}, {len(self.html)} characters>"

    __str__ = __repr__


@attrs.frozen
class Disk(Model):
    """A disk of a VM: *inferred*, ``GET …/vms/@vmid/storage`` was never published.

    Attributes:
        size: GB, as in the documented parameter of ``PUT …/storage/@diskid``.
    """

    id: str
    name: str | None = attrs.field(default=None, metadata=wire("name", "label"))
    size: Decimal | None = attrs.field(default=None, metadata=wire("size", "disk_size", "size_gb"))


@attrs.frozen
class Interface(Model):
    """A network interface of a VM: *inferred*, ``GET …/vms/@vmid/interfaces`` was never published."""

    id: str
    name: str | None = attrs.field(default=None, metadata=wire("name", "label"))


@attrs.frozen
class VmIp(AddressModel):
    """Address of a VM: *inferred*, ``GET …/vms/@vmid/ips`` was never published.

    Attributes:
        id: the argument of ``DELETE …/ips/@ipid``; None where the panel lists bare addresses.
    """

    ipaddress_text: str = attrs.field(alias="ipaddress", metadata=wire("ipaddress", "ip", "address"))
    id: str | None = None


@attrs.frozen
class AvailableIp(AddressModel):
    """Address that a VM can be given: *inferred*, ``GET …/interfaces/@iface/ips`` was never published.

    Attributes:
        id: the ``ipid`` of ``POST …/ips``; None where the panel lists bare addresses.
    """

    ipaddress_text: str = attrs.field(
        alias="ipaddress", metadata=wire("ipaddress", "ip", "address", "descriptor")
    )
    id: str | None = None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | str:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return text

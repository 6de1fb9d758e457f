"""The nouns and verbs of the command line, and the call that each verb makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs


@attrs.frozen
class Verb:
    """One command of a noun.

    Attributes:
        call: the coroutine behind it.
        columns: of a table or CSV without ``--columns``; empty where the answer is one object.
        examples: command lines, without ``aioseflow`` and the noun.
        more: the text of the help below the summary.
        look: the command that shows the result of a change; ``{vm}`` and ``{service}`` are filled in.
        place: ``module:function`` of this package for a command with parameters of its own.
        also: further coroutines that it may call and whose answers it prints.
        reads_first: coroutines that it calls on the way; their answers are not printed.
    """

    name: str
    call: str
    summary: str
    columns: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    more: str = ""
    look: str = ""
    place: str = ""
    also: tuple[str, ...] = ()
    reads_first: tuple[str, ...] = ()


@attrs.frozen
class Noun:
    """A group of commands; ``default`` is the verb of a line without one."""

    name: str
    summary: str
    verbs: tuple[Verb, ...]
    default: str = ""


_VM_SHOW: Final = "vm show {vm}"
_ACCEPTED: Final = "Does not wait until the VM is done; aioseflow fleet {name} --vm SERVICE/VM does."

_ALL: Final = (
    Noun(
        "vm",
        "VMs: list, show, start, stop, reboot, resize, destroy, …",
        (
            Verb(
                "list",
                "vms.list",
                "List the VMs of all services, or of some.",
                ("service_id", "id", "label", "power", "memory", "cpus", "disk", "ip"),
                (
                    "list",
                    "list 33301",
                    "list --where 'power == \"stopped\" and memory >= 4096'",
                    "list --sort=-memory --columns id,label,memory -o csv",
                ),
                place="special_commands:list_vms",
                reads_first=("services.list",),
            ),
            Verb(
                "show",
                "vms.get",
                "Show a VM; passwords are hidden.",
                examples=("show 33301/4001", "show 33301 4001"),
            ),
            Verb(
                "start",
                "vms.start",
                "Power a VM on.",
                examples=("start 33301/4001",),
                more=_ACCEPTED.format(name="start"),
                look=_VM_SHOW,
            ),
            Verb(
                "stop",
                "vms.stop",
                "Power a VM off.",
                examples=("stop 33301/4001", "stop 33301 4001 --yes"),
                more=_ACCEPTED.format(name="stop"),
                look=_VM_SHOW,
            ),
            Verb(
                "reboot",
                "vms.reboot",
                "Reboot a VM, from an ISO image if one is given.",
                examples=("reboot 33301/4001", "reboot 33301/4001 --iso rescue.iso"),
                more="Sent at most once: check before you repeat it after a lost answer.",
                look=_VM_SHOW,
            ),
            Verb(
                "resize",
                "vms.resize",
                "Change a VM's memory, cores, CPU share or note.",
                examples=("resize 33301/4001 --memory 4096 --cpu 2", "resize 33301/4001 --note ''"),
                more=_ACCEPTED.format(name="resize"),
                look=_VM_SHOW,
            ),
            Verb(
                "destroy",
                "vms.destroy",
                "Remove a VM and its disks for good.",
                examples=("destroy 33301/4001",),
                more="Asks for the id of the VM, unless --yes is given.",
                look="vm list {service}",
            ),
            Verb(
                "usage",
                "vms.usage",
                "Read the graphs of CPU, network and disk: sizes, or one graph to a file.",
                ("kind", "characters"),
                ("usage 33301/4001", "usage 33301/4001 cpu --save cpu.html"),
                more="The panel sends HTML, which is untrusted and never goes to a terminal.",
                place="save_commands:save_usage",
            ),
            Verb(
                "interfaces",
                "vms.interfaces",
                "List a VM's network interfaces.",
                ("id", "name"),
                ("interfaces 33301/4001",),
            ),
            Verb(
                "rebuild-network",
                "vms.rebuild_network",
                "Rebuild a VM's network configuration.",
                examples=("rebuild-network 33301/4001",),
                more="Sent at most once: check before you repeat it after a lost answer.",
                look=_VM_SHOW,
            ),
        ),
    ),
    Noun(
        "disk",
        "Disks of a VM: list, resize.",
        (
            Verb("list", "vms.disks", "List a VM's disks.", ("id", "name", "size"), ("list 33301/4001",)),
            Verb(
                "resize",
                "vms.resize_disk",
                "Change the size of a disk.",
                examples=("resize 33301/4001 virtio0 --size 50",),
                more="Whether a disk can shrink, and what happens to its data, is up to the panel.",
                look="disk list {vm}",
            ),
        ),
    ),
    Noun(
        "ip",
        "Addresses: list, available, assign, remove.",
        (
            Verb(
                "list",
                "services.ips",
                "List the addresses of a service, or of one VM.",
                examples=("list 33301", "list 33301/4001"),
                place="special_commands:list_ips",
                also=("vms.ips",),
            ),
            Verb(
                "available",
                "vms.available_ips",
                "List the addresses that can be assigned to an interface of a VM.",
                ("id", "ipaddress"),
                ("available 33301/4001 net0",),
            ),
            Verb(
                "assign",
                "vms.assign_ip",
                "Assign an address to an interface of a VM.",
                examples=("assign 33301/4001 5004 --interface net0",),
                more="Sent at most once: check before you repeat it after a lost answer.",
                look="ip list {vm}",
            ),
            Verb(
                "remove",
                "vms.remove_ip",
                "Remove an address from a VM.",
                examples=("remove 33301/4001 5000",),
                look="ip list {vm}",
            ),
        ),
    ),
    Noun(
        "rdns",
        "Reverse DNS of a service: list, set.",
        (
            Verb(
                "list",
                "services.rdns",
                "List the PTR records of a service's addresses.",
                ("ipaddress", "ptrcontent", "ptrname"),
                ("list 33301",),
            ),
            Verb(
                "set",
                "services.set_rdns",
                "Set PTR records of a service's addresses.",
                examples=("set 33301 10.16.0.2=mail.example.com",),
                look="rdns list {service}",
            ),
        ),
    ),
    Noun(
        "service",
        "Services: list, show, bandwidth, upgrade, …",
        (
            Verb(
                "list",
                "services.list",
                "List the services.",
                ("id", "name", "status", "domain", "total", "billingcycle", "next_due"),
                ("list", "list --sort=-total", "list --all-profiles -o jsonl"),
            ),
            Verb("show", "services.get", "Show a service; passwords are hidden.", examples=("show 33301",)),
            Verb(
                "upgrade-options",
                "services.upgrade_options",
                "List the possible upgrades of a service, and its present options.",
                examples=("upgrade-options 33301", "upgrade-options 33301 -o json"),
                place="special_commands:list_upgrade_options",
            ),
            Verb(
                "estimate-upgrade",
                "services.estimate_upgrade",
                "Show the price of an upgrade; orders nothing.",
                examples=(
                    "estimate-upgrade 33301 --resources 1557=9953",
                    "estimate-upgrade 33301 --resources 1558:9960=4",
                ),
            ),
            Verb(
                "upgrade",
                "services.request_upgrade",
                "Order an upgrade: spends money.",
                examples=(
                    "upgrade 33301 --resources 1557=9953",
                    "upgrade 33301 --package 12 --cycle Annually --yes",
                ),
                more="The price is shown first. The order is sent at most once.",
                look="invoice list",
                reads_first=("services.estimate_upgrade",),
            ),
            Verb(
                "bandwidth",
                "services.bandwidth",
                "Show the bandwidth used, its limit and its billing.",
                examples=("bandwidth 33301",),
            ),
            Verb(
                "graphs",
                "services.bandwidth_graphs",
                "List the traffic graphs of the switch ports, or save them as PNG files.",
                ("switch", "port", "name"),
                ("graphs 33301", "graphs 33301 --save graphs/"),
                more="With --save the written files are listed instead.",
                place="save_commands:save_graphs",
            ),
            Verb(
                "templates",
                "services.templates",
                "List the operating systems that can be installed.",
                ("id", "name"),
                ("templates 33301",),
            ),
            Verb(
                "resources",
                "services.resources",
                "Show the available and the used resources.",
                examples=("resources 33301",),
            ),
        ),
    ),
    Noun(
        "domain",
        "Domains: list, show, check.",
        (
            Verb(
                "list",
                "domains.list",
                "List the domains.",
                ("id", "name", "status", "expires", "daytoexpire", "autorenew"),
                ("list", "list --sort expires"),
            ),
            Verb("show", "domains.get", "Show a domain with its name servers.", examples=("show 548",)),
            Verb(
                "check",
                "domains.is_available",
                "Check whether a name can be registered; orders nothing.",
                examples=("check example.com", "check example.com -o json"),
                place="special_commands:check_domain",
            ),
        ),
    ),
    Noun(
        "ticket",
        "Support tickets: list, show.",
        (
            Verb(
                "list",
                "support.tickets",
                "List the tickets.",
                ("ticket_number", "date", "status", "subject", "deptname"),
                ("list", "list --sort=-date"),
            ),
            Verb("show", "support.ticket", "Show a ticket with its replies.", examples=("show 437928",)),
        ),
    ),
    Noun(
        "invoice",
        "Invoices: list, show.",
        (
            Verb(
                "list",
                "billing.invoices",
                "List the invoices.",
                ("id", "date", "duedate", "status", "total", "datepaid"),
                ("list", "list --sort=-date", "list --all-profiles -o csv"),
            ),
            Verb("show", "billing.invoice", "Show an invoice with its items.", examples=("show 239780",)),
        ),
    ),
    Noun(
        "balance",
        "Unpaid total and credit.",
        (
            Verb(
                "show",
                "billing.balance",
                "Show the total of the unpaid invoices, and the credit.",
                examples=("", "show -o json"),
            ),
        ),
        default="show",
    ),
    Noun(
        "account",
        "Registration data: show, update.",
        (
            Verb("show", "account.details", "Show the registration data.", examples=("show", "show -o json")),
            Verb(
                "update",
                "account.update",
                "Change registration data; only the given options are sent.",
                examples=("update --city Rome --postcode 00100",),
                more="The e-mail address is the login: after --email the stored login is refused.",
                look="account show",
            ),
        ),
    ),
)

NOUNS: Final[Mapping[str, Noun]] = {noun.name: noun for noun in _ALL}
"""Every noun by its name, in the order of the help."""

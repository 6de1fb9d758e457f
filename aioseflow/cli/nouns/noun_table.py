"""The nouns and verbs of the command line, and the call that each verb makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@attrs.frozen
class Verb:
    """A command of a noun.

    Attributes:
        call: the coroutine behind it.
        columns: of a table or CSV without ``--columns``; empty where the answer is one object.
        examples: the words behind the verb; without any, one example is made of the arguments.
        more: the text of the help below the summary.
        look: the command that shows the result of a change; ``{vm}`` and ``{service}`` are filled in.
        place: ``module:function`` of this package for a command with parameters of its own.
        also: further coroutines that it may call and whose answers it prints.
        reads_first: coroutines that it calls on the way; their answers are not printed.
    """

    name: str
    call: str
    summary: str
    columns: tuple[str, ...] = attrs.field(default="", converter=_words)
    examples: tuple[str, ...] = ()
    more: str = ""
    look: str = "vm show {vm}"
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


_VM: Final = (
    Verb(
        "list",
        "vms.list",
        "List the VMs of all services, or of some.",
        "service_id id label power memory cpus disk ip",
        (
            "",
            "33301",
            "--where 'power == \"stopped\" and memory >= 4096'",
            "--sort=-memory --columns id,label,memory -o csv",
        ),
        place="special_commands:list_vms",
        reads_first=("services.list",),
    ),
    Verb("show", "vms.get", "Show a VM; passwords are hidden."),
    Verb("start", "vms.start", "Power a VM on."),
    Verb("stop", "vms.stop", "Power a VM off.", examples=("33301/4001", "33301 4001 --yes")),
    Verb(
        "reboot",
        "vms.reboot",
        "Reboot a VM, from an ISO image if one is given.",
        examples=("33301/4001", "33301/4001 --iso rescue.iso"),
    ),
    Verb(
        "resize",
        "vms.resize",
        "Change a VM's memory, cores, CPU share or note.",
        examples=("33301/4001 --memory 4096 --cpu 2", "33301/4001 --note ''"),
    ),
    Verb(
        "destroy",
        "vms.destroy",
        "Remove a VM and its disks for good.",
        more="Asks for the id of the VM, unless --yes is given.",
        look="vm list {service}",
    ),
    Verb(
        "usage",
        "vms.usage",
        "Read the graphs of CPU, network and disk: sizes, or one graph to a file.",
        "kind characters",
        ("33301/4001", "33301/4001 cpu --save cpu.html"),
        more="The panel sends HTML, which is untrusted and never goes to a terminal.",
        place="save_commands:save_usage",
    ),
    Verb("interfaces", "vms.interfaces", "List a VM's network interfaces.", "id name"),
    Verb("rebuild-network", "vms.rebuild_network", "Rebuild a VM's network configuration."),
)
_DISK: Final = (
    Verb("list", "vms.disks", "List a VM's disks.", "id name size"),
    Verb(
        "resize",
        "vms.resize_disk",
        "Change the size of a disk.",
        examples=("33301/4001 virtio0 --size 50",),
        more="Whether a disk can shrink, and what happens to its data, is up to the panel.",
        look="disk list {vm}",
    ),
)
_IP: Final = (
    Verb(
        "list",
        "services.ips",
        "List the addresses of a service, or of one VM.",
        examples=("33301", "33301/4001"),
        place="special_commands:list_ips",
        also=("vms.ips",),
    ),
    Verb(
        "available",
        "vms.available_ips",
        "List the addresses that can be assigned to an interface of a VM.",
        "id ipaddress",
    ),
    Verb(
        "assign",
        "vms.assign_ip",
        "Assign an address to an interface of a VM.",
        examples=("33301/4001 5004 --interface net0",),
        look="ip list {vm}",
    ),
    Verb("remove", "vms.remove_ip", "Remove an address from a VM.", look="ip list {vm}"),
)
_RDNS: Final = (
    Verb(
        "list",
        "services.rdns",
        "List the PTR records of a service's addresses.",
        "ipaddress ptrcontent ptrname",
    ),
    Verb("set", "services.set_rdns", "Set PTR records of a service's addresses.", look="rdns list {service}"),
)
_SERVICE: Final = (
    Verb(
        "list",
        "services.list",
        "List the services.",
        "id name status domain total billingcycle next_due",
        ("", "--sort=-total", "--all-profiles -o jsonl"),
    ),
    Verb("show", "services.get", "Show a service; passwords are hidden."),
    Verb(
        "upgrade-options",
        "services.upgrade_options",
        "List the possible upgrades of a service, and its present options.",
        examples=("33301", "33301 -o json"),
        place="special_commands:list_upgrade_options",
    ),
    Verb(
        "estimate-upgrade",
        "services.estimate_upgrade",
        "Show the price of an upgrade; orders nothing.",
        examples=("33301 --resources 1557=9953", "33301 --resources 1558:9960=4"),
    ),
    Verb(
        "upgrade",
        "services.request_upgrade",
        "Order an upgrade: spends money.",
        examples=("33301 --resources 1557=9953", "33301 --package 12 --cycle Annually --yes"),
        more="The price is shown first.",
        look="invoice list",
        reads_first=("services.estimate_upgrade",),
    ),
    Verb("bandwidth", "services.bandwidth", "Show the bandwidth used, its limit and its billing."),
    Verb(
        "graphs",
        "services.bandwidth_graphs",
        "List the traffic graphs of the switch ports, or save them as PNG files.",
        "switch port name",
        ("33301", "33301 --save graphs/"),
        more="With --save the written files are listed instead.",
        place="save_commands:save_graphs",
    ),
    Verb("templates", "services.templates", "List the operating systems that can be installed.", "id name"),
    Verb("resources", "services.resources", "Show the available and the used resources."),
)
_DOMAIN: Final = (
    Verb(
        "list",
        "domains.list",
        "List the domains.",
        "id name status expires daytoexpire autorenew",
        ("", "--sort expires"),
    ),
    Verb("show", "domains.get", "Show a domain with its name servers."),
    Verb(
        "check",
        "domains.is_available",
        "Check whether a name can be registered; orders nothing.",
        examples=("example.com", "example.com -o json"),
        place="special_commands:check_domain",
    ),
)
_TICKET: Final = (
    Verb(
        "list",
        "support.tickets",
        "List the tickets.",
        "ticket_number date status subject deptname",
        ("", "--sort=-date"),
    ),
    Verb("show", "support.ticket", "Show a ticket with its replies."),
)
_INVOICE: Final = (
    Verb(
        "list",
        "billing.invoices",
        "List the invoices.",
        "id date duedate status total datepaid",
        ("", "--sort=-date", "--all-profiles -o csv"),
    ),
    Verb("show", "billing.invoice", "Show an invoice with its items."),
)
_BALANCE: Final = (Verb("show", "billing.balance", "Show the total of the unpaid invoices, and the credit."),)
_ACCOUNT: Final = (
    Verb("show", "account.details", "Show the registration data.", examples=("", "-o json")),
    Verb(
        "update",
        "account.update",
        "Change registration data; only the given options are sent.",
        examples=("--city Rome --postcode 00100",),
        more="The e-mail address is the login: after --email the stored login is refused.",
        look="account show",
    ),
)
_ALL: Final = (
    Noun("vm", "VMs: list, show, start, stop, reboot, resize, destroy, …", _VM),
    Noun("disk", "Disks of a VM: list, resize.", _DISK),
    Noun("ip", "Addresses: list, available, assign, remove.", _IP),
    Noun("rdns", "Reverse DNS of a service: list, set.", _RDNS),
    Noun("service", "Services: list, show, bandwidth, upgrade, …", _SERVICE),
    Noun("domain", "Domains: list, show, check.", _DOMAIN),
    Noun("ticket", "Support tickets: list, show.", _TICKET),
    Noun("invoice", "Invoices: list, show.", _INVOICE),
    Noun("balance", "Unpaid total and credit.", _BALANCE, default="show"),
    Noun("account", "Registration data: show, update.", _ACCOUNT),
)

NOUNS: Final[Mapping[str, Noun]] = {noun.name: noun for noun in _ALL}
"""Every noun by its name, in the order of the help."""

"""What there is on the command line; each command is imported when it is asked for."""

from __future__ import annotations

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """A command or a group: where it is (``module:attribute`` of this package), and a line of help."""

    place: str
    summary: str


MENU: Final[dict[str, dict[str, Entry]]] = {
    "Many VMs at once": {
        "fleet": Entry("fleet:app", "Plan, start, stop, reboot, resize, measure; and go on with it."),
        "inventory": Entry("inventory.inventory_command:app", "All VMs as an inventory for Ansible."),
    },
    "One thing at a time": {
        "vm": Entry("nouns:vm", "Virtual servers: list, show, start, stop, reboot, resize, …"),
        "disk": Entry("nouns:disk", "Disks of a VM: list, resize."),
        "ip": Entry("nouns:ip", "Addresses: list, available, assign, remove."),
        "rdns": Entry("nouns:rdns", "Reverse DNS of a service: list, set."),
        "service": Entry("nouns:service", "Services: list, show, bandwidth, upgrade, …"),
        "domain": Entry("nouns:domain", "Domains: list, show, check."),
        "ticket": Entry("nouns:ticket", "Support tickets: list, show."),
        "invoice": Entry("nouns:invoice", "Invoices: list, show."),
        "balance": Entry("nouns:balance", "What is owed, and the credit."),
        "account": Entry("nouns:account", "The registration data: show, update."),
    },
    "Accounts": {
        "login": Entry("profiles.login:app", "Log in to a client area, and keep its password."),
        "logout": Entry("profiles.logout:app", "Forget a profile and its password."),
        "profiles": Entry("profiles.profiles_command:app", "List the accounts that have a name here."),
        "doctor": Entry("doctor.doctor_command:app", "Check everything between here and the panel."),
    },
    "For scripts": {
        "api": Entry("api:app", "Make any call of the API and print its answer."),
        "schema": Entry("schema:app", "The JSON Schema of what --output json prints."),
        "completion": Entry("completion.shells:app", "Completion scripts for bash, zsh and fish."),
    },
    "To try it": {
        "demo": Entry("demo:app", "See it work: a fleet acted on through faults."),
        "sandbox": Entry("sandbox:app", "Run a panel on this machine, to try against."),
    },
}
"""By the headings under which ``--help`` lists them."""

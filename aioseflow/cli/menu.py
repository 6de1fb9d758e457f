"""The commands by headings; each is imported when it is asked for."""

from __future__ import annotations

from typing import Final, NamedTuple

from .nouns.noun_table import NOUNS


class Entry(NamedTuple):
    """A command or a group: its place (``module:attribute`` of this package) and its line of help."""

    place: str
    summary: str


MENU: Final[dict[str, dict[str, Entry]]] = {
    "Many VMs at once": {
        "fleet": Entry("fleet:app", "Plan, start, stop, reboot, resize, measure; resume and compare runs."),
        "inventory": Entry("inventory.inventory_command:app", "All VMs as an inventory for Ansible."),
    },
    "One thing at a time": {name: Entry(f"nouns:{name}", noun.summary) for name, noun in NOUNS.items()},
    "Accounts": {
        "login": Entry("profiles.login:app", "Store an account as a profile, with its password."),
        "logout": Entry("profiles.logout:app", "Remove a profile and its password."),
        "profiles": Entry("profiles.profiles_command:app", "List the profiles."),
        "doctor": Entry("doctor.doctor_command:app", "Check the connection to the panel, and the login."),
    },
    "For scripts": {
        "api": Entry("api:app", "Make any call of the API and print its answer."),
        "schema": Entry("schema:app", "The JSON Schema of what --output json prints."),
        "completion": Entry("completion.shells:app", "Completion scripts for bash, zsh and fish."),
    },
    "To try it": {
        "demo": Entry("demo:app", "Act on a faulty panel on this machine, and prove the reports."),
        "sandbox": Entry("sandbox:app", "Run a panel on this machine for trials."),
    },
}
"""The commands under the headings of ``--help``."""

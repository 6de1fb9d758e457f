"""The commands by headings; each is imported when it is asked for."""

from __future__ import annotations

from typing import Final, NamedTuple

from .nouns.noun_table import NOUNS


class MenuEntry(NamedTuple):
    """A command or a group: its place (``module:function`` or ``module:app``) and its line of help."""

    place: str
    summary: str


MENU: Final[dict[str, dict[str, MenuEntry]]] = {
    "Many VMs at once": {
        "fleet": MenuEntry(
            "fleet:app", "Plan, start, stop, reboot, resize, measure; resume runs, compare them."
        ),
        "inventory": MenuEntry(
            "inventory.inventory_command:inventory", "All VMs as an inventory for Ansible."
        ),
    },
    "One thing at a time": {name: MenuEntry(f"nouns:{name}", noun.summary) for name, noun in NOUNS.items()},
    "Accounts": {
        "login": MenuEntry("profiles.login:app", "Store an account as a profile, with its password."),
        "logout": MenuEntry("profiles.logout:logout", "Remove a profile and its password."),
        "profiles": MenuEntry("profiles.profiles_command:profiles", "List the profiles."),
        "doctor": MenuEntry(
            "doctor.doctor_command:doctor", "Check the connection to the panel, and the login."
        ),
    },
    "For scripts": {
        "api": MenuEntry("api:app", "Make any call of the API and print its answer."),
        "schema": MenuEntry("schema:schema", "The JSON Schema of what --output json prints."),
        "completion": MenuEntry("completion.shells:completion", "Completion scripts for bash, zsh and fish."),
    },
    "To try it": {
        "demo": MenuEntry("demo:demo", "Act on a faulty panel on this machine, and prove the reports."),
        "sandbox": MenuEntry("sandbox:sandbox", "Run a panel on this machine for trials."),
    },
}
"""The commands under the headings of ``--help``."""

"""What there is on the command line; each command is imported when it is asked for."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Entry:
    """A command or a group: where it is (``module:attribute`` of this package), and a line of help."""

    place: str
    summary: str


MENU: Final[dict[str, dict[str, Entry]]] = {
    "Many VMs at once": {
        "fleet": Entry("fleet:app", "Plan, start, stop, reboot, resize, measure; and go on with it."),
    },
    "For scripts": {
        "api": Entry("api:app", "Make any call of the API and print its answer as JSON."),
    },
    "To try it": {
        "demo": Entry("demo:app", "See it work: a fleet acted on through faults."),
        "sandbox": Entry("sandbox:app", "Run a panel on this machine, to try against."),
    },
}
"""By the headings under which ``--help`` lists them."""

"""What it takes to import the package and to start the command line."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import Final

from . import valgrind
from .setting import Setting, at_once
from .table import Bound, Findings, Table

NOTHING: Final = "python -c pass"
DEPENDENCIES: Final = "import aiohttp, attrs, cattrs"
PACKAGE: Final = "import aioseflow"
NAME: Final = "from aioseflow import SeFlow"
CLIENT: Final = "the same, and SeFlow(…)"
COMMAND: Final = "aioseflow --version"

_COMMANDS: Final = {
    NOTHING: ["-c", "pass"],
    DEPENDENCIES: ["-c", DEPENDENCIES],
    PACKAGE: ["-c", PACKAGE],
    NAME: ["-c", NAME],
    CLIENT: ["-c", f"{NAME}; SeFlow('me@example.com', 'nothing')"],
    COMMAND: ["-m", "aioseflow", "--version"],
}


def _counted(name: str) -> dict[str, float]:
    return {name: valgrind.of_command([sys.executable, *_COMMANDS[name]]) / 1e6}


def imports(setting: Setting) -> Findings:
    """Instructions and time of each, from the start of the interpreter to its end."""
    times: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for number in range(4 if setting.quick else 16):
        for name, arguments in _COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(  # noqa: S603
                [sys.executable, *arguments], check=True, capture_output=True, env=valgrind.environment()
            )
            if number:  # the first writes the bytecode
                times[name].append(1000 * (time.perf_counter() - began))
    counts: dict[str, float | None] = dict.fromkeys(_COMMANDS)
    if setting.counts():
        # Making a client takes longest, and no bound asks for it.
        names = [name for name in _COMMANDS if not (setting.quick and name == CLIENT)]
        counts |= at_once(_counted, names)
    table = Table(
        "starting: instructions in millions, ms by the clock (median)",
        ("M instructions", "ms"),
        {name: (counts[name], float(median(times[name]))) for name in _COMMANDS},
        DEPENDENCIES,
        note="Whole processes, the interpreter with them; the bounds leave the interpreter out.",
    )
    nothing, beside = counts[NOTHING], counts[DEPENDENCIES]

    def over(name: str) -> float | None:
        count = counts[name]
        if count is None or nothing is None or beside is None:
            return None
        return (count - nothing) / (beside - nothing)

    return Findings(
        [table],
        [
            Bound(f"{PACKAGE}: instructions over {DEPENDENCIES}", over(PACKAGE), 1.15),
            Bound(f"{NAME}: instructions over {DEPENDENCIES}", over(NAME), 1.15),
        ],
    )

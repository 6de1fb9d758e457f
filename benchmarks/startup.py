"""How long the command line takes to start, beside a typer application with two commands.

    python -m benchmarks.startup [--times N] [--json FILE]

All are started in turns, so that what disturbs one disturbs all; what counts is the ratio of the medians.
Where valgrind is installed, instructions are counted, too: these are the same on every machine. Both
``--help`` and ``--version`` must take at most 1.5 times what the bare application takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import attrs

from .speed import valgrind
from .speed.table import Bound, Table, judged, printed

_BARE_PROGRAM: Final = '''
import typer
app = typer.Typer(rich_markup_mode=None)
@app.command()
def one(name: str, loud: bool = False) -> None:
    """The first."""
@app.command()
def two(number: int = 1) -> None:
    """The second."""
app()
'''
_BARE: Final = "a bare typer application, --help"
_BOUNDED: Final = ("aioseflow --help", "aioseflow --version")
_AT_MOST: Final = 1.5
_OURS: Final = {
    "aioseflow --help": ["--help"],
    "aioseflow --version": ["--version"],
    "aioseflow fleet --help": ["fleet", "--help"],
    "aioseflow vm list --help": ["vm", "list", "--help"],
}
_TABS: Final = {
    "TAB: first word": "aioseflow fl",
    "TAB: an option": "aioseflow fleet stop --wh",
    "TAB: a VM of 100,000": "aioseflow fleet stop --vm web-777",
}
_TAB: Final = (
    "import os, sys; os.environ.update(_AIOSEFLOW_COMPLETE='complete_zsh', COMP_LINE=sys.argv.pop())"
)
_VMS: Final = 100_000


def commands(bare: Path) -> dict[str, list[str]]:
    """Each row's command."""
    program = "from aioseflow.cli import main; main()"
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        _BARE: [sys.executable, str(bare), "--help"],
        **{name: [sys.executable, "-c", program, *words] for name, words in _OURS.items()},
        **{name: [sys.executable, "-c", f"{_TAB}; {program}", line] for name, line in _TABS.items()},
    }


def milliseconds(rows: dict[str, list[str]], times: int) -> dict[str, float]:
    """The median of each, started in turns."""
    took: dict[str, list[float]] = {name: [] for name in rows}
    for number in range(times + 1):
        for name, command in rows.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=valgrind.environment())  # noqa: S603
            if number:  # the first writes the bytecode
                took[name].append(1000 * (time.perf_counter() - began))
    return {name: median(each) for name, each in took.items()}


def _remember() -> None:
    from aioseflow.cli.completion.name_cache import ListedName, remember

    remember(
        "benchmark",
        [ListedName(str(33000 + vm // 500), f"shop {vm // 500}", str(vm), f"web-{vm}") for vm in range(_VMS)],
    )


def measured(times: int) -> tuple[Table, list[Bound]]:
    """All rows, and what is to hold."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["AIOSEFLOW_CACHE"] = directory
        _remember()
        bare = Path(directory, "bare.py")
        bare.write_text(_BARE_PROGRAM, encoding="utf-8")
        rows = commands(bare)
        clock = milliseconds(rows, times)
        counts: dict[str, float | None] = dict.fromkeys(rows)
        if valgrind.is_there():
            counts |= {name: valgrind.of_command(command) / 1e6 for name, command in rows.items()}
    table = Table(
        "starting the command line: instructions in millions, ms by the clock (median)",
        ("M instructions", "ms"),
        {name: (counts[name], clock[name]) for name in rows},
        _BARE,
        note="Whole processes, from the start of the interpreter to its end.",
    )
    return table, [
        Bound(f"{name}, {what}", table.ratio(name, column), _AT_MOST)
        for name in _BOUNDED
        for column, what in enumerate(("instructions", "ms"))
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if something takes longer than it may."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.startup",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--times", type=int, default=20, help="how often each is started")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, too")
    given = parser.parse_args(argv)
    table, bounds = measured(given.times)
    print(printed(table))
    print(f"\nwhat is to hold\n{judged(bounds)}")
    if given.json is not None:
        found = {"table": attrs.asdict(table), "bounds": [attrs.asdict(bound) for bound in bounds]}
        given.json.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0 if all(bound.holds is not False for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())

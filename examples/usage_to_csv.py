"""Write the usage of every VM as CSV: who it is, and how much of a graph the panel has of it.

    SEFLOW_USERNAME=… SEFLOW_PASSWORD=… python examples/usage_to_csv.py > usage.csv
    SEFLOW_USERNAME=… SEFLOW_PASSWORD=… python examples/usage_to_csv.py --output usage.csv --fragments graphs/

The panel gives usage as pieces of HTML, whose sizes in characters are in the table. Anybody who can write to
the panel writes this HTML: --fragments keeps it in text files, so that no browser runs it by accident.
The status "unchanged" means that a VM was read. Nothing is changed on the panel.

Exit code: 0 every VM was read; 1 some were not (their rows say why) or nothing could be asked; 2 wrong
arguments; 130 interrupted. The table is written at the end: a run that broke leaves an old file alone.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from aioseflow import Outcome, PowerState, Report, SeFlow, SeFlowError, Service, UsageGraphs, Vm

COLUMNS = (
    *("account", "service", "vm", "label", "power"),
    *("cpu_characters", "net_characters", "disk_characters", "status", "cause"),
)
FORMULA = (*"=+-@", *"\uff1d\uff0b\uff0d\uff20")  # the latter are the same signs in full width
Powers = dict[tuple[str, str], PowerState]


async def measure(account: str) -> tuple[Report, Powers]:
    """The usage of every VM, and its power when it was listed."""
    powers: Powers = {}

    def remember_power(service: Service, vm: Vm) -> bool:
        # Here, since an outcome says nothing of power, and a second listing could differ from the run's.
        powers[service.id, vm.id] = vm.power
        return True

    async with SeFlow.from_env(name=account) as seflow:
        return await seflow.fleet.usage(where=remember_power), powers


def write_csv(stream: TextIO, report: Report, powers: Powers) -> None:
    """One row for each VM, in the order of services and VMs."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for outcome in sorted(report.outcomes, key=lambda outcome: outcome.key):
        power = powers[outcome.service_id, outcome.vm_id]
        who = (outcome.account, outcome.service_id, outcome.vm_id, outcome.vm_label, power)
        sizes = [str(len(html)) for _, html in fragments(outcome)] or ["", "", ""]
        writer.writerow([*map(cell, who), *sizes, outcome.status, cell(outcome.cause or "")])
    stream.flush()


def cell(text: str) -> str:
    """Text for a cell: a spreadsheet would run one that begins like a formula."""
    text = plain(text)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def plain(text: object) -> str:
    """Text from the panel on one line, without what could steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in str(text))


def fragments(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Kind and HTML of each of the three graphs; nothing for a VM that was not read."""
    graphs = outcome.value
    if isinstance(graphs, UsageGraphs):
        yield from ((graph.kind, graph.html) for graph in (graphs.cpu, graphs.net, graphs.disk))


def write_fragments(directory: Path, report: Report) -> None:
    """Each graph in a file of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    for outcome in report.outcomes:
        for kind, html in fragments(outcome):
            path = directory / f"{file_name(outcome)}.{kind}.txt"
            path.write_text(html, encoding="utf-8", errors="replace")


def file_name(outcome: Outcome) -> str:
    """A name that is a file's whatever the ids contain; the digest keeps those apart that look alike."""
    readable = re.sub(r"[^A-Za-z0-9]", "_", f"{outcome.service_id}-{outcome.vm_id}")[:60]
    digest = hashlib.sha256("\0".join(outcome.key).encode()).hexdigest()[:12]
    return f"vm-{readable}-{digest}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description="Write the usage of every VM as CSV.")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write here instead of to stdout")
    parser.add_argument("--fragments", type=Path, metavar="DIR", help="keep the untrusted HTML here")
    parser.add_argument("--account", default="main", metavar="NAME", help="for the first column")
    options = parser.parse_args(arguments)
    if options.output is not None and not options.output.parent.is_dir():
        parser.error(f"there is no directory {options.output.parent}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    options = parse(arguments)
    try:
        report, powers = asyncio.run(measure(options.account))
        if options.fragments is not None:
            write_fragments(options.fragments, report)
        if options.output is None:
            write_csv(sys.stdout, report, powers)
        else:
            with options.output.open("w", encoding="utf-8", newline="") as stream:
                write_csv(stream, report, powers)
    except BrokenPipeError:
        # The reader of the table has closed the pipe; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SeFlowError, OSError) as error:
        print(f"usage_to_csv: {plain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("usage_to_csv: interrupted", file=sys.stderr)
        return 130
    print(report, file=sys.stderr)
    for lost in report.undiscovered:
        reason = plain(lost.error or lost.cause)
        print(f"service {plain(lost.service_id)} was not listed: {reason}", file=sys.stderr)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())

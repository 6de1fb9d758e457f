"""`aioseflow demo`: act on the fleet of a panel with faults, and prove the reports by its own record."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from typer import Option

from ...text import wrap
from ..exit_code import ExitCode
from ..table import Column, Table

if TYPE_CHECKING:
    from ... import Report
    from ...sandbox import Sandbox
    from .proof import DemoStage


def demo(
    services: Annotated[int, Option(min=4, help="Services with VMs.")] = 5,
    vms: Annotated[int, Option(min=50, help="VMs of each service.")] = 50,
    seed: Annotated[int, Option(help="What goes wrong, and where.")] = 1,
) -> int:
    """Measure, stop, start and reboot a fleet through faults.

    Everything happens on this machine: a panel with its VMs is started in this process, and its answers are
    late, refused, lost or cut on purpose. At the end, what is reported of each VM is compared with what the
    panel itself recorded. Exit code 0 means that both agree.

    \b
    Examples:
      aioseflow demo
      aioseflow demo --services 8 --vms 100 --seed 7
    """
    return asyncio.run(_demo(services, vms, seed))


async def _demo(services: int, vms: int, seed: int) -> int:
    from ...client import SeFlow
    from ..background_stream import words_in_background
    from ..live import view
    from ..run_control import control_runs
    from ..terminal import echo_err
    from .demo_panel import RETRY, described, stages_of, troubled_panel

    # Like every run of the command line these are kept in a journal, but nobody will resume them.
    with tempfile.TemporaryDirectory(prefix="aioseflow-demo-") as directory:
        journal = Path(directory) / "runs.sqlite"
        async with troubled_panel(services, vms, seed) as panel:
            echo_err(described(panel))
            async with SeFlow(
                panel.username, panel.password, base_url=panel.url, retry=RETRY, journal=journal
            ) as seflow:
                with words_in_background(), control_runs(view()) as control:
                    stages = [stage async for stage in stages_of(seflow, panel, control)]
    return _print(stages, panel, interrupted=control.interrupted)


_HEAD: Final = (
    Column("action", alarm="bold"),
    Column("targets", right=True),
    Column("changed", right=True, alarm="green"),
    Column("unchanged", right=True),
    Column("failed", right=True, alarm="bold red"),
    Column("unknown", right=True, alarm="bold magenta"),
    Column("not attempted", right=True, alarm="bold"),
    Column("seconds", right=True),
)


def table_of(reports: Iterable[Report]) -> Table:
    """Return a row of counts for each run."""
    rows = []
    for report in reports:
        took = (report.finished_at or report.started_at) - report.started_at
        counts = map(str, (len(report.targets), *report.counts.values()))
        rows.append([report.action, *counts, f"{took.total_seconds():.1f}"])
    return Table(_HEAD, rows)


def _print(stages: list[DemoStage], panel: Sandbox, *, interrupted: bool) -> int:
    """Print the counts, the problems of each stage and the proof; return the exit code."""
    from ...fleet.report.headline import Line, headline
    from ...fleet.report.report_text import problems_of
    from ..fleet.print_report import page_width, print_page
    from .proof import examine

    width = page_width()
    table_of(stage.report for stage in stages).print()
    lines: list[Line] = []
    for stage in stages:
        text, tone = headline(stage.report)
        lines += [Line(""), *(Line(line, tone) for line in wrap(text, width, 4, ""))]
        lines += problems_of(stage.report, width=width)
    claims = examine(stages, panel)
    heading = (
        f"Proof, from the panel's own record of {len(panel.requests)} requests, {_spoiled(panel)} of which "
        "it refused, cut or lost on purpose:"
    )
    texts = ["", *wrap(heading, width)]
    for claim in claims:
        texts += wrap(claim.text, width, 8, "  ok    " if claim.holds else "  WRONG ")
    good = all(claim.holds for claim in claims)
    texts += ["", *wrap(_verdict(good=good, interrupted=interrupted), width)]
    print_page([*lines, *map(Line, texts)])
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if good else ExitCode.ERROR


def _spoiled(panel: Sandbox) -> int:
    """Return how many requests met with more than a delay."""
    faults = [(request.fault or "").split("+") for request in panel.requests]
    return sum(any(name not in {"", "latency"} for name in names) for names in faults)


def _verdict(*, good: bool, interrupted: bool) -> str:
    if not good:
        return "The report and the panel disagree, as marked WRONG above: exit code 1."
    if interrupted:
        return "Interrupted: what was done is shown above and agrees with the panel: exit code 130."
    return (
        "Some VMs failed or are unknown because the panel refused them or cut them off, and the report says "
        "so. Nothing was lost, nothing was rebooted twice, every claim holds: exit code 0."
    )

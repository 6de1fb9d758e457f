"""`aioseflow demo`: a panel that misbehaves, its whole fleet acted on, and the proof from its own record."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..command import command
from ..exit_code import ExitCode

if TYPE_CHECKING:
    from ...sandbox import Sandbox
    from .proof import Claim, Stage


app = typer.Typer(rich_markup_mode=None)


@command(app)
def demo(
    services: Annotated[int, typer.Option(min=4, help="Services with VMs.")] = 5,
    vms: Annotated[int, typer.Option(min=50, help="VMs of each service.")] = 50,
    seed: Annotated[int, typer.Option(help="What goes wrong, and where.")] = 1,
) -> int:
    """Watch a fleet being measured, stopped, started and rebooted through faults.

    Everything happens on this machine: a panel with its VMs is started in this process, and its answers are
    late, refused, lost or cut on purpose. The end says what became of each VM, and compares that with what
    the panel itself recorded. Exit code 0 means that both agree.

    \b
    Examples:
      aioseflow demo
      aioseflow demo --services 8 --vms 100 --seed 7
    """
    return asyncio.run(_demo(services, vms, seed))


async def _demo(services: int, vms: int, seed: int) -> int:
    from ...client import SeFlow
    from ..live import view
    from ..run_control import control_runs
    from ..terminal import echo_err
    from .demo_panel import RETRY, described, troubled_panel
    from .stages import stages_of

    # Like every run of the command line these are kept in a journal, but nobody will go on with them.
    with tempfile.TemporaryDirectory(prefix="aioseflow-demo-") as directory:
        journal = Path(directory) / "runs.sqlite"
        async with troubled_panel(services, vms, seed) as panel:
            echo_err(described(panel))
            async with SeFlow(
                panel.username, panel.password, base_url=panel.url, retry=RETRY, journal=journal
            ) as seflow:
                with control_runs(view()) as control:
                    stages = [stage async for stage in stages_of(seflow, panel, control)]
    return _told(stages, panel, interrupted=control.interrupted)


def _told(stages: list[Stage], panel: Sandbox, *, interrupted: bool) -> int:
    from ...text import wrap
    from ..summary import causes_of, table_of
    from ..table import print_lines
    from ..terminal import columns
    from .proof import examine

    width = min(columns(), 100)
    table_of(stage.report for stage in stages).print()
    print_lines([""])
    for stage in stages:
        print_lines(causes_of(stage.report, width, every_unknown=True))
    findings = examine(stages, panel)
    heading = (
        f"Proof, from the panel's own record of {len(panel.requests)} requests, {_spoiled(panel)} of which "
        "it refused, cut or lost on purpose:"
    )
    print_lines(["", *wrap(heading, width)])
    for finding in findings:
        print_lines(_marked(finding, width))
    good = all(finding.holds for finding in findings)
    print_lines(["", *wrap(_verdict(good=good, interrupted=interrupted), width)])
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if good else ExitCode.ERROR


def _spoiled(panel: Sandbox) -> int:
    """How many requests met with more than a delay."""
    faults = [(request.fault or "").split("+") for request in panel.requests]
    return sum(any(name not in {"", "latency"} for name in names) for names in faults)


def _marked(finding: Claim, width: int) -> list[str]:
    from ...text import wrap

    return wrap(finding.text, width, 8, "  ok    " if finding.holds else "  WRONG ")


def _verdict(*, good: bool, interrupted: bool) -> str:
    if not good:
        return "The report and the panel disagree, as marked WRONG above: exit code 1."
    if interrupted:
        return "Interrupted: what was done is told above and agrees with the panel: exit code 130."
    return (
        "Some VMs are failed or unknown because the panel refused them or cut them off, and the report "
        "says so. Nothing was lost, nothing was rebooted twice, every claim holds: exit code 0."
    )

"""The command usage: read the usage graphs of each VM, and write a page of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..command import Depends
from ..journal_file import journal
from .execute import act
from .group import FleetOptions, fleet_command, fleet_options
from .html import HtmlPage
from .rollout_options import RolloutOptions, rollout_options
from .select_options import SelectionOptions, selection_options

if TYPE_CHECKING:
    from ...fleet import Fleet, Run


@fleet_command
def usage(
    selection: SelectionOptions = Depends(selection_options, "Which VMs"),
    rollout: RolloutOptions = Depends(rollout_options, "How fast, and when to stop"),
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Also write a page with all graphs, and traffic by service."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", hidden=True)] = False,
    common: FleetOptions = Depends(fleet_options),
) -> int:
    """Read the CPU, network and disk graphs of each VM.

    \b
    Examples:
      aioseflow fleet usage --all --report usage.html
      aioseflow fleet usage --service 33301 --output json > usage.json
    """
    options = selection.arguments | rollout.arguments()

    def make(fleet: Fleet) -> Run:
        return fleet.usage(**options, note=selection.note)

    return act(make, common, journal(), page=None if report is None else HtmlPage.at(report))

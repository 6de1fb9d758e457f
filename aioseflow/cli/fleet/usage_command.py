"""Measure: the usage graphs of each VM, and a page of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..accounts import Accounts, accounts
from ..command import Depends, command
from ..journal_file import journal
from ..output import OutputOptions, output_options
from .execute import act
from .group import app
from .html import HtmlPage
from .rollout_options import RolloutOptions, roll
from .select_options import SelectionOptions, choose

if TYPE_CHECKING:
    from ...fleet import Fleet, Run


@command(app)
def usage(
    chosen: SelectionOptions = Depends(choose, "Which VMs"),
    rolling: RolloutOptions = Depends(roll, "How fast, and when to stop"),
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Also write a page with all graphs, and traffic by service."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", hidden=True)] = False,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """Read the CPU, network and disk graphs of each VM.

    \b
    Examples:
      aioseflow fleet usage --all --report usage.html
      aioseflow fleet usage --service 33301 --output json > usage.json
    """
    options = chosen.arguments | rolling.arguments()

    def make(fleet: Fleet) -> Run:
        return fleet.usage(**options, note=chosen.note)

    return act(make, out, journal(), who, page=None if report is None else HtmlPage.at(report))

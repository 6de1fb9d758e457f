"""The commands start, stop, reboot, resize, destroy and usage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
from typer import Option

from ..command import Depends
from ..journal_file import journal
from .execute import Confirm, act, change, run_async
from .group import FleetOptions, Wait, fleet_command
from .html import HtmlPage
from .run_options import ResizeOptions, RolloutOptions, SelectionOptions

if TYPE_CHECKING:
    from ... import Fleet, Run
    from ...fleet.actions import Action


@attrs.frozen
class ChangeOptions:
    """The options of every change: which VMs, how fast, whether to ask, for whom, and how to print."""

    selection: SelectionOptions = Depends(SelectionOptions, "Which VMs")
    rollout: RolloutOptions = Depends(RolloutOptions, "How fast, and when to stop")
    asking: Confirm = Depends(Confirm, "Asking first")
    common: FleetOptions = Depends(FleetOptions)

    def make(self, action: Action, *, wait: bool = True) -> int:
        """Plan the change, ask, carry it out and print the report; return the exit code."""
        options = self.rollout.arguments | self.selection.arguments
        note = self.selection.note
        return change(
            lambda _: action, action.name, self.asking, self.common, note=note, wait=wait, **options
        )


@fleet_command
def start(options: ChangeOptions = Depends(ChangeOptions), wait: Wait = True) -> int:
    """Start VMs; running ones are skipped.

    \b
    Examples:
      aioseflow fleet start --where 'label =~ "web.*"' --max-unavailable 10%
    """
    from ...fleet.actions.power import Start

    return options.make(Start(), wait=wait)


@fleet_command
def stop(options: ChangeOptions = Depends(ChangeOptions), wait: Wait = True) -> int:
    """Stop VMs; those that are off are skipped.

    \b
    Examples:
      aioseflow fleet stop --service 33301 --exclude 'label == "db-1"'
      aioseflow fleet stop --all --max-failures 5 --yes -o jsonl > outcomes.jsonl
    """
    from ...fleet.actions.power import Stop

    return options.make(Stop(), wait=wait)


@fleet_command
def reboot(options: ChangeOptions = Depends(ChangeOptions)) -> int:
    """Reboot running VMs, each at most once.

    VMs that are off are skipped. A reboot cannot be verified: changed means that the panel accepted it, and a
    lost answer is unknown.

    \b
    Examples:
      aioseflow fleet reboot --where 'uptime > 8640000' --batch 10% --pause 1m
    """
    from ...fleet.actions.power import Reboot

    return options.make(Reboot())


@fleet_command
def resize(
    sizes: ResizeOptions = Depends(ResizeOptions),
    options: ChangeOptions = Depends(ChangeOptions),
    wait: Wait = True,
) -> int:
    """Give each VM memory, cores or a CPU share.

    VMs that have them already are skipped.

    \b
    Examples:
      aioseflow fleet resize --memory 4096 --where 'memory < 4096'
    """
    return options.make(sizes.action(), wait=wait)


@fleet_command
def destroy(options: ChangeOptions = Depends(ChangeOptions), wait: Wait = True) -> int:
    """Destroy VMs with all their data, for good.

    The number of VMs has to be typed, or --yes given.

    \b
    Examples:
      aioseflow fleet destroy --vm 33301/4021 --vm 33301/4022
    """
    from ...fleet.actions.changes import Destroy

    return options.make(Destroy(), wait=wait)


@fleet_command
def usage(
    selection: SelectionOptions = Depends(SelectionOptions, "Which VMs"),
    rollout: RolloutOptions = Depends(RolloutOptions, "How fast, and when to stop"),
    report: Annotated[
        Path | None,
        Option("--report", metavar="FILE", help="Also write a page with all graphs, and traffic by service."),
    ] = None,
    yes: Annotated[bool, Option("--yes", "-y", hidden=True)] = False,
    common: FleetOptions = Depends(FleetOptions),
) -> int:
    """Read the CPU, network and disk graphs of each VM.

    \b
    Examples:
      aioseflow fleet usage --all --report usage.html
      aioseflow fleet usage --service 33301 --output json > usage.json
    """
    options = selection.arguments | rollout.arguments

    def make(fleet: Fleet) -> Run:
        return fleet.usage(**options, note=selection.note)

    page = None if report is None else HtmlPage.at(report)
    return run_async(act(make, common, journal(), page=page))

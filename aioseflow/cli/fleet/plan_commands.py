"""The commands plan and apply: plan now, run later."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ...errors import InvalidArgument
from ...text import escape
from ..command import Depends
from ..exit_code import Refusal
from ..journal_file import journal
from ..terminal import require_answerable
from .change_commands import ResizeOptions, resize_options
from .execute import Confirm, change, confirm_options, follow, print_plan
from .group import FleetOptions, Wait, fleet_command, fleet_options
from .print_report import require_columns
from .rollout_options import RolloutOptions, rollout_options
from .run_commands import accounts_of_labels
from .select_options import Note, SelectionOptions, selection_options

if TYPE_CHECKING:
    from ...fleet import Action, Plan

_BYTES_MAX: Final = 256 * 1024 * 1024


class PlannedAction(enum.StrEnum):
    """An action that can be planned."""

    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    RESIZE = "resize"
    DESTROY = "destroy"
    USAGE = "usage"


@fleet_command
def plan(
    what: Annotated[PlannedAction, typer.Argument(metavar="ACTION", help="The action to plan.")],
    sizes: ResizeOptions = Depends(resize_options, "What to resize to"),
    selection: SelectionOptions = Depends(selection_options, "Which VMs"),
    rollout: RolloutOptions = Depends(rollout_options, "How fast, and when to stop"),
    wait: Wait = True,
    common: FleetOptions = Depends(fleet_options),
) -> int:
    """Show what a change would do, and what may come of it.

    Nothing is changed. With --output json it is a file for aioseflow fleet apply, which does exactly that or
    refuses.

    \b
    Examples:
      aioseflow fleet plan stop --all --max-unavailable 10%
      aioseflow fleet plan reboot --service 33301 --output json > plan.json
    """
    action = _action(what, sizes)
    options = rollout.arguments() | {"wait": wait}
    asking = Confirm(dry_run=True)
    return change(lambda _: action, selection, options, name=f"plan {what}", asking=asking, common=common)


def _action(what: PlannedAction, sizes: ResizeOptions) -> Action:
    from ... import fleet

    if what is PlannedAction.RESIZE:
        return sizes.action()
    if sizes.are_given:
        raise Refusal(f"--memory, --cpu and --cpu-share are for resize, not for {what}")
    kinds: dict[PlannedAction, type[Action]] = {
        PlannedAction.START: fleet.Start,
        PlannedAction.STOP: fleet.Stop,
        PlannedAction.REBOOT: fleet.Reboot,
        PlannedAction.DESTROY: fleet.Destroy,
        PlannedAction.USAGE: fleet.Usage,
    }
    return kinds[what]()


@fleet_command
def apply(
    file: Annotated[str, typer.Argument(metavar="PLAN", help="What plan --output json wrote; - for stdin.")],
    note: Note = "",
    asking: Confirm = Depends(confirm_options, "Asking first"),
    common: FleetOptions = Depends(fleet_options),
) -> int:
    """Run a plan from a file.

    Exactly that is done, or nothing where its VMs have changed since (exit code 7).

    \b
    Examples:
      aioseflow fleet apply plan.json
    """
    made = _read(file)
    if asking.dry_run:
        return print_plan(made, common.out)
    require_answerable("fleet apply", yes=asking.yes)
    require_columns(common.out)
    who = accounts_of_labels(made.accounts, "the plan", common.who)
    return follow(made, note, asking, FleetOptions(who, common.out), journal())


def _read(file: str) -> Plan:
    from ...fleet import Plan

    if file == "-":
        if sys.stdin.isatty():
            raise Refusal("there is no plan on standard input", fix="name a file, or pipe one in")
        text = sys.stdin.read(_BYTES_MAX)
    else:
        try:
            with Path(file).open(encoding="utf-8") as opened:
                text = opened.read(_BYTES_MAX)
        except UnicodeDecodeError:
            raise Refusal(f"{escape(file)} is no plan: it is not text") from None
        except OSError as error:
            raise Refusal(f"the plan {escape(file)} cannot be read: {error.strerror or error}") from None
    try:
        return Plan.from_json(text)
    except InvalidArgument as error:
        raise Refusal(f"{escape(file)}: {error}") from None

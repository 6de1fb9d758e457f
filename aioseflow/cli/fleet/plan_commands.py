"""Plan now, run later: what would be done, as a page or as a file."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import InvalidArgument
from ...text import escape
from ..accounts import Accounts, accounts
from ..command import Depends, command
from ..exit_code import ExitCode, Refusal
from ..journal_file import journal
from ..output import OutputOptions, output_options
from ..terminal import require_answerable
from .change_commands import ResizeOptions, sizes
from .execute import Confirm, change, confirm_options, follow, print_plan
from .group import Wait, app
from .print_report import require_columns
from .rollout_options import RolloutOptions, roll
from .run_commands import of_accounts
from .select_options import Note, SelectionOptions, choose

if TYPE_CHECKING:
    from ...fleet import Action, Plan

_LARGEST = 256 * 1024 * 1024


class PlannedAction(enum.StrEnum):
    """What can be planned."""

    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    RESIZE = "resize"
    DESTROY = "destroy"
    USAGE = "usage"


@command(app)
def plan(
    what: Annotated[PlannedAction, typer.Argument(metavar="ACTION", help="What to plan.")],
    sizes: ResizeOptions = Depends(sizes, "What to resize to"),
    chosen: SelectionOptions = Depends(choose, "Which VMs"),
    rolling: RolloutOptions = Depends(roll, "How fast, and when to stop"),
    wait: Wait = True,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """Say what would be done, and what may come of it.

    Nothing is changed. With --output json it is a file for aioseflow fleet apply, which does exactly
    that or refuses.

    \b
    Examples:
      aioseflow fleet plan stop --all --max-unavailable 10%
      aioseflow fleet plan reboot --service 33301 --output json > plan.json
    """
    action = _action(what, sizes)
    options = rolling.arguments() | {"wait": wait}
    how = Confirm(dry_run=True)
    return change(lambda _: action, chosen, options, name=f"plan {what}", how=how, who=who, out=out)


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


@command(app)
def apply(
    file: Annotated[str, typer.Argument(metavar="PLAN", help="What plan --output json wrote; - for stdin.")],
    note: Note = "",
    how: Confirm = Depends(confirm_options, "Asking first"),
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """Run a plan from a file.

    Exactly that is done, or nothing where its VMs have moved since (exit code 7).

    \b
    Examples:
      aioseflow fleet apply plan.json
    """
    made = _read(file)
    if how.dry_run:
        return print_plan(made, out)
    require_answerable("fleet apply", yes=how.yes)
    require_columns(out)
    return follow(made, note, how, out, journal(), of_accounts(made.accounts, "the plan", who))


def _read(file: str) -> Plan:
    from ...fleet import Plan

    if file == "-":
        if sys.stdin.isatty():
            raise Refusal("there is no plan on standard input; name a file, or pipe one in")
        text = sys.stdin.read(_LARGEST)
    else:
        try:
            with Path(file).open(encoding="utf-8") as opened:
                text = opened.read(_LARGEST)
        except UnicodeDecodeError:
            raise Refusal(f"{escape(file, 200)} is no plan: it is not text") from None
        except OSError as error:
            raise Refusal(
                f"the plan {escape(file, 200)} cannot be read: {error.strerror or error}", ExitCode.USAGE
            ) from None
    try:
        return Plan.from_json(text)
    except InvalidArgument as error:
        raise Refusal(f"{escape(file, 200)}: {error}") from None

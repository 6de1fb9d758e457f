"""The commands plan and apply: plan now, run later."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from typer import Argument

from ...errors import InvalidArgument
from ...text import escape
from ..command import Depends, Sectioned
from ..completion.candidates import Candidates
from ..exit_code import Refusal
from ..journal_file import journal
from ..terminal import require_answerable
from ..usage_errors import did_you_mean
from .execute import Confirm, change, follow, print_plan
from .group import FleetOptions, Wait, fleet_command
from .print_report import require_columns
from .run_commands import accounts_of_labels
from .run_options import Note, ResizeOptions, RolloutOptions, SelectionOptions

if TYPE_CHECKING:
    from ... import Plan
    from ...fleet.actions import Action

_BYTES_MAX: Final = 256 * 1024 * 1024


def _plannable() -> Mapping[str, type[Action]]:
    """Return the actions that can be made from options of the command, by their words."""
    from inspect import Parameter, signature

    from ...fleet.actions import ACTIONS

    return {
        name.replace("_", "-"): kind
        for name, kind in ACTIONS.items()
        if all(one.default is not Parameter.empty for one in signature(kind).parameters.values())
    }


def _complete_action(incomplete: str) -> Candidates:
    return [(word, kind.help) for word, kind in _plannable().items() if word.startswith(incomplete)]


class _PlanCommand(Sectioned):
    """Command whose help lists the actions."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the actions, then arguments and options."""
        with formatter.section("Actions"):
            formatter.write_dl([(word, kind.help) for word, kind in _plannable().items()])
        super().format_options(ctx, formatter)


@partial(fleet_command, cls=_PlanCommand)
def plan(
    what: Annotated[
        str, Argument(metavar="ACTION", help="The action to plan.", autocompletion=_complete_action)
    ],
    sizes: ResizeOptions = Depends(ResizeOptions, "What to resize to"),
    selection: SelectionOptions = Depends(SelectionOptions, "Which VMs"),
    rollout: RolloutOptions = Depends(RolloutOptions, "How fast, and when to stop"),
    wait: Wait = True,
    common: FleetOptions = Depends(FleetOptions),
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
    options = rollout.arguments | selection.arguments
    return change(lambda _: action, f"plan {what}", Confirm(dry_run=True), common, wait=wait, **options)


def _action(what: str, sizes: ResizeOptions) -> Action:
    from ...fleet.actions.changes import Resize

    kinds = _plannable()
    kind = kinds.get(what)
    if kind is None:
        hint = did_you_mean(what, kinds)
        raise Refusal(f"no action {escape(what)} can be planned{hint}", fix="see aioseflow fleet plan --help")
    if kind is Resize:
        return sizes.action()
    if sizes.are_given:
        raise Refusal(f"--memory, --cpu and --cpu-share are for resize, not for {what}")
    return kind()


@fleet_command
def apply(
    file: Annotated[str, Argument(metavar="PLAN", help="What plan --output json wrote; - for stdin.")],
    note: Note = "",
    asking: Confirm = Depends(Confirm, "Asking first"),
    common: FleetOptions = Depends(FleetOptions),
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
    from ... import Plan

    if file == "-" and sys.stdin.isatty():
        raise Refusal("there is no plan on standard input", fix="name a file, or pipe one in")
    try:
        with nullcontext(sys.stdin) if file == "-" else Path(file).open(encoding="utf-8") as opened:
            text = opened.read(_BYTES_MAX)
    except UnicodeDecodeError:
        raise Refusal(f"{escape(file)} is no plan: it is not text") from None
    except OSError as error:
        raise Refusal(f"the plan {escape(file)} cannot be read: {error.strerror or error}") from None
    try:
        return Plan.from_json(text)
    except InvalidArgument as error:
        raise Refusal(f"{escape(file)}: {error}") from None

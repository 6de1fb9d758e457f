"""Execute a run from the command line: plan, confirm, show its progress, print its report."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import attrs
from typer import Option

from ...errors import ConfigurationError, InvalidArgument
from ...safety import Safety
from ...text import escape
from .. import spare_collections
from ..accounts import fleet_of
from ..background_stream import words_in_background
from ..completion import name_cache
from ..exit_code import ExitCode, Refusal, of_report
from ..journal_file import journal
from ..output import OutputFormat, OutputOptions
from ..output.formats import dumps
from ..table import print_lines
from ..terminal import columns, confirm, confirm_word, echo, echo_text, require_answerable
from .group import FleetOptions, option_of
from .print_report import command_name, print_report, require_columns

if TYPE_CHECKING:
    from ... import Action, Fleet, Journal, Plan, Run, StalePlan
    from ..accounts import Accounts
    from .html import HtmlPage

T = TypeVar("T")

_MOVED_SHOWN: Final = 5
_LOSS_MAX: Final = 200
_SOME_VMS: Final = frozenset({"where", "vms"})
"""Arguments that select some VMs of a service, not whole services."""


@attrs.frozen
class Confirm:
    """Whether to ask first, and whether to do anything at all."""

    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False
    dry_run: Annotated[bool, Option("--dry-run", help="Only print the plan; change nothing.")] = False


def change(
    what: Callable[[Fleet], Action | Run],
    name: str,
    asking: Confirm,
    common: FleetOptions,
    *,
    note: str = "",
    **arguments: Any,
) -> int:
    """Do something to VMs after a look at the plan, or at once with ``--yes``; return the exit code.

    ``what`` makes a run, or an action whose run takes ``note`` and ``arguments``.
    """
    from ... import Run
    from ...fleet.actions import ACTIONS

    if not asking.dry_run:
        require_answerable(f"fleet {name}", yes=asking.yes)
        require_columns(common.out)
    kept = journal()

    def make(fleet: Fleet) -> Run:
        made = what(fleet)
        return made if isinstance(made, Run) else fleet.run(made, **arguments, note=note)

    kind = ACTIONS.get(name)
    if asking.yes and not asking.dry_run and not (kind is not None and kind.needs_confirmation):
        return run_async(act(make, common, kept))
    plan = run_async(_plan(what, arguments, kept, common.who))
    if asking.dry_run:
        return print_plan(plan, common.out)
    return follow(plan, note, asking, common, kept)


def follow(plan: Plan, note: str, asking: Confirm, common: FleetOptions, kept: Journal) -> int:
    """Run a plan after it was confirmed; return the exit code."""
    from ...fleet.plan.spec import needs_confirmation

    if (nothing := nothing_to_do(plan)) is not None:
        echo_text(nothing)
        return ExitCode.OK
    require_something(plan)
    number = len(plan.targets)
    for_good = needs_confirmation(plan)
    # Outside of a loop: one that waits for the keyboard would not see Ctrl-C.
    if asking.yes or not number:
        pass
    elif for_good:
        question = f"{plan.action} of these VMs is for good. Type {number}, their number, to confirm:"
        confirm_word(_page(plan), question, str(number))
    else:
        confirm(_page(plan), "Proceed?")
    confirmed = plan.confirm(number) if for_good else plan
    return run_async(act(lambda fleet: fleet.run(confirmed, note=note), common, kept))


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own."""
    # Here: help and completion need no loop, and importing one takes as long as typer itself.
    import asyncio

    return asyncio.run(coroutine)


def _page(plan: Plan) -> str:
    from ...fleet.plan.plan_text import page

    return page(plan, columns(), option=option_of)


def print_plan(plan: Plan, out: OutputOptions) -> int:
    """Print a plan; return the exit code."""
    if out.is_page:
        print_lines(_page(plan).splitlines())
    elif out.form is OutputFormat.JSON and not out.columns:
        echo(dumps(json.loads(plan.to_json())))
    else:
        out.listing(
            plan.vms, ("account", "service_id", "vm_id", "vm_label", "power", "do", "why_not", "batch")
        )
    if plan.undiscovered:
        return ExitCode.UNKNOWN
    return ExitCode.OK if plan.vms or nothing_to_do(plan) is not None else ExitCode.NOTHING_SELECTED


async def _plan(
    what: Callable[[Fleet], Action | Run], arguments: dict[str, Any], kept: Journal, who: Accounts
) -> Plan:
    from ... import Run

    async with who.fleet(kept) as fleet:
        made = what(fleet)
        plan = await (fleet.plan(made) if isinstance(made, Run) else fleet.plan(made, **arguments))
    if not arguments.keys() & _SOME_VMS and not isinstance(made, Run):
        _remember(plan)
    return plan


def _remember(plan: Plan) -> None:
    """Keep the names of whole services for completion."""
    listed: dict[str, list[name_cache.ListedName]] = {}
    for vm in plan.vms:
        named = name_cache.ListedName(vm.service_id, vm.service_name, vm.vm_id, vm.vm_label)
        listed.setdefault(vm.account, []).append(named)
    for account, of_account in listed.items():
        name_cache.remember(account, of_account)


def nothing_to_do(plan: Plan) -> str | None:
    """Return the sentence about a plan to retry or restore a run that left nothing to do; None for others."""
    from ...fleet.report.headline import nothing_left

    document = plan.document
    if plan.vms or plan.undiscovered or not document.get("follows"):
        return None
    return nothing_left(document["follows"], document.get("parent"))


def require_something(plan: Plan) -> None:
    """Raise `Refusal` for a plan that acts on no VM."""
    from ...fleet.report.report_text import no_vms

    if any(vm.why_not not in ("excluded", "protected") for vm in plan.vms):
        return
    if plan.undiscovered:
        lost = escape(plan.undiscovered[0], _LOSS_MAX) + (", …" if len(plan.undiscovered) > 1 else "")
        why = f"no VMs selected in what could be listed; nothing was sent; not listed: {lost}"
        raise Refusal(why, ExitCode.UNKNOWN)
    if plan.vms:
        why = f"all {len(plan.vms)} are excluded or protected"
    else:
        why = no_vms(plan.without_vms) if plan.without_vms else "no such VM was found"
    raise Refusal(f"no VMs selected: {why}", ExitCode.NOTHING_SELECTED)


async def act(
    make: Callable[[Fleet], Run], common: FleetOptions, kept: Journal, *, page: HtmlPage | None = None
) -> int:
    """Make a run, await it, and write a ``page`` of it if one is wanted; return the exit code."""
    from ... import StalePlan
    from ..live import view
    from ..run_control import control_runs
    from .outcome_stream import streamed

    require_columns(common.out)
    async with common.who.clients(kept, silent=True) as clients:
        spare_collections()
        # A journal that cannot be used is one error, before there is a progress to show.
        await kept.acquire()
        await kept.release()
        run = make(fleet_of(clients, kept))
        await run.prepare()
        try:
            with words_in_background(), control_runs(view()) as control:
                async with streamed(run, common.out, control) as stream:
                    report = await control.drive(run.spec.action, run)
        except StalePlan as error:
            raise _stale(error) from None
        except InvalidArgument:
            # The selection is wrong: nothing was sent, and there is no report.
            raise
        except Exception:
            # What was done before a run broke is reported all the same.
            if run.report.targets:
                with suppress(OSError):
                    await _print(run, kept, common)
            raise
        for text in run.spec.selection.exclude.unmet:
            echo_text(f"warning: --exclude left no VM alone: {escape(text, _LOSS_MAX)} is true of none")
        lost = None if stream is None else stream.error
        try:
            await _print(run, kept, common)
        except OSError as error:
            lost = error
        if page is not None:
            await page.write(report, clients)
    code = ExitCode.INTERRUPTED if control.interrupted else of_report(report)
    if lost is None:
        return code
    if not isinstance(lost, OSError):
        raise lost
    raise Refusal(
        f"outcomes could not be written ({lost.strerror or lost})",
        code if control.interrupted else ExitCode.ERROR,
        fix=f"{command_name('status', run.run_id, common.who)} has them",
    )


def _stale(error: StalePlan) -> Refusal:
    moved = "; ".join(error.moved[:_MOVED_SHOWN])
    more = len(error.moved) - _MOVED_SHOWN
    rest = f" and {more} more" if more > 0 else ""
    return Refusal(f"VMs changed since the plan, so nothing was sent: {moved}{rest}", ExitCode.HELD)


async def _print(run: Run, kept: Journal, common: FleetOptions) -> None:
    """Print the report of a run, and on stderr what continues it where the report does not say so."""
    from ...fleet.model.outcome import undecided_in
    from ...fleet.recovery.resume import is_complete

    # With jsonl each outcome was written when it was known.
    named = set[str]() if common.out.form is OutputFormat.JSONL else print_report(run.report, common)
    if run.report.ok:
        return
    try:
        stored = await kept.read(run.run_id)
    except ConfigurationError:
        # The journal broke, which is reported already; nothing continues without it.
        return
    steps = run.spec.steps
    if is_complete(stored, steps):
        return
    if "resume" not in named:
        echo_text(f"To continue: {command_name('resume', run.run_id, common.who)}")
    if undecided_in(run.report.counts) and any(step.safety is Safety.ONCE for step in steps):
        echo_text("resume sends nothing again that may have been done, unless --repeat-unknown is given.")

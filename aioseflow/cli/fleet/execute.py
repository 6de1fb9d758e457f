"""A run from the command line: planned, confirmed, shown while it lasts, told; and how to go on with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import attrs
import typer

from ...errors import ConfigurationError, InvalidArgument
from ...safety import Safety
from ...text import escape
from .. import collector
from ..accounts import Accounts, fleet_of
from ..completion import name_cache
from ..exit_code import ExitCode, Refusal, of_report
from ..journal_file import journal
from ..output import OutputFormat, OutputOptions
from ..terminal import columns, confirm, confirm_word, echo, echo_err, require_answerable
from .messages import in_our_words
from .print_report import command_name, print_report, require_columns, streamed

if TYPE_CHECKING:
    from ...fleet import Action, Fleet, Journal, Plan, Run, StalePlan
    from .html import HtmlPage
    from .select_options import SelectionOptions

T = TypeVar("T")

_MOVED_NAMED: Final = 5
_DESTROY: Final = "destroy"
_SOME_VMS: Final = frozenset({"where", "vms"})
"""What keeps a selection from being about whole services."""


@attrs.frozen
class Confirm:
    """Whether it is asked first, and whether anything is done at all."""

    yes: bool = False
    dry_run: bool = False


def confirm_options(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan; change nothing.")] = False,
) -> Confirm:
    """What the options say."""
    return Confirm(yes, dry_run)


def change(
    what: Callable[[Fleet], Action | Run],
    chosen: SelectionOptions | None,
    options: dict[str, Any],
    *,
    name: str,
    how: Confirm,
    who: Accounts,
    out: OutputOptions,
) -> int:
    """Do something to VMs, after a look at the plan unless it is meant already (``--yes``).

    ``what`` gives an action, for the VMs that are ``chosen``, or a run that has its own.
    """
    if not how.dry_run:
        require_answerable(f"fleet {name}", yes=how.yes)
        require_columns(out)
    note = "" if chosen is None else chosen.note
    arguments = ({} if chosen is None else chosen.arguments) | options
    kept = journal()

    def make(fleet: Fleet) -> Run:
        from ...fleet import Run

        made = what(fleet)
        return made if isinstance(made, Run) else fleet.run(made, **arguments, note=note)

    if how.yes and not how.dry_run and name != _DESTROY:
        return act(make, out, kept, who)
    with in_our_words():
        plan = run_async(_plan(what, arguments, kept, who))
    if how.dry_run:
        return print_plan(plan, out)
    return follow(plan, note, how, out, kept, who)


def follow(plan: Plan, note: str, how: Confirm, out: OutputOptions, kept: Journal, who: Accounts) -> int:
    """Run a plan, once it was looked at and confirmed."""
    from ...fleet.plan.plan_text import page

    require_something(plan)
    number = len(plan.targets)
    destroys = _DESTROY in plan.action.split("+")
    # Outside of a loop: one that waits for the keyboard would not see Ctrl-C.
    if how.yes or not number:
        pass
    elif destroys:
        confirm_word(
            page(plan, columns()), f"Type {number}, the number of VMs, to destroy them for good:", str(number)
        )
    else:
        confirm(page(plan, columns()), "Go on?")
    confirmed = plan.confirm(number) if destroys else plan
    return act(lambda fleet: fleet.run(confirmed, note=note), out, kept, who)


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it in a loop of its own."""
    # Here: help and completion need no loop, and importing one takes as long as typer itself.
    import asyncio

    return asyncio.run(coroutine)


def print_plan(plan: Plan, out: OutputOptions) -> int:
    """Write a plan to stdout."""
    from ...fleet.plan.plan_text import page
    from ..jsonable import dumps
    from ..table import print_lines

    if out.is_page:
        print_lines(page(plan, columns()).splitlines())
    elif out.form is OutputFormat.JSON and not out.columns:
        echo(dumps(json.loads(plan.to_json())))
    else:
        out.listing(
            plan.vms, ("account", "service_id", "vm_id", "vm_label", "power", "do", "why_not", "batch")
        )
    if plan.undiscovered:
        return ExitCode.UNKNOWN
    return ExitCode.OK if plan.vms else ExitCode.NOTHING_SELECTED


async def _plan(
    what: Callable[[Fleet], Action | Run], arguments: dict[str, Any], kept: Journal, who: Accounts
) -> Plan:
    from ...fleet import Run

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


def require_something(plan: Plan) -> None:
    """Raise `Refusal` for a plan that is about no VM."""
    from ...fleet.report.report_text import no_vms

    if any(vm.why_not not in ("excluded", "protected") for vm in plan.vms):
        return
    if plan.undiscovered:
        lost = escape(plan.undiscovered[0], 200) + (", …" if len(plan.undiscovered) > 1 else "")
        raise Refusal(
            f"nothing is selected of what could be listed; not listed, and nothing was sent: {lost}",
            ExitCode.UNKNOWN,
        )
    if plan.vms:
        raise Refusal(
            f"nothing is selected: what would be ({len(plan.vms)}) is excluded or protected",
            ExitCode.NOTHING_SELECTED,
        )
    if plan.without_vms:
        raise Refusal(f"nothing is selected: {no_vms(plan.without_vms)}", ExitCode.NOTHING_SELECTED)
    raise Refusal("nothing is selected: no such VM was found", ExitCode.NOTHING_SELECTED)


def act(
    make: Callable[[Fleet], Run],
    out: OutputOptions,
    kept: Journal,
    who: Accounts,
    *,
    page: HtmlPage | None = None,
) -> int:
    """Make a run and await it, with a ``page`` of it where one is wanted; the exit code."""
    require_columns(out)
    with in_our_words():
        return run_async(_act(make, out, kept, who, page))


async def _act(
    make: Callable[[Fleet], Run], out: OutputOptions, kept: Journal, who: Accounts, page: HtmlPage | None
) -> int:
    from ...fleet import StalePlan
    from ..live import view
    from ..run_control import control_runs

    async with who.clients(kept) as clients:
        collector.spare()
        run = make(fleet_of(clients, kept))
        with control_runs(view()) as control:
            try:
                async with streamed(run, out):
                    report = await control.drive(run.spec.action, run)
            except StalePlan as error:
                raise _stale(error) from None
            except InvalidArgument:
                # The selection is wrong: nothing was sent, and there is nothing to tell.
                raise
            except Exception:
                # What was done before a run broke is told all the same.
                if run.report.targets:
                    print_report(run.report, out, who)
                    await _tell_how_to_go_on(run, kept, who)
                raise
        print_report(report, out, who)
        await _tell_how_to_go_on(run, kept, who)
        if page is not None:
            await page.write(report, clients)
    if control.interrupted:
        return ExitCode.INTERRUPTED
    return of_report(report)


def _stale(error: StalePlan) -> Refusal:
    moved = "; ".join(error.moved[:_MOVED_NAMED])
    more = len(error.moved) - _MOVED_NAMED
    return Refusal(
        f"not as planned any more, so nothing was sent: {moved}{f' and {more} more' if more > 0 else ''}",
        ExitCode.HELD,
    )


async def _tell_how_to_go_on(run: Run, kept: Journal, who: Accounts) -> None:
    """Say what goes on with a run that has not come to its end."""
    from ...fleet import Status
    from ...fleet.recovery.resume import is_complete

    if run.report.ok:
        return
    try:
        stored = await kept.read(run.run_id)
    except ConfigurationError:
        # A journal that broke has been told, and nothing goes on without it.
        return
    steps = run.spec.steps
    if is_complete(stored, steps):
        return
    echo_err(f"To go on: {command_name('resume', run.run_id, who)}")
    if run.report.counts[Status.UNKNOWN] and any(step.safety is Safety.ONCE for step in steps):
        echo_err("It sends nothing again that may have been done, unless --repeat-unknown says so.")

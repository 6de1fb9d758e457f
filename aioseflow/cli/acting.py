"""A run from the command line: planned, confirmed, shown while it lasts, told; and how to go on with it."""

from __future__ import annotations

import asyncio
import enum
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, InvalidArgument
from ..safety import Safety
from . import account
from .ending import Ending, Refusal, of_report
from .terminal import columns, confirm, emit, require_answerable, say, shown

if TYPE_CHECKING:
    from ..fleet import Action, Fleet, Journal, Plan, Report, Run, StalePlan
    from .selecting import Chosen

_MOVED_NAMED = 5


class Output(enum.StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"


def change(action: Action, chosen: Chosen, *, yes: bool, wait: bool, output: Output) -> int:
    """Do something to the selected VMs, after a look at the plan unless it is meant already (``yes``)."""
    from ..fleet.plan_page import page

    require_answerable(f"fleet {action.name}", yes=yes)
    options = chosen.arguments | {"wait": wait}
    if yes:
        return act(lambda fleet: fleet.run(action, **options, note=chosen.note), output)
    kept = account.journal()
    plan = asyncio.run(_plan(action, options, kept))
    _require_something(plan)
    # Outside of a loop: one that waits for the keyboard would not see Ctrl-C.
    confirm(page(plan, columns()), "Go on?")
    return act(lambda fleet: fleet.run(plan, note=chosen.note), output, kept=kept)


async def _plan(action: Action, options: dict[str, Any], kept: Journal) -> Plan:
    async with account.client(kept) as seflow:
        return await seflow.fleet.plan(action, **options)


def _require_something(plan: Plan) -> None:
    if any(vm.why_not not in ("excluded", "protected") for vm in plan.vms):
        return
    if plan.undiscovered:
        lost = shown(plan.undiscovered[0], 200) + (", …" if len(plan.undiscovered) > 1 else "")
        raise Refusal(
            f"nothing is selected of what could be listed; not listed, and nothing was sent: {lost}",
            Ending.UNKNOWN,
        )
    if plan.vms:
        raise Refusal(
            f"nothing is selected: what would be ({len(plan.vms)}) is excluded or protected",
            Ending.NOTHING_SELECTED,
        )
    raise Refusal("nothing is selected: no such VM was found", Ending.NOTHING_SELECTED)


def act(make: Callable[[Fleet], Run], output: Output, *, kept: Journal | None = None) -> int:
    """Make a run and await it; the exit code."""
    return asyncio.run(_act(make, output, kept or account.journal()))


async def _act(make: Callable[[Fleet], Run], output: Output, kept: Journal) -> int:
    from ..fleet import StalePlan
    from .live import view
    from .steer import steered

    async with account.client(kept) as seflow:
        run = make(seflow.fleet)
        with steered(view()) as wheel:
            try:
                report = await wheel.drive(run.orders.action, run)
            except StalePlan as error:
                raise _stale(error) from None
            except InvalidArgument:
                # The selection is wrong: nothing was sent, and there is nothing to tell.
                raise
            except Exception:
                # What was done before a run broke is told all the same.
                if run.report.targets:
                    show(run.report, output)
                    await _tell_how_to_go_on(run, kept)
                raise
        show(report, output)
        await _tell_how_to_go_on(run, kept)
    if wheel.interrupted:
        return Ending.INTERRUPTED
    return of_report(report)


def _stale(error: StalePlan) -> Refusal:
    moved = "; ".join(error.moved[:_MOVED_NAMED])
    more = len(error.moved) - _MOVED_NAMED
    return Refusal(
        f"not as planned any more, so nothing was sent: {moved}{f' and {more} more' if more > 0 else ''}",
        Ending.ERROR,
    )


async def _tell_how_to_go_on(run: Run, kept: Journal) -> None:
    """Say what goes on with a run that has not come to its end."""
    from ..fleet import Status
    from ..fleet.past import is_complete

    if run.report.ok:
        return
    try:
        stored = await kept.read(run.run_id)
    except ConfigurationError:
        # A journal that broke has been told, and nothing goes on without it.
        return
    steps = run.orders.steps
    if is_complete(stored, steps):
        return
    say(f"To go on: aioseflow fleet resume {shlex.quote(shown(run.run_id, 200))}")
    if run.report.counts[Status.UNKNOWN] and any(step.safety is Safety.ONCE for step in steps):
        say("It sends nothing again that may have been done, unless --repeat-unknown says so.")


def resume(run_id: str, *, repeat_unknown: bool, output: Output) -> int:
    """Go on with a run of this account. Raises `RunNotFound` and `RunIsActive`."""
    kept = account.journal()
    name = account.account_name()
    of = kept.read_now(run_id).info.header.accounts
    if of != (name,):
        raise Refusal(
            f"run {shown(run_id, 200)} is of {shown(', '.join(of), 200)}, and the environment names "
            f"{shown(name, 200)}; set SEFLOW_USERNAME and SEFLOW_BASE_URL to what they were"
        )
    return act(lambda fleet: fleet.resume(run_id, repeat_unknown=repeat_unknown), output, kept=kept)


def show(report: Report, output: Output) -> None:
    """Write a report to stdout."""
    if output is Output.JSON:
        from .jsonable import dumps

        emit(dumps(report))
        return
    from .summary import causes_of, table_of, usage_of
    from .table import print_lines

    if report.action == "usage" and (sizes := usage_of(report)).rows:
        sizes.print()
        print_lines([""])
    table_of([report]).print()
    if causes := causes_of(report, columns()):
        print_lines(["", *causes])

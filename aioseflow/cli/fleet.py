"""`aioseflow fleet`: every selected VM at once, and a true word about each."""

from __future__ import annotations

import asyncio
import enum
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import attrs
import typer

from ..errors import InvalidArgument
from .ending import Ending, Refusal, of_report
from .terminal import columns, confirm, emit, require_answerable, shown

if TYPE_CHECKING:
    from ..client import SeFlow
    from ..fleet import Action, Report, Run

_SERVICES_NAMED = 6

app = typer.Typer(rich_markup_mode=None)


class Output(enum.StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"


Services: TypeAlias = Annotated[
    list[str] | None, typer.Option("--service", metavar="ID", help="Only this service; may be repeated.")
]
Vms: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--vm", metavar="[SERVICE/]ID", help="Only this VM; may be repeated."),
]
Everything: TypeAlias = Annotated[bool, typer.Option("--all", help="Every VM of every service.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait: TypeAlias = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until each VM is read back as asked.")
]
Form: TypeAlias = Annotated[Output, typer.Option("--output", "-o", help="How the report is written.")]


@app.callback(invoke_without_command=True)
def _fleet(context: typer.Context) -> None:
    """Act on many VMs at once and say what became of each.

    Nothing is meant for the whole fleet unless --all says so.
    """
    if context.invoked_subcommand is None:
        raise Refusal("say what to do: stop, start, reboot or usage; see aioseflow fleet --help")


@app.command()
def stop(
    service: Services = None,
    vm: Vms = None,
    everything: Everything = False,
    yes: Yes = False,
    wait: Wait = True,
    output: Form = Output.TABLE,
) -> int:
    """Power off; what is off already is left alone."""
    from ..fleet import Stop

    return _change(Stop(), _selection(service, vm, everything), yes, output, {"wait": wait})


@app.command()
def start(
    service: Services = None,
    vm: Vms = None,
    everything: Everything = False,
    yes: Yes = False,
    wait: Wait = True,
    output: Form = Output.TABLE,
) -> int:
    """Power on; what runs already is left alone."""
    from ..fleet import Start

    return _change(Start(), _selection(service, vm, everything), yes, output, {"wait": wait})


@app.command()
def reboot(
    service: Services = None,
    vm: Vms = None,
    everything: Everything = False,
    yes: Yes = False,
    output: Form = Output.TABLE,
) -> int:
    """Reboot what runs, each at most once; what is off is not attempted."""
    from ..fleet import Reboot

    return _change(Reboot(), _selection(service, vm, everything), yes, output, {})


@app.command()
def usage(
    service: Services = None,
    vm: Vms = None,
    everything: Everything = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", hidden=True)] = False,
    output: Form = Output.TABLE,
) -> int:
    """Read the CPU, network and disk graphs of each VM; changes nothing."""
    selection = _selection(service, vm, everything)
    return asyncio.run(_act("usage", selection, {}, output))


@attrs.frozen
class Chosen:
    """A selection as the methods of `Fleet` take it."""

    arguments: dict[str, Any]


def _selection(services: list[str] | None, vms: list[str] | None, everything: bool) -> Chosen:
    """What the options select; never by accident everything."""
    if everything and (services or vms):
        raise Refusal("--all says everything; leave --service and --vm out, or --all")
    if not (everything or services or vms):
        raise Refusal("nothing is selected; name VMs with --service or --vm, or say --all")
    arguments: dict[str, Any] = {}
    if services:
        arguments["services"] = services
    pairs = [tuple(name.split("/", 1)) for name in vms or () if "/" in name]
    if not pairs:
        return Chosen(arguments | ({"vms": vms} if vms else {}))
    if len(pairs) < len(vms or ()):
        raise Refusal("write either every --vm as SERVICE/VM, or every one as an id alone")
    if services:
        raise Refusal("--vm SERVICE/VM names the service already; leave --service out")
    return Chosen({"where": pairs})


def _change(action: Action, chosen: Chosen, yes: bool, output: Output, options: dict[str, Any]) -> int:
    require_answerable(f"fleet {action.name}", yes=yes)
    if not yes:
        # Outside of a loop: one that waits for the keyboard would not see Ctrl-C.
        confirm(asyncio.run(_facts(action, chosen)), "Go on?")
    return asyncio.run(_act(action.name, chosen, options, output))


async def _facts(action: Action, chosen: Chosen) -> str:
    """How many VMs of how many services it is about."""
    from ..client import SeFlow

    services: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    lost = ""
    async with SeFlow.from_env() as seflow:
        try:
            async for service, vm in seflow.fleet.vms(**chosen.arguments):
                services[service.id] += 1
                skip = action.skip(vm)
                if skip is not None:
                    skipped[skip.cause] += 1
        except Exception as error:
            if not services:
                raise
            lost = f" Not everything could be listed now ({shown(str(error), 200)})."
    if not services:
        raise Refusal("nothing is selected: no such VM was found", Ending.NOTHING_SELECTED)
    named = ", ".join(f"{shown(name)}: {number}" for name, number in services.most_common(_SERVICES_NAMED))
    more = ", …" if len(services) > _SERVICES_NAMED else ""
    needless = "".join(f", {number} of them {cause.replace('_', ' ')}" for cause, number in skipped.items())
    return (
        f"{action.name}: {_counted(services.total(), 'VM')} of {_counted(len(services), 'service')} "
        f"({named}{more}){needless}.{lost}"
    )


async def _act(action: str, chosen: Chosen, options: dict[str, Any], output: Output) -> int:
    from ..client import SeFlow
    from .live import view
    from .steer import steered

    async with SeFlow.from_env() as seflow:
        run = _run_of(seflow, action)(**chosen.arguments, **options)
        with steered(view()) as wheel:
            try:
                report = await wheel.drive(action, run)
            except InvalidArgument:
                # The selection is wrong: nothing was sent, and there is nothing to tell.
                raise
            except Exception:
                # What was done before a run broke is told all the same.
                if run.report.targets:
                    show(run.report, output)
                raise
    show(report, output)
    return Ending.INTERRUPTED if wheel.interrupted else of_report(report)


def _run_of(seflow: SeFlow, action: str) -> Callable[..., Run]:
    fleet = seflow.fleet
    return {"stop": fleet.stop, "start": fleet.start, "reboot": fleet.reboot, "usage": fleet.usage}[action]


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


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

"""`aioseflow fleet`: every selected VM at once, and a true word about each."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from . import acting
from .acting import Output, act, change
from .ending import Refusal
from .selecting import Everything, Exclude, MaxTargets, Note, Services, Vms, Where, choose

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
NeverAsked: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", hidden=True)]
Wait: TypeAlias = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until each VM is read back as asked.")
]
Form: TypeAlias = Annotated[Output, typer.Option("--output", "-o", help="How the report is written.")]
RunId: TypeAlias = Annotated[str, typer.Argument(metavar="RUN", help="Its id, as fleet runs lists it.")]

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _fleet(context: typer.Context) -> None:
    """Act on many VMs at once and say what became of each.

    Nothing is meant for the whole fleet unless --all says so. Every run is kept in a journal
    (AIOSEFLOW_JOURNAL names another file), so that one that was interrupted can go on.
    """
    if context.invoked_subcommand is None:
        what = "stop, start, reboot, usage, resume or runs"
        raise Refusal(f"say what to do: {what}; see aioseflow fleet --help")


@app.command()
def stop(
    service: Services = None,
    vm: Vms = None,
    where: Where = None,
    exclude: Exclude = None,
    everything: Everything = False,
    max_targets: MaxTargets = None,
    note: Note = "",
    yes: Yes = False,
    wait: Wait = True,
    output: Form = Output.TABLE,
) -> int:
    """Power off; what is off already is left alone."""
    from ..fleet import Stop

    chosen = choose(service, vm, where, exclude, everything, max_targets, note)
    return change(Stop(), chosen, yes=yes, wait=wait, output=output)


@app.command()
def start(
    service: Services = None,
    vm: Vms = None,
    where: Where = None,
    exclude: Exclude = None,
    everything: Everything = False,
    max_targets: MaxTargets = None,
    note: Note = "",
    yes: Yes = False,
    wait: Wait = True,
    output: Form = Output.TABLE,
) -> int:
    """Power on; what runs already is left alone."""
    from ..fleet import Start

    chosen = choose(service, vm, where, exclude, everything, max_targets, note)
    return change(Start(), chosen, yes=yes, wait=wait, output=output)


@app.command()
def reboot(
    service: Services = None,
    vm: Vms = None,
    where: Where = None,
    exclude: Exclude = None,
    everything: Everything = False,
    max_targets: MaxTargets = None,
    note: Note = "",
    yes: Yes = False,
    output: Form = Output.TABLE,
) -> int:
    """Reboot what runs, each at most once; what is off is not attempted."""
    from ..fleet import Reboot

    chosen = choose(service, vm, where, exclude, everything, max_targets, note)
    return change(Reboot(), chosen, yes=yes, wait=True, output=output)


@app.command()
def usage(
    service: Services = None,
    vm: Vms = None,
    where: Where = None,
    exclude: Exclude = None,
    everything: Everything = False,
    max_targets: MaxTargets = None,
    note: Note = "",
    yes: NeverAsked = False,
    output: Form = Output.TABLE,
) -> int:
    """Read the CPU, network and disk graphs of each VM; changes nothing."""
    chosen = choose(service, vm, where, exclude, everything, max_targets, note)
    return act(lambda fleet: fleet.usage(**chosen.arguments, note=chosen.note), output)


@app.command()
def resume(
    run: RunId,
    repeat_unknown: Annotated[
        bool, typer.Option("--repeat-unknown", help="Also send again what may have been done already.")
    ] = False,
    yes: NeverAsked = False,
    output: Form = Output.TABLE,
) -> int:
    """Go on with an interrupted run; it was confirmed when it began.

    Whatever is undecided is read back before anything is sent, and no reboot is repeated unless
    --repeat-unknown says so.
    """
    return acting.resume(run, repeat_unknown=repeat_unknown, output=output)


@app.command()
def runs(output: Form = Output.TABLE) -> int:
    """List the runs of the journal, the newest first."""
    from .runs import runs

    return runs(output)

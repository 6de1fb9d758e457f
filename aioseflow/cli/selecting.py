"""What the options of `aioseflow fleet` select and ask for, as the methods of `Fleet` take it."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import attrs
import typer

from .ending import Refusal

Services: TypeAlias = Annotated[
    list[str] | None, typer.Option("--service", metavar="ID", help="Only this service; may be repeated.")
]
Vms: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--vm", metavar="[SERVICE/]ID", help="Only this VM; may be repeated."),
]
Where: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--where", metavar="EXPR", help="Only VMs of which this is true, such as 'power == \"running\"'."
    ),
]
Exclude: TypeAlias = Annotated[
    str | None,
    typer.Option("--exclude", metavar="EXPR", help="Leave alone the VMs of which this is true."),
]
Everything: TypeAlias = Annotated[bool, typer.Option("--all", help="Every VM of every service.")]
MaxTargets: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--max-targets",
        metavar="N|P%",
        help="Begin nothing if more are selected: a number, or a share of all VMs.",
    ),
]
Note: TypeAlias = Annotated[str, typer.Option("--note", metavar="TEXT", help="Kept with the run.")]


@attrs.frozen
class Chosen:
    """A selection and its guard; ``note`` is for the run, and no part of a plan."""

    arguments: dict[str, Any]
    note: str = ""


def choose(  # one parameter for each option
    services: list[str] | None,
    vms: list[str] | None,
    where: str | None,
    exclude: str | None,
    everything: bool,
    max_targets: str | None,
    note: str,
) -> Chosen:
    """What the options select; never by accident everything. Raises `Refusal`."""
    if everything and (services or vms):
        raise Refusal("--all says everything; leave --service and --vm out, or --all")
    if everything and where is not None:
        raise Refusal("--all says everything; leave --where out, or --all")
    if not (everything or services or vms or where is not None):
        raise Refusal("nothing is selected; name VMs with --service or --vm, or say --all")
    arguments: dict[str, Any] = {}
    if services:
        arguments["services"] = services
    if where is not None:
        arguments["where"] = where
    pairs = [tuple(name.split("/", 1)) for name in vms or () if "/" in name]
    if pairs:
        if len(pairs) < len(vms or ()):
            raise Refusal("write either every --vm as SERVICE/VM, or every one as an id alone")
        if services:
            raise Refusal("--vm SERVICE/VM names the service already; leave --service out")
        if where is not None:
            raise Refusal("with --where write every --vm as an id alone")
        arguments["where"] = pairs
    elif vms:
        arguments["vms"] = vms
    if exclude is not None:
        arguments["exclude"] = exclude
    if max_targets is not None:
        arguments["max_targets"] = int(max_targets) if max_targets.isdecimal() else max_targets
    return Chosen(arguments, note)

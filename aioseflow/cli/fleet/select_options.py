"""What the options of `aioseflow fleet` select and ask for, as the methods of `Fleet` take it."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import attrs
import typer

from ..completion.candidates import complete_service, complete_vm
from ..exit_code import Refusal
from .rollout_options import size_of

Services: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        metavar="ID",
        help="Only this service; may be repeated.",
        autocompletion=complete_service,
    ),
]
Vms: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--vm", metavar="[SERVICE/]ID", help="Only this VM; may be repeated.", autocompletion=complete_vm
    ),
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
IgnoreMissing: TypeAlias = Annotated[
    bool, typer.Option("--ignore-missing", help="Go on without the ids that do not exist.")
]
MaxTargets: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--max-targets",
        metavar="N|P%",
        help="Begin nothing if more are selected: a number, or a share of all VMs.",
    ),
]
Strict: TypeAlias = Annotated[
    bool, typer.Option("--strict", help="Begin nothing if a service could not be listed.")
]
Note: TypeAlias = Annotated[str, typer.Option("--note", metavar="TEXT", help="Kept with the run.")]


@attrs.frozen
class SelectionOptions:
    """A selection and its guards; ``note`` is for the run, and no part of a plan."""

    arguments: dict[str, Any]
    note: str = ""


def choose(
    service: Services = None,
    vm: Vms = None,
    where: Where = None,
    everything: Everything = False,
    exclude: Exclude = None,
    ignore_missing: IgnoreMissing = False,
    max_targets: MaxTargets = None,
    strict: Strict = False,
    note: Note = "",
) -> SelectionOptions:
    """What the options select; never by accident everything. Raises `Refusal`."""
    if everything and (service or vm):
        raise Refusal("--all says everything; leave --service and --vm out, or --all")
    if everything and where is not None:
        raise Refusal("--all says everything; leave --where out, or --all")
    if not (everything or service or vm or where is not None):
        raise Refusal("nothing is selected; name VMs with --service, --vm or --where, or say --all")
    arguments: dict[str, Any] = {}
    if service:
        arguments["services"] = service
    if where is not None:
        arguments["where"] = where
    pairs = [tuple(name.split("/", 1)) for name in vm or () if "/" in name]
    if pairs:
        if len(pairs) < len(vm or ()):
            raise Refusal("write either every --vm as SERVICE/VM, or every one as an id alone")
        if service:
            raise Refusal("--vm SERVICE/VM names the service already; leave --service out")
        if where is not None:
            raise Refusal("with --where write every --vm as an id alone")
        arguments["where"] = pairs
    elif vm:
        arguments["vms"] = vm
    if exclude is not None:
        arguments["exclude"] = exclude
    if ignore_missing:
        arguments["missing"] = "ignore"
    if max_targets is not None:
        arguments["max_targets"] = size_of(max_targets)
    if strict:
        arguments["strict"] = True
    return SelectionOptions(arguments, note)

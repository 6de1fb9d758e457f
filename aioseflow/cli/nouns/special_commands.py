"""The commands of nouns that are more than one call: lists of several calls, and answers made into rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from ...text import natural_key
from ..accounts import Accounts, accounts
from ..command import Depends, Where
from ..completion.candidates import complete_service, complete_vm
from ..completion.name_cache import ListedName, remember
from ..exit_code import ExitCode, Refusal
from ..output import OutputFormat, OutputOptions, object_options, output_options
from .call_parameters import split
from .noun_table import NOUNS
from .read_call import ask, every_account, fields

if TYPE_CHECKING:
    from ...client import SeFlow
    from ...fleet.plan.options import SelectOptions
    from ...models import UpgradeOptions

Service: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE", help="The id of the service; see service list.", autocompletion=complete_service
    ),
]

_UPGRADE_COLUMNS: Final = ("resources", "package", "of", "name", "price", "setup_price", "selected")
# Types of the panel's form: a resource of these types is ordered in quantities.
_COUNTED: Final = ("slider", "qty")


def list_vms(
    service: Annotated[
        str | None,
        typer.Argument(
            metavar="[SERVICE]", help="Only VMs of this service.", autocompletion=complete_service
        ),
    ] = None,
    services: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="ID",
            help="Only VMs of this service; may be repeated.",
            autocompletion=complete_service,
        ),
    ] = None,
    where: Where = None,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """The command `aioseflow vm list`."""
    wanted = [*([] if service is None else [service]), *(services or [])]
    columns = next(verb.columns for verb in NOUNS["vm"].verbs if verb.name == "list")
    who.check_names_in(where)
    if wanted:
        # The id of a service belongs to one account.
        who.check_one()

    async def rows(seflow: SeFlow, found: list[Any]) -> None:
        await _read_vms(seflow, wanted, where, found)
        if where is None:
            remember(seflow.name, map(_name_of, found))
        found.sort(key=lambda row: (natural_key(row["service_id"]), natural_key(row["id"])))

    return asyncio.run(every_account(who, out, rows, columns, None, empty="No VMs match."))


async def _read_vms(seflow: SeFlow, services: list[str], where: str | None, found: list[Any]) -> None:
    if len(services) == 1 and where is None:
        # One call is enough.
        vms = await seflow.vms.list(services[0])
        found += [{"service_id": services[0], "service_name": None, **fields(vm)} for vm in vms]
        return
    selecting: SelectOptions = {"services": services} if services else {}
    chosen = seflow.fleet.vms(where, **selecting) if where is not None else seflow.fleet.vms(**selecting)
    async for service, vm in chosen:
        found.append({"service_id": service.id, "service_name": service.name, **fields(vm)})


def _name_of(row: dict[str, Any]) -> ListedName:
    return ListedName(row["service_id"], row["service_name"] or "", row["id"], row["label"] or "")


def list_ips(
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE[/VM]", help="The service, or a VM of it.", autocompletion=complete_vm
        ),
    ],
    vm: Annotated[str | None, typer.Argument(metavar="VM", hidden=True)] = None,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """The command `aioseflow ip list`."""
    words = split([service, *([] if vm is None else [vm])])
    if len(words) > 2:
        raise Refusal("the VM is given twice", fix="see aioseflow ip list --help")
    from ...models import ServiceIp, VmIp

    if len(words) == 1:
        of_service = ask(who, lambda seflow: seflow.services.ips(words[0]))
        out.listing(of_service, ("ipaddress", "mask", "status", "client_description"), kind=ServiceIp)
    else:
        of_vm = ask(who, lambda seflow: seflow.vms.ips(words[0], words[1]))
        out.listing(of_vm, ("ipaddress", "id"), kind=VmIp)
    return ExitCode.OK


def check_domain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name, such as example.com.")],
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(object_options, "Output"),
) -> int:
    """The command `aioseflow domain check`."""
    available = ask(who, lambda seflow: seflow.domains.is_available(name))
    out.single({"name": name, "available": available})
    return ExitCode.OK


def list_upgrade_options(
    service: Service,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """The command `aioseflow service upgrade-options`."""
    found = ask(who, lambda seflow: seflow.services.upgrade_options(service))
    if out.form in (OutputFormat.TABLE, OutputFormat.CSV):
        out.listing(list(_upgrade_rows(found)), _UPGRADE_COLUMNS)
    else:
        out.single(found)
    return ExitCode.OK


def _upgrade_rows(found: UpgradeOptions) -> Iterator[dict[str, Any]]:
    """Yield a row for each choice, with the value that the option of its column takes."""
    nothing = dict.fromkeys(_UPGRADE_COLUMNS)
    for resource in found.resources:
        for item in resource.items:
            word = f"{resource.id}:{item.id}=N" if resource.type in _COUNTED else f"{resource.id}={item.id}"
            yield nothing | {
                "resources": word,
                "of": resource.name,
                "name": item.name,
                "price": item.price,
                "setup_price": item.setup_price,
                "selected": item.selected,
            }
    for package in found.package:
        yield nothing | {
            "package": package.id,
            "of": "package",
            "name": package.name,
            "price": package.extra.get("price"),
            "setup_price": package.extra.get("setup_price"),
        }

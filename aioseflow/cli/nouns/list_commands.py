"""Lists that more than one call makes: the VMs of all services, the addresses of a service or a VM."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..accounts import Accounts, accounts
from ..command import Depends
from ..completion.candidates import complete_service, complete_vm
from ..completion.name_cache import ListedName, remember
from ..exit_code import ExitCode, Refusal
from ..output import OutputOptions, output_options
from .noun_table import NOUNS
from .parameters import split
from .read_call import every_account, fields

if TYPE_CHECKING:
    from ...client import SeFlow
    from ...fleet.fleet import SelectOptions


def vms(
    service: Annotated[
        str | None,
        typer.Argument(
            metavar="[SERVICE]", help="Only the VMs of this service.", autocompletion=complete_service
        ),
    ] = None,
    services: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="ID",
            help="The same as an option; may be repeated.",
            autocompletion=complete_service,
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where", metavar="EXPR", help="Only VMs of which this is true, such as 'power == \"running\"'."
        ),
    ] = None,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """`aioseflow vm list`."""
    wanted = [*([] if service is None else [service]), *(services or [])]
    columns = next(verb.columns for verb in NOUNS["vm"].verbs if verb.name == "list")
    if wanted:
        # An id of a service is one account's.
        who.check_one()

    async def rows(seflow: SeFlow, found: list[Any]) -> None:
        await _vms(seflow, wanted, where, found)
        if where is None:
            remember(seflow.name, map(_named, found))
        found.sort(key=lambda row: (_natural(row["service_id"]), _natural(row["id"])))

    return asyncio.run(every_account(who, out, rows, columns, None))


async def _vms(seflow: SeFlow, services: list[str], where: str | None, found: list[Any]) -> None:
    if len(services) == 1 and where is None:
        # One call where that will do.
        vms = await seflow.vms.list(services[0])
        found += [{"service_id": services[0], "service_name": None, **fields(vm)} for vm in vms]
        return
    selecting: SelectOptions = {"services": services} if services else {}
    chosen = seflow.fleet.vms(where, **selecting) if where is not None else seflow.fleet.vms(**selecting)
    async for service, vm in chosen:
        found.append({"service_id": service.id, "service_name": service.name, **fields(vm)})


def _named(row: dict[str, Any]) -> ListedName:
    return ListedName(row["service_id"], row["service_name"] or "", row["id"], row["label"] or "")


def _natural(text: str) -> tuple[int, str]:
    # Ids are mostly numbers, and 9 comes before 10.
    return len(text), text


def ips(
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE[/VM]", help="The service, or the VM of it.", autocompletion=complete_vm
        ),
    ],
    vm: Annotated[str | None, typer.Argument(metavar="VM", hidden=True)] = None,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """`aioseflow ip list`."""
    words = split([service, *([] if vm is None else [vm])])
    if len(words) > 2:
        raise Refusal("the VM is named twice; write SERVICE/VM; see aioseflow ip list --help")
    return asyncio.run(_ips(words, who, out))


async def _ips(words: list[str], who: Accounts, out: OutputOptions) -> int:
    from ...models import ServiceIp, VmIp

    async with who.client() as seflow:
        if len(words) == 1:
            of_service = await seflow.services.ips(words[0])
            out.listing(of_service, ("ipaddress", "mask", "status", "client_description"), kind=ServiceIp)
        else:
            of_vm = await seflow.vms.ips(words[0], words[1])
            out.listing(of_vm, ("ipaddress", "id"), kind=VmIp)
    return ExitCode.OK

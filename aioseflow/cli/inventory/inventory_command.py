"""The command `aioseflow inventory`: the VMs as a dynamic inventory of Ansible."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import AddressNotAllowed, AuthenticationError, InvalidArgument, SeFlowError
from ...text import escape
from ..accounts import Accounts, accounts
from ..command import Depends, Where
from ..exit_code import ExitCode, Refusal
from ..terminal import echo, echo_err

if TYPE_CHECKING:
    from ...client import SeFlow
    from .ansible_document import Member

_ERROR_MAX = 300


def inventory(
    who: Accounts = Depends(accounts),
    listing: Annotated[
        bool, typer.Option("--list", help="All groups and hosts, with their variables.")
    ] = False,
    host: Annotated[str | None, typer.Option("--host", metavar="NAME", help="Variables of a host.")] = None,
    where: Where = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out what cannot be listed, instead of failing.")
    ] = False,
) -> int:
    """Print the VMs as an inventory of Ansible, in JSON.

    Groups are service_…, power_… and template_…. A host has the label of its VM as its name, or
    label-SERVICE-VM if other VMs have that label, or vm-SERVICE-VM if Ansible cannot take the label.

    Ansible calls an executable file with --list, such as:

    \b
    #!/bin/sh
    exec aioseflow inventory --where 'power == "running"' "$@"

    \b
    Examples:
      aioseflow inventory --list
      aioseflow inventory --host web-1
      ansible -i inventory.sh power_running -m ping

    Exit codes: 0 all listed, 4 something could not be listed (nothing is printed), 6 login refused, 8 no such
    host.
    """
    if listing == (host is not None):
        raise Refusal("give --list, or --host NAME")
    who.check_names_in(where)
    return asyncio.run(_inventory(who, host, where, partial=partial))


async def _inventory(who: Accounts, host: str | None, where: str | None, *, partial: bool) -> int:
    from ..output.formats import dumps
    from .ansible_document import Inventory, variables

    members: list[Member] = []
    async with who.clients() as clients, asyncio.TaskGroup() as group:
        tasks = [group.create_task(_list(seflow, where, members)) for seflow in clients]
    lost = [error for task in tasks for error in task.result()]
    # An inventory of nothing is no part of one.
    if lost and not (partial and members):
        more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        raise Refusal(
            f"no inventory, since not everything could be listed: {escape(str(lost[0]), _ERROR_MAX)}{more}",
            ExitCode.UNKNOWN,
            fix="try again, or add --partial to leave it out",
        )
    for error in lost:
        echo_err(f"Left out: {escape(str(error), _ERROR_MAX)}")
    made = Inventory.of(members)
    if host is None:
        echo(dumps(made.document()))
    elif host in made.hosts:
        echo(dumps(variables(made.hosts[host])))
    else:
        raise Refusal(
            f"no host {escape(host)}",
            ExitCode.NOTHING_SELECTED,
            fix="list the hosts: aioseflow inventory --list",
        )
    return ExitCode.OK


async def _list(seflow: SeFlow, where: str | None, members: list[Member]) -> list[SeFlowError]:
    """Add the VMs of an account to ``members``; return the errors of what could not be listed."""
    from ... import ALL
    from ..nouns.read_call import errors_of
    from .ansible_document import Member

    async def rows(seflow: SeFlow, found: list[Member]) -> None:
        async for service, vm in seflow.fleet.vms(ALL if where is None else where):
            found.append(Member(seflow.name, service, vm))

    errors = await errors_of(rows, seflow, members)
    for error in errors:
        if isinstance(error, AddressNotAllowed | AuthenticationError | InvalidArgument):
            raise error
    return errors

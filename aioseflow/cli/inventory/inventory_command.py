"""The command `aioseflow inventory`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ...text import escape
from ..accounts import Accounts, accounts
from ..command import Depends, command
from ..exit_code import ExitCode, Refusal
from ..terminal import echo, echo_err

if TYPE_CHECKING:
    from ...client import SeFlow
    from ...errors import SeFlowError
    from .ansible_document import Member

_SENTENCE = 300

app = typer.Typer(rich_markup_mode=None)


@command(app)
def inventory(
    who: Accounts = Depends(accounts),
    listing: Annotated[
        bool, typer.Option("--list", help="All groups and hosts, with their variables.")
    ] = False,
    host: Annotated[str | None, typer.Option("--host", metavar="NAME", help="One host's variables.")] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where", metavar="EXPR", help="Only VMs of which this is true, such as 'power == \"running\"'."
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out what cannot be listed, instead of failing.")
    ] = False,
) -> int:
    """The VMs as an inventory of Ansible, in JSON.

    Groups are service_…, power_… and template_…; a host is called by its VM's label, or label-SERVICE-VM
    where others are called so too, or vm-SERVICE-VM where Ansible could not take the label.

    Ansible calls an executable file with --list; this is one:

    \b
    #!/bin/sh
    exec aioseflow inventory --where 'power == "running"' "$@"

    \b
    Examples:
      aioseflow inventory --list
      aioseflow inventory --host web-1
      ansible -i inventory.sh power_running -m ping

    Exit codes: 0 all listed, 4 something could not be listed (and nothing is printed), 6 login refused,
    8 no such host.
    """
    if listing == (host is not None):
        raise Refusal("say --list, or --host NAME")
    return asyncio.run(_inventory(who, host, where, partial=partial))


async def _inventory(who: Accounts, host: str | None, where: str | None, *, partial: bool) -> int:
    from ..output.formats import dumps
    from .ansible_document import Inventory

    async with who.clients() as clients, asyncio.TaskGroup() as group:
        tasks = [group.create_task(_members(seflow, where)) for seflow in clients]
    read = [task.result() for task in tasks]
    lost = [error for _, errors in read for error in errors]
    # Nothing at all is no part.
    if lost and not (partial and any(members for members, _ in read)):
        raise _incomplete(lost)
    for error in lost:
        echo_err(f"Left out: {escape(str(error), _SENTENCE)}")
    made = Inventory.of([member for members, _ in read for member in members])
    if host is None:
        echo(dumps(made.document()))
        return ExitCode.OK
    if host not in made.hosts:
        raise Refusal(
            f"there is no host {escape(host)}; aioseflow inventory --list has all", ExitCode.NOTHING_SELECTED
        )
    echo(dumps(made.variables(host)))
    return ExitCode.OK


async def _members(seflow: SeFlow, where: str | None) -> tuple[list[Member], list[SeFlowError]]:
    """The VMs of one account, and the errors of what could not be listed."""
    from ...errors import AddressNotAllowed, AuthenticationError, InvalidArgument, SeFlowError
    from ...fleet import ALL
    from .ansible_document import Member

    members: list[Member] = []
    lost: list[SeFlowError] = []
    try:
        async for service, vm in seflow.fleet.vms(ALL if where is None else where):
            members.append(Member(seflow.name, service, vm))
    except (AddressNotAllowed, AuthenticationError, InvalidArgument):
        raise
    except SeFlowError as error:
        lost = [error]
    except ExceptionGroup as group:
        lost = [error for error in group.exceptions if isinstance(error, SeFlowError)]
    return members, lost


def _incomplete(lost: list[SeFlowError]) -> Refusal:
    more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    return Refusal(
        f"not everything could be listed, so there is no inventory: {escape(str(lost[0]), _SENTENCE)}{more}; "
        "try again, or take what there is with --partial",
        ExitCode.UNKNOWN,
    )

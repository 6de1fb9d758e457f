"""`aioseflow api CALL`: any coroutine of the client, its answer as JSON."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..text import escape, wrap
from .accounts import Accounts, accounts
from .command import Depends, command
from .completion.candidates import complete_call
from .exit_code import ExitCode, Refusal
from .nouns.change_facts import by_whom
from .table import print_lines
from .terminal import columns, confirm, echo, is_terminal, require_answerable
from .usage_errors import did_you_mean

if TYPE_CHECKING:
    from .coroutines import Coroutine


app = typer.Typer(rich_markup_mode=None)


@command(app, takes_anything=True)
def api(
    context: typer.Context,
    call: Annotated[
        str | None,
        typer.Argument(
            metavar="CALL [ARGUMENTS]",
            help="Such as vms.list 33301; see --list.",
            autocompletion=complete_call,
        ),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List all calls.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a change.")] = False,
    who: Accounts = Depends(accounts, "Account"),
) -> int:
    """Make one call and print its answer as JSON.

    What the call needs follows it in order, what it may take as options. One call is for one account.

    \b
    Examples:
      aioseflow api vms.list 33301
      aioseflow api vms.resize 33301 4021 --memory 4096
      aioseflow api services.set_rdns 33301 192.0.2.1=host.example
      aioseflow api services.estimate_upgrade 33301 --resources 1557=9953
    """
    from .coroutines import COROUTINES

    if listing:
        _list(COROUTINES)
        return ExitCode.OK
    if call is None:
        raise Refusal("say which call, such as vms.list; aioseflow api --list lists all")
    coroutine = COROUTINES.get(call)
    if coroutine is None:
        hint = did_you_mean(call, COROUTINES)
        raise Refusal(f"no call {escape(call)}{hint}; list them: aioseflow api --list")
    values, options = coroutine.bind(list(context.args))
    if coroutine.changes:
        require_answerable(call, yes=yes)
        if not yes:
            asked = escape(" ".join([coroutine.name, *context.args]), 200)
            confirm(f"{asked} {by_whom(who.one())}", "Send it?")
    return asyncio.run(_call(who, coroutine, values, options))


async def _call(who: Accounts, coroutine: Coroutine, values: list[Any], options: dict[str, Any]) -> int:
    from .jsonable import dumps

    async with who.client() as seflow:
        answer = await coroutine.call(seflow, values, options)
    echo(dumps(answer))
    return ExitCode.OK


def _list(coroutines: dict[str, Coroutine]) -> None:
    indent = max(map(len, coroutines)) + 2
    width = columns() if is_terminal(sys.stdout) else sys.maxsize
    for coroutine in coroutines.values():
        name = coroutine.name.ljust(indent)
        print_lines(wrap(coroutine.summary, width, indent, name))

"""`aioseflow api CALL`: any coroutine of the client, its answer as JSON."""

from __future__ import annotations

import asyncio
import difflib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .command import command
from .ending import Ending, Refusal
from .table import print_lines
from .terminal import columns, complain, confirm, emit, folded, is_terminal, require_answerable, shown

if TYPE_CHECKING:
    from .coroutines import Coroutine


app = typer.Typer(rich_markup_mode=None)


@command(app, takes_anything=True)
def api(
    context: typer.Context,
    call: Annotated[
        str | None, typer.Argument(metavar="CALL [ARGUMENTS]", help="Such as vms.list 33301; see --list.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List all calls.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a change.")] = False,
) -> int:
    """Make one call and print its answer as JSON.

    What the call needs follows it in order, what it may take as options:

    \b
    aioseflow api vms.list 33301
    aioseflow api vms.resize 33301 4021 --memory 4096
    aioseflow api services.set_rdns 33301 192.0.2.1=host.example
    aioseflow api services.estimate_upgrade 33301 --resources 1557=9953
    """
    from .coroutines import COROUTINES

    if listing:
        _list(COROUTINES)
        return Ending.OK
    if call is None:
        raise Refusal("say which call, such as vms.list; aioseflow api --list lists all")
    coroutine = COROUTINES.get(call)
    if coroutine is None:
        near = difflib.get_close_matches(call, COROUTINES, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "aioseflow api --list lists all"
        raise Refusal(f"there is no call {shown(call)}; {hint}")
    values, options = coroutine.bind(list(context.args))
    if coroutine.changes:
        require_answerable(call, yes=yes)
        if not yes:
            confirm(_facts(coroutine, list(context.args)), "Send it?")
    return asyncio.run(_call(coroutine, values, options))


def _facts(coroutine: Coroutine, words: list[str]) -> str:
    from ..config import DEFAULT_BASE_URL, Credentials

    credentials, base_url = Credentials.from_environment()
    asked = shown(" ".join([coroutine.name, *words]), 200)
    return f"{asked} as {shown(credentials.username)} at {shown(base_url or DEFAULT_BASE_URL, 80)}"


async def _call(coroutine: Coroutine, values: list[Any], options: dict[str, Any]) -> int:
    from ..client import SeFlow
    from .jsonable import dumps

    async with SeFlow.from_env() as seflow:
        group, _, method = coroutine.name.partition(".")
        with seflow.capture() as exchanges:
            try:
                answer = await getattr(getattr(seflow, group), method)(*values, **options)
            except asyncio.CancelledError:
                if coroutine.changes and any(exchange.sent for exchange in exchanges):
                    complain(f"{coroutine.name} was sent, and whether the panel acted is not known")
                raise
    emit(dumps(answer))
    return Ending.OK


def _list(coroutines: dict[str, Coroutine]) -> None:
    indent = max(map(len, coroutines)) + 2
    width = columns() if is_terminal(sys.stdout) else sys.maxsize
    for coroutine in coroutines.values():
        name = coroutine.name.ljust(indent)
        print_lines(folded(coroutine.summary, width, indent, name))

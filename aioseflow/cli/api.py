"""The commands `aioseflow api CALL`: any coroutine of the client, its answer as JSON."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any, ClassVar

import typer

from ..text import escape, wrap
from .accounts import Accounts, accounts
from .command import Depends, LazyGroup, lazy_command, with_parameters
from .coroutines import COROUTINES, Coroutine
from .exit_code import ExitCode
from .nouns.call_parameters import example_of, parameter, parameters_of, values_of
from .nouns.change_call import by_whom
from .nouns.read_call import ask
from .output.formats import dumps
from .table import print_lines
from .terminal import confirm, echo, line_room, require_answerable


class ApiGroup(LazyGroup):
    """A command for each coroutine, by the chapters of the provider's document."""

    sections: ClassVar = {
        chapter.capitalize(): {name: COROUTINES[name].summary for name in names}
        for chapter, names in groupby(COROUTINES, key=lambda name: name.partition(".")[0])
    }

    def make(self, name: str) -> Any:
        """Return the command of a coroutine."""
        coroutine = COROUTINES[name]

        def run(**given: Any) -> int:
            return _run(coroutine, given)

        who = parameter("who", Any, Depends(accounts, "Account"))
        function = with_parameters(run, [*parameters_of(coroutine), who])
        text = f"{coroutine.summary}\n\n\b\nExamples:\n  aioseflow api {name} {example_of(coroutine)}"
        return lazy_command(name, coroutine.summary, function, lambda: text)


app = typer.Typer(cls=ApiGroup, rich_markup_mode=None, add_completion=False, no_args_is_help=True)


def _list(wanted: bool) -> None:
    if wanted:
        indent = max(map(len, COROUTINES)) + 2
        for name, coroutine in COROUTINES.items():
            print_lines(wrap(coroutine.summary, line_room(), indent, name.ljust(indent)))
        raise typer.Exit(ExitCode.OK)


@app.callback()
def api(
    listing: Annotated[
        bool, typer.Option("--list", is_eager=True, callback=_list, help="List all calls.")
    ] = False,
) -> None:
    """Make one call and print its answer as JSON. One call is for one account.

    \b
    Examples:
      aioseflow api vms.list 33301
      aioseflow api vms.resize 33301/4021 --memory 4096
      aioseflow api services.set_rdns 33301 192.0.2.1=host.example
      aioseflow api services.estimate_upgrade 33301 --resources 1557=9953
    """


def _run(coroutine: Coroutine, given: dict[str, Any]) -> int:
    who: Accounts = given["who"]
    title = f"api {coroutine.name}"
    values, options = values_of(coroutine, given, title)
    if coroutine.changes:
        require_answerable(title, yes=given["yes"])
        if not given["yes"]:
            words = [*map(str, values), *(f"{name}={value}" for name, value in options.items())]
            confirm(escape(" ".join([coroutine.name, *words, by_whom(who.one())]), 400))
    echo(dumps(ask(who, lambda seflow: coroutine.call(seflow, values, options))))
    return ExitCode.OK

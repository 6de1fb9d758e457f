"""The group `aioseflow fleet`, how its commands are declared, and the options that all of them have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar, get_type_hints

import attrs
import typer
from typer import Argument, Option
from typer.models import OptionInfo

from ...errors import InvalidArgument
from ..accounts import Accounts, accounts
from ..command import Depends, Sectioned, expand_options
from ..completion.candidates import complete_run
from ..output import OutputOptions, output_options
from .run_options import ResizeOptions, RolloutOptions, SelectionOptions

Function = TypeVar("Function", bound=Callable[..., int])

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Act on many VMs at once and report what happened to each.

    Nothing acts on the whole fleet without --all. A change shows its plan and asks, or has --yes.
    Every run is kept in a journal (AIOSEFLOW_JOURNAL names another file), so that an interrupted run can be
    resumed: runs lists them, and RUN is one of their ids, or last for the newest.

    An expression (--where, --exclude) compares fields: power, locked, label, id, memory, cpus, uptime,
    template, note, account, service.id, service.name, service.status and the rest of what vm list and
    service list show; and, or, not, ==, =~ (a regular expression), >=, in.

    \b
    Examples:
      aioseflow fleet stop --where 'service.name =~ "web.*"'
      aioseflow fleet reboot --service 33301 --canary 2 --batch 25%
      aioseflow fleet resume last
    """,
)

Wait: TypeAlias = Annotated[
    bool, Option("--wait/--no-wait", help="Wait until each VM is read back in the wanted state.")
]
RunId: TypeAlias = Annotated[
    str, Argument(metavar="RUN", help="Its id as runs lists it, or last.", autocompletion=complete_run)
]
SomeRunId: TypeAlias = Annotated[
    str | None,
    Argument(
        metavar="[RUN]",
        help="Its id as runs lists it, or last; else the newest that this makes sense for.",
        autocompletion=complete_run,
    ),
]


@attrs.frozen
class FleetOptions:
    """The options of every command: the accounts, and how the result is printed."""

    who: Accounts = Depends(accounts, "Account")
    out: OutputOptions = Depends(output_options, "Output")


def journal_options(out: OutputOptions = Depends(output_options, "Output")) -> FleetOptions:
    """Return the options of a command that reads the journal alone, and needs no account."""
    return FleetOptions(Accounts(), out)


def option_of(argument: str) -> str:
    """Return the option for an argument of `Fleet`'s methods, the argument itself where there is none."""
    return _options().get(argument, argument)


@functools.cache
def _options() -> dict[str, str]:
    # In an annotation, typer keeps the first name of an option where a default would be.
    return {
        name: str(fact.default)
        for declared in (RolloutOptions, SelectionOptions, ResizeOptions)
        for name, hint in get_type_hints(declared, include_extras=True).items()
        for fact in getattr(hint, "__metadata__", ())
        if isinstance(fact, OptionInfo)
    }


def _name_option(error: InvalidArgument, argument: str) -> None:
    """Name the option in a message of the library, which begins or ends with the argument that is wrong."""
    option, bare = option_of(argument), error.message.removeprefix(argument)
    if bare != error.message:
        error.message = option + bare
    elif error.message.endswith(argument):
        error.message = error.message.removesuffix(argument) + option
    error.message = error.message.replace("; write where='", "; write --where '")


def fleet_command(function: Function, *, cls: type[Sectioned] = Sectioned) -> Function:
    """Declare a command of the group; its errors name options, not the library's arguments."""

    @functools.wraps(function)
    def named(**options: Any) -> int:
        try:
            return function(**options)
        except InvalidArgument as error:
            if error.argument is not None:
                _name_option(error, error.argument)
            raise

    app.command(cls=cls)(expand_options(named))
    return function

"""The commands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, Final

import typer
import typer.main
from typer.core import TyperGroup

from ..__about__ import __version__
from .ending import Ending, of_error
from .menu import MENU
from .terminal import complain, emit, prepare_streams, say

_ENTRIES: Final = {name: entry for entries in MENU.values() for name, entry in entries.items()}


class Face(TyperGroup):
    """The outermost group: whatever a command raises ends as one sentence on stderr and an exit code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Names alone: whoever mistypes one is told the nearest.
        self.commands = dict.fromkeys(_ENTRIES)  # type: ignore[assignment]  # get_command has the commands

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, as help lists them."""
        return list(_ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, imported now."""
        entry = _ENTRIES.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.place.partition(":")
        found = typer.main.get_command(getattr(import_module(f".{module}", __package__), attribute))
        found.name = cmd_name
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """By heading, without importing any of them."""
        for heading, entries in MENU.items():
            with formatter.section(heading):
                formatter.write_dl([(name, entry.summary) for name, entry in entries.items()])

    def main(self, *args: Any, **options: Any) -> Any:
        """Run and exit. Commands return their exit code."""
        options["standalone_mode"] = False
        prepare_streams()
        sys.exit(_ended(lambda: super(Face, self).main(*args, **options)))


def _ended(command: Callable[[], int | None]) -> int:
    try:
        return command() or Ending.OK
    except BaseExceptionGroup as group:
        error = _first(group)
    except Exception as caught:  # noqa: BLE001 - the last resort: a user is never shown a traceback
        error = caught
    return _explained(error)


def _explained(error: BaseException) -> int:
    # typer's own errors, by their shape: of which package their classes are depends on its version.
    if hasattr(error, "format_message"):
        complain(f"{error.format_message().rstrip('.?')}; see {_command_of(error)} --help")
        return int(getattr(error, "exit_code", Ending.USAGE))
    # What was raised here or below says what to do; anything else is a mistake in this program.
    if isinstance(error, typer.Abort):
        return Ending.INTERRUPTED
    if type(error).__module__.startswith("aioseflow."):
        complain(str(error))
    elif isinstance(error, OSError):
        complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    else:
        complain(f"this is a bug in aioseflow: {type(error).__name__}: {error}")
    return of_error(error)


def _command_of(error: BaseException) -> str:
    return getattr(getattr(error, "ctx", None), "command_path", None) or "aioseflow"


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


app = typer.Typer(
    cls=Face,
    # Plain help: it can be searched and copied, and costs no import of rich.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        emit(f"aioseflow {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> int | None:
    """Servers of a SeFlow (HostBill) account: one call, or every VM at once.

    The account is that of --profile (see aioseflow login), or of SEFLOW_USERNAME, SEFLOW_PASSWORD and
    SEFLOW_BASE_URL.

    Exit codes: 0 all as asked, 1 error, 2 usage, 3 some failed, 4 some unknown or not listed, 5 stopped by a
    guard, threshold or deadline, 6 login refused, 7 stale plan or run held by another, 8 nothing selected,
    130 interrupted. --debug, anywhere, shows where an error came from.
    """
    if context.invoked_subcommand is None:
        say(context.get_help())
        raise typer.Exit(Ending.USAGE)
    return None

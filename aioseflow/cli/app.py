"""The commands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..__about__ import __version__
from . import api, demo, fleet, sandbox
from .ending import Ending, of_error
from .terminal import complain, emit, prepare_streams, say


class Face(TyperGroup):
    """The outermost group: whatever a command raises ends as one sentence on stderr and an exit code."""

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

    The account is read from SEFLOW_USERNAME, SEFLOW_PASSWORD and SEFLOW_BASE_URL.

    Exit codes: 0 all as asked, 1 error, 2 usage, 3 some failed, 4 some unknown or not listed, 6 login
    refused, 8 nothing selected, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        say(context.get_help())
        raise typer.Exit(Ending.USAGE)
    return None


app.command("demo", short_help="See it work: a fleet acted on through faults.")(demo.demo)
app.add_typer(fleet.app, name="fleet")
app.command("api", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(api.api)
app.command("sandbox")(sandbox.sandbox)

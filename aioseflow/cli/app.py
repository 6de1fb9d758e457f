"""The root of the commands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Final, NamedTuple

import typer
import typer.main

from ..__about__ import __version__
from .command import LazyGroup, imported, single_command
from .exit_code import ExitCode, is_about_journal_file, of_error
from .journal_file import VARIABLE
from .nouns.noun_table import NOUNS
from .terminal import echo, echo_answer, echo_err, echo_error, give_up_streams, leave, prepare_streams
from .trace import leaves, print_debug, scrubbed, take_switch
from .usage_errors import explain_usage, is_usage


class MenuEntry(NamedTuple):
    """A command or a group: its place (``module:function`` or ``module:app``; none of a noun), its help."""

    place: str
    summary: str


MENU: Final[dict[str, dict[str, MenuEntry]]] = {
    "Many VMs at once": {
        "fleet": MenuEntry(
            "fleet:app", "Plan, start, stop, reboot, resize, measure; resume runs, compare them."
        ),
        "inventory": MenuEntry(
            "inventory.inventory_command:inventory", "All VMs as an inventory for Ansible."
        ),
    },
    "One thing at a time": {name: MenuEntry("", noun.summary) for name, noun in NOUNS.items()},
    "Accounts": {
        "login": MenuEntry("profiles.login:app", "Store an account as a profile, with its password."),
        "logout": MenuEntry("profiles.logout:logout", "Remove a profile and its password."),
        "profiles": MenuEntry("profiles.profiles_command:profiles", "List the profiles."),
        "doctor": MenuEntry(
            "doctor.doctor_command:doctor", "Check the connection to the panel, and the login."
        ),
    },
    "For scripts": {
        "api": MenuEntry("api:app", "Make any call of the API and print its answer."),
        "schema": MenuEntry("schema:schema", "The JSON Schema of what --output json prints."),
        "completion": MenuEntry("completion.shells:completion", "Completion scripts for bash, zsh and fish."),
    },
    "To try it": {
        "demo": MenuEntry("demo:demo", "Act on a faulty panel on this machine, and prove the reports."),
        "sandbox": MenuEntry("sandbox:sandbox", "Run a panel on this machine for trials."),
    },
}
"""The commands under the headings of ``--help``."""
_ENTRIES: Final = {name: entry for entries in MENU.values() for name, entry in entries.items()}


class RootGroup(LazyGroup):
    """The root group: an exception of a command becomes one sentence on stderr and an exit code."""

    sections: ClassVar = {
        heading: {name: one.summary for name, one in entries.items()} for heading, entries in MENU.items()
    }

    def make(self, name: str) -> Any:
        """Return the command of a name, imported now."""
        if name in NOUNS:
            from .nouns.noun_commands import group

            found = group(NOUNS[name])
        else:
            found = imported(_ENTRIES[name].place, __package__)
        command = typer.main.get_command(found) if isinstance(found, typer.Typer) else single_command(found)
        command.name = name
        return command

    def main(self, args: Sequence[str] | None = None, *_: Any, **options: Any) -> Any:
        """Run and exit. Commands return their exit code."""
        words, debug = take_switch(sys.argv[1:] if args is None else list(args))
        if words[:1] == ["help"]:
            words = [*words[1:], "--help"]
        words = _accounts_behind(words)
        prepare_streams()
        if "_AIOSEFLOW_COMPLETE" in os.environ:
            from .completion.shells import register

            register()
        options["standalone_mode"] = False
        code = _ended(lambda: super(RootGroup, self).main(words, **options), debug=debug)
        give_up_streams()
        leave(code)


def _accounts_behind(words: list[str]) -> list[str]:
    """Return the words with the options that name accounts behind the command, where typer expects them."""
    moved: list[str] = []
    while words[:1] == ["--all-profiles"] or (words and words[0].partition("=")[0] == "--profile"):
        size = 2 if words[0] == "--profile" else 1
        moved, words = [*moved, *words[:size]], words[size:]
    end = words.index("--") if "--" in words else len(words)
    return [*words[:end], *moved, *words[end:]]


def _answered(code: int) -> int:
    """Return the exit code of a command, and answer Ctrl-C where that has ended it."""
    if code == ExitCode.INTERRUPTED:
        echo_answer()
    return code


def _ended(command: Callable[[], int | None], *, debug: bool) -> int:
    whole: BaseException
    try:
        return _answered(command() or ExitCode.OK)
    except SystemExit as ended:
        # typer ends so where nobody reads its help any more, which is no error.
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":
            return ExitCode.OK
        return ended.code if isinstance(ended.code, int) else ExitCode.ERROR
    except BaseExceptionGroup as group:
        whole, error = group, next(leaves(group))
    except Exception as caught:  # noqa: BLE001 - the last resort: a user is never shown a traceback
        whole = error = caught
    if is_usage(error):
        return explain_usage(error)
    if isinstance(error, typer.Abort):
        return ExitCode.INTERRUPTED
    if debug:
        print_debug(whole)
    # Errors of this package say what to do; any other is a mistake in this program.
    if type(error).__module__.startswith("aioseflow."):
        names = f" ({VARIABLE} names the file)" if is_about_journal_file(error) else ""
        # The library's message names its own argument, too.
        echo_error(f"{error}{names}".replace("use ca_file= or SSL_CERT_FILE", "set SSL_CERT_FILE"))
    elif isinstance(error, OSError):
        echo_error(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    else:
        proof = "the lines above" if debug else "the output of the same command with --debug"
        message = f"{type(error).__name__}: {scrubbed(str(error))}"
        echo_error(f"this is a bug in aioseflow: {message}; report it with {proof}")
    return of_error(error)


app = typer.Typer(
    cls=RootGroup,
    # aioseflow completion is the only way.
    add_completion=False,
    # Plain help: it can be searched and copied, and costs no import of rich.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 error, 2 usage, 3 some VMs failed, 4 some outcomes unknown or services not "
    "listed, 5 stopped by a guard, limit or deadline, 6 login refused, 7 stale plan or run of another "
    "process, 8 nothing selected, 130 interrupted. --debug, anywhere, shows where an error comes from.",
)


def _version(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        echo(f"aioseflow {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> int | None:
    """Manage services and VMs of a SeFlow (HostBill) account: one call, or every VM at once.

    The account is that of --profile (see aioseflow login), or of SEFLOW_USERNAME, SEFLOW_PASSWORD and
    SEFLOW_BASE_URL.

    \b
    Examples:
      aioseflow login
      aioseflow vm list
      aioseflow fleet stop --service 33301
      aioseflow help fleet stop
    """
    if context.invoked_subcommand is None:
        echo_err(context.get_help())
        raise typer.Exit(ExitCode.USAGE)
    return None

"""The group that the commands of `aioseflow fleet` are declared in, and what several of them take."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from ..completion.candidates import complete_run

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Act on many VMs at once and say what became of each.

    Nothing is meant for the whole fleet unless --all says so. A change shows its plan and asks, or has
    --yes.
    Every run is kept in a journal (AIOSEFLOW_JOURNAL names another file), so that one that was interrupted
    can go on: runs lists them, and RUN is one of their ids, or last for the newest.

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
    bool, typer.Option("--wait/--no-wait", help="Wait until each VM is read back as asked.")
]
RunId: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Its id as runs lists it, or last.", autocompletion=complete_run),
]

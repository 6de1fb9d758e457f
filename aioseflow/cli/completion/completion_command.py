"""`aioseflow completion SHELL`: the script that makes a shell ask."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from ..command import command
from ..exit_code import ExitCode
from ..terminal import echo


class Shell(enum.StrEnum):
    """The shells there are scripts for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


app = typer.Typer(rich_markup_mode=None)


@command(app)
def completion(shell: Annotated[Shell, typer.Argument(help="Whose script it is.")]) -> int:
    """Print the completion script of a shell.

    TAB then completes commands, options and choices, and profiles, runs, services and VMs: these by id or by
    name, as they were when a command last listed them. It never talks to the panel.

    Each of these is for every shell that starts from then on.

    \b
    Examples:
      echo 'source <(aioseflow completion bash)' >> ~/.bashrc
      echo 'source <(aioseflow completion zsh)' >> ~/.zshrc
      echo 'aioseflow completion fish | source' >> ~/.config/fish/config.fish
    """
    from .shells import SCRIPTS

    echo(SCRIPTS[shell])
    return ExitCode.OK

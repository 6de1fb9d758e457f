"""A command that was written wrongly gets one sentence, which leads on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer
from cli.terminals import Result
from typer.testing import CliRunner

from aioseflow.cli.app import RootGroup
from aioseflow.cli.completion.shells import Shell

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "No such command 'nonsense'; see aioseflow --help"),
        (["flet"], "No such command 'flet'; did you mean 'fleet'? See aioseflow --help"),
        (["fleet", "stp"], "No such command 'stp'; did you mean 'stop'? See aioseflow fleet --help"),
        (["fleet", "stop", "--foo"], "No such option: --foo; see aioseflow fleet stop --help"),
        (
            ["fleet", "stop", "--wehre", "1"],
            "No such option: --wehre; did you mean --where? See aioseflow fleet stop --help",
        ),
        (["-v"], "No such option: -v; see aioseflow --help"),
        (
            ["--yes", "fleet"],
            "No such option: --yes before a command; options go after it; see aioseflow --help",
        ),
        (
            ["completion", "bsh"],
            "'bsh' is not one of 'bash', 'zsh', 'fish'; did you mean 'bash'? See aioseflow completion --help",
        ),
        (["completion"], "Choose from: bash, zsh, fish; see aioseflow completion --help"),
        (["fleet", "usage", "--no-wait"], "see aioseflow fleet usage --help"),
        (["demo", "--services", "two"], "it is a whole number; see aioseflow demo --help"),
        (["sandbox", "--port", "65536"], "it is 65535 or less; see aioseflow sandbox --help"),
        (["logout", "a", "b"], "unexpected argument 'b'; see aioseflow logout --help"),
        (["--profile"], "--profile before a command; options go after it; see aioseflow --help"),
        (["demo", "--vms", "3"], "see aioseflow demo --help"),
        (["sandbox", "--dialect", "latin"], "see aioseflow sandbox --help"),
        (["fl\x1b[2Jeet"], "No such command 'fl\\x1b[2Jeet'; did you mean 'fleet'? See aioseflow --help"),
    ],
)
def test_wrong_usage_is_one_sentence_that_leads_to_the_help(
    run: Run, words: list[str], sentence: str
) -> None:
    ended = run(*words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("aioseflow: ")
    assert ended.stderr.endswith(f"{sentence}\n")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("no_args_is_help", [False, True])
def test_a_group_named_alone_says_what_there_is_in_it(no_args_is_help: bool) -> None:
    inner = typer.Typer(rich_markup_mode=None, no_args_is_help=no_args_is_help)

    @inner.command()
    def one(shell: Shell) -> None:
        """The first."""

    @inner.command()
    def two() -> None:
        """The second."""

    outer = typer.Typer(cls=RootGroup, rich_markup_mode=None)
    outer.add_typer(inner, name="inner")
    outer.command("other")(two)
    # The face has the menu's commands alone; this is of a group of one of those.
    found = CliRunner().invoke(_faced(inner), [], prog_name="aioseflow inner")
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith("Usage: aioseflow inner ")
    assert "The second." in found.stderr


def _faced(group: typer.Typer) -> typer.Typer:
    class Faced(RootGroup):
        def __init__(self, **options: object) -> None:
            commands = options.get("commands")
            super().__init__(**options)
            self.commands = commands  # type: ignore[assignment]  # what typer gave

        list_commands = typer.core.TyperGroup.list_commands
        get_command = typer.core.TyperGroup.get_command
        format_commands = typer.core.TyperGroup.format_commands

    group.info.cls = Faced
    return group

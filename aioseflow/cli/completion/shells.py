"""The answers to a shell in which TAB is pressed, and the command `aioseflow completion`.

The mechanism is click's: a script runs ``aioseflow`` with ``_AIOSEFLOW_COMPLETE=complete_SHELL`` and the line
up to the cursor in ``COMP_LINE``, and reads a candidate from each line of the answer. No shell evaluates any
answer, and a word that a shell would have to quote is not offered. Where there is no candidate, shells offer
names of files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import typer
from typer._click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    split_arg_string,
)

from ...text import cells, escape
from ..exit_code import ExitCode
from ..terminal import echo

Shell: TypeAlias = Literal["bash", "zsh", "fish"]

_TEXT_MAX: Final = 60
_TEXT_MIN: Final = 8
_NEEDS_NO_QUOTES: Final = re.compile(r"[\w@%+=:,./-]+")
# For these bash inserts every candidate, so that nothing may stand next to it: %, *
_INSERTING: Final = ("37", "42")


class LineComplete(ShellComplete):
    """Candidates for the line in ``COMP_LINE``: of each the word, a tab, and what it is."""

    def source_vars(self) -> dict[str, Any]:
        """Return nothing: the scripts have no variables."""
        return {}

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words of the line behind the program's name, and the last one, which may be empty."""
        # The letter shows whether the line ends within a word.
        *words, last = split_arg_string(os.environ["COMP_LINE"] + "x")
        words = [word for word in words[1:] if word != "--debug"]
        return words[1:] if words[:1] == ["help"] else words, last[:-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return whole words, also those of ``--option=value``."""
        option, equals, _ = incomplete.partition("=")
        before = f"{option}=" if equals and option.startswith("-") else ""
        return [
            CompletionItem(before + item.value, help=escape(item.help or "", _TEXT_MAX))
            for item in super().get_completions(args, incomplete)
            if item.type == "plain" and _NEEDS_NO_QUOTES.fullmatch(item.value)
        ]

    def format_completion(self, item: CompletionItem) -> str:
        """Return the line of a candidate."""
        return f"{item.value}\t{item.help}"


class BashComplete(LineComplete):
    """Candidates as bash inserts and lists them: it knows no descriptions."""

    def complete(self) -> str:
        """Return what takes the place of bash's own last word, with descriptions where it only lists them."""
        args, incomplete = self.get_completion_args()
        items = self.get_completions(args, incomplete)
        # bash's words end at characters such as = and :, too.
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        start = max((incomplete.rfind(mark) for mark in breaks), default=-1) + 1
        words = [item.value[start:] for item in items]
        if len(items) < 2:
            return "\n".join(words)
        is_loose = not all(item.value.startswith(incomplete) for item in items)
        if os.environ.get("COMP_TYPE") in _INSERTING:
            return "" if is_loose else "\n".join(words)
        lines = _described(words, [item.help or "" for item in items])
        # A blank has nothing in common with the others, or bash would put their beginning in place.
        return "\n".join([*lines, *([" "] if is_loose else [])])


def _described(words: Sequence[str], texts: Sequence[str]) -> list[str]:
    columns = os.environ.get("COLUMNS", "")
    longest = max(map(cells, words))
    room = min(_TEXT_MAX, (int(columns) if columns.isdecimal() else 80) - longest - len("  ()"))
    if room < _TEXT_MIN:
        return list(words)
    return [
        f"{word}{' ' * (longest - cells(word))}  ({escape(text, room)})" if text else word
        for word, text in zip(words, texts, strict=True)
    ]


def register() -> None:
    """Let typer answer ``_AIOSEFLOW_COMPLETE`` with these classes."""
    add_completion_class(BashComplete, "bash")
    add_completion_class(LineComplete, "zsh")
    add_completion_class(LineComplete, "fish")


SCRIPTS: Final[dict[Shell, str]] = {
    "bash": r"""# aioseflow: completion for bash. In ~/.bashrc: source <(aioseflow completion bash)
_aioseflow() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        [[ $line ]] && COMPREPLY+=("$line")
        [[ $line == */ ]] && compopt -o nospace 2>/dev/null
    done < <(_AIOSEFLOW_COMPLETE=complete_bash COMP_LINE=${COMP_LINE:0:COMP_POINT} COMP_TYPE=$COMP_TYPE \
        COMP_WORDBREAKS=$COMP_WORDBREAKS COLUMNS=${COLUMNS:-80} "${1/#~\//$HOME/}" 2>/dev/null </dev/null)
}
complete -o nosort -o default -F _aioseflow aioseflow 2>/dev/null ||
    complete -o default -F _aioseflow aioseflow
""",
    "zsh": r"""#compdef aioseflow
# aioseflow: completion for zsh. In ~/.zshrc: source <(aioseflow completion zsh)
_aioseflow() {
    local value text line="${(j: :)words[1,CURRENT-1]} $PREFIX"
    local -a items options
    _AIOSEFLOW_COMPLETE=complete_zsh COMP_LINE=$line "${${(Q)words[1]}/#\~\//$HOME/}" 2>/dev/null </dev/null |
        while IFS=$'\t' read -r value text; do
            [[ $value ]] && items+=("${value//:/\\:}:$text")
        done
    (( $#items )) || { _files; return }
    [[ ${items[1]} == */:* ]] && options+=(-S '')
    _describe -V aioseflow items -U "${options[@]}"
    # A name is put in the place of a label only where it is the only one.
    if (( $#items > 1 )) && [[ ${items[1]//\\:/:} != ${(Q)PREFIX}* ]]; then
        compstate[insert]= compstate[list]='list force'
    fi
}
if [[ $funcstack[1] == _aioseflow ]]; then
    _aioseflow "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _aioseflow aioseflow
fi
""",
    "fish": r"""# aioseflow: completion for fish. In ~/.config/fish/config.fish:
# aioseflow completion fish | source
function __aioseflow_complete
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -lx COMP_LINE (commandline -cp | string collect)
    set -lx _AIOSEFLOW_COMPLETE complete_fish
    set -l lines ($program 2>/dev/null </dev/null)
    if test -n "$lines"
        string join \n -- $lines
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c aioseflow -f -a '(__aioseflow_complete)'
""",
}
"""The scripts that `aioseflow completion` prints, by shell."""


def completion(shell: Annotated[Shell, typer.Argument(help="The shell.")]) -> int:
    """Print the completion script of a shell.

    TAB then completes commands, options and their choices, and names of profiles, runs, services and VMs.
    Services and VMs are those of the last list, by id or by name: TAB never talks to a panel.

    Each line below takes effect in new shells.

    \b
    Examples:
      echo 'source <(aioseflow completion bash)' >> ~/.bashrc
      echo 'source <(aioseflow completion zsh)' >> ~/.zshrc
      echo 'aioseflow completion fish | source' >> ~/.config/fish/config.fish
    """
    echo(SCRIPTS[shell])
    return ExitCode.OK

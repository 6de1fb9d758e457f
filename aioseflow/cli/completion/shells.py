"""What a shell asks when TAB is pressed, and the scripts that make it ask.

A script runs ``aioseflow __complete SHELL …`` with the words of the line as arguments and reads lines: ``=``
and a candidate, or ``!`` and how to treat them (``!files``: names of files instead; ``!loose``: what was
typed does not begin them; ``!nospace``: go on typing right behind). No shell evaluates anything of an answer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from ...text import cells, escape
from ..terminal import echo

_LONGEST_TEXT: Final = 60
_PATHS: Final = re.compile(r"FILE|PATH|DIR")
# bash inserts every one of them there, so that nothing may stand beside a candidate: %, *
_INSERTING: Final = ("37", "42")


class Candidate(NamedTuple):
    """A whole word, and what it is."""

    word: str
    text: str = ""


class Answer(NamedTuple):
    """What a word may become."""

    candidates: tuple[Candidate, ...] = ()
    loose: bool = False
    files: bool = False


def answer(asked: Sequence[str]) -> int:
    """Write the answer to ``SHELL …`` to stdout; a mistake of ours is nobody's candidates."""
    try:
        echo("".join(f"{line}\n" for line in _lines(list(asked))))
    except Exception as error:  # noqa: BLE001 - whatever was printed would land in somebody's line
        if os.environ.get("AIOSEFLOW_DEBUG"):
            from ..trace import print_debug

            print_debug(error)
        return 1
    return 0


def _lines(asked: list[str]) -> list[str]:
    shell = asked.pop(0)
    if shell == "bash":
        kind, columns, breaks, line = asked
        words, last, start, quote = split(line, breaks)
        found = complete(words[1:], last)
        return _for_bash(found, start, quote, width=_width(columns), plain=kind in _INSERTING)
    if shell == "zsh":
        columns, *words, last = asked
        found = complete(words, last)
        width = max((cells(one.word) for one in found.candidates), default=0)
        texts = [_beside(one, width, _width(columns), "  -- {}") for one in found.candidates]
        return [
            *_hints(found),
            *(f"={one.word}\t{text}" for one, text in zip(found.candidates, texts, strict=True)),
        ]
    *words, last = asked
    # fish gives the last word as it is written.
    found = complete(words, split(last, "")[1])
    return [*_hints(found), *(f"={one.word}\t{escape(one.text, _LONGEST_TEXT)}" for one in found.candidates)]


def _hints(found: Answer) -> list[str]:
    open_ended = bool(found.candidates) and all(one.word.endswith("/") for one in found.candidates)
    hints = {"!files": found.files, "!loose": found.loose, "!nospace": open_ended}
    return [hint for hint, holds in hints.items() if holds]


def _width(columns: str) -> int:
    return int(columns) if columns.isdecimal() and int(columns) >= 40 else 80


def _for_bash(found: Answer, start: int, quote: str, *, width: int, plain: bool) -> list[str]:
    """bash puts what it is given in the place of the word from ``start`` on, unquoted."""
    words = [
        one._replace(word=_quoted(one.word[start:], quote))
        for one in found.candidates
        # History is expanded even there.
        if not (quote == '"' and "!" in one.word)
    ]
    if len(words) > 1 and not plain:
        longest = max(cells(one.word) for one in words)
        lines = [f"={_beside(one, longest, width, '  ({})')}" for one in words]
        # One that has nothing in common with the others, or bash would put their beginning in place.
        return [*_hints(found), *lines, *(["= "] if found.loose else [])]
    if found.loose and len(words) > 1:
        return []
    return [*_hints(found), *(f"={one.word}" for one in words)]


def _quoted(text: str, quote: str) -> str:
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", text)
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)


def _beside(one: Candidate, longest: int, width: int, form: str) -> str:
    """The word and what it is on one line."""
    left = min(_LONGEST_TEXT, width - longest - len(form))
    if not one.text or left < 8:
        return one.word
    return one.word + " " * (longest - cells(one.word)) + form.format(escape(one.text, left))


def split(line: str, breaks: str) -> tuple[list[str], str, int, str]:
    """A line as a shell would split it, nothing expanded.

    Returns its words, the last one (which may be empty), where in that bash's own last word begins, which
    ends at any of ``breaks`` too, and the quote that is still open.
    """
    words: list[str] = []
    word, started, start, quote, escaped = "", False, 0, "", False
    for character in line:
        if escaped:
            word, escaped = word + character, False
        elif character == "\\" and quote != "'":
            started = escaped = True
        elif quote:
            if character == quote:
                quote, start = "", len(word)
            else:
                word += character
        elif character in "'\"":
            started, quote, start = True, character, len(word)
        elif character.isspace():
            if started:
                words.append(word)
            word, started, start = "", False, 0
        else:
            word, started = word + character, True
            if character in breaks:
                start = len(word)
    return words, word, start, quote


def complete(words: list[str], last: str) -> Answer:
    """What ``last`` may become after ``words``, without the program's name."""
    words = [word for word in words if word != "--debug"]
    if words[:1] == ["help"]:
        del words[0]
    if not words and not last.startswith("-"):
        from ..menu import MENU

        commands = {name: entry.summary for entries in MENU.values() for name, entry in entries.items()}
        items = [Candidate(name, text) for name, text in commands.items() if name.startswith(last)]
        return Answer(tuple(items))
    return _of_command(words, last)


def _of_command(words: list[str], last: str) -> Answer:
    import typer.main

    from ..app import app
    from .candidates import Loose

    # typer has its own copy of click, or had none.
    own = find_spec("typer._click")
    click: Any = import_module("typer._click.shell_completion" if own else "click.shell_completion")
    root = typer.main.get_command(app)
    context = click._resolve_context(root, {}, "aioseflow", list(words))
    left = [*getattr(context, "_protected_args", ()), *context.args]
    if left and hasattr(context.command, "commands"):
        # A word of the line is no command.
        return Answer()
    asked, value = click._resolve_incomplete(context, list(words), last)
    before = last[: len(last) - len(value)]
    items = asked.shell_complete(context, value)
    found = {
        before + item.value: Candidate(before + item.value, " ".join((item.help or "").split()))
        for item in items
        # What cannot be shown cannot be chosen.
        if item.type == "plain" and item.value.isprintable()
    }
    loose = any(isinstance(item.value, Loose) for item in items)
    takes = " ".join(filter(None, (getattr(asked, "metavar", None), _kind(asked))))
    files = any(item.type in ("file", "dir") for item in items) or (
        not items and _PATHS.search(takes.upper()) is not None
    )
    return Answer(tuple(found.values()), loose, files)


def _kind(asked: Any) -> str:
    described = getattr(asked, "type_descriptor", None)
    return "PATH" if getattr(described, "is_path", False) else ""


SCRIPTS: Final = {
    "bash": r"""# aioseflow: completion for bash. In ~/.bashrc: source <(aioseflow completion bash)
_aioseflow() {
    local line program=$1
    [[ $program == "~/"* ]] && program=$HOME/${program#"~/"}
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            '!files') compopt -o default 2>/dev/null ;;
            '!nospace') compopt -o nospace 2>/dev/null ;;
            '='*) COMPREPLY+=("${line#=}") ;;
        esac
    done < <("$program" __complete bash "$COMP_TYPE" "${COLUMNS:-80}" "$COMP_WORDBREAKS" \
        "${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null)
}
complete -o nosort -F _aioseflow aioseflow 2>/dev/null || complete -F _aioseflow aioseflow
""",
    "zsh": r"""#compdef aioseflow
# aioseflow: completion for zsh. In ~/.zshrc: source <(aioseflow completion zsh)
_aioseflow() {
    local line program=${(Q)words[1]}
    local -a before values texts options
    local -i loose=0
    [[ $program == '~/'* ]] && program=$HOME/${program#'~/'}
    (( CURRENT > 2 )) && before=("${(@Q)words[2,CURRENT-1]}")
    for line in "${(@f)$("$program" __complete zsh "${COLUMNS:-80}" "${(@)before}" "${(Q)PREFIX}" \
            2>/dev/null </dev/null)}"; do
        case $line in
            '!files') _files; return ;;
            '!loose') loose=1 ;;
            '!nospace') options+=(-S '') ;;
            '='*)
                line=${line#=}
                values+=("${line%%$'\t'*}")
                texts+=("${line#*$'\t'}")
                ;;
        esac
    done
    (( $#values )) || return 1
    (( loose )) && options+=(-U)
    compadd -V aioseflow -l -d texts "${(@)options}" -a values
    if (( loose && $#values > 1 )); then
        compstate[insert]=
        compstate[list]='list force'
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
    set -l last (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    for line in ($program __complete fish $words[2..] "$last" 2>/dev/null </dev/null)
        switch $line
            case '!files'
                __fish_complete_path "$last"
            case '=*'
                string sub -s 2 -- $line
        end
    end
end
complete -c aioseflow -f -a '(__aioseflow_complete)'
""",
}
"""What `aioseflow completion` prints, by shell."""

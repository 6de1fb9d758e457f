"""Errors in a command line: what is wrong, what may have been meant, and which help says more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..text import escape
from .exit_code import ExitCode
from .terminal import echo_err, echo_error

_HINTS_MAX: Final = 3
_LIKENESS: Final = 0.7
_VALUE_ERROR: Final = "Value error, "
# Sentences of typer and pydantic.
_IN_OTHER_WORDS: Final = (
    (_VALUE_ERROR, ""),
    (r"Input should be a valid integer.*", "it is a whole number"),
    (r"Input should be greater than or equal to (\S+)", r"it is \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"it is \1 or less"),
    (r"Got unexpected extra argument\(?s?\)? \((.*)\)", r"unexpected argument '\1'"),
)
_NOT_A_CHOICE: Final = r"(?s)'(?P<given>.*?)' is not one of (?P<choices>.*?)\.?"
_MEANT: Final = r"(?s)(?P<what>.*?)\.? Did you mean (?P<meant>.*)\?"


def is_usage(error: BaseException) -> bool:
    """Whether an error is one of typer about the command line, by its shape: its class is private."""
    return hasattr(error, "format_message")


def explain_usage(error: Any) -> int:
    """Write the error to stderr in a sentence, or the help of a group without a command; the exit code."""
    context = getattr(error, "ctx", None)
    message: str = getattr(error, "message", "") or error.format_message()
    no_command = type(error).__name__ == "NoArgsIsHelpError" or message.startswith("Missing command")
    if context is not None and no_command:
        echo_err(context.get_help())
        return ExitCode.USAGE
    what, meant = _parts(error, message)
    help_of = f"{getattr(context, 'command_path', None) or 'aioseflow'} --help"
    echo_error(f"{what}; did you mean {meant}? See {help_of}" if meant else f"{what}; see {help_of}")
    return int(getattr(error, "exit_code", ExitCode.USAGE))


def _parts(error: Any, message: str) -> tuple[str, str]:
    """Return what is wrong, and what may have been meant."""
    if hasattr(error, "possibilities"):
        context = getattr(error, "ctx", None)
        near = list(error.possibilities or ())
        if not near and context is not None and context.parent is None and _is_of_a_command(error, context):
            message = f"{message} before a command; options go after it"
        return message, " or ".join(_nearest(error.option_name, near))
    if found := re.fullmatch(_MEANT, message):
        return found["what"], found["meant"].replace(", ", " or ")
    # Choices are on lines of their own.
    whole = " ".join(error.format_message().split()).rstrip(".?")
    for pattern, words in _IN_OTHER_WORDS:
        whole = re.sub(pattern, words, whole)
    if found := re.fullmatch(_NOT_A_CHOICE, message.removeprefix(_VALUE_ERROR)):
        near = _nearest(found["given"], re.findall(r"'([^']*)'", found["choices"]))
        return whole, " or ".join(map(repr, near))
    return whole, ""


def _is_of_a_command(error: Any, context: Any) -> bool:
    """Whether any command has the option that stands before all commands."""
    groups, option = [context.command], error.option_name
    while groups:
        group = groups.pop()
        for command in (group.get_command(context, name) for name in group.list_commands(context)):
            if hasattr(command, "list_commands"):
                groups.append(command)
            elif any(option in (*each.opts, *each.secondary_opts) for each in command.params):
                return True
    return False


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return a hint at the words that are most like a word, `` (did you mean vm?)``; empty without any."""
    near = _nearest(word, list(words))
    return f" (did you mean {' or '.join(map(escape, near))}?)" if near else ""


def _nearest(word: str, words: Sequence[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(word, words, _HINTS_MAX, _LIKENESS)

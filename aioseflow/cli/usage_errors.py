"""A command that was written wrongly: what is wrong, what may have been meant, and where the help is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..text import escape
from .exit_code import ExitCode
from .terminal import echo_err, echo_error

_MOST: Final = 3
_ALIKE: Final = 0.7
_VALUE_ERROR: Final = "Value error, "
_NOT_A_CHOICE: Final = r"(?s)'(?P<given>.*?)' is not one of (?P<choices>.*?)\.?"
_MEANT: Final = r"(?s)(?P<what>.*?)\.? Did you mean (?P<meant>.*)\?"


def is_usage(error: BaseException) -> bool:
    """Whether typer says so; by its shape, as the package of its classes depends on its version."""
    return hasattr(error, "format_message")


def explain_usage(error: Any) -> int:
    """Say it in a sentence on stderr, or, where a group was named alone, what there is in it."""
    context = getattr(error, "ctx", None)
    message: str = getattr(error, "message", "") or error.format_message()
    nothing_asked = type(error).__name__ == "NoArgsIsHelpError" or message.startswith("Missing command")
    if context is not None and nothing_asked:
        echo_err(context.get_help())
        return ExitCode.USAGE
    what, meant = _parts(error, message)
    help_of = f"{getattr(context, 'command_path', None) or 'aioseflow'} --help"
    echo_error(f"{what}; did you mean {meant}? See {help_of}" if meant else f"{what}; see {help_of}")
    return int(getattr(error, "exit_code", ExitCode.USAGE))


def _parts(error: Any, message: str) -> tuple[str, str]:
    """What is wrong, and what may have been meant."""
    if hasattr(error, "possibilities"):
        context = getattr(error, "ctx", None)
        near = list(error.possibilities or ())
        if not near and context is not None and context.parent is None:
            message = f"{message} before a command; write it behind the command's name"
        return message, " or ".join(_nearest(error.option_name, near))
    if found := re.fullmatch(_MEANT, message):
        return found["what"], found["meant"].replace(", ", " or ")
    # What may be chosen is on lines of its own.
    whole = " ".join(error.format_message().split()).rstrip(".?").replace(_VALUE_ERROR, "")
    if found := re.fullmatch(_NOT_A_CHOICE, message.removeprefix(_VALUE_ERROR)):
        near = _nearest(found["given"], re.findall(r"'([^']*)'", found["choices"]))
        return whole, " or ".join(map(repr, near))
    return whole, ""


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return a hint at the words that are most like a word, `` (did you mean vm?)``; empty without any."""
    near = _nearest(word, list(words))
    return f" (did you mean {' or '.join(map(escape, near))}?)" if near else ""


def _nearest(word: str, words: Sequence[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(word, words, _MOST, _ALIKE)

"""``--debug``: where an error came from, fit to be sent to somebody else.

Shows no values of variables, none of the passwords that the command read, in whatever form they are written,
and nothing that follows ``Authorization``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ..errors import SeFlowError
from ..text import escape
from .terminal import echo_err

if TYPE_CHECKING:
    from ..secret import Secret

_SWITCH: Final = "--debug"
_VARIABLE: Final = "AIOSEFLOW_DEBUG"
_LINE_MAX: Final = 300
_EXCERPT_MAX: Final = 1000
_LINES_MAX: Final = 200
_ERRORS_OF_A_GROUP: Final = 10
_CREDENTIALS: Final = (
    r"(?i)(authorization\W{1,6}(?:(?:basic|bearer|digest)\s+)?)[^\s'\"]+|\b(basic\s+)[\w+/=-]{8,}"
)
_PACKAGES: Final = ("typer", "aiohttp", "attrs", "cattrs", "orjson")
_FACTS: Final = ("call", "request", "status", "attempts", "codes", "retry_after", "may_have_acted")
_passwords: Final[list[Secret]] = []


def hide(password: Secret) -> Secret:
    """Take a password out of every text of `scrubbed` from now on; called wherever a command reads one."""
    _passwords.append(password)
    return password


def take_switch(words: list[str]) -> tuple[list[str], bool]:
    """Return the words without ``--debug``, which may come anywhere before ``--``, and whether it was there.

    ``AIOSEFLOW_DEBUG``, if it is neither empty nor ``0``, means the same.
    """
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != _SWITCH]
    wanted = len(kept) < end or os.environ.get(_VARIABLE, "0") not in ("", "0")
    return kept + words[end:], wanted


def print_debug(error: BaseException) -> None:
    """Write to stderr where an error came from, what was sent, and the versions in use."""
    import traceback

    shown = traceback.TracebackException.from_exception(
        error, capture_locals=False, compact=True, max_group_width=_ERRORS_OF_A_GROUP
    )
    # All at once: a secret may have more than one line.
    lines = scrubbed("".join(shown.format()) + "\n".join([*_facts(error), _versions()])).split("\n")
    if len(lines) > _LINES_MAX:
        half = _LINES_MAX // 2
        lines[half:-half] = [f"… {len(lines) - 2 * half} more lines"]
    for line in lines:
        text = line.lstrip(" ")
        echo_err(" " * (len(line) - len(text)) + escape(text, _LINE_MAX))


def _facts(error: BaseException) -> Iterator[str]:
    """Yield what errors of calls know about their requests."""
    for one in _all(error):
        if not isinstance(one, SeFlowError):
            continue
        known = {name: getattr(one, name) for name in _FACTS}
        facts = [f"{name}={value!r}" for name, value in known.items() if value not in (None, (), 0, False)]
        if facts:
            yield f"{type(one).__name__}: {', '.join(facts)}"
        if one.excerpt:
            yield f"    the answer began: {one.excerpt[:_EXCERPT_MAX]!r}"


def _all(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its causes, and the errors of a group, each once."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _LINES_MAX:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions[:_ERRORS_OF_A_GROUP]


def leaves(error: BaseException) -> Iterator[Any]:
    """Yield the errors in a group and in its groups, in order; an error that is no group by itself."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error


def scrubbed(text: str) -> str:
    """Return the text without the passwords of this command, and without ``Authorization``."""
    from ..secret import HIDDEN
    from ..session.scrub import Scrubber

    scrubber = Scrubber()
    for secret in {os.environ.get("SEFLOW_PASSWORD", ""), *(one.reveal() for one in _passwords)} - {""}:
        # One that was typed in another encoding is sent nowhere, and has one form only.
        if any("\ud800" <= character <= "\udfff" for character in secret):
            text = text.replace(secret, HIDDEN)
        else:
            scrubber.add(secret)
    return re.sub(_CREDENTIALS, lambda found: f"{found[1] or found[2]}{HIDDEN}", scrubber.text(text))


def _versions() -> str:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from ..__about__ import __version__

    parts = [f"aioseflow {__version__}", f"Python {platform.python_version()}", platform.platform()]
    for package in _PACKAGES:
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    return ", ".join(parts)

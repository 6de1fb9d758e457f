"""``--debug``: where an error came from, with nothing in it that should not be sent to somebody else.

No values of variables are shown. Passwords that this process holds are taken out of what is shown, in
whichever form they are written there, and so is what follows ``Authorization``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

from ..errors import SeFlowError
from ..text import escape
from .terminal import echo_err

_SWITCH: Final = "--debug"
_VARIABLE: Final = "AIOSEFLOW_DEBUG"
_LONGEST_LINE: Final = 300
_LONGEST_EXCERPT: Final = 1000
_MOST_LINES: Final = 200
_MOST_IN_GROUP: Final = 10
# Shorter ones are no passwords but what a panel calls one, and would take letters out of every word.
_SHORTEST: Final = 4
_CREDENTIALS: Final = (
    r"(?i)(authorization\W{1,6}(?:(?:basic|bearer|digest)\s+)?)[^\s'\"]+|\b(basic\s+)[\w+/=-]{8,}"
)
_PACKAGES: Final = ("typer", "aiohttp", "attrs", "cattrs", "orjson")
_FACTS: Final = ("call", "request", "status", "attempts", "codes", "retry_after", "may_have_acted")


def take_switch(words: list[str]) -> tuple[list[str], bool]:
    """The words without ``--debug``, which may stand anywhere before ``--``; and whether it was among them.

    ``AIOSEFLOW_DEBUG``, if it is neither empty nor ``0``, says the same.
    """
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != _SWITCH]
    wanted = len(kept) < end or os.environ.get(_VARIABLE, "0") not in ("", "0")
    return kept + words[end:], wanted


def print_debug(error: BaseException) -> None:
    """Write to stderr where an error came from, what was sent, and which versions these are."""
    # All at once: a secret may have more than one line.
    lines = scrubbed("\n".join([*_traceback(error), *_facts(error), _versions()])).split("\n")
    if len(lines) > _MOST_LINES:
        # The beginning and the end say most.
        half = _MOST_LINES // 2
        lines[half:-half] = [f"… {len(lines) - 2 * half} more lines"]
    for line in lines:
        text = line.lstrip(" ")
        echo_err(" " * (len(line) - len(text)) + escape(text, _LONGEST_LINE))


def _traceback(error: BaseException) -> Iterator[str]:
    import traceback

    told = traceback.TracebackException.from_exception(
        error, capture_locals=False, compact=True, max_group_width=_MOST_IN_GROUP
    )
    for part in told.format():
        yield part.rstrip("\n")


def _facts(error: BaseException) -> Iterator[str]:
    """What the errors of calls know of what went over the wire."""
    for one in _all(error):
        if not isinstance(one, SeFlowError):
            continue
        known = {name: getattr(one, name) for name in _FACTS}
        said = [f"{name}={value!r}" for name, value in known.items() if value not in (None, (), 0, False)]
        if said:
            yield f"{type(one).__name__}: {', '.join(said)}"
        if one.excerpt:
            yield f"    the answer began: {one.excerpt[:_LONGEST_EXCERPT]!r}"


def _all(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came from, and what is in a group; each once."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _MOST_LINES:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions[:_MOST_IN_GROUP]


def scrubbed(text: str) -> str:
    """The text without the passwords that this process holds, and without ``Authorization``."""
    from ..secret import HIDDEN
    from ..session.scrub import Scrubber

    scrubber = Scrubber()
    for secret in set(_secrets()):
        scrubber.add(secret)
    return re.sub(_CREDENTIALS, lambda found: f"{found[1] or found[2]}{HIDDEN}", scrubber.text(text))


def _secrets() -> Iterator[str]:
    """What must not be shown: the environment's password, and every `Secret` that there is."""
    import gc

    from ..secret import Secret

    if password := os.environ.get("SEFLOW_PASSWORD"):
        yield password
    for one in gc.get_objects():
        if type(one) is Secret and len(one.reveal()) >= _SHORTEST:
            yield one.reveal()


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

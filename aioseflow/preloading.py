"""`preload`: everything that is imported or built at a first use, at once and in a thread."""

from __future__ import annotations

import asyncio
import pkgutil
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Final

from .errors import ConfigurationError

_PACKAGES: Final = ("decoding", "endpoints", "fleet", "models", "session")
_MODULES: Final = ("account_port", "client", "health_checks")
# Outside modules that functions import when they are first called.
_OTHERS: Final = ("encodings.idna", "filelock", "sqlite3", "stringprep")
_EXPRESSION: Final = (
    'power == "running" and label =~ "a" or id in ["1"] and not service.next_due < d"2026-01-01"'
)


async def preload() -> None:
    """Import and build, in a thread, what a client, a fleet, a journal and the first ``where=`` need.

    They do so at their first use otherwise, which takes up to a second of CPU time in the loop. A service
    that must answer meanwhile calls this once when it starts; a second call does nothing. Needs no client,
    sends nothing, and writes nothing.
    """
    await asyncio.to_thread(_preload)


def _preload() -> None:
    for name in (*(f"{__package__}.{module}" for module in _MODULES), *_ours(), *_OTHERS):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            # A part that an extra installs, such as a journal in a database.
            if error.name is None or error.name.partition(".")[0] == __package__:
                raise
    # Parsers and TLS are built when they are first used. What keeps them from that is told then: the extra
    # `where` may be missing, or a file of certificates.
    with suppress(ConfigurationError):
        import_module(f"{__package__}.fleet.select.syntax").compile_expression(_EXPRESSION)
    with suppress(ConfigurationError):
        _ = import_module(f"{__package__}.client").SeFlow("preload@localhost", "-", proxy=None).fleet


def _ours() -> Iterator[str]:
    """Yield the modules of the packages that a client or a fleet uses, a package before its modules."""
    for package in _PACKAGES:
        name = f"{__package__}.{package}"
        yield name
        for found in pkgutil.walk_packages(import_module(name).__path__, prefix=f"{name}."):
            yield found.name

"""The order of the checks, and which no longer make sense after one that failed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ...errors import ConfigurationError
from ..accounts import Identity
from .check import ORDER, Check, CheckVerdict
from .connection_checks import ConnectionChecks
from .local_checks import installation, journal
from .panel_checks import PanelChecks


async def machine() -> AsyncGenerator[Check, None]:
    """The checks of this machine."""
    yield installation()
    yield await journal()


async def examine(identity: Identity) -> AsyncGenerator[Check, None]:
    """All checks of one account in their order, as they are made; those left out are ``not_checked``."""
    try:
        name = identity.label
    except ConfigurationError:
        # The first check tells it.
        name = identity.credentials.username
    left = list(ORDER)
    failed = None
    async with aclosing(_made(ConnectionChecks(identity, name))) as made:
        async for check in made:
            left.remove(check.check)
            if check.verdict is CheckVerdict.FAILED:
                failed = check.check
            yield check
    for missing in left:
        yield Check(
            name, missing, CheckVerdict.NOT_CHECKED, f"mend {(failed or 'throttle').replace('_', ' ')} first"
        )


async def _made(way: ConnectionChecks) -> AsyncGenerator[Check, None]:
    failed = False
    async with aclosing(way.checks()) as checks:
        async for check in checks:
            failed = check.verdict is CheckVerdict.FAILED
            yield check
    if failed:
        return
    async with PanelChecks.client(way) as seflow, aclosing(PanelChecks(seflow, way).checks()) as checks:
        async for check in checks:
            yield check

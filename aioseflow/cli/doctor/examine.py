"""The order of the checks of an account, and which make no sense after one that failed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ...errors import ConfigurationError
from ..accounts import Identity
from .check import ORDER, Check, Checker, CheckVerdict
from .connection_checks import ConnectionChecks
from .panel_checks import PanelChecks


async def examine(identity: Identity) -> AsyncGenerator[Check, None]:
    """Make all checks of one account in their order; those left out are ``not_checked``."""
    try:
        name = identity.label
    except ConfigurationError:
        # The first check reports it.
        name = identity.credentials.username
    left = list(ORDER)
    failed = "throttle"
    async with aclosing(_made(ConnectionChecks(identity, name))) as made:
        async for check in made:
            left.remove(check.check)
            if check.verdict is CheckVerdict.FAILED:
                failed = check.check
            yield check
    for missing in left:
        yield Checker(name).skipped(missing, f'fix "{failed.replace("_", " ")}" first')


async def _made(connection: ConnectionChecks) -> AsyncGenerator[Check, None]:
    async with aclosing(connection.checks()) as checks:
        async for check in checks:
            yield check
    if check.verdict is CheckVerdict.FAILED:
        return
    async with (
        PanelChecks.client(connection) as seflow,
        aclosing(PanelChecks(seflow, connection).checks()) as checks,
    ):
        async for check in checks:
            yield check

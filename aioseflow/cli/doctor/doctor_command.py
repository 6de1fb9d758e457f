"""The command `aioseflow doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import typer

from ..accounts import Accounts, accounts
from ..command import Depends, command
from ..exit_code import ExitCode, Refusal
from ..written import OutputFormat, OutputOptions, output_options

if TYPE_CHECKING:
    from ..accounts import Identity
    from .check import Check

_COLUMNS: Final = ("account", "check", "verdict", "found", "mend")

app = typer.Typer(rich_markup_mode=None)


@command(app)
def doctor(who: Accounts = Depends(accounts), out: OutputOptions = Depends(output_options)) -> int:
    """Check everything between this machine and the panel, and say what to mend.

    In order: installation, journal, configuration, proxy, DNS, TCP, TLS, API, clock, credentials, allow-list,
    throttle, latency, and which calls the installation has. Sends at most eight requests for an account, all
    of them reads, and none after a refused login.

    Exit codes: 0 all well, or only warnings; 1 something failed; 6 it is the login or the allow-list.

    \b
    aioseflow doctor
    aioseflow doctor --all-profiles
    aioseflow doctor --output json | jq '.[] | select(.verdict == "failed")'
    """
    from .check import Check, exit_code_of
    from .check_printer import CheckPrinter

    made: list[Check] = []
    if out.is_page:
        screen = CheckPrinter(made)
        try:
            asyncio.run(_examine(who, screen.add))
        finally:
            screen.clear()
        screen.finish()
    elif out.form is OutputFormat.JSONL and not out.sort:
        stream = out.stream(kind=Check)

        def add(check: Check) -> None:
            made.append(check)
            stream.add(check)

        asyncio.run(_examine(who, add))
    else:
        asyncio.run(_examine(who, made.append))
        out.listing(made, _COLUMNS, kind=Check)
    return exit_code_of(made)


async def _examine(who: Accounts, tell: Callable[[Check], None]) -> None:
    from .examine import examine, machine

    identities, lacking = _identities(who)
    async with aclosing(machine()) as checks:
        async for check in checks:
            tell(check)
    if lacking is not None:
        tell(lacking)
    for identity in identities:
        async with aclosing(examine(identity)) as checks:
            async for check in checks:
                tell(check)


def _identities(who: Accounts) -> tuple[Sequence[Identity], Check | None]:
    """The accounts; or a check that says why there is none. Raises `Refusal` where they are named wrongly."""
    from ...errors import ConfigurationError
    from .check import Check, CheckVerdict, told

    try:
        return who.identities(), None
    except Refusal as refusal:
        if refusal.exit_code is ExitCode.USAGE and (who.names or who.everyone):
            raise
        found = str(refusal)
    except ConfigurationError as error:
        found = str(error)
    found, mend = told(found, "aioseflow login keeps an account; or set SEFLOW_USERNAME and SEFLOW_PASSWORD")
    return (), Check(None, "configuration", CheckVerdict.FAILED, found, mend)

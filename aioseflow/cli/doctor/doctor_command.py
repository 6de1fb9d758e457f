"""The command `aioseflow doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ..accounts import Accounts, accounts
from ..command import Depends
from ..exit_code import ExitCode, Refusal
from ..output import OutputFormat, OutputOptions, output_options

if TYPE_CHECKING:
    from ..accounts import Identity
    from .check import Check

_COLUMNS: Final = ("account", "check", "verdict", "found", "fix")


def doctor(who: Accounts = Depends(accounts), out: OutputOptions = Depends(output_options)) -> int:
    """Check everything between this machine and the panel, and say how to fix what is wrong.

    In order: installation, journal, configuration, proxy, DNS, TCP, TLS, API, clock, credentials, allow-list,
    throttle, latency, and which calls the installation has. Sends at most eight requests for an account, all
    of them reads, and none after a refused login.

    Exit codes: 0 no problems, or only warnings; 1 something failed; 6 the login or the allow-list failed.

    \b
    Examples:
      aioseflow doctor
      aioseflow doctor --all-profiles
      aioseflow doctor --output json | jq '.[] | select(.verdict == "failed")'
    """
    from .check import Check, exit_code_of
    from .check_printer import CheckPrinter

    made: list[Check] = []
    if out.is_page:
        printer = CheckPrinter(made)
        try:
            asyncio.run(_examine(who, printer.add))
        finally:
            printer.clear()
        printer.finish()
    elif out.form is OutputFormat.JSONL and not out.sort:
        write_line = out.stream(kind=Check)

        def add(check: Check) -> None:
            made.append(check)
            write_line(check)

        asyncio.run(_examine(who, add))
    else:
        asyncio.run(_examine(who, made.append))
        out.listing(made, _COLUMNS, kind=Check)
    return exit_code_of(made)


async def _examine(who: Accounts, add: Callable[[Check], None]) -> None:
    from .local_checks import installation, journal
    from .panel_checks import examine

    identities, missing = _identities(who)
    for check in (installation(), await journal(), *missing):
        add(check)
    for identity in identities:
        await examine(identity, add)


def _identities(who: Accounts) -> tuple[Sequence[Identity], Sequence[Check]]:
    """Return the accounts, or a check that says why there are none. Raises `Refusal` for wrong names."""
    from ...errors import ConfigurationError
    from .check import Checker

    fix = "aioseflow login stores an account; or set SEFLOW_USERNAME and SEFLOW_PASSWORD"
    try:
        return who.identities(), ()
    except Refusal as refusal:
        if refusal.exit_code is ExitCode.USAGE and (who.names or who.everyone):
            raise
        found, fix = refusal.found, refusal.fix or fix
    except ConfigurationError as error:
        found = str(error)
    return (), (Checker().failed("configuration", found, fix),)

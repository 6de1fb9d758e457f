"""Whether a domain name is free."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ..accounts import Accounts, accounts
from ..command import Depends
from ..exit_code import ExitCode
from ..output import OutputOptions
from .forms import single


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as example.com.")],
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(single, "Output"),
) -> int:
    """`aioseflow domain check`."""
    return asyncio.run(_check(name, who, out))


async def _check(name: str, who: Accounts, out: OutputOptions) -> int:
    async with who.client() as seflow:
        available = await seflow.domains.is_available(name)
    out.single({"name": name, "available": available})
    return ExitCode.OK

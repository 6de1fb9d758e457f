"""What a service can be upgraded to, as words that the other commands take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..accounts import Accounts, accounts
from ..command import Depends
from ..completion.candidates import complete_service
from ..exit_code import ExitCode
from ..output import OutputFormat, OutputOptions, output_options

if TYPE_CHECKING:
    from ...models import UpgradeOptions

_COLUMNS: Final = ("resources", "package", "of", "name", "price", "setup_price", "selected")

# Names of the panel's form: what has them is had in quantities.
_COUNTED: Final = ("slider", "qty")


def options(
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE", help="Its id, as service list shows it.", autocompletion=complete_service
        ),
    ],
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """`aioseflow service upgrade-options`."""
    return asyncio.run(_options(service, who, out))


async def _options(service: str, who: Accounts, out: OutputOptions) -> int:
    async with who.client() as seflow:
        found = await seflow.services.upgrade_options(service)
    if out.form in (OutputFormat.TABLE, OutputFormat.CSV):
        out.listing(list(_choices(found)), _COLUMNS)
    else:
        out.single(found)
    return ExitCode.OK


def _choices(found: UpgradeOptions) -> Iterator[dict[str, Any]]:
    """A row for each choice: what the option of that name takes."""
    for resource in found.resources:
        counted = resource.type in _COUNTED
        for item in resource.items:
            yield {
                "resources": f"{resource.id}:{item.id}=N" if counted else f"{resource.id}={item.id}",
                "package": None,
                "of": resource.name,
                "name": item.name,
                "price": item.price,
                "setup_price": item.setup_price,
                "selected": item.selected,
            }
    for package in found.package:
        yield {
            "resources": None,
            "package": package.id,
            "of": "package",
            "name": package.name,
            "price": package.extra.get("price"),
            "setup_price": package.extra.get("setup_price"),
            "selected": None,
        }

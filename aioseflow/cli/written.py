"""How data is written to stdout: ``--output``, ``--columns`` and ``--sort``."""

from __future__ import annotations

import enum
from typing import Annotated

import attrs
import typer


class Form(enum.StrEnum):
    """How data is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    YAML = "yaml"


@attrs.frozen
class Written:
    """What was asked of the output."""

    form: Form = Form.TABLE
    columns: tuple[str, ...] = ()
    sort: str = ""


def written(
    output: Annotated[Form, typer.Option("--output", "-o", help="How it is written.")] = Form.TABLE,
    columns: Annotated[
        str, typer.Option("--columns", metavar="NAME,…", help="Which columns, in this order.")
    ] = "",
    sort: Annotated[
        str, typer.Option("--sort", metavar="[-]NAME", help="By which column; - for the largest first.")
    ] = "",
) -> Written:
    """What the options ask for."""
    return Written(output, tuple(name.strip() for name in columns.split(",") if name.strip()), sort)

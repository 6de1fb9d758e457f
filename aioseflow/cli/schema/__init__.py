"""`aioseflow schema`: what ``--output json`` prints, as JSON Schema."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated

import typer

from ...text import escape
from ..command import Depends, command
from ..exit_code import ExitCode, Refusal
from ..table import Sheet
from ..written import OutputFormat, OutputOptions, output_options

app = typer.Typer(rich_markup_mode=None)


@command(app)
def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Of what, such as vm; all names without it.")
    ] = None,
    array: Annotated[bool, typer.Option("--array", help="Of an array of them, as lists are.")] = False,
    out: OutputOptions = Depends(output_options),
) -> int:
    """Print the JSON Schema (draft 2020-12) of what commands print with --output json.

    \b
    aioseflow schema
    aioseflow schema vm
    aioseflow schema vm --array > vms.schema.json

    Names of fields stay as they are; new ones may be added. With --columns only those that were asked for are
    there.
    """
    from .catalogue import catalogue, schema_of

    known = catalogue()
    if name is None:
        _list({entry.name: entry.printed_by for entry in known.values()}, out)
        return ExitCode.OK
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise Refusal(f"there is no schema of {escape(name)}{hint}; aioseflow schema lists all")
    found = schema_of(known[name], array_of=array)
    if out.form is OutputFormat.TABLE:
        # A schema is JSON, and a table of it would help nobody.
        out = OutputOptions(OutputFormat.JSON, out.columns, out.sort)
    out.single(found)
    return ExitCode.OK


def _list(known: Mapping[str, str], out: OutputOptions) -> None:
    if out.is_page:
        # Folded, not cut: one comes here to read it.
        Sheet([(name, [printed_by]) for name, printed_by in known.items()]).print()
        return
    rows = [{"name": name, "printed_by": printed_by} for name, printed_by in known.items()]
    out.listing(rows, ("name", "printed_by"))

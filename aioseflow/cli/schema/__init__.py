"""The command `aioseflow schema`: JSON Schema of what ``--output json`` prints."""

from __future__ import annotations

from typing import Annotated

import typer

from ...text import escape
from ..command import Depends
from ..exit_code import ExitCode, Refusal
from ..output import OutputFormat, OutputOptions, output_options
from ..table import Sheet
from ..usage_errors import did_you_mean


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of a schema, such as vm; all without it.")
    ] = None,
    array: Annotated[bool, typer.Option("--array", help="Schema of an array of such objects.")] = False,
    out: OutputOptions = Depends(output_options),
) -> int:
    """Print the JSON Schema (draft 2020-12) of the output of commands with --output json.

    Names of fields are stable; new ones may be added. With --columns an object has these fields only.

    \b
    Examples:
      aioseflow schema
      aioseflow schema vm
      aioseflow schema vm --array > vms.schema.json
    """
    from .catalogue import catalogue

    known = catalogue()
    if name is None:
        if out.is_page:
            # Folded, not cut, unlike a table.
            Sheet([(entry.name, [entry.printed_by]) for entry in known.values()]).print()
        else:
            rows = [{"name": entry.name, "printed_by": entry.printed_by} for entry in known.values()]
            out.listing(rows, ("name", "printed_by"))
        return ExitCode.OK
    if name not in known:
        raise Refusal(f"no schema {escape(name)}{did_you_mean(name, known)}; list them: aioseflow schema")
    if out.form is OutputFormat.TABLE:
        # A schema is JSON, and a table of it would help nobody.
        out = OutputOptions(OutputFormat.JSON, out.columns, out.sort)
    out.single(known[name].schema(array=array))
    return ExitCode.OK

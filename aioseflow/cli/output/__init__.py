"""How data is written to stdout: ``--output``, ``--columns`` and ``--sort``."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

if TYPE_CHECKING:
    from .stream import Stream


class OutputFormat(enum.StrEnum):
    """How data is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    YAML = "yaml"


@attrs.frozen
class OutputOptions:
    """What was asked of the output.

    Items are models, other attrs objects or mappings; their names are those of `jsonable.plain`. A name with
    dots (``extra.node``) reaches into an object, or into each object of a list.

    Attributes:
        form: of the five.
        columns: names, in order; empty for all that there is (in a table: those that the command chose).
        sort: a name, with ``-`` before it for the largest first; empty for the order in which they came.
    """

    form: OutputFormat = OutputFormat.TABLE
    columns: tuple[str, ...] = ()
    sort: str = ""

    @property
    def is_page(self) -> bool:
        """Whether what a command has for people is wanted, and no columns or order of one's own."""
        return self.form is OutputFormat.TABLE and not self.columns and not self.sort

    def listing(self, items: Iterable[object], columns: Sequence[str], *, kind: type | None = None) -> None:
        """Write many things.

        Args:
            items: all of them.
            columns: what a table and a csv have, where nothing else was asked for.
            kind: the attrs class of the items: its names are then known although the list is empty.

        Raises:
            Refusal: the items have no column of a name that was asked for.
        """
        from .print_list import write

        write(self, list(items), columns, kind)

    def single(self, item: object) -> None:
        """Write one thing: in a table a line for each of its names.

        Raises:
            Refusal: it has no column of a name that was asked for, or a sorting was.
        """
        from .print_object import write

        write(self, item)

    def stream(self, *, kind: type | None = None) -> Stream:
        """Write things one by one while something runs: a line of JSON for each, whatever the form.

        With ``kind``, the attrs class of the items, names are looked at now and not when it is too late;
        one that an item does not have is null.

        Raises:
            Refusal: ``kind`` has no column of a name that was asked for, or a sorting was.
        """
        from .stream import opened

        return opened(self, kind)


def output_options(
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="How it is written.")
    ] = OutputFormat.TABLE,
    columns: Annotated[
        str, typer.Option("--columns", metavar="NAME,…", help="Which columns, in this order.")
    ] = "",
    sort: Annotated[
        str, typer.Option("--sort", metavar="[-]NAME", help="By which column; - for the largest first.")
    ] = "",
) -> OutputOptions:
    """What the options ask for."""
    names = (name.strip() for name in columns.split(","))
    return OutputOptions(output, tuple(dict.fromkeys(name for name in names if name)), sort.strip())

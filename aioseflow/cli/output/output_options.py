"""The options ``--output``, ``--columns`` and ``--sort``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, TypeAlias

import attrs
import typer

from ..exit_code import Refusal
from ..terminal import echo, echo_err
from .columns import check, ordered, pick, reach, row_of
from .formats import OutputFormat, as_csv, as_yaml, dumps, line
from .layout import sheet, table

Format: TypeAlias = Annotated[OutputFormat, typer.Option("--output", "-o", help="Format of the output.")]
Columns: TypeAlias = Annotated[
    str, typer.Option("--columns", metavar="NAME,…", help="Columns, in this order.")
]
Sort: TypeAlias = Annotated[
    str, typer.Option("--sort", metavar="[-]NAME", help="Sort by a column; - for descending order.")
]


@attrs.frozen
class OutputOptions:
    """Options for the data that a command writes.

    Data are models, other attrs objects or mappings, with the names of `plain`. A name with dots
    (``extra.node``) reaches into an object, or into each object of a list.

    Attributes:
        form: the format.
        columns: names, in order; empty for all names, and in a table for those that the command chose.
        sort: a name, with ``-`` before it for descending order; empty for the order of the data.
    """

    form: OutputFormat = OutputFormat.TABLE
    columns: tuple[str, ...] = ()
    sort: str = ""

    @property
    def is_page(self) -> bool:
        """Whether the command writes its page for people: a table, without ``--columns`` and ``--sort``."""
        return self.form is OutputFormat.TABLE and not self.columns and not self.sort

    @property
    def named(self) -> list[str]:
        """The names in ``columns`` and ``sort``."""
        return [*self.columns, *([self.sort.removeprefix("-")] if self.sort else [])]

    def listing(
        self,
        items: Iterable[object],
        columns: Sequence[str],
        *,
        kind: type | None = None,
        empty: str = "Nothing to list.",
    ) -> None:
        """Write a list.

        Args:
            items: its objects.
            columns: the columns of a table or CSV without ``--columns``.
            kind: the attrs class of the items, whose names are known although the list is empty.
            empty: the sentence that stderr gets instead of an empty table.

        Raises:
            Refusal: no item has a column of a name in ``columns`` or ``sort``.
        """
        pairs = [(row_of(item), item) for item in items]
        if self.form is OutputFormat.TABLE and not pairs:
            echo_err(empty)
        check(self.named, [row for row, _ in pairs], kind, columns)
        if self.sort:
            pairs = ordered(pairs, self.sort)
        rows = [row for row, _ in pairs]
        names = self.columns or columns
        match self.form:
            case OutputFormat.TABLE if rows:
                table(rows, [item for _, item in pairs], names).print()
            case OutputFormat.CSV:
                echo(as_csv(([reach(row, name) for name in names] for row in rows), names))
            case OutputFormat.JSONL:
                echo(b"".join(line(pick(row, self.columns)) for row in rows))
            case OutputFormat.JSON | OutputFormat.YAML:
                self._document([pick(row, self.columns) for row in rows])

    def single(self, item: object) -> None:
        """Write one object: in a table a line for each of its names.

        Raises:
            Refusal: it has no column of a name in ``columns``, or ``sort`` is given.
        """
        if self.sort:
            raise Refusal("--sort is for lists, and this is one object")
        row = row_of(item)
        check(self.columns, [row])
        row = pick(row, self.columns)
        match self.form:
            case OutputFormat.TABLE:
                sheet(row).print()
            case OutputFormat.CSV:
                echo(as_csv([list(row.values())], list(row)))
            case OutputFormat.JSONL:
                echo(line(row))
            case _:
                self._document(row)

    def _document(self, value: object) -> None:
        echo(as_yaml(value) if self.form is OutputFormat.YAML else dumps(value))

    def stream(self, *, kind: type | None = None) -> Callable[[object], None]:
        """Return a function that writes an object as a line of JSON at once, whatever the format.

        A reader that is gone is no error.

        With ``kind``, the attrs class of the items, the names are checked now.

        Raises:
            Refusal: ``kind`` has no column of a name in ``columns``, or ``sort`` is given.
        """
        if self.sort:
            raise Refusal("jsonl writes each line at once and cannot be sorted", fix="use --output json")
        if kind is not None:
            check(self.columns, (), kind)
        return lambda item: echo(line(pick(row_of(item), self.columns)))


def output_options(
    output: Format = OutputFormat.TABLE, columns: Columns = "", sort: Sort = ""
) -> OutputOptions:
    """Return the options of a command that writes a list."""
    names = (name.strip() for name in columns.split(","))
    return OutputOptions(output, tuple(dict.fromkeys(name for name in names if name)), sort.strip())


def object_options(output: Format = OutputFormat.TABLE, columns: Columns = "") -> OutputOptions:
    """Return the options of a command that writes one object: there is nothing to sort."""
    return output_options(output, columns)

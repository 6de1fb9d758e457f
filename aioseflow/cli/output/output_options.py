"""The options ``--output``, ``--columns`` and ``--sort``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import attrs
import typer

from ..exit_code import Refusal
from ..terminal import echo_err
from .formats import OutputFormat

if TYPE_CHECKING:
    from .print_data import LineStream

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
        from .print_data import print_list

        items = list(items)
        if self.form is OutputFormat.TABLE and not items:
            echo_err(empty)
        print_list(items, columns, kind, form=self.form, chosen=self.columns, sort=self.sort)

    def single(self, item: object) -> None:
        """Write one object: in a table a line for each of its names.

        Raises:
            Refusal: it has no column of a name in ``columns``, or ``sort`` is given.
        """
        from .print_data import print_object

        if self.sort:
            raise Refusal("--sort is for lists, and this is one object")
        print_object(item, form=self.form, chosen=self.columns)

    def stream(self, *, kind: type | None = None) -> LineStream:
        """Return what writes objects one by one, each as a line of JSON, whatever the format.

        With ``kind``, the attrs class of the items, the names are checked now.

        Raises:
            Refusal: ``kind`` has no column of a name in ``columns``, or ``sort`` is given.
        """
        from .columns import check
        from .print_data import LineStream

        if self.sort:
            raise Refusal("jsonl writes each line at once and cannot be sorted", fix="use --output json")
        if kind is not None:
            check(self.columns, (), kind)
        return LineStream(self.columns)


def output_options(
    output: Format = OutputFormat.TABLE, columns: Columns = "", sort: Sort = ""
) -> OutputOptions:
    """Return the options of a command that writes a list."""
    names = (name.strip() for name in columns.split(","))
    return OutputOptions(output, tuple(dict.fromkeys(name for name in names if name)), sort.strip())


def object_options(output: Format = OutputFormat.TABLE, columns: Columns = "") -> OutputOptions:
    """Return the options of a command that writes one object: there is nothing to sort."""
    return output_options(output, columns)

"""A line of JSON for each thing, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..exit_code import Refusal
from ..jsonable import line
from ..terminal import echo
from .columns import check, chosen, row_of

if TYPE_CHECKING:
    from . import OutputOptions


@attrs.frozen
class Stream:
    """Lines of JSON on stdout."""

    columns: tuple[str, ...] = ()

    def add(self, item: object) -> None:
        """Write one and flush it; a reader that went away is no error."""
        row = row_of(item)
        echo(line(chosen(row, self.columns) if self.columns else row))


def opened(asked: OutputOptions, kind: type | None) -> Stream:
    """A stream as asked for. Raises `Refusal`."""
    if asked.sort:
        raise Refusal(
            "lines are written as they come, so --sort cannot be had with jsonl; take json, or sort them"
        )
    if kind is not None:
        check(asked.columns, (), kind)
    return Stream(asked.columns)

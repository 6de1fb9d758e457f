"""The rows of an answer, whatever its form, and the faults in them."""

from __future__ import annotations

from typing import Self

import attrs

from .faults import Fault
from .wire import Json


@attrs.frozen
class AnswerRows:
    """The first value of an answer: rows by id, rows in a list, or a single row."""

    answer: dict[str, Json]
    key: str
    rows: dict[str, Json]
    form: type[dict[str, Json]] | type[list[Json]] | None

    @classmethod
    def of(cls, answer: Json) -> Self | None:
        """Return the rows of an answer, None where it has none."""
        if not isinstance(answer, dict) or not answer:
            return None
        key, value = next(iter(answer.items()))
        match value:
            case {"id": str(row)}:
                return cls(answer, key, {row: value}, None)
            case dict() if all(isinstance(row, dict) for row in value.values()):
                return cls(answer, key, value, dict)
            case list() if all(isinstance(row, dict) and "id" in row for row in value):
                return cls(answer, key, {str(row["id"]): row for row in value}, list)
            case _:
                return None

    def with_fault(self, fault: Fault, hit: frozenset[str]) -> Self:
        """Return the rows with a fault in those with the ids `hit`."""
        if fault.kind == "pages":
            size = fault.size or 1
            pagination = {"page": 1, "last_page": -(-len(self.rows) // size)}
            return attrs.evolve(
                self,
                answer={**self.answer, "meta": {"pagination": pagination}},
                rows=dict(list(self.rows.items())[:size]),
            )
        rows = dict(self.rows)
        for row in hit & rows.keys():
            # PHP writes `[]` for an object without fields.
            rows[row] = [] if fault.fields is None or not rows[row] else {**rows[row], **fault.fields}
        return attrs.evolve(self, rows=rows)

    def whole_answer(self) -> Json:
        """Return the answer with these rows."""
        rows: Json = list(self.rows.values())
        if self.form is dict:
            rows = self.rows
        elif self.form is None:
            (rows,) = rows
        return {**self.answer, self.key: rows}

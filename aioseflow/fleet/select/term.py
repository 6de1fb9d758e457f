"""`Term`: a part of an expression, and its text in messages."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs

from .expression import Read
from .fields import BOOLEAN, DATE, NUMBER, TEXT, Field


@attrs.frozen
class Term:
    """A part of an expression.

    Attributes:
        kind: its type, a word of `fields`.
        shown: its text in messages.
        value: the value of a literal.
        members: the members of a list that is written out.
        field: the field that it names; ``unread`` reads whether that was sent in a form that cannot be read.
    """

    kind: str
    shown: str
    read: Read
    is_literal: bool = False
    value: Any = None
    members: tuple[Term, ...] = ()
    field: Field | None = None
    unread: Read | None = None

    def __str__(self) -> str:
        return f"{self.shown} is {self.kind}"


def quoted(value: Any) -> str:
    """Return a literal as it is written."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:76]}…"


def listed(members: tuple[Term, ...]) -> str:
    """Return several parts as a list is written; the first four of many."""
    shown = ", ".join(member.shown for member in members[:4])
    return f"[{shown}, …]" if len(members) > 4 else f"[{shown}]"


def is_digits(term: Term) -> bool:
    """Whether a part is a text of nothing but digits."""
    return term.is_literal and term.kind == TEXT and bool(re.fullmatch(r"[0-9]+", term.value))


def converted(literal: Term, kind: str) -> str | None:
    """Return a literal as one of another type; None where it cannot be meant so."""
    text = str(literal.value).strip()
    if kind == TEXT and literal.kind == NUMBER:
        return quoted(text)
    if kind == NUMBER and literal.kind == TEXT and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return text
    if kind == BOOLEAN:
        return {"true": "true", "1": "true", "false": "false", "0": "false"}.get(text.lower())
    if kind == DATE and literal.kind == TEXT and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return f"d{literal.shown}"
    return None

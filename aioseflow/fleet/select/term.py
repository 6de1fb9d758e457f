"""One part of a text expression, and how it is written in messages."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs

from .fields import BOOLEAN, DATE, NUMBER, TEXT, Field, Read


@attrs.frozen
class Term:
    """A part of an expression.

    Attributes:
        kind: its type, a word of `fields`.
        shown: how it is written.
        value: that of a literal.
        members: those of a list that is written out.
        field: that which it names, `unread` whether it was sent in a form that cannot be read.
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
    """A literal as it is written."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:76]}…"


def listed(members: tuple[Term, ...]) -> str:
    """Several parts as a list is written, the first four of many."""
    shown = ", ".join(member.shown for member in members[:4])
    return f"[{shown}, …]" if len(members) > 4 else f"[{shown}]"


def is_digits(term: Term) -> bool:
    """Whether a part is a text of nothing but digits."""
    return term.is_literal and term.kind == TEXT and bool(re.fullmatch(r"[0-9]+", term.value))


def converted(literal: Term, kind: str) -> str | None:
    """The literal as one of another type, where it can be meant so."""
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

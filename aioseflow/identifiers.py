"""Identifiers: opaque texts, each of them one segment of a path."""

from __future__ import annotations

import unicodedata
from typing import TypeAlias

from .errors import InvalidArgument

Id: TypeAlias = int | str
"""Identifier as the panel gives it, sent as one percent-encoded path segment."""


def check_id(value: object, what: str, *, argument: str | None = None) -> str:
    """Return the id as text.

    Args:
        what: the name of the argument, or words for a part of it (``"an id in vms"``), for the message.
        argument: the name of the argument, where ``what`` is not that name.

    Raises:
        InvalidArgument: the id is neither text nor an integer, is empty, or would leave its path segment.
    """
    argument = what if argument is None else argument
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidArgument(
            f"{what} must be a string or an integer, not {type(value).__name__}", argument=argument
        )
    text = str(value)
    if not text.strip():
        raise InvalidArgument(f"{what} is empty; give the id as the panel shows it", argument=argument)
    if text in {".", ".."} or "/" in text or "\\" in text:
        raise InvalidArgument(
            f"{what} {text[:40]!r} would leave its place in the path; give the id alone", argument=argument
        )
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise InvalidArgument(
            f"{what} {text[:40]!r} contains a control character; give the id alone", argument=argument
        )
    return text

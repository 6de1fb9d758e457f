"""`Safety`: whether a request may be repeated when its answer was lost."""

from __future__ import annotations

import enum


class Safety(enum.Enum):
    """Whether a request may be repeated when it is not known whether the panel acted on it."""

    READ = "read"
    """Changes nothing: may be repeated."""
    IDEMPOTENT = "idempotent"
    """Ends in the same state however often it is sent: may be repeated."""
    ONCE = "once"
    """Must reach the panel at most once: a lost answer is `OutcomeUnknown`."""

"""What may be done when it is not known whether the server acted on a request."""

from __future__ import annotations

import enum


class Safety(enum.Enum):
    """What may be done when it is not known whether the server acted on a request."""

    READ = "read"
    """Changes nothing: may be repeated."""
    IDEMPOTENT = "idempotent"
    """Ends in the same state however often it is sent: may be repeated."""
    ONCE = "once"
    """Must reach the server at most once: a lost answer is `OutcomeUnknown`."""

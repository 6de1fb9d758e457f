"""The error for a change that was sent, and of which nobody knows whether it was done."""

from __future__ import annotations

from datetime import datetime

from ..errors import OutcomeUnknown, SeFlowError
from .exchange import Exchange


def outcome_unknown(error: SeFlowError, exchange: Exchange, sent_at: datetime) -> OutcomeUnknown:
    """Say what was sent, when, and how to find out what became of it; ``error`` is what happened last."""
    times = "once" if exchange.sent == 1 else f"{exchange.sent} times, last"
    outcome = OutcomeUnknown(
        f"{exchange.request} was sent {times} at {sent_at:%H:%M:%S} UTC, and "
        f"whether the panel acted is not known; it was not sent again. Read the object back before you "
        f"repeat it. The last thing that happened: {error.message}",
        call=exchange.call,
        request=exchange.request,
        status=error.status,
        attempts=exchange.attempts,
        excerpt=error.excerpt,
        codes=error.codes,
        retry_after=error.retry_after,
        sent_at=sent_at,
    )
    outcome.__cause__ = error
    return outcome

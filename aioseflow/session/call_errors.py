"""The errors that leave a call: completed with its request, and saying whether the panel may have acted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import DecodeError, NotFound, OutcomeUnknown, SeFlowError
from .call_options import PendingCall
from .exchange import Exchange
from .retry import TABLE, AttemptFailed, FailureKind, RetryRule, RetryState

_ANSWERED_NO = frozenset({FailureKind.BLOCKED, FailureKind.ANSWERED_NO})
_BUDGET_EMPTY = "Not sent again: too many calls fail at the moment (the retry budget is empty)."


def complete_error(error: SeFlowError, pending: PendingCall[Any]) -> SeFlowError:
    """Add the call, its request and the number of attempts to an error, and return it.

    Texts of the panel were masked where they were read. A mask over a sentence of ours would show where the
    password has the same letters.
    """
    account, call, exchange = pending.account, pending.call, pending.exchange
    if error.status == 404 and not error.codes and not call.placeholders:
        # The path has no ids that could be wrong.
        base = account.base
        if not base.endswith("/api"):
            error.message = f"{base} answered 404. The address usually ends in /api: try {base}/api"
        elif isinstance(error, NotFound):
            error.message = f"{base} answered 404: the panel lacks this function, or the base URL is wrong."
    if exchange.attempts > 1:
        error.message = _joined(error.message, f"Tried {exchange.attempts} times.")
    error.args = (error.message,)
    error.add_note(f"{call}: {exchange.request}")
    if isinstance(error, DecodeError):
        error.payload = account.circuit.scrub.value(error.payload)
    error.call = call.name
    error.request = exchange.request
    error.attempts = exchange.attempts
    if error.status is None:
        error.status = exchange.status
    return error


def last_error(
    failure: AttemptFailed, pending: PendingCall[Any], state: RetryState, since: float
) -> SeFlowError:
    """Return the error of a call that is not tried again and was sent last ``since`` seconds ago.

    The error is `OutcomeUnknown` if the panel may have acted and no answer shows whether it did.
    """
    error = failure.error
    if state.budget_is_empty:
        error.retry_budget_empty = True
        error.message = _joined(error.message, _BUDGET_EMPTY)
    complete_error(error, pending)
    error.never_left = failure.kind is FailureKind.NOT_SENT and not pending.exchange.sent
    error.may_have_acted = pending.call.changes and state.may_have_acted
    unknown = TABLE[failure.kind][pending.call.safety] is RetryRule.OUTCOME_UNKNOWN
    # After a lost answer the first request may have done it, so the refusal of a retry ("not running", "no
    # such VM") does not show what the first one did.
    undecided = failure.kind in _ANSWERED_NO and error.may_have_acted
    return _outcome_unknown(error, pending.exchange, since) if unknown or undecided else error


def _outcome_unknown(error: SeFlowError, exchange: Exchange, since: float) -> OutcomeUnknown:
    sent_at = datetime.now(UTC) - timedelta(seconds=since)
    times = "once" if exchange.sent == 1 else f"{exchange.sent} times, last"
    reason = _joined(error.message, "The change may or may not have taken effect.")
    outcome = OutcomeUnknown(
        f"Sent {times} at {sent_at:%H:%M:%S} UTC, not sent again. {reason} Read the object back before "
        "repeating it.",
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
    outcome.__notes__ = error.__notes__
    return outcome


def _joined(message: str, sentence: str) -> str:
    end = "" if message.endswith((".", "!", "?")) else "."
    return f"{message}{end} {sentence}"

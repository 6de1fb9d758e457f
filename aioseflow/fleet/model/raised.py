"""Exceptions of a user's code in a run: each ends the work for its own VM, not for the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...callables import is_of_run, said, without_locals
from .outcome import ActionRaised, PredicateRaised

_VMS_NAMED_MAX: Final = 5


def action_raised(what: str, error: BaseException, *, may_have_acted: bool = False) -> ActionRaised:
    """Return the error for an exception of ``what``, such as ``"perform()"``.

    Raises the exception where it is an interrupt, or the cancellation of the present task.
    """
    if is_of_run(error):
        raise error
    raised = ActionRaised(f"{what} raised {said(error)}", may_have_acted=may_have_acted)
    raised.__cause__ = without_locals(error)
    return raised


def predicate_raised(raised: Mapping[str, BaseException]) -> PredicateRaised:
    """Return the error for the exceptions of a predicate, by VM id."""
    ids = tuple(raised)
    more = f" and {len(ids) - _VMS_NAMED_MAX} more" if len(ids) > _VMS_NAMED_MAX else ""
    names = f"VM{'s' if len(ids) > 1 else ''} {', '.join(ids[:_VMS_NAMED_MAX])}{more}"
    first = raised[ids[0]]
    error = PredicateRaised(f"the predicate raised for {names}, not selected: {said(first)}", vm_ids=ids)
    error.__cause__ = first
    return error


def refuse_awaitable(what: str, value: object) -> None:
    """Raise `ActionRaised` for a value that was never awaited, such as the coroutine of a forgotten call."""
    if hasattr(value, "__await__"):
        close = getattr(value, "close", None)
        if close is not None:
            close()  # without the warning that it was never awaited
        raise ActionRaised(f"{what} returned a {type(value).__name__} that was not awaited: await it there")

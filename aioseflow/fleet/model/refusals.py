"""`RunRefused`: a run did not begin because of a guard, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from ...errors import InvalidArgument
from .outcome import TargetKey

Reason: TypeAlias = Literal[
    "max_targets",
    "max_unavailable",
    "undiscovered",
    "in_another_run",
    "not_confirmed",
    "other_run",
    "protected",
]


class RunRefused(InvalidArgument):
    """A guard kept a run from beginning, and nothing was changed.

    Attributes:
        reason: ``"max_targets"`` (too many VMs are selected), ``"max_unavailable"`` (so many VMs are down
            already that none could ever be taken down), ``"undiscovered"`` (``strict``, and something could
            not be listed), ``"in_another_run"`` (a live run acts on some of the VMs),
            ``"not_confirmed"`` (an action that needs a confirmed plan), ``"other_run"`` (the ``run_id``
            belongs to a run that does something else), ``"protected"`` (a plan acts on a VM that this client
            protects, and did not name it).
        run_id: the other run, None where there is none.
        pid: process id of the other run, None where it is not known.
        host: name of its machine, None likewise.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason = "max_targets",
        run_id: str | None = None,
        pid: int | None = None,
        host: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.reason = reason
        self.run_id = run_id
        self.pid = pid
        self.host = host


def in_another_run(taken: Mapping[TargetKey, str], pid: int | None, host: str | None) -> RunRefused:
    """Return the error for VMs that another run acts on, the one in ``taken`` whose id is the first."""
    first = min(taken.values())
    mine = [key for key, run in taken.items() if run == first]
    where = "" if pid is None else f" (process {pid} on {host})"
    return RunRefused(
        f"run {first}{where} is working on {len(mine)} of these VMs, such as VM {mine[0][2]} of service "
        f"{mine[0][1]}; nothing was sent. Wait for it, or exclude them",
        reason="in_another_run",
        run_id=first,
        pid=pid,
        host=host,
    )


def require_same(run_id: str, *, same: bool) -> None:
    """Raise `RunRefused` if another run has this id."""
    if not same:
        raise RunRefused(
            f"run {run_id!r:.60} exists already and does something else; give another run_id",
            reason="other_run",
            run_id=run_id,
        )


def only_error(error: BaseException) -> BaseException:
    """Return the exception in a group of one, otherwise the error itself."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error

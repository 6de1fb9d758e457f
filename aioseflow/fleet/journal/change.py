"""The changes that a journal takes, in a form that every store understands.

A change is a tuple ``(kind, parameters, future)``; the future, if there is one, gets the result. Parameters
are texts, numbers, truth values and None, as `codec` makes them: times are microseconds since the epoch,
errors are JSON. ``run`` is the number of a run, ``number`` that of a target in it.

============  ================================================================================================
kind          parameters
============  ================================================================================================
CREATE        a run, as `codec.run_values` gives it; the result says whether there was none of that id
HOLD          run, pid, host, at, keys of accounts by name as JSON or None
SELECTED      run, targets, ids of dead runs; the result names contested targets, each with the other run's id
WITHOUT_VMS   run, account, service_id, service_name, why
LOST          run, losses, in place of those recorded before
DISCOVERED    run
INTEND        run, number, step, at, panel_at
ACCEPTED      run, number, stage, attempts, answer_lost, error
REQUEUED      run, number, step, attempts, answer_lost, error, changed_before
FINISHED      run, number, status, verified, cause, step_name, attempts, answer_lost, error, started_at,
              finished_at, left_at
REOPENED      run, number
ENDED         run, finished_at, error, losses, services without VMs or None, timeline or None, ended_by
LEARN         key of the account, key, value
MARK          none
============  ================================================================================================
"""

from __future__ import annotations

import enum
from typing import Any, TypeAlias


class Kind(enum.IntEnum):
    """The kind of a change."""

    INTEND = enum.auto()
    ACCEPTED = enum.auto()
    REQUEUED = enum.auto()
    FINISHED = enum.auto()
    REOPENED = enum.auto()
    DISCOVERED = enum.auto()
    WITHOUT_VMS = enum.auto()
    LOST = enum.auto()
    CREATE = enum.auto()
    HOLD = enum.auto()
    SELECTED = enum.auto()
    ENDED = enum.auto()
    LEARN = enum.auto()
    MARK = enum.auto()
    """Changes nothing; its result comes when everything before it is durable."""


# The future is Any: its result is a list of conflicts, a truth value or None.
Change: TypeAlias = tuple[Kind, tuple[Any, ...], Any]

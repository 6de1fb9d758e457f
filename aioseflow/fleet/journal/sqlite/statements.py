"""The SQL of the changes that a journal takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, TypeAlias

from ..change import Kind

INSERT_WITHOUT_VMS: Final = (
    "INSERT INTO without_vms (run, account, service_id, service_name, why) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (run, account, service_id) "
    "DO UPDATE SET service_name = excluded.service_name, why = excluded.why"
)
_Order: TypeAlias = Callable[[tuple[Any, ...]], tuple[Any, ...]]

ONE_ROW: Final[Mapping[Kind, tuple[str, _Order | None]]] = {
    Kind.INTEND: (
        "UPDATE targets SET stage = 1, step = ?, sent_at = ?, started_at = coalesce(started_at, ?), "
        "sent_panel_at = ? WHERE run = ? AND number = ?",
        itemgetter(2, 3, 3, 4, 0, 1),
    ),
    Kind.ACCEPTED: (
        "UPDATE targets SET stage = ?, attempts = ?, may_have_acted = ?, error = ? "
        "WHERE run = ? AND number = ?",
        itemgetter(2, 3, 4, 5, 0, 1),
    ),
    # An error is kept as long as it is the reason why a lost answer is suspected.
    Kind.REQUEUED: (
        "UPDATE targets SET stage = 0, step = ?, attempts = ?, may_have_acted = ?, "
        "error = coalesce(?, CASE WHEN ? THEN error END), changed_before = ? WHERE run = ? AND number = ?",
        itemgetter(2, 3, 4, 5, 4, 6, 0, 1),
    ),
    Kind.FINISHED: (
        "UPDATE targets SET stage = 3, status = ?, verified = ?, cause = ?, step_name = ?, attempts = ?, "
        "may_have_acted = ?, error = ?, started_at = ?, finished_at = ?, left_at = ? "
        "WHERE run = ? AND number = ?",
        itemgetter(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1),
    ),
    # Killed again before it is decided anew, what may have been done must not look as if it were not begun.
    Kind.REOPENED: (
        "UPDATE targets SET stage = coalesce(left_at, 0), left_at = NULL, "
        "may_have_acted = may_have_acted OR coalesce(status = 'unknown' AND left_at IS NOT 2, 0), "
        "status = NULL, verified = 0, cause = NULL, step_name = NULL, finished_at = NULL "
        "WHERE run = ? AND number = ?",
        None,
    ),
    Kind.DISCOVERED: ("UPDATE runs SET discovered = 1 WHERE id = ?", None),
    Kind.HOLD: (
        "UPDATE runs SET state = 'running', pid = ?, host = ?, held_at = ?, "
        "started_at = coalesce(started_at, ?), finished_at = NULL, error = NULL, targets = NULL, "
        "counts = NULL, ended_by = NULL, account_keys = coalesce(account_keys, ?) WHERE id = ?",
        itemgetter(1, 2, 3, 3, 4, 0),
    ),
    Kind.WITHOUT_VMS: (INSERT_WITHOUT_VMS, None),
    Kind.LEARN: (
        "INSERT INTO learned (account, key, value) VALUES (?, ?, ?) "
        "ON CONFLICT (account, key) DO UPDATE SET value = excluded.value",
        None,
    ),
}
"""Each of these changes exactly one row, or the change names something that is not there.

The second value gives the parameters of a change in the order of the SQL; None where it is the same.
"""

CREATE: Final = (
    "INSERT INTO runs (run_id, parent, action, accounts, created_at, document, note, requested_by, "
    "account_keys) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO NOTHING"
)
INSERT_TARGET: Final = (
    "INSERT INTO targets (run, number, account, service_id, service_name, vm_id, vm_label, power) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_CONTESTED: Final = (
    "INSERT INTO targets (run, number, account, service_id, service_name, vm_id, vm_label, power, "
    "stage, status, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 3, 'not_attempted', 'in_another_run')"
)
ACCOUNT_KEYS: Final = "SELECT account_keys FROM runs WHERE id = ?"
OTHER_RUNNING: Final = (
    "SELECT id, run_id, account_keys FROM runs WHERE state = 'running' AND id != ? ORDER BY id"
)
OPEN_ELSEWHERE: Final = (
    "SELECT 1 FROM targets WHERE run = ? AND account = ? AND service_id = ? AND vm_id = ? AND stage != 3"
)
OPEN_TARGETS: Final = "SELECT account, service_id, vm_id FROM targets WHERE run = ? AND stage != 3"
FORGET_LOSSES: Final = "DELETE FROM losses WHERE run = ?"
FORGET_WITHOUT_VMS: Final = "DELETE FROM without_vms WHERE run = ?"
FORGET: Final = (
    "DELETE FROM targets WHERE run = ?",
    FORGET_LOSSES,
    FORGET_WITHOUT_VMS,
    "DELETE FROM runs WHERE id = ?",
)
INSERT_LOSS: Final = (
    "INSERT INTO losses (run, number, account, service_id, service_name, cause, error) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
COUNT: Final = "SELECT status, count(*) FROM targets WHERE run = ? AND stage = 3 GROUP BY status"
COUNT_ALL: Final = "SELECT count(*) FROM targets WHERE run = ?"
END: Final = (
    "UPDATE runs SET state = 'ended', finished_at = ?, error = ?, targets = ?, counts = ?, "
    "ended_by = ?, timeline = coalesce(?, timeline) WHERE id = ?"
)

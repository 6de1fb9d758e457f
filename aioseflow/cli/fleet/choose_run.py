"""The run for `resume`, `retry` or `restore` where none is named: the newest that the verb fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ...errors import SeFlowError
from ...text import escape, quantity
from ..exit_code import ExitCode, Refusal

if TYPE_CHECKING:
    from ... import Journal, RunInfo
    from ...fleet.journal import StoredRun
    from ...fleet.model.ending import Ending

Verb: TypeAlias = Literal["resume", "retry", "restore"]

_ID_MAX: Final = 200
_DONE: Final[Mapping[Verb, str]] = {"resume": "resumed", "retry": "retried", "restore": "restored"}


async def choose_run(
    kept: Journal, verb: Verb, *, is_of_us: Callable[[RunInfo], bool]
) -> tuple[RunInfo, Ending]:
    """Return the newest run of the journal that a verb makes sense for, and how it ended.

    ``is_of_us`` says whether the accounts of the command include those of a run. Raises `Refusal`, with the
    exit code 0, where there is no such run.
    """
    from ...fleet.model.ending import Ending
    from ...fleet.recovery.stored_report import ending_of_info

    infos = await kept.runs()
    living = await kept.living(info.header.run_id for info in infos if info.state != "ended")
    followed = {info.header.parent for info in infos if info.header.document.get("follows") == verb}
    for info in infos:
        run_id = info.header.run_id
        ending = ending_of_info(info, alive=run_id in living)
        if info.state == "damaged" or ending in (Ending.RUNNING, Ending.REFUSED) or run_id in followed:
            continue
        if _may_fit(verb, info, ending) and is_of_us(info) and _fits(verb, await kept.read(run_id)):
            return info, ending
    raise Refusal(f"no run of {escape(str(kept.path), _ID_MAX)} can be {_DONE[verb]}", ExitCode.OK)


def words_of(info: RunInfo, ending: Ending) -> str:
    """Return what is known of a run, in a sentence."""
    counts = ", ".join(
        f"{number:,} {word.replace('_', ' ')}" for word, number in info.counts.items() if number
    )
    header = info.header
    return (
        f"{escape(header.run_id, _ID_MAX)}: {escape(header.action)} of {quantity(info.targets, 'VM')} of "
        f"{escape(', '.join(header.accounts), _ID_MAX)}, {header.created_at:%Y-%m-%d %H:%M} UTC, "
        f"{ending.replace('_', ' ')}" + (f": {counts}" if counts else "")
    )


def _may_fit(verb: Verb, info: RunInfo, ending: Ending) -> bool:
    """Whether a verb may make sense for a run, as far as its counts say so: targets may be many."""
    from ...fleet.model.ending import Ending

    open_targets = info.targets - sum(info.counts.values())
    if verb == "resume":
        return ending is not Ending.FINISHED
    if verb == "retry":
        return bool(open_targets or info.counts.get("failed") or info.counts.get("not_attempted"))
    return bool(open_targets or info.counts.get("changed") or info.counts.get("unknown"))


def _fits(verb: Verb, stored: StoredRun) -> bool:
    from ...fleet.plan.spec import stored_steps
    from ...fleet.recovery.resume import is_complete
    from ...fleet.recovery.runs import outcomes_to_undo
    from ...fleet.recovery.undo import undo_of

    try:
        steps = stored_steps(stored.info.header)
        if verb == "resume":
            return not is_complete(stored, steps)
        if verb == "retry":
            return not any(step.needs_confirmation for step in steps)
        return bool(outcomes_to_undo(stored, undo_of(stored.info.header)))
    except SeFlowError:
        # Damaged, or with nothing that undoes it.
        return False

"""The runs of a journal in memory, and the changes of them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence, Set
from typing import Any, Final

import attrs

from aioseflow.fleet.journal import codec
from aioseflow.fleet.journal.account_names import counterpart
from aioseflow.fleet.journal.change import Kind
from aioseflow.fleet.journal.codec import from_micros, from_micros_or_none
from aioseflow.fleet.journal.faults import JournalError
from aioseflow.fleet.journal.lease import Holder
from aioseflow.fleet.journal.records import RunHeader, RunInfo, StoredRun, StoredTarget, TargetRow
from aioseflow.fleet.model.target import Stage
from aioseflow.fleet.model.undiscovered import Undiscovered, WithoutVms

_ABSENT: Final = object()


@attrs.frozen
class MemoryTarget:
    """A target, and its error as JSON: an error that was raised is not shared by those who read it."""

    stored: StoredTarget
    error: str | None = None

    def read(self) -> StoredTarget:
        """The target as a reader gets it."""
        return attrs.evolve(self.stored, error=codec.load_error(self.error))


@attrs.frozen(eq=False)
class MemoryRun:
    """A run; what is counted of it is counted when it is read, once it has ended when it ended."""

    number: int
    info: RunInfo
    holder: Holder = attrs.field(factory=Holder)
    discovered: bool = False
    targets: dict[int, MemoryTarget] = attrs.Factory(dict)
    without_vms: dict[tuple[str, str], WithoutVms] = attrs.Factory(dict)
    timeline: tuple[Any, ...] = ()

    def read(self) -> StoredRun:
        """The run as a reader gets it."""
        ordered = [self.targets[number].read() for number in sorted(self.targets)]
        found = sorted(self.without_vms.items(), key=lambda item: (item[0][0], len(item[0][1]), item[0][1]))
        return StoredRun(
            info=self.read_info(),
            discovered=self.discovered,
            held_at=self.holder.since,
            targets=ordered,
            timeline=list(self.timeline),
            without_vms=tuple(each for _, each in found),
        )

    def read_info(self) -> RunInfo:
        """The run without its targets."""
        info = self.info if self.info.state == "ended" else self.counted()
        return attrs.evolve(info, discovered=self.discovered)

    def counted(self) -> RunInfo:
        """The run with the numbers of its targets as they are now."""
        counts = Counter(target.stored.status for target in self.targets.values())
        known = {status: number for status, number in counts.items() if status is not None}
        return attrs.evolve(self.info, targets=len(self.targets), counts=known)


@attrs.define(eq=False)
class MemoryDatabase:
    """Runs that several stores share, as processes share a file: each store is one process.

    Attributes:
        leases: the lease that is held of a run, by run id.
    """

    runs: dict[int, MemoryRun] = attrs.field(factory=dict, init=False)
    learned: dict[tuple[str, str], float] = attrs.field(factory=dict, init=False)
    leases: dict[str, object] = attrs.field(factory=dict, init=False)
    lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    _last_number: int = attrs.field(default=0, init=False)
    _undo: list[tuple[dict[Any, Any], Any, Any]] = attrs.field(factory=list, init=False)

    def copy(self) -> MemoryDatabase:
        """Return what a crash of all processes leaves at this moment: everything durable, and no lease."""
        with self.lock:
            left = MemoryDatabase()
            left._last_number = self._last_number
            left.learned = dict(self.learned)
            left.runs = {
                number: attrs.evolve(run, targets=dict(run.targets), without_vms=dict(run.without_vms))
                for number, run in self.runs.items()
            }
            return left

    def take_away(self, run_id: str) -> None:
        """End a lease as time would: its holder learns that when it asks, or records something."""
        with self.lock:
            self.leases.pop(run_id, None)

    def run_of(self, run_id: str) -> MemoryRun | None:
        """The run of this id."""
        return next((run for run in self.runs.values() if run.info.header.run_id == run_id), None)

    def newest_first(self) -> list[MemoryRun]:
        """Every run."""
        return sorted(self.runs.values(), key=lambda run: -run.number)

    def open_elsewhere(self, run: int, dead: Set[str]) -> dict[tuple[str, str, str], str]:
        """The VMs that other running runs are not done with, with the run, by the names of this run."""
        found: dict[tuple[str, str, str], str] = {}
        mine = self._run(run).info.header.account_keys
        for other in self.runs.values():
            header = other.info.header
            if other.number == run or other.info.state != "running" or header.run_id in dead:
                continue
            for target in other.targets.values():
                row = target.stored.row
                name = counterpart(row.account, header.account_keys, mine)
                if target.stored.stage is not Stage.DONE and name is not None:
                    found.setdefault((name, row.service_id, row.vm_id), header.run_id)
        return found

    # -- changes ------------------------------------------------------------------------------------------

    def apply(self, changes: Sequence[tuple[Kind, tuple[Any, ...]]]) -> list[Any]:
        """Make all changes or none, and return the result of each. Raises `JournalError`."""
        with self.lock:
            self._undo.clear()
            try:
                return [_DO[kind](self, *parameters) for kind, parameters in changes]
            except BaseException:
                for mapping, key, before in reversed(self._undo):
                    if before is _ABSENT:
                        del mapping[key]
                    else:
                        mapping[key] = before
                raise

    def _set(self, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((mapping, key, mapping.get(key, _ABSENT)))
        mapping[key] = value

    def _run(self, number: int) -> MemoryRun:
        if number not in self.runs:
            raise JournalError("the journal in memory does not have a run that changed; was it deleted?")
        return self.runs[number]

    def _change_run(self, number: int, **changes: Any) -> None:
        self._set(self.runs, number, attrs.evolve(self._run(number), **changes))

    def _target(self, run: int, number: int) -> MemoryTarget:
        targets = self._run(run).targets
        if number not in targets:
            raise JournalError("the journal in memory does not have a target that changed")
        return targets[number]

    def _change(self, run: int, number: int, error: str | None, **fields: Any) -> None:
        stored = attrs.evolve(self._target(run, number).stored, **fields)
        self._set(self.runs[run].targets, number, MemoryTarget(stored, error))

    def _create(
        self,
        run_id: str,
        parent: str | None,
        action: str,
        accounts: str,
        created_at: int,
        document: str,
        note: str,
        requested_by: str,
        account_keys: str | None,
    ) -> bool:
        if self.run_of(run_id) is not None:
            return False
        header = RunHeader(
            run_id=run_id,
            parent=parent,
            action=action,
            accounts=tuple(json.loads(accounts)),
            created_at=from_micros(created_at),
            document=json.loads(document),
            note=note,
            requested_by=requested_by,
            account_keys=codec.names_from_json(account_keys),
        )
        self._last_number += 1
        number = self._last_number
        self._set(self.runs, number, MemoryRun(number, RunInfo(header=header, state="created")))
        return True

    def _hold(self, run: int, pid: int, host: str, at: int, account_keys: str | None) -> None:
        info, since = self._run(run).info, from_micros(at)
        keys = info.header.account_keys or codec.names_from_json(account_keys)
        info = attrs.evolve(
            info,
            header=attrs.evolve(info.header, account_keys=keys),
            state="running",
            started_at=info.started_at or since,
            finished_at=None,
            error=None,
            ended_by=None,
            pid=pid,
            host=host,
        )
        self._change_run(run, info=info, holder=Holder(pid=pid, host=host, since=since))

    def _select(self, run: int, rows: Sequence[tuple[Any, ...]], dead: Set[str]) -> list[tuple[int, str]]:
        elsewhere, targets, conflicts = self.open_elsewhere(run, dead), self._run(run).targets, []
        for _, number, account, service_id, service_name, vm_id, vm_label, power in rows:
            if number in targets:
                raise JournalError(f"target {number} is recorded already")
            row = TargetRow(
                number=number,
                account=account,
                service_id=service_id,
                service_name=service_name,
                vm_id=vm_id,
                vm_label=vm_label,
                power=power,
            )
            stored = StoredTarget(row=row)
            if (other := elsewhere.get((account, service_id, vm_id))) is not None:
                conflicts.append((number, other))
                stored = attrs.evolve(
                    stored, stage=Stage.DONE, status="not_attempted", cause="in_another_run"
                )
            self._set(targets, number, MemoryTarget(stored))
        return conflicts

    def _without_vms(self, run: int, account: str, service_id: str, service_name: str, why: str) -> None:
        found = WithoutVms(account=account, service_id=service_id, service_name=service_name, why=why)
        self._set(self._run(run).without_vms, (account, service_id), found)

    def _discovered(self, run: int) -> None:
        self._change_run(run, discovered=True)

    def _intend(self, run: int, number: int, step: int, at: int, panel_at: int | None) -> None:
        target, sent_at = self._target(run, number), from_micros(at)
        self._change(
            run,
            number,
            target.error,
            stage=Stage.SENT,
            step=step,
            sent_at=sent_at,
            started_at=target.stored.started_at or sent_at,
            sent_panel_at=from_micros_or_none(panel_at),
        )

    def _accepted(
        self, run: int, number: int, stage: int, attempts: int, answer_lost: bool, error: str | None
    ) -> None:
        self._change(run, number, error, stage=Stage(stage), attempts=attempts, answer_lost=answer_lost)

    def _requeued(
        self,
        run: int,
        number: int,
        step: int,
        attempts: int,
        answer_lost: bool,
        error: str | None,
        changed_before: bool,
    ) -> None:
        # An error is kept as long as it is the reason why a lost answer is suspected.
        kept = error or (self._target(run, number).error if answer_lost else None)
        self._change(
            run,
            number,
            kept,
            stage=Stage.QUEUED,
            step=step,
            attempts=attempts,
            answer_lost=answer_lost,
            changed_before=changed_before,
        )

    def _finished(
        self,
        run: int,
        number: int,
        status: str,
        verified: bool,
        cause: str | None,
        step_name: str | None,
        attempts: int,
        answer_lost: bool,
        error: str | None,
        started_at: int | None,
        finished_at: int | None,
        left_at: int,
    ) -> None:
        self._change(
            run,
            number,
            error,
            stage=Stage.DONE,
            status=status,
            verified=verified,
            cause=cause,
            step_name=step_name,
            attempts=attempts,
            answer_lost=answer_lost,
            started_at=from_micros_or_none(started_at),
            finished_at=from_micros_or_none(finished_at),
            left_at=Stage(left_at),
        )

    def _reopened(self, run: int, number: int) -> None:
        before = self._target(run, number)
        was_lost = before.stored.status == "unknown" and before.stored.left_at is not Stage.ACCEPTED
        self._change(
            run,
            number,
            before.error,
            stage=before.stored.left_at or Stage.QUEUED,
            left_at=None,
            answer_lost=before.stored.answer_lost or was_lost,
            status=None,
            verified=False,
            cause=None,
            step_name=None,
            finished_at=None,
        )

    def _ended(
        self,
        run: int,
        finished_at: int,
        error: str | None,
        losses: Sequence[tuple[Any, ...]],
        without_vms: Sequence[tuple[Any, ...]] | None,
        timeline: str | None,
        ended_by: str,
    ) -> None:
        before = self._run(run)
        info = attrs.evolve(
            before.counted(),
            state="ended",
            finished_at=from_micros(finished_at),
            error=error,
            ended_by=ended_by,
            undiscovered=_losses_of(losses),
        )
        changes: dict[str, Any] = {"info": info}
        if timeline is not None:
            changes["timeline"] = tuple(json.loads(timeline))
        if without_vms is not None:
            changes["without_vms"] = {}
        self._change_run(run, **changes)
        for found in without_vms or ():
            self._without_vms(*found)

    def _lose(self, run: int, losses: Sequence[tuple[Any, ...]]) -> None:
        info = attrs.evolve(self._run(run).info, undiscovered=_losses_of(losses))
        self._change_run(run, info=info)

    def _learn(self, account: str, key: str, value: float) -> None:
        self._set(self.learned, (account, key), value)

    def _mark(self) -> None:
        """Change nothing."""


def _losses_of(rows: Sequence[tuple[Any, ...]]) -> tuple[Undiscovered, ...]:
    return tuple(
        Undiscovered(
            account=account,
            service_id=service_id,
            service_name=service_name,
            cause=cause,
            error=codec.load_error(error),
        )
        for _, _, account, service_id, service_name, cause, error in rows
    )


_DO: Final[dict[Kind, Callable[..., Any]]] = {
    Kind.CREATE: MemoryDatabase._create,
    Kind.HOLD: MemoryDatabase._hold,
    Kind.SELECTED: MemoryDatabase._select,
    Kind.WITHOUT_VMS: MemoryDatabase._without_vms,
    Kind.DISCOVERED: MemoryDatabase._discovered,
    Kind.INTEND: MemoryDatabase._intend,
    Kind.ACCEPTED: MemoryDatabase._accepted,
    Kind.REQUEUED: MemoryDatabase._requeued,
    Kind.FINISHED: MemoryDatabase._finished,
    Kind.REOPENED: MemoryDatabase._reopened,
    Kind.LOST: MemoryDatabase._lose,
    Kind.ENDED: MemoryDatabase._ended,
    Kind.LEARN: MemoryDatabase._learn,
    Kind.MARK: MemoryDatabase._mark,
}

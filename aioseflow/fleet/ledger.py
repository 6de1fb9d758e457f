"""The one place that knows where each target of a run stands: every one gets exactly one outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import attrs

from ..errors import SeFlowError
from .discover import service_name
from .outcome import Outcome, Status, TargetKey
from .select import Target


@attrs.define(eq=False)
class Standing:
    """A target between its selection and its outcome."""

    target: Target
    started_at: datetime | None = None
    settling: bool = False
    attempts: int = 0
    error: SeFlowError | None = None


@attrs.define(eq=False)
class Ledger:
    """Targets come in by `select`, move on by `begin` and `settle`, and leave by `finish`."""

    action: str
    changes: bool
    targets: dict[TargetKey, None] = attrs.Factory(dict)
    outcomes: list[Outcome] = attrs.Factory(list)
    counts: dict[Status, int] = attrs.Factory(lambda: dict.fromkeys(Status, 0))
    in_flight: int = 0
    settling: int = 0
    closed: bool = False
    _open: dict[TargetKey, Standing] = attrs.Factory(dict)
    _readers: list[asyncio.Future[None]] = attrs.Factory(list)

    @property
    def queued(self) -> int:
        """Targets that nothing was begun for."""
        return len(self._open) - self.in_flight - self.settling

    def select(self, target: Target) -> bool:
        """Take a target in; False if it is here already."""
        key = target.key
        if key in self.targets:
            return False
        self.targets[key] = None
        self._open[key] = Standing(target)
        return True

    def begin(self, target: Target) -> None:
        """Something is about to be sent for it."""
        self._open[target.key].started_at = datetime.now(UTC)
        self.in_flight += 1

    def settle(self, target: Target, attempts: int, error: SeFlowError | None) -> None:
        """It was accepted, or its answer was lost (``error``), and is now watched."""
        standing = self._open[target.key]
        standing.settling, standing.attempts, standing.error = True, attempts, error
        self.in_flight -= 1
        self.settling += 1

    def standing(self, target: Target) -> Standing:
        """Where an open target stands."""
        return self._open[target.key]

    def finish(
        self,
        target: Target,
        status: Status,
        *,
        verified: bool = False,
        value: Any = None,
        cause: str | None = None,
        error: SeFlowError | None = None,
        attempts: int = 0,
    ) -> None:
        """Write the outcome and show it to whoever iterates."""
        standing = self._open.pop(target.key)
        if standing.settling:
            self.settling -= 1
        elif standing.started_at is not None:
            self.in_flight -= 1
        now = datetime.now(UTC)
        outcome = Outcome(
            account=target.account,
            service_id=target.service.id,
            service_name=service_name(target.service),
            vm_id=target.vm.id,
            vm_label=target.vm.label or "",
            action=self.action,
            status=status,
            verified=verified,
            value=value,
            cause=cause,
            error=error,
            attempts=attempts,
            started_at=standing.started_at or now,
            finished_at=now,
        )
        self.outcomes.append(outcome)
        self.counts[status] += 1
        self._wake()

    def close(self, cause: str) -> None:
        """Give every target that is still open the outcome that is true of it now."""
        for standing in list(self._open.values()):
            target, attempts, error = standing.target, standing.attempts, standing.error
            if standing.settling and error is None:
                # Accepted by the panel; only the reading that would verify it did not come any more.
                self.finish(target, Status.CHANGED, cause=cause, attempts=attempts)
            elif standing.settling or (standing.started_at is not None and self.changes):
                self.finish(target, Status.UNKNOWN, cause=cause, error=error, attempts=attempts)
            else:
                self.finish(target, Status.NOT_ATTEMPTED, cause=cause)
        self.closed = True
        self._wake()

    async def follow(self) -> AsyncIterator[Outcome]:
        """Every outcome from the first, until the ledger is closed."""
        position = 0
        while True:
            while position < len(self.outcomes):
                position += 1
                yield self.outcomes[position - 1]
            if self.closed:
                return
            reader = asyncio.get_running_loop().create_future()
            self._readers.append(reader)
            await reader

    def _wake(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

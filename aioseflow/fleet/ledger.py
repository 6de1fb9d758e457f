"""The one place that knows where each target of a run stands: every one gets exactly one outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import attrs

from ..errors import SeFlowError
from .discover import service_name
from .outcome import Outcome, Status, TargetKey, cause_of
from .select import Target


@attrs.define(eq=False)
class Standing:
    """A target between its selection and its outcome."""

    target: Target
    started_at: datetime | None = None
    in_flight: bool = False
    settling: bool = False
    attempts: int = 0
    postponed: int = 0
    may_have_acted: bool = False
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
        standing = self._open[target.key]
        standing.started_at = standing.started_at or datetime.now(UTC)
        standing.in_flight = True
        self.in_flight += 1

    def sent(self, target: Target, requests: int, error: SeFlowError | None) -> Standing:
        """So many requests went out for it, and this came of them."""
        standing = self._open[target.key]
        standing.attempts += requests
        standing.error = error
        if error is not None and error.may_have_acted:
            standing.may_have_acted = True
        return standing

    def postpone(self, target: Target) -> None:
        """It goes back into the queue, to be begun again."""
        standing = self._open[target.key]
        standing.postponed += 1
        self._land(standing)

    def settle(self, target: Target) -> None:
        """It was accepted, or its answer was lost, and is now watched."""
        standing = self._open[target.key]
        self._land(standing)
        standing.settling = True
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
    ) -> None:
        """Write the outcome and show it to whoever iterates."""
        standing = self._open.pop(target.key)
        if standing.settling:
            self.settling -= 1
        self._land(standing)
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
            attempts=standing.attempts,
            started_at=standing.started_at or now,
            finished_at=now,
        )
        self.outcomes.append(outcome)
        self.counts[status] += 1
        self._wake()

    def close(self, cause: str) -> None:
        """Give every target that is still open the outcome that is true of it now."""
        for standing in list(self._open.values()):
            target, error = standing.target, standing.error
            if standing.settling and error is None:
                # Accepted by the panel; only the reading that would verify it did not come any more.
                self.finish(target, Status.CHANGED, cause=cause)
            elif standing.settling or standing.may_have_acted or (standing.in_flight and self.changes):
                self.finish(target, Status.UNKNOWN, cause=cause, error=error)
            elif error is not None and standing.attempts:
                self.finish(target, Status.FAILED, cause=cause_of(error), error=error)
            else:
                self.finish(target, Status.NOT_ATTEMPTED, cause=cause, error=error)
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

    def _land(self, standing: Standing) -> None:
        if standing.in_flight:
            standing.in_flight = False
            self.in_flight -= 1

    def _wake(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

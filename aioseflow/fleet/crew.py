"""The workers of one account in one run: they pull targets, so that a fleet is never a task for each VM."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

import attrs

from ..errors import SeFlowError
from ..policy import LONGEST_PAUSE_IN_TROUBLE, POSTPONED_AT_MOST, SettlePolicy
from .account import Account
from .action import Action
from .discover import Discovery, Listed
from .ledger import Ledger, Standing
from .outcome import Status, cause_of
from .select import Pair, Selection, Target
from .settle import Settler, Verdict


@attrs.define(eq=False)
class Control:
    """How a run is steered from outside."""

    running: asyncio.Event = attrs.Factory(asyncio.Event)
    draining: bool = False


@attrs.define(eq=False)
class Crew:
    """Discovers, acts and settles for one account."""

    account: Account
    action: Action
    selection: Selection
    policy: SettlePolicy | None
    ledger: Ledger
    control: Control
    discovery: Discovery = attrs.field(init=False)
    _ready: deque[Target] = attrs.field(factory=deque, init=False)
    _pulling: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _settler: Settler | None = attrs.field(default=None, init=False)
    _progress_at: float | None = attrs.field(default=None, init=False)
    _postponed: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.discovery = Discovery(self.account, self.selection)

    async def list_everything(self) -> tuple[list[Target], list[Pair]]:
        """Read all lists before anything is done: the targets, which then wait for `work`, and all VMs."""
        seen: list[Pair] = []
        async with aclosing(self.discovery.lists()) as lists:
            async for listed in lists:
                seen += [(listed.service.id, vm.id) for vm in listed.vms]
                self._take(listed)
        return list(self._ready), seen

    async def work(self, *, listed: bool) -> None:
        """Act on every target until there is no more; ``listed`` says that `list_everything` was done."""
        async with aclosing(self._lists(listed=listed)) as lists, asyncio.TaskGroup() as tasks:
            if self.policy is not None and self.action.wanted is not None:
                self._settler = Settler(self.account, self.action.wanted, self.policy, self._settled, tasks)
            for _ in range(self.account.concurrency):
                tasks.create_task(self._pull(lists))

    def _lists(self, *, listed: bool) -> AsyncGenerator[Listed, None]:
        return _nothing() if listed else self.discovery.lists()

    def _take(self, listed: Listed) -> None:
        service = listed.service
        wanted = (vm for vm in listed.vms if self.selection.wants(service, vm))
        targets = (Target(self.account.name, service, vm) for vm in wanted)
        self._ready.extend([target for target in targets if self.ledger.select(target)])

    async def _pull(self, lists: AsyncGenerator[Listed, None]) -> None:
        while True:
            await self.control.running.wait()
            target = await self._next(lists)
            # A pause may have come while the list was read.
            await self.control.running.wait()
            if target is None or self.control.draining:
                return
            await self._act(target)

    async def _next(self, lists: AsyncGenerator[Listed, None]) -> Target | None:
        async with self._pulling:
            while not self._ready:
                if self.control.draining:
                    return None
                listed = await anext(lists, None)
                if listed is None:
                    return None
                self._take(listed)
            return self._ready.popleft()

    async def _act(self, target: Target) -> None:
        skip = self.action.skip(target.vm)
        if skip is not None:
            verified = skip.status is Status.UNCHANGED
            self.ledger.finish(target, skip.status, verified=verified, cause=skip.cause)
            # A fleet that is already so must not hold the loop.
            await asyncio.sleep(0)
            return
        self.ledger.begin(target)
        error: SeFlowError | None = None
        value = None
        with self.account.capture() as exchanges:
            try:
                value = await self.action.perform(self.account, target.service.id, target.vm.id)
            except SeFlowError as reason:
                # Its frames would cost more memory than all else that is kept of a VM.
                error = reason.with_traceback(None)
            except asyncio.CancelledError:
                sent = sum(exchange.sent for exchange in exchanges)
                standing = self.ledger.sent(target, sent, self.ledger.standing(target).error)
                unknown = self.action.changes and (sent or standing.may_have_acted)
                status = Status.UNKNOWN if unknown else Status.NOT_ATTEMPTED
                self.ledger.finish(target, status, cause="cancelled", error=standing.error)
                raise
        standing = self.ledger.sent(target, sum(exchange.sent for exchange in exchanges), error)
        if error is not None and error.retry_budget_empty and self._has_patience(standing):
            await self._postpone(target)
            return
        self._progress_at = asyncio.get_running_loop().time()
        self._postponed = 0
        if not self.action.changes and error is None:
            self.ledger.finish(target, Status.UNCHANGED, verified=True, value=value)
        elif error is None or standing.may_have_acted:
            self._taken(target, error)
        else:
            status = Status.FAILED if error.attempts else Status.NOT_ATTEMPTED
            self.ledger.finish(target, status, cause=cause_of(error), error=error)

    def _has_patience(self, standing: Standing) -> bool:
        """Whether a target may still go back into the queue while the panel is in trouble."""
        if standing.postponed >= POSTPONED_AT_MOST:
            return False
        now = asyncio.get_running_loop().time()
        if self._progress_at is None:
            self._progress_at = now
        return now - self._progress_at < (self.policy or SettlePolicy()).patience

    async def _postpone(self, target: Target) -> None:
        """Back to the end of the queue, and a pause before this worker takes the next."""
        self.ledger.postpone(target)
        self._ready.append(target)
        self._postponed += 1
        pause = min(
            LONGEST_PAUSE_IN_TROUBLE, 0.5 * 2.0 ** min(10, self._postponed // self.account.concurrency)
        )
        # Workers that failed together do not come back together.
        await asyncio.sleep(pause * (0.5 + 0.5 * random.random()))  # noqa: S311 - not a secret

    def _taken(self, target: Target, error: SeFlowError | None) -> None:
        """The panel accepted it, or may have acted without our seeing the answer (``error``)."""
        if self._settler is not None:
            self.ledger.settle(target)
            self._settler.watch(target)
        elif error is None:
            self.ledger.finish(target, Status.CHANGED)
        else:
            self.ledger.finish(target, Status.UNKNOWN, cause=cause_of(error), error=error)

    def _settled(self, target: Target, verdict: Verdict) -> None:
        error = self.ledger.standing(target).error
        if verdict == "seen":
            self.ledger.finish(target, Status.CHANGED, verified=True, error=error)
        elif error is not None:
            self.ledger.finish(target, Status.UNKNOWN, cause=cause_of(error), error=error)
        elif verdict == "not_seen":
            self.ledger.finish(target, Status.FAILED, cause="not_settled")
        else:
            self.ledger.finish(target, Status.UNKNOWN, cause="not_readable")


async def _nothing() -> AsyncGenerator[Listed, None]:
    return
    yield

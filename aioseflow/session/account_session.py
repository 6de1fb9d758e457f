"""What all views of one account share: its connections, gate, circuit, breaker, budget and counters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from ..__about__ import __version__
from ..config import Credentials
from ..errors import ConfigurationError, SeFlowError, Throttled, TransportError
from .breaker import AttemptResult, Breaker, attempt_result
from .budget import TOKENS, RetryBudget
from .circuit import AskForCredentials, AuthCircuit
from .connections import Connections
from .deadlines import Deadlines
from .events import CircuitChanged, Events, Hook, LimitChanged
from .gate import Admission, Gate, QueuedRequest, RequestClass
from .limits.adaptive import AdaptiveLimit
from .limits.limit import Limit
from .retry import AttemptFailed, FailureKind
from .stats import Counters, Stats

_PROVES_LOGIN = frozenset({None, FailureKind.ANSWERED_NO, FailureKind.UNDECODABLE})
_COSTS = frozenset({FailureKind.NOT_SENT, FailureKind.NOT_PROCESSED, FailureKind.LOST, FailureKind.POSTPONED})
_CLOSES = frozenset({FailureKind.LOGIN_REFUSED, FailureKind.PROXY_REFUSED})
_ANSWERED_TO = _PROVES_LOGIN | {FailureKind.LOGIN_REFUSED}


class AccountSession:
    """One account's state and its way to the network. May be made outside a loop."""

    def __init__(
        self,
        credentials: Credentials,
        base_url: URL,
        *,
        name: str,
        limit: Limit,
        connections: Connections,
        longest_wait: float,
        ask: AskForCredentials | None = None,
        hooks: Sequence[Hook] = (),
        application: str | None = None,
    ) -> None:
        self.base = str(base_url)
        self._base_url, self._base_path = base_url, base_url.raw_path.rstrip("/")
        self.connections = connections
        self.gate = Gate(limit)
        self.gate.alone = True
        self.gate.moved = self._limit_moved
        self.circuit = AuthCircuit(credentials, ask)
        self.breaker = Breaker()
        self.budget = RetryBudget()
        self.counters = Counters()
        self.events = Events(name, hooks)
        self.deadlines = Deadlines()
        self.longest_wait = longest_wait
        self._is_well = False
        self._agent = f"aioseflow/{__version__}" + (f" {application}" if application else "")
        self._use_headers()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._was_closed = False
        self._sleeping: set[asyncio.Future[None]] = set()
        self._renewing: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"<{self.circuit.credentials.username!r} at {self.base}>"

    # -- life ---------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the connection pools; no request is sent."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            raise ConfigurationError("this client is open already; open it once, and share it between tasks")
        if self._loop is not None:
            raise self._not_usable()
        self.connections.open()
        self._loop, self._was_closed = loop, False

    async def close(self) -> None:
        """End every call that waits, close the connections. May be called twice."""
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise self._not_usable()
        self._loop, self._was_closed = None, True
        self.gate.shut()
        self.gate.expel(lambda waiter: self._not_usable())
        for sleeping in self._sleeping:
            if not sleeping.done():
                sleeping.set_exception(self._not_usable())
        await self.connections.close()
        self.deadlines.shut()

    def require_open(self) -> asyncio.AbstractEventLoop:
        """The loop that the client lives in; `ConfigurationError` before `open`, after `close`, elsewhere."""
        if self._loop is not asyncio.get_running_loop():
            raise self._not_usable()
        return self._loop

    def _not_usable(self) -> ConfigurationError:
        if self._loop is not None:
            return ConfigurationError(
                "this client belongs to another event loop; make one client in each loop"
            )
        if self._was_closed:
            return ConfigurationError("this client is closed; make calls inside its `async with` block")
        return ConfigurationError(
            "this client is not open; use it as `async with SeFlow(...) as seflow:` and call inside"
        )

    async def sleep(self, seconds: float) -> None:
        """Wait; raises `ConfigurationError` as soon as the client is closed."""
        loop = self.require_open()
        woken: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, woken)
        self._sleeping.add(woken)
        try:
            await woken
        finally:
            timer.cancel()
            self._sleeping.discard(woken)

    # -- credentials --------------------------------------------------------------------------------------

    def url(self, target: str) -> URL:
        """The whole URL of what is below the base, percent-encoded already."""
        if "?" in target:
            return URL(self.base + target, encoded=True)
        # Nothing is parsed: a third of what it takes to make a URL of a text.
        return self._base_url.with_path(self._base_path + target, encoded=True)

    def headers(self, *, form: bool) -> CIMultiDict[str]:
        """The headers of a request; with ``form``, of one that has a body."""
        return self._form_headers if form else self._headers

    def _use_headers(self) -> None:
        # As aiohttp wants them: of anything else it would make one for each request.
        self._headers: CIMultiDict[str] = CIMultiDict(
            {
                "Authorization": self.circuit.authorization,
                "Accept": "application/json",
                "User-Agent": self._agent,
                **self.connections.headers,
            }
        )
        self._form_headers = CIMultiDict(self._headers)
        self._form_headers["Content-Type"] = "application/x-www-form-urlencoded"

    def reset(self, credentials: Credentials | None) -> None:
        """Close the circuit, perhaps with other credentials; the next request goes alone."""
        self._is_well = False
        self.circuit.reset(credentials)
        self._use_headers()
        self.gate.alone = True
        self.events.tell(CircuitChanged, state="closed", why="reset")

    async def pass_circuit(self) -> None:
        """Raise the refusal of the credentials, unless somebody is getting others and they come."""
        if self._renewing is not None:
            await self._renewing.wait()
        self.circuit.check()

    async def renewed(self) -> bool:
        """After a refusal of all: whether other credentials have taken the place of the refused ones."""
        if self._renewing is not None:
            await self._renewing.wait()
        if not self.circuit.is_open:
            return True
        if not self.circuit.may_ask:
            self._turn_away()
            return False
        # Whoever is let in from now on waits for what the callback gives.
        renewing = self._renewing = asyncio.Event()
        try:
            if not await self.circuit.renew():
                return False
            self._is_well = False
            self._use_headers()
            self.events.tell(CircuitChanged, state="closed", why="other credentials")
            return True
        finally:
            self._renewing = None
            renewing.set()
            self._turn_away()

    def _turn_away(self) -> None:
        if self.circuit.is_open:
            self.gate.expel(lambda waiter: self.circuit.refusal())

    # -- one attempt's ending -----------------------------------------------------------------------------

    def ended(
        self, lane: RequestClass, ticket: Admission, used: str | None, fault: AttemptFailed | None, now: float
    ) -> bool:
        """Draw the conclusions from how an attempt ended; True if it closed the way for all."""
        if fault is None and self._is_well and used is self.circuit.authorization:
            # One answer more: what follows would change nothing.
            self.gate.leave(lane, ticket, now, AttemptResult.ANSWERED)
            return False
        self._is_well = False
        failure = None if fault is None else fault.failure
        was_down = self.breaker.is_open
        ending = self.breaker.note(attempt_result(fault), now)
        if failure in _ANSWERED_TO:
            self.budget.answered()
        elif failure in _COSTS:
            self.budget.lost(now, sent_at=ticket[0])
        elif failure is FailureKind.THROTTLED:
            self.counters.refusals += 1
        if used is self.circuit.authorization:
            if failure in _PROVES_LOGIN:
                self.circuit.answered()
            elif fault is not None and failure in _CLOSES and self.circuit.open(fault.error):
                self.events.tell(CircuitChanged, state="open", why=fault.error.message)
        is_down = self.breaker.is_open
        self.gate.alone = is_down or not self.circuit.proven
        told = fault.error.retry_after if fault is not None and ending is AttemptResult.REFUSED else None
        self.gate.leave(lane, ticket, now, ending, told)
        if told is not None:
            self.gate.expel(lambda waiter: self._too_long(waiter, now))
        if is_down:
            self.gate.expel(lambda waiter: self._is_down(waiter, now))
        if is_down is not was_down:
            silent = f"no answer to {self.breaker.in_a_row} requests in a row"
            why = silent if is_down else "it answers again"
            self.events.tell(CircuitChanged, state="down" if is_down else "closed", why=why)
        # Until something fails, or a repeat is paid for, which only follows a failure.
        self._is_well = fault is None and not self.gate.alone and self.budget.tokens >= TOKENS
        return failure in _CLOSES

    def held_too_long(self, now: float, until: float) -> Throttled | None:
        """The error for a call that would have to wait longer for the provider than it may."""
        held = self.gate.limit.not_before - now
        if held <= 0 or held <= min(self.longest_wait, until - now):
            return None
        return Throttled(
            f"not sent, because the provider asked to wait for another {held:.0f} s", retry_after=held
        )

    def _too_long(self, waiter: QueuedRequest, now: float) -> SeFlowError | None:
        return self.held_too_long(now, waiter.until)

    def _is_down(self, waiter: QueuedRequest, now: float) -> SeFlowError | None:
        if now - waiter.since < self.longest_wait:
            return None
        return TransportError(
            f"not sent, because the panel did not answer the last {self.breaker.in_a_row} requests"
        )

    # -- what can be seen ---------------------------------------------------------------------------------

    def _limit_moved(self, before: int, after: int) -> None:
        if self.events.wants(LimitChanged):
            self.events.tell(LimitChanged, before=before, after=after, why=self._limit_why)

    @property
    def _limit_why(self) -> str:
        # A limit of the user's own need not say why.
        return str(getattr(self.gate.limit, "why", ""))

    @property
    def held(self) -> float:
        """For how many seconds nobody sends."""
        return 0.0 if self._loop is None else max(0.0, self.gate.limit.not_before - self._loop.time())

    def remember(self, state: Mapping[str, Any]) -> None:
        """Let the limit start from what another one learned, unless something was sent already."""
        limit = self.gate.limit
        if isinstance(limit, AdaptiveLimit) and not self.counters.attempts:
            limit.recall(state)

    def stats(self) -> Stats:
        """Where the account stands now."""
        counters, gate = self.counters, self.gate
        return Stats(
            calls=counters.calls,
            attempts=counters.attempts,
            retries=counters.retries,
            refusals=counters.refusals,
            unknown=counters.unknown,
            waited=counters.waited,
            queued=counters.queued,
            in_flight=gate.in_flight,
            waiting=gate.waiting,
            limit=gate.size,
            limit_why="one at a time until the panel answers" if gate.alone else self._limit_why,
            held=self.held,
            retry_budget=self.budget.tokens,
            circuit="open" if self.circuit.is_open else "closed",
            panel="down" if self.breaker.is_open else "up",
            latency=MappingProxyType({call: each.summary() for call, each in counters.latency.items()}),
        )


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)

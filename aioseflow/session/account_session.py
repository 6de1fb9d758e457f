"""The session of an account, shared by its views: connections, gate, circuit, breaker, budget, counters."""

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
from .auth import AuthScheme, BasicAuth
from .breaker import AttemptResult, Breaker, attempt_result
from .budget import MAX_TOKENS, RetryBudget
from .circuit import AskForCredentials, AuthCircuit
from .connections import Connections
from .deadlines import Deadlines
from .events import CircuitChanged, Events, Hook, LimitChanged
from .exchange import current_exchange
from .gate import Admission, Gate, QueuedRequest, RequestClass
from .limits.adaptive import AdaptiveLimit
from .limits.limit import Limit
from .retry import AttemptFailed, FailureKind
from .stats import Counters, Stats

_PROVES_LOGIN = frozenset({None, FailureKind.ANSWERED_NO, FailureKind.UNDECODABLE})
_ANSWERED = _PROVES_LOGIN | {FailureKind.LOGIN_REFUSED}
_COSTS_BUDGET = frozenset(
    {FailureKind.NOT_SENT, FailureKind.NOT_PROCESSED, FailureKind.LOST, FailureKind.POSTPONED}
)
_OPENS_CIRCUIT = frozenset({FailureKind.LOGIN_REFUSED, FailureKind.PROXY_REFUSED})


class AccountSession:
    """State and connections of one account. May be made outside a loop."""

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
        scheme: AuthScheme = BasicAuth,
    ) -> None:
        self.base = str(base_url)
        self._base_url, self._base_path = base_url, base_url.raw_path.rstrip("/")
        self.connections = connections
        self.gate = Gate(limit)
        self.gate.serial = True
        self.gate.on_limit_change = self._emit_limit_change
        self.circuit = AuthCircuit(credentials, ask, scheme)
        self.breaker = Breaker()
        self.budget = RetryBudget()
        self.counters = Counters()
        self.events = Events(name, hooks)
        self.deadlines = Deadlines()
        self.longest_wait = longest_wait
        # True while one more answer would change nothing of the state below.
        self._is_steady = False
        self._agent = f"aioseflow/{__version__}" + (f" {application}" if application else "")
        self._make_headers()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._was_closed = False
        self._sleeping: set[asyncio.Future[None]] = set()
        self._renewing: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"<{self.circuit.credentials.username!r} at {self.base}>"

    # -- opening and closing ------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the connection pools. No request is sent."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            raise ConfigurationError("This client is open already. Open it once and share it between tasks.")
        if self._loop is not None:
            raise self._not_usable()
        self.connections.open()
        self._loop, self._was_closed = loop, False

    async def close(self) -> None:
        """End every call that waits, and close the connections. May be called twice."""
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise self._not_usable()
        self._loop, self._was_closed = None, True
        self.gate.close()
        self.gate.fail_waiting(lambda queued: self._not_usable())
        for sleeping in self._sleeping:
            if not sleeping.done():
                sleeping.set_exception(self._not_usable())
        await self.connections.close()
        self.deadlines.close()

    def require_open(self) -> asyncio.AbstractEventLoop:
        """Return the client's loop.

        Raises `ConfigurationError` before `open`, after `close`, and in another loop.
        """
        if self._loop is not asyncio.get_running_loop():
            raise self._not_usable()
        return self._loop

    def _not_usable(self) -> ConfigurationError:
        if self._loop is not None:
            return ConfigurationError(
                "This client belongs to another event loop. Make one client in each loop."
            )
        if self._was_closed:
            return ConfigurationError("This client is closed. Make calls inside its `async with` block.")
        return ConfigurationError(
            "This client is not open. Use `async with SeFlow(...) as seflow:` and make calls inside."
        )

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises `ConfigurationError` as soon as the client is closed."""
        loop = self.require_open()
        woken: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, woken)
        self._sleeping.add(woken)
        try:
            await woken
        finally:
            timer.cancel()
            self._sleeping.discard(woken)

    # -- requests and credentials -------------------------------------------------------------------------

    def url(self, target: str) -> URL:
        """Return the whole URL of a target below the base URL, percent-encoded already."""
        if "?" in target:
            return URL(self.base + target, encoded=True)
        # Without parsing: a third of the instructions of making a URL of text.
        return self._base_url.with_path(self._base_path + target, encoded=True)

    def headers(self, *, form: bool) -> CIMultiDict[str]:
        """Return the headers of a request; ``form`` for one with a body."""
        return self._form_headers if form else self._headers

    def _make_headers(self) -> None:
        # In aiohttp's own type: it would convert any other for each request.
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
        """Close the circuit, with the same credentials or with others. The next request is sent alone."""
        self.circuit.reset(credentials)
        self._use_new_header()
        self.gate.serial = True
        self.events.emit(CircuitChanged, state="closed", why="reset")

    async def pass_circuit(self) -> None:
        """Wait while the login is being renewed. Raises its refusal if the circuit is open then."""
        while self._renewing is not None:
            await self._renewing.wait()
        if self.circuit.can_refresh:
            # The call that refreshed the header was cancelled.
            await self.renewed()
        if self.circuit.is_open:
            raise self.circuit.refusal()

    async def renewed(self) -> bool:
        """Renew the refused login. Return True if requests may be sent again with a new header.

        Called for each refused request; the first call renews, the others wait for its result.
        """
        while self._renewing is not None:
            await self._renewing.wait()
        circuit = self.circuit
        if not circuit.is_open:
            return True
        if not (circuit.can_refresh or circuit.can_ask):
            self._fail_waiting()
            return False
        # Requests that enter the gate from now on wait in `pass_circuit`.
        renewing = self._renewing = asyncio.Event()
        # A request that the scheme makes is no attempt of this call.
        current_exchange.set(None)
        try:
            if circuit.can_refresh:
                if await circuit.refresh():
                    self._use_new_header()
                    return True
                self._emit_open()
            if not (circuit.can_ask and await circuit.renew()):
                return False
            self._use_new_header()
            self.events.emit(CircuitChanged, state="closed", why="other credentials")
            return True
        finally:
            self._renewing = None
            renewing.set()
            if not circuit.can_refresh:
                self._fail_waiting()

    def _use_new_header(self) -> None:
        self._is_steady = False
        self._make_headers()

    def _fail_waiting(self) -> None:
        if self.circuit.is_open:
            self.gate.fail_waiting(lambda queued: self.circuit.refusal())

    def _emit_open(self) -> None:
        # An expired token that can be refreshed is no event.
        if not self.circuit.can_refresh:
            self.events.emit(CircuitChanged, state="open", why=self.circuit.why)

    # -- the end of an attempt ----------------------------------------------------------------------------

    def attempt_ended(
        self,
        request_class: RequestClass,
        admission: Admission,
        used: str | None,
        failure: AttemptFailed | None,
        now: float,
    ) -> bool:
        """Update gate, circuit, breaker and budget after an attempt. Return True if the login was refused.

        Args:
            used: the ``Authorization`` header of the request, None if it was not sent.
            failure: None for an answer.
        """
        if failure is None and self._is_steady and used is self.circuit.authorization:
            self.gate.leave(request_class, admission, now, AttemptResult.ANSWERED)
            return False
        self._is_steady = False
        kind = None if failure is None else failure.kind
        was_down = self.breaker.is_open
        result = self.breaker.record(attempt_result(failure), now)
        if kind in _ANSWERED:
            self.budget.answered()
        elif kind in _COSTS_BUDGET:
            self.budget.failed(now, sent_at=admission[0])
        elif kind is FailureKind.THROTTLED:
            self.counters.refusals += 1
        if used is self.circuit.authorization:
            if kind in _PROVES_LOGIN:
                self.circuit.accepted()
            elif failure is not None and kind in _OPENS_CIRCUIT and self.circuit.open(failure.error):
                self._emit_open()
        is_down = self.breaker.is_open
        self.gate.serial = is_down or not self.circuit.proven
        refused = failure is not None and result is AttemptResult.REFUSED
        retry_after = failure.error.retry_after if failure is not None and refused else None
        self.gate.leave(request_class, admission, now, result, retry_after)
        if retry_after is not None:
            self.gate.fail_waiting(lambda queued: self.wait_too_long(now, queued.until))
        if is_down:
            self.gate.fail_waiting(lambda queued: self._waited_for_panel(queued, now))
        if is_down is not was_down:
            silent = f"no answer to {self.breaker.unanswered} requests in a row"
            why = silent if is_down else "the panel answers again"
            self.events.emit(CircuitChanged, state="down" if is_down else "closed", why=why)
        # Steady until something fails, or a retry is paid for, which follows a failure.
        self._is_steady = failure is None and not self.gate.serial and self.budget.tokens >= MAX_TOKENS
        return kind in _OPENS_CIRCUIT

    def wait_too_long(self, now: float, until: float) -> Throttled | None:
        """Return the error for a call that would have to wait longer for the panel than it may, else None."""
        wait = self.gate.limit.not_before - now
        if wait <= 0 or wait <= min(self.longest_wait, until - now):
            return None
        return Throttled(f"Not sent, because the panel asked to wait {wait:.0f} s more.", retry_after=wait)

    def _waited_for_panel(self, queued: QueuedRequest, now: float) -> SeFlowError | None:
        if now - queued.since < self.longest_wait:
            return None
        return TransportError(
            f"Not sent, because the panel did not answer the last {self.breaker.unanswered} requests."
        )

    # -- what users see -----------------------------------------------------------------------------------

    def _emit_limit_change(self, before: int, after: int) -> None:
        if self.events.wants(LimitChanged):
            self.events.emit(LimitChanged, before=before, after=after, why=self._limit_why)

    @property
    def _limit_why(self) -> str:
        # A limit of the user's need not have a reason.
        return str(getattr(self.gate.limit, "why", ""))

    @property
    def throttled_for(self) -> float:
        """Seconds for which nothing is sent."""
        return 0.0 if self._loop is None else max(0.0, self.gate.limit.not_before - self._loop.time())

    def restore_limit(self, state: Mapping[str, Any]) -> None:
        """Let the limit start from a state that was learned before, unless something was sent already."""
        limit = self.gate.limit
        if isinstance(limit, AdaptiveLimit) and not self.counters.attempts:
            limit.recall(state)

    def stats(self) -> Stats:
        """Return the counters and the state of now."""
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
            limit_why="one at a time until the panel answers" if gate.serial else self._limit_why,
            held=self.throttled_for,
            retry_budget=self.budget.tokens,
            circuit="open" if self.circuit.is_open else "closed",
            panel="down" if self.breaker.is_open else "up",
            latency=MappingProxyType({call: each.summary() for call, each in counters.latency.items()}),
        )


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)

"""The one-call path: gate, aiohttp, bounded read, envelope, model; retries only after a failure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import aiohttp
from tenacity import AsyncRetrying, RetryCallState
from yarl import URL

from ..__about__ import __version__
from ..config import Credentials
from ..decoding import decode
from ..errors import ConfigurationError, DecodeError, OutcomeUnknown, SeFlowError
from ..policy import IDLE_CONNECTION_SECONDS, RetryPolicy, Timeouts
from .call import Call
from .circuit import AuthCircuit
from .envelope import judge
from .exchange import Exchange, begin_exchange
from .gate import Gate
from .limit import Limit
from .prepare import Prepared, prepare
from .retry import TABLE, Failure, Fault, History, Rule, next_wait
from .transport import NETWORK_ERRORS, classify, no_replay, read_body

T = TypeVar("T")

_MIDDLEWARES = (no_replay,)
_WITH_BODY = frozenset({"POST", "PUT"})


class Session:
    """One account's way to the network: its connections, its gate, its circuit, its retry policy.

    May be made outside a loop; `open` and `close` frame its use inside one.
    """

    def __init__(
        self,
        credentials: Credentials,
        base_url: URL,
        *,
        limit: Limit,
        retry: RetryPolicy | None,
        timeouts: Timeouts,
        connector: aiohttp.BaseConnector | None = None,
        application: str | None = None,
    ) -> None:
        self.gate = Gate(limit)
        self.circuit = AuthCircuit()
        self._base = str(base_url)
        self._credentials = credentials
        self._retry = retry
        self._timeouts = timeouts
        self._lent_connector = connector
        self._headers = {
            "Authorization": aiohttp.encode_basic_auth(credentials.username, credentials.password.reveal()),
            "Accept": "application/json",
            "User-Agent": f"aioseflow/{__version__}" + (f" {application}" if application else ""),
        }
        self._form_headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        self._http: aiohttp.ClientSession | None = None
        self._was_closed = False
        self._random = random.Random()  # noqa: S311 - jitter, not a secret

    def __repr__(self) -> str:
        return f"<Session {self._credentials.username!r} at {self._base}>"

    async def open(self) -> None:
        """Make the connection pool; no request is sent."""
        if self._http is not None:
            raise ConfigurationError("this client is open already; open it once, and share it between tasks")
        lent = self._lent_connector
        # The gate is the limit: whoever queued inside aiohttp would lose his time-out there.
        connector = lent or aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_SECONDS)
        self._http = aiohttp.ClientSession(
            connector=connector,
            connector_owner=lent is None,
            # PHP locks a session per cookie: with a real jar the panel would serve one call at a time.
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        self._was_closed = False

    async def close(self) -> None:
        """Close the connections, except those of a lent connector. May be called twice."""
        http, self._http = self._http, None
        self._was_closed = True
        if http is not None:
            await http.close()

    async def request(self, call: Call[T], /, **values: Any) -> T:
        """Make one call: check, wait for the gate, send, judge, decode; again if the retry table says so.

        ``values`` are the path values that the call names and its parameters; a parameter of None is not
        sent. Raises any `SeFlowError`.
        """
        prepared = prepare(call, values)
        exchange = begin_exchange(call.name, f"{call.method} {prepared.target}")
        identity = None if call.identity is None else str(values[call.identity])
        try:
            # The success path builds no retry object: tenacity alone would cost 65 µs.
            return await self._attempt(call, prepared, identity, exchange)
        except Fault as fault:
            first = fault
        except SeFlowError as error:
            raise self._located(error, call, exchange)  # noqa: B904 - the same error, with its place
        return await self._again(call, prepared, identity, exchange, first)

    async def _attempt(
        self, call: Call[T], prepared: Prepared, identity: str | None, exchange: Exchange
    ) -> T:
        self.require_open()
        if not self.gate.try_enter():
            await self.gate.enter()
        try:
            self.circuit.check()
            response = await self._send(call, prepared, exchange)
            exchange.status, exchange.raw_headers, body = response
            try:
                payload = judge(call, exchange.status, exchange.raw_headers, body)
            except Fault as fault:
                if fault.failure is Failure.LOGIN:
                    self.circuit.open(fault.error)
                raise
        finally:
            self.gate.leave()
        if call.markup:
            return cast("T", payload)
        try:
            return decode(call.returns, payload, key=call.key, call=call.name, identity=identity)
        except DecodeError as error:
            failed = error
        raise Fault(Failure.UNREADABLE, failed)

    async def _send(
        self, call: Call[T], prepared: Prepared, exchange: Exchange
    ) -> tuple[int, Mapping[str, str], bytes]:
        http = self.require_open()
        answer_time = self._timeouts.change if call.changes else self._timeouts.read
        connect_time = self._timeouts.connect
        # An empty form is a form too: aiohttp would call an empty body an octet stream.
        headers = self._form_headers if call.method in _WITH_BODY else self._headers
        exchange.attempts += 1
        exchange.sent += 1
        exchange.sent_at = asyncio.get_running_loop().time()
        try:
            # No `total=` of aiohttp's: it could not be told from a request that never left. This one bounds
            # a body that drips; while connecting, `connect` always comes first.
            async with (
                asyncio.timeout(connect_time + answer_time),
                http.request(
                    call.method,
                    URL(self._base + prepared.target, encoded=True),
                    data=prepared.body,
                    headers=headers,
                    allow_redirects=False,
                    middlewares=_MIDDLEWARES,
                    timeout=aiohttp.ClientTimeout(total=None, connect=connect_time, sock_read=answer_time),
                ) as response,
            ):
                return response.status, response.headers, await read_body(response)
        except NETWORK_ERRORS as error:
            fault = classify(error)
        # Outside the handler: aiohttp's exceptions hold the request with its headers, and none may be
        # chained to an error that a user prints or pickles.
        if fault.failure in (Failure.NEVER_LEFT, Failure.CERTIFICATE):
            exchange.sent -= 1
        raise fault

    def require_open(self) -> aiohttp.ClientSession:
        """The connection pool; raises `ConfigurationError` before `open` and after `close`."""
        if self._http is None:
            if self._was_closed:
                raise ConfigurationError("this client is closed; make calls inside its `async with` block")
            raise ConfigurationError(
                "this client is not open; use it as `async with SeFlow(...) as seflow:` and call inside"
            )
        return self._http

    async def _again(
        self, call: Call[T], prepared: Prepared, identity: str | None, exchange: Exchange, first: Fault
    ) -> T:
        """Everything after a first failure, which tenacity is shown as its own first attempt."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        history = History()
        pending: Fault | None = first
        wait = 0.0

        async def attempt() -> T:
            nonlocal pending
            if pending is not None:
                fault, pending = pending, None
                raise fault
            return await self._attempt(call, prepared, identity, exchange)

        def goes_again(state: RetryCallState) -> bool:
            nonlocal wait
            fault = state.outcome and state.outcome.exception()
            if not isinstance(fault, Fault):
                return False
            history.add(fault.failure)
            elapsed = loop.time() - began
            decided = next_wait(fault, call.safety, history, self._retry, elapsed, self._random.random)
            if decided is None:
                return False
            wait = decided
            exchange.waits.append(wait)
            return True

        try:
            return await AsyncRetrying(retry=goes_again, wait=lambda state: wait, sleep=asyncio.sleep)(
                attempt
            )
        except Fault as fault:
            last = fault
        except SeFlowError as error:
            error.may_have_acted = call.changes and history.may_have_acted
            raise self._located(error, call, exchange)  # noqa: B904 - the same error, with its place
        raise self._final(last, call, exchange, history)

    def _final(self, fault: Fault, call: Call[T], exchange: Exchange, history: History) -> SeFlowError:
        error = self._located(fault.error, call, exchange)
        error.may_have_acted = call.changes and history.may_have_acted
        unknown = TABLE[fault.failure][call.safety] is Rule.UNKNOWN
        # After a lost answer the first request may have done it already, so that the refusal of a repeat
        # ("not running", "no such VM") says nothing about what became of it.
        undecided = fault.failure is Failure.ANSWERED and error.may_have_acted
        if not (unknown or undecided):
            return error
        since = asyncio.get_running_loop().time() - exchange.sent_at
        sent_at = datetime.now(UTC) - timedelta(seconds=since)
        times = "once" if exchange.sent == 1 else f"{exchange.sent} times, last"
        outcome = OutcomeUnknown(
            f"{exchange.request} was sent {times} at {sent_at:%H:%M:%S} UTC, and "
            f"whether the panel acted is not known; it was not sent again. Read the object back before you "
            f"repeat it. The last thing that happened: {error.message}",
            call=call.name,
            request=exchange.request,
            status=error.status,
            attempts=exchange.attempts,
            excerpt=error.excerpt,
            codes=error.codes,
            retry_after=error.retry_after,
            sent_at=sent_at,
        )
        outcome.__cause__ = error
        return outcome

    def _located(self, error: SeFlowError, call: Call[Any], exchange: Exchange) -> SeFlowError:
        """The error with the call that it belongs to, in its attributes and its message."""
        tried = f" (tried {exchange.attempts} times)" if exchange.attempts > 1 else ""
        prefix = "" if error.message.startswith(f"{call.name}: ") else f"{call.name}: "
        error.message = self._scrub(f"{prefix}{error.message}{tried}")
        error.args = (error.message,)
        error.excerpt = self._scrub(error.excerpt)
        error.codes = tuple(self._scrub(code) for code in error.codes)
        error.call = call.name
        error.request = exchange.request
        error.attempts = exchange.attempts
        if error.status is None:
            error.status = exchange.status
        return error

    def _scrub(self, text: str) -> str:
        """A panel's text without our own password, which an error page may show again."""
        return text.replace(self._credentials.password.reveal(), "***")

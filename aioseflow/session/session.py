"""The one-call path: gate, aiohttp, bounded read, envelope, model; retries only after a failure."""

from __future__ import annotations

import asyncio
import math
import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Generic, TypeVar, cast

import attrs
from tenacity import AsyncRetrying, RetryCallState

from ..decoding import decode, decode_slowly
from ..errors import DecodeError, RequestTimeout, SeFlowError
from ..policy import LONG_BODY_BYTES, STALE_CONNECTIONS_TRIED
from ..safety import Safety
from .account_session import AccountSession
from .aiohttp_hooks import MIDDLEWARES, StaleConnection
from .body_reader import read_body
from .call import Call
from .call_errors import outcome_unknown
from .call_options import CallOptions, CallTimeouts
from .classify import NETWORK_ERRORS, classify
from .events import Answered, Event, Refused, Retried, Sent, Unknown, Waiting
from .exchange import Exchange, begin_exchange, current_exchange
from .gate import Admission, RequestClass
from .judge import DROPPED_STATUSES, judge
from .paging import pages_of
from .prepare import Prepared, prepare
from .retry import TABLE, AttemptFailed, FailureKind, RetryRule, RetryState, next_wait

T = TypeVar("T")

_WITH_BODY = frozenset({"POST", "PUT"})
_REFUSED = frozenset({FailureKind.BLOCKED, FailureKind.ANSWERED_NO})
_NOT_SENT = frozenset({FailureKind.NOT_SENT, FailureKind.TLS_REFUSED, FailureKind.PROXY_REFUSED})
_jitter = random.Random()  # noqa: S311 - not a secret


@attrs.define(eq=False)
class _PendingCall(Generic[T]):
    """One call on its way: what stays the same over all its attempts."""

    call: Call[T]
    prepared: Prepared = attrs.field(repr=False)
    identity: str | None
    exchange: Exchange
    lane: RequestClass
    manner: CallTimeouts
    until: float = math.inf
    is_long: bool = False


class Session:
    """A view of one account's session: how its calls are made. `AccountSession` is what all views share."""

    __slots__ = ("_change", "_options", "_read", "shared")

    def __init__(self, shared: AccountSession, options: CallOptions) -> None:
        self.shared = shared
        self._options = options
        self._read = CallTimeouts.of(options.timeouts, changes=False)
        self._change = CallTimeouts.of(options.timeouts, changes=True)

    def __repr__(self) -> str:
        return f"<Session {self.shared!r}>"

    @property
    def options(self) -> CallOptions:
        """How this view makes its calls."""
        return self._options

    def with_options(self, **changed: Any) -> Session:
        """Another view of the same account."""
        return Session(self.shared, attrs.evolve(self._options, **changed))

    async def request(self, call: Call[T], /, **values: Any) -> T:
        """Make one call: check, wait for the gate, send, judge, decode; again if the retry table says so.

        ``values`` are the path values that the call names and its parameters; a parameter of None is not
        sent. Raises any `SeFlowError`.
        """
        prepared = prepare(call, values)
        exchange = begin_exchange(
            call.name, f"{call.method} {prepared.target}", self.shared.circuit.scrub.text
        )
        identity = None if call.identity is None else str(values[call.identity])
        options = self._options
        if call.changes:
            trip = _PendingCall(call, prepared, identity, exchange, RequestClass.ACTION, self._change)
        else:
            trip = _PendingCall(call, prepared, identity, exchange, options.lane, self._read)
        try:
            loop = self.shared.require_open()
            self.shared.counters.calls += 1
            if options.deadline is not None:
                trip.until = loop.time() + options.deadline
            # The success path builds no retry object: tenacity alone would cost 65 µs.
            return await self._attempt(trip, loop)
        except AttemptFailed as fault:
            first = fault
        except SeFlowError as error:
            raise self._located(error, trip)  # noqa: B904 - the same error, with its place
        return await self._again(trip, first)

    async def _attempt(self, trip: _PendingCall[T], loop: asyncio.AbstractEventLoop) -> T:
        shared, call, gate = self.shared, trip.call, self.shared.gate
        ticket = gate.try_enter(trip.lane, loop.time())
        if ticket is None:
            ticket = await self._queue(trip, loop)
        used, fault, payload = None, None, None
        try:
            if shared.circuit.is_open:
                await shared.pass_circuit()
            used = shared.circuit.authorization
            payload = self._judged(trip, await self._send(trip, loop))
        except AttemptFailed as caught:
            fault = caught
        except BaseException:
            gate.leave(trip.lane, ticket, loop.time())
            raise
        now = loop.time()
        refused_login = shared.ended(trip.lane, ticket, used, fault, now)
        self._note(trip, ticket, fault, now)
        if fault is not None:
            if refused_login and await shared.renewed() and self._options.retry is not None:
                return await self._attempt(trip, shared.require_open())
            raise fault
        if call.markup:
            return cast("T", payload)
        scrub = trip.exchange.scrub
        try:
            if not trip.is_long:
                return decode(
                    call.returns, payload, key=call.key, call=call.name, identity=trip.identity, scrub=scrub
                )
            slowly = decode_slowly(
                call.returns, payload, key=call.key, call=call.name, identity=trip.identity, scrub=scrub
            )
            # A cancellation may show the locals of this frame.
            payload = None
            return await slowly
        except DecodeError as error:
            # Its frames hold the payload, in which there are passwords.
            failed = error.with_traceback(None)
        del payload
        failed.__context__ = None
        raise AttemptFailed(FailureKind.UNDECODABLE, failed)

    @staticmethod
    def _judged(trip: _PendingCall[Any], body: bytes) -> Any:
        trip.is_long = len(body) > LONG_BODY_BYTES
        # A frame of its own: the body may carry passwords, and what is shown of a failure shows locals.
        call, exchange = trip.call, trip.exchange
        status, headers = exchange.status or 0, exchange.raw_headers
        payload = judge(call, status, headers, body, exchange.scrub)
        if not call.changes and call.is_list and payload.__class__ is dict:
            rows = next((payload[key] for key in call.key if key in payload), None)
            exchange.pages = pages_of(payload, rows, status, headers)
        return payload

    async def _queue(self, trip: _PendingCall[Any], loop: asyncio.AbstractEventLoop) -> Admission:
        """Wait for a slot at the gate, no longer than the call's deadline and the policy allow."""
        shared, began = self.shared, loop.time()
        gate, until = shared.gate, trip.until
        # What waits already was judged when the wait was asked for.
        if (error := shared.held_too_long(began, until)) is not None:
            raise error
        held = gate.limit.not_before - began
        if held >= 1.0:
            self._tell(trip, Waiting, reason="told", seconds=held)
        elif shared.breaker.is_open:
            self._tell(trip, Waiting, reason="down", seconds=None)
        try:
            if until == math.inf:
                return await gate.enter(trip.lane, began)
            async with asyncio.timeout_at(until):
                return await gate.enter(trip.lane, began, until)
        except TimeoutError:
            pass
        finally:
            queued = loop.time() - began
            trip.exchange.queued += queued
            shared.counters.queued += queued
        raise RequestTimeout(f"not sent: its turn did not come within {self._options.deadline:g} s")

    async def _send(self, trip: _PendingCall[Any], loop: asyncio.AbstractEventLoop) -> bytes:
        shared, call, exchange, manner = self.shared, trip.call, trip.exchange, trip.manner
        once = call.safety is Safety.ONCE
        if once:
            # What the panel has closed meanwhile must be seen as closed before a connection is picked.
            await asyncio.sleep(0)
        now = loop.time()
        until = min(now + manner.exchange, trip.until)
        if until <= now:
            raise RequestTimeout(f"not sent: the deadline of {self._options.deadline:g} s has passed")
        shared.counters.attempts += 1
        exchange.begin(now)
        if shared.events.wants(Sent):
            self._tell(trip, Sent)
        current_exchange.set(exchange)
        watch = shared.deadlines.begin(exchange, now, manner.answer, until)
        connections = shared.connections
        try:
            for stale in count():
                try:
                    # No `async with`, which is two coroutines more: what was read to its end is released.
                    response = await connections.pick(once=once).request(
                        call.method,
                        shared.url(trip.prepared.target),
                        data=trip.prepared.body,
                        # An empty form is a form too: aiohttp would call an empty body an octet stream.
                        headers=shared.headers(form=call.method in _WITH_BODY),
                        allow_redirects=False,
                        middlewares=MIDDLEWARES,
                        timeout=manner.timeout,
                        **connections.options,  # type: ignore[arg-type]  # proxy and TLS, if any
                    )
                    break
                except StaleConnection:
                    # Nothing was written, and each time there is one connection less to take.
                    if stale > STALE_CONNECTIONS_TRIED:
                        raise
            try:
                exchange.status, exchange.raw_headers = response.status, response.headers
                body = await read_body(response)
            except BaseException:
                response.close()
                raise
        except NETWORK_ERRORS as error:
            fault = classify(error, exchange)
        except asyncio.CancelledError as cancelled:
            if not shared.deadlines.rang_alone(watch):
                if call.changes and exchange.may_have_left:
                    cancelled.add_note(
                        f"{call.name}: {exchange.request} had been sent; whether the panel acted is not known"
                    )
                raise
            fault = classify(TimeoutError(), exchange)
        else:
            if response.status in DROPPED_STATUSES:
                # Who says so closes it, or has lost count of what it was asked.
                exchange.drop_connection()
                if exchange.reused_connection:
                    connections.dropped()
            else:
                exchange.is_read()
                if exchange.reused_connection:
                    connections.answered()
            return body
        finally:
            shared.deadlines.end(watch)
        # Outside the handler: aiohttp's exceptions hold the request with its headers, and none may be
        # chained to an error that a user prints or pickles.
        exchange.drop_connection()
        if fault.failure in _NOT_SENT:
            exchange.not_sent()
        elif exchange.reused_connection and not isinstance(fault.error, RequestTimeout):
            shared.connections.dropped()
        raise fault

    async def _again(self, trip: _PendingCall[T], first: AttemptFailed) -> T:
        """Everything after a first failure, which tenacity is shown as its own first attempt."""
        shared, exchange, policy = self.shared, trip.exchange, self._options.retry
        loop = asyncio.get_running_loop()
        began = loop.time()
        history = RetryState()
        pending: AttemptFailed | None = first
        wait = 0.0

        async def attempt() -> T:
            nonlocal pending
            if pending is not None:
                fault, pending = pending, None
                raise fault
            shared.counters.retries += 1
            return await self._attempt(trip, shared.require_open())

        def goes_again(state: RetryCallState) -> bool:
            nonlocal wait
            fault = state.outcome and state.outcome.exception()
            if not isinstance(fault, AttemptFailed):
                return False
            history.add(fault.failure)
            now = loop.time()
            decided = next_wait(
                fault, trip.call.safety, history, policy, now - began, trip.until - now, _jitter.random
            )
            if decided is None:
                return False
            if fault.failure is not FailureKind.THROTTLED and not shared.budget.take():
                history.budget_is_empty = True
                return False
            wait = decided
            exchange.waits.append(wait)
            shared.counters.waited += wait
            reason = "backoff" if fault.error.retry_after is None else "told"
            self._tell(trip, Waiting, reason=reason, seconds=wait)
            self._tell(trip, Retried, cause=fault.error.message)
            return True

        try:
            return await AsyncRetrying(retry=goes_again, wait=lambda state: wait, sleep=shared.sleep)(attempt)
        except AttemptFailed as fault:
            last = fault
        except SeFlowError as error:
            error.may_have_acted = trip.call.changes and history.may_have_acted
            raise self._located(error, trip)  # noqa: B904 - the same error, with its place
        raise self._final(last, trip, history)

    def _final(self, fault: AttemptFailed, trip: _PendingCall[Any], history: RetryState) -> SeFlowError:
        call, exchange = trip.call, trip.exchange
        if history.budget_is_empty:
            fault.error.retry_budget_empty = True
            fault.error.message += (
                "; not sent again, because too many calls fail just now (the retry budget is empty)"
            )
        error = self._located(fault.error, trip)
        error.may_have_acted = call.changes and history.may_have_acted
        unknown = TABLE[fault.failure][call.safety] is RetryRule.OUTCOME_UNKNOWN
        # After a lost answer the first request may have done it already, so that the refusal of a repeat
        # ("not running", "no such VM") says nothing about what became of it.
        undecided = fault.failure in _REFUSED and error.may_have_acted
        if not (unknown or undecided):
            return error
        since = asyncio.get_running_loop().time() - exchange.sent_at
        outcome = outcome_unknown(error, exchange, datetime.now(UTC) - timedelta(seconds=since))
        self.shared.counters.unknown += 1
        self._tell(trip, Unknown, sent_at=outcome.sent_at)
        return outcome

    def _located(self, error: SeFlowError, trip: _PendingCall[Any]) -> SeFlowError:
        """The error with the call that it belongs to, in its attributes and its message.

        What came from outside was masked where it was read: over a sentence of ours, a mask would show where
        the password has the same letters.
        """
        call, exchange = trip.call.name, trip.exchange
        tried = f" (tried {exchange.attempts} times)" if exchange.attempts > 1 else ""
        prefix = "" if error.message.startswith(f"{call}: ") else f"{call}: "
        error.message = f"{prefix}{error.message}{tried}"
        error.args = (error.message,)
        if isinstance(error, DecodeError):
            error.payload = self.shared.circuit.scrub.value(error.payload)
        error.call = call
        error.request = exchange.request
        error.attempts = exchange.attempts
        if error.status is None:
            error.status = exchange.status
        return error

    # -- what can be seen ---------------------------------------------------------------------------------

    def _note(
        self, trip: _PendingCall[Any], ticket: Admission, fault: AttemptFailed | None, now: float
    ) -> None:
        """Count an answer, and tell it to whoever listens."""
        shared, exchange = self.shared, trip.exchange
        status, seconds = exchange.status, now - ticket[0]
        if fault is not None and fault.failure is FailureKind.THROTTLED:
            exchange.refused += 1
            if fault.error.status is not None:
                self._tell(trip, Refused, status=status, retry_after=fault.error.retry_after)
        elif fault is None or fault.error.status is not None:
            shared.counters.answered(trip.call.name, seconds)
            if shared.events.wants(Answered):
                self._tell(trip, Answered, status=status, seconds=seconds)

    def _tell(self, trip: _PendingCall[Any], kind: type[Event], **facts: Any) -> None:
        exchange = trip.exchange
        self.shared.events.tell(
            kind, call=trip.call.name, request=exchange.request, attempt=exchange.attempts, **facts
        )

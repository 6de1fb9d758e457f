"""The path of one call: gate, aiohttp, bounded read, judge, decode. Retries begin only after a failure."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from itertools import count
from typing import Any, Final, TypeVar, cast

import attrs
from tenacity import AsyncRetrying, RetryCallState

from ..decoding import decode, decode_slowly
from ..errors import DecodeError, OutcomeUnknown, RequestTimeout, SeFlowError
from ..policy import MAX_STALE_CONNECTIONS_TRIED, SLICED_DECODE_MIN_BYTES
from ..safety import Safety
from .account_session import AccountSession
from .aiohttp_hooks import MIDDLEWARES, StaleConnection
from .body_reader import read_body
from .call import Call
from .call_errors import complete_error, last_error
from .call_options import CallOptions, CallTimeouts, PendingCall
from .classify import NETWORK_ERRORS, classify
from .events import Answered, Event, Refused, Retried, Sent, Unknown, Waiting
from .exchange import begin_exchange, current_exchange
from .gate import Admission, RequestClass
from .judge import DROPPED_STATUSES, judge
from .paging import pages_of
from .prepare import prepare
from .retry import AttemptFailed, FailureKind, RetryState, next_wait

T = TypeVar("T")

_WITH_BODY = frozenset({"POST", "PUT"})
_NOT_SENT = frozenset({FailureKind.NOT_SENT, FailureKind.TLS_REFUSED, FailureKind.PROXY_REFUSED})
_REPORTED_WAIT_MIN_SECONDS: Final = 1.0  # a shorter wait for the panel's request rate is no event
_jitter = random.Random()  # noqa: S311 - not a secret


class Session:
    """A view of an account's session, with options of its own. `shared` is what all views have in common."""

    __slots__ = ("_change_timeouts", "_options", "_read_timeouts", "shared")

    def __init__(self, shared: AccountSession, options: CallOptions) -> None:
        self.shared = shared
        self._options = options
        self._read_timeouts = CallTimeouts.of(options.timeouts, changes=False)
        self._change_timeouts = CallTimeouts.of(options.timeouts, changes=True)

    def __repr__(self) -> str:
        return f"<Session {self.shared!r}>"

    @property
    def options(self) -> CallOptions:
        """The options of this view's calls."""
        return self._options

    def with_options(self, **changed: Any) -> Session:
        """Return another view of the same account."""
        return Session(self.shared, attrs.evolve(self._options, **changed))

    async def request(self, call: Call[T], /, **values: Any) -> T:
        """Make one call: check, wait at the gate, send, judge, decode; retry if the retry table allows it.

        ``values`` are the path values that the call declares, and its parameters; a parameter of None is not
        sent. Raises any `SeFlowError`.
        """
        prepared = prepare(call, values)
        exchange = begin_exchange(
            call.name, f"{call.method} {prepared.target}", self.shared.circuit.scrub.text
        )
        identity = None if call.identity is None else str(values[call.identity])
        options = self._options
        if call.changes:
            timeouts, request_class = self._change_timeouts, RequestClass.ACTION
        else:
            timeouts, request_class = self._read_timeouts, options.read_class
        pending = PendingCall(self.shared, call, prepared, identity, exchange, request_class, timeouts)
        try:
            loop = self.shared.require_open()
            self.shared.counters.calls += 1
            if options.deadline is not None:
                pending.until = loop.time() + options.deadline
            # The success path makes no retry object: tenacity alone would cost 65 µs.
            return await self._attempt(pending, loop)
        except AttemptFailed as failed:
            first = failed
        except SeFlowError as error:
            raise complete_error(error, pending)  # noqa: B904 - the same error
        return await self._retry(pending, first)

    async def _attempt(self, pending: PendingCall[T], loop: asyncio.AbstractEventLoop) -> T:
        shared, call, gate = self.shared, pending.call, self.shared.gate
        admission = gate.try_enter(pending.request_class, loop.time())
        if admission is None:
            admission = await self._wait_for_slot(pending, loop)
        used, failure, payload = None, None, None
        try:
            if shared.circuit.is_open:
                await shared.pass_circuit()
            used = shared.circuit.authorization
            payload = self._judge(pending, await self._send(pending, loop))
        except AttemptFailed as failed:
            failure = failed
        except BaseException:
            gate.leave(pending.request_class, admission, loop.time())
            raise
        now = loop.time()
        login_refused = shared.attempt_ended(pending.request_class, admission, used, failure, now)
        self._count_answer(pending, admission, failure, now)
        if failure is not None:
            if login_refused and await shared.renewed() and self._options.retry is not None:
                return await self._attempt(pending, shared.require_open())
            raise failure
        if call.markup:
            return cast("T", payload)
        scrub = pending.exchange.scrub
        read: Callable[..., Any] = decode_slowly if pending.is_long else decode
        try:
            result = read(
                call.returns, payload, key=call.key, call=call.name, identity=pending.identity, scrub=scrub
            )
            # A traceback of a cancellation may show the locals of this frame.
            payload = None
            return cast("T", await result if pending.is_long else result)
        except DecodeError as error:
            # The frames of its traceback hold the payload, which may contain passwords.
            undecodable = error.with_traceback(None)
        del payload
        undecodable.__context__ = None
        raise AttemptFailed(FailureKind.UNDECODABLE, undecodable)

    # A frame of its own: the body may contain passwords, and a traceback may show the locals of a frame.
    @staticmethod
    def _judge(pending: PendingCall[Any], body: bytes) -> Any:
        pending.is_long = len(body) > SLICED_DECODE_MIN_BYTES
        call, exchange = pending.call, pending.exchange
        status, headers = exchange.status or 0, exchange.raw_headers
        payload = judge(call, status, headers, body, exchange.scrub)
        if not call.changes and call.is_list and payload.__class__ is dict:
            rows = next((payload[key] for key in call.key if key in payload), None)
            exchange.pages = pages_of(payload, rows, status, headers)
        return payload

    async def _wait_for_slot(self, pending: PendingCall[Any], loop: asyncio.AbstractEventLoop) -> Admission:
        """Wait at the gate, no longer than the call's deadline and the retry policy allow."""
        shared, began = self.shared, loop.time()
        gate, until = shared.gate, pending.until
        # Requests that wait already were checked when the panel asked for the wait.
        if (error := shared.wait_too_long(began, until)) is not None:
            raise error
        held = gate.limit.not_before - began
        if held >= _REPORTED_WAIT_MIN_SECONDS:
            self._emit(pending, Waiting, reason="told", seconds=held)
        elif shared.breaker.is_open:
            self._emit(pending, Waiting, reason="down", seconds=None)
        try:
            if until == math.inf:
                return await gate.enter(pending.request_class, began)
            async with asyncio.timeout_at(until):
                return await gate.enter(pending.request_class, began, until)
        except TimeoutError:
            pass
        finally:
            queued = loop.time() - began
            pending.exchange.queued += queued
            shared.counters.queued += queued
        raise RequestTimeout(f"Not sent: no free slot within the deadline of {self._options.deadline:g} s.")

    async def _send(self, pending: PendingCall[Any], loop: asyncio.AbstractEventLoop) -> bytes:
        """Send the request once and return the body of the answer. Raises `AttemptFailed`."""
        shared, call, exchange = self.shared, pending.call, pending.exchange
        timeouts = pending.timeouts
        once = call.safety is Safety.ONCE
        if once:
            # Lets the loop see which connections the panel has closed, before one is picked.
            await asyncio.sleep(0)
        now = loop.time()
        until = min(now + timeouts.exchange, pending.until)
        if until <= now:
            raise RequestTimeout(f"Not sent: the deadline of {self._options.deadline:g} s has passed.")
        shared.counters.attempts += 1
        exchange.begin(now)
        if shared.events.wants(Sent):
            self._emit(pending, Sent)
        current_exchange.set(exchange)
        timer = shared.deadlines.begin(exchange, now, timeouts.answer, until)
        connections = shared.connections
        try:
            for stale in count():
                try:
                    # Without `async with`, which is two coroutines more: a body read to its end is released.
                    response = await connections.pick(once=once).request(
                        call.method,
                        shared.url(pending.prepared.target),
                        data=pending.prepared.body,
                        # An empty form has the type of a form: aiohttp would call it an octet stream.
                        headers=shared.headers(form=call.method in _WITH_BODY),
                        allow_redirects=False,
                        middlewares=MIDDLEWARES,
                        timeout=timeouts.timeout,
                        **connections.options,  # type: ignore[arg-type]  # proxy and TLS, if any
                    )
                    break
                except StaleConnection:
                    # Nothing was written, and each time there is one connection less to take.
                    if stale > MAX_STALE_CONNECTIONS_TRIED:
                        raise
            try:
                exchange.status, exchange.raw_headers = response.status, response.headers
                body = await read_body(response)
            except BaseException:
                response.close()
                raise
        except NETWORK_ERRORS as error:
            failure = classify(error, exchange)
        except asyncio.CancelledError as cancelled:
            if not shared.deadlines.expired_alone(timer):
                if call.changes and exchange.may_have_left:
                    cancelled.add_note(
                        f"{call.name}: {exchange.request} was sent; it is not known whether the panel acted"
                    )
                raise
            failure = classify(TimeoutError(), exchange)
        else:
            if response.status in DROPPED_STATUSES:
                # The machine that sent such a status closes the connection, or its answers are out of step.
                exchange.drop_connection()
                if exchange.reused_connection:
                    connections.reused_dropped()
            else:
                exchange.answer_read()
                if exchange.reused_connection:
                    connections.reused_answered()
            return body
        finally:
            shared.deadlines.end(timer)
        # Outside of the handler: aiohttp's exceptions hold the request with its headers, and must not
        # be chained to an error that a user prints or pickles.
        exchange.drop_connection()
        if failure.kind in _NOT_SENT:
            exchange.not_sent()
        elif exchange.reused_connection and not isinstance(failure.error, RequestTimeout):
            connections.reused_dropped()
        raise failure

    async def _retry(self, pending: PendingCall[T], first: AttemptFailed) -> T:
        """Retry a call whose first attempt failed. Tenacity gets that failure as its own first attempt."""
        shared, exchange, policy = self.shared, pending.exchange, self._options.retry
        loop = asyncio.get_running_loop()
        began = loop.time()
        state = RetryState()
        not_raised: AttemptFailed | None = first
        wait = 0.0

        async def attempt() -> T:
            nonlocal not_raised
            if not_raised is not None:
                failure, not_raised = not_raised, None
                raise failure
            shared.counters.retries += 1
            return await self._attempt(pending, shared.require_open())

        def retries(attempted: RetryCallState) -> bool:
            nonlocal wait
            failure = attempted.outcome and attempted.outcome.exception()
            if not isinstance(failure, AttemptFailed):
                return False
            state.add(failure.kind)
            now = loop.time()
            next_ = next_wait(
                failure, pending.call.safety, state, policy, now - began, pending.until - now, _jitter.random
            )
            if next_ is None:
                return False
            if failure.kind is not FailureKind.THROTTLED and not shared.budget.take():
                state.budget_is_empty = True
                return False
            wait = next_
            exchange.waits.append(wait)
            shared.counters.waited += wait
            reason = "backoff" if failure.error.retry_after is None else "told"
            self._emit(pending, Waiting, reason=reason, seconds=wait)
            self._emit(pending, Retried, cause=failure.error.message)
            return True

        try:
            return await AsyncRetrying(retry=retries, wait=lambda _: wait, sleep=shared.sleep)(attempt)
        except AttemptFailed as failed:
            last = failed
        except SeFlowError as error:
            error.may_have_acted = pending.call.changes and state.may_have_acted
            raise complete_error(error, pending)  # noqa: B904 - the same error
        final = last_error(last, pending, state, loop.time() - exchange.sent_at)
        if isinstance(final, OutcomeUnknown):
            shared.counters.unknown += 1
            self._emit(pending, Unknown, sent_at=final.sent_at)
        raise final

    def _count_answer(
        self, pending: PendingCall[Any], admission: Admission, failure: AttemptFailed | None, now: float
    ) -> None:
        """Count the answer to an attempt, if there was one, and emit its event."""
        shared, exchange = self.shared, pending.exchange
        status, seconds = exchange.status, now - admission[0]
        if failure is not None and failure.kind is FailureKind.THROTTLED:
            exchange.refused += 1
            if failure.error.status is not None:
                self._emit(pending, Refused, status=status, retry_after=failure.error.retry_after)
        elif failure is None or failure.error.status is not None:
            shared.counters.answered(pending.call.name, seconds)
            if shared.events.wants(Answered):
                self._emit(pending, Answered, status=status, seconds=seconds)

    def _emit(self, pending: PendingCall[Any], kind: type[Event], **facts: Any) -> None:
        exchange = pending.exchange
        self.shared.events.emit(
            kind, call=pending.call.name, request=exchange.request, attempt=exchange.attempts, **facts
        )

"""The table "What may be repeated" of the design, row by row, proved on the server's side.

`PYTHONPATH=tests python tests/session/test_retry_table.py` prints what arrived, as Markdown.
"""

# ruff: noqa: E501 - a table is read by its rows

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from unittest import mock

import attrs
import pytest
from support import tls
from support.clients import client
from support.unlucky import Arrived, Fault, Handshake, Line, NoName, Shut, Unlucky
from support.wire import Play, http

from aioseflow import (
    Accepted,
    ApiError,
    DecodeError,
    GatewayError,
    OutcomeUnknown,
    RequestTimeout,
    Retried,
    SeFlow,
    SeFlowError,
    ServerError,
    Timeouts,
    TransportError,
)
from aioseflow.policy import KEEPALIVE_SECONDS, REUSED_ANSWERS_BEFORE_ONCE
from aioseflow.session.exchange import Exchange


@attrs.frozen
class Comes:
    """What must come of a call: so often tried, so many requests at the server, and how it ends."""

    tried: int
    arrived: int
    end: str


@attrs.frozen
class Expected:
    """What must come of a fault that strikes once, and of one that strikes ``often``."""

    once: Comes
    for_ever: Comes
    often: float = math.inf


#                        the fault strikes once        the fault strikes for ever
#                        tried, arrived, ends          tried, arrived, ends
RETRY: Final = Expected(Comes(2, 2, "well"), Comes(3, 3, "error"))
DELAYED: Final = Expected(Comes(2, 2, "well"), Comes(5, 5, "well"), often=4)  # a refusal is no attempt
NEVER: Final = Expected(Comes(1, 1, "error"), Comes(1, 1, "error"))
UNKNOWN: Final = Expected(Comes(1, 1, "unknown"), Comes(1, 1, "unknown"))
NOT_SENT: Final = Expected(Comes(2, 1, "well"), Comes(3, 0, "error"))
UNTRUSTED: Final = Expected(Comes(1, 0, "error"), Comes(1, 0, "error"))


@attrs.frozen
class Row:
    """One thing that happens: how it is made, the error that shows it, and what may be repeated then."""

    fault: Fault
    error: type[SeFlowError] | None
    READ: Expected
    IDEMPOTENT: Expected
    ONCE: Expected
    acted: bool | None = None  # whether a change may have been made; None where the rule tells


NOT_TLS: Final = Handshake(http("The plain HTTP request was sent to HTTPS port", 400))
SELF_SIGNED: Final = Handshake(certificate=tls.self_signed)
EXPIRED: Final = Handshake(certificate=tls.expired)
WAIT: Final = 0.01  # seconds, in the three that follow
WAIT_429: Final = Play(http("", 429, headers={"Retry-After": f"{WAIT}"}))
WAIT_503: Final = Play(http("", 503, headers={"Retry-After": f"{WAIT}"}))
THROTTLE: Final = Play(http(f'{{"error": [["wait_x_between_action", {WAIT}], "unauthorized"]}}', 401))
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CUT_BODY: Final = Play(http("{}", length=99), "close")
CUT_CHUNK: Final = Play(CHUNKED + b'ff\r\n{"status"', "close")
BROKEN_CHUNK: Final = Play(CHUNKED + b"zz\r\n{}\r\n")
NOT_HTTP: Final = Play(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
LONG_HEADER: Final = Play(http("{}", headers={"X-Long": "x" * 70_000}))
TWO_LENGTHS: Final = Play(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
BROTLI: Final = Play(http("{}", headers={"Content-Encoding": "br"}))
ERROR: Final = Play(http('{"error": ["vm_locked"]}'))

# fmt: off
TABLE: Final = {
    # what happened                 how it is made            shown as        READ      IDEMPOT.  ONCE
    "refused":                  Row(Shut(),                   TransportError, NOT_SENT, NOT_SENT, NOT_SENT),
    "DNS":                      Row(NoName(),                 TransportError, NOT_SENT, NOT_SENT, NOT_SENT),
    "connect time-out":         Row(Shut(full=True),          RequestTimeout, NOT_SENT, NOT_SENT, NOT_SENT),
    "TLS: closed":              Row(Handshake(),              TransportError, NOT_SENT, NOT_SENT, NOT_SENT),
    "TLS: not TLS":             Row(NOT_TLS,                  TransportError, NOT_SENT, NOT_SENT, NOT_SENT),
    "TLS: silence":             Row(Handshake(silent=True),   RequestTimeout, NOT_SENT, NOT_SENT, NOT_SENT),
    "TLS: self-signed":         Row(SELF_SIGNED,              TransportError, UNTRUSTED, UNTRUSTED, UNTRUSTED),
    "TLS: expired":             Row(EXPIRED,                  TransportError, UNTRUSTED, UNTRUSTED, UNTRUSTED),
    "429":                      Row(Play(http("", 429)),      None,           DELAYED,  DELAYED,  DELAYED),
    "429 with Retry-After":     Row(WAIT_429,                 None,           DELAYED,  DELAYED,  DELAYED),
    "401 throttle":             Row(THROTTLE,                 None,           DELAYED,  DELAYED,  DELAYED),
    "503 with Retry-After":     Row(WAIT_503,                 ServerError,    RETRY,    RETRY,    UNKNOWN),
    "408":                      Row(Play(http("", 408)),      GatewayError,   RETRY,    RETRY,    UNKNOWN),
    "421":                      Row(Play(http("", 421)),      GatewayError,   RETRY,    RETRY,    RETRY, acted=False),
    "425":                      Row(Play(http("", 425)),      GatewayError,   RETRY,    RETRY,    RETRY, acted=False),
    "403 page":                 Row(Play(http("<p>", 403)),   GatewayError,   NEVER,       NEVER,       NEVER),
    "long header":              Row(LONG_HEADER,              TransportError, NEVER,       NEVER,       UNKNOWN, acted=True),
    "two lengths":              Row(TWO_LENGTHS,              TransportError, NEVER,       NEVER,       UNKNOWN, acted=True),
    "unknown compression":      Row(BROTLI,                   TransportError, NEVER,       NEVER,       UNKNOWN, acted=True),
    "closed before the answer": Row(Play(b"", "close"),       TransportError, RETRY,    RETRY,    UNKNOWN),
    "reset":                    Row(Play(b"", "reset"),       TransportError, RETRY,    RETRY,    UNKNOWN),
    "read time-out":            Row(Play(b"", "hang"),        RequestTimeout, RETRY,    RETRY,    UNKNOWN),
    "cut body":                 Row(CUT_BODY,                 TransportError, RETRY,    RETRY,    UNKNOWN),
    "cut chunk":                Row(CUT_CHUNK,                TransportError, RETRY,    RETRY,    UNKNOWN),
    "broken chunk":             Row(BROKEN_CHUNK,             TransportError, RETRY,    RETRY,    UNKNOWN),
    "not HTTP":                 Row(NOT_HTTP,                 TransportError, RETRY,    RETRY,    UNKNOWN),
    "500":                      Row(Play(http("oops", 500)),  ServerError,    RETRY,    RETRY,    UNKNOWN),
    "502":                      Row(Play(http("oops", 502)),  ServerError,    RETRY,    RETRY,    UNKNOWN),
    "503":                      Row(Play(http("oops", 503)),  ServerError,    RETRY,    RETRY,    UNKNOWN),
    "504":                      Row(Play(http("oops", 504)),  ServerError,    RETRY,    RETRY,    UNKNOWN),
    "HTML page":                Row(Play(http("<html>")),     ServerError,    RETRY,    RETRY,    UNKNOWN),
    "empty body":               Row(Play(http("")),           DecodeError,    RETRY,    RETRY,    UNKNOWN),
    "error in 200":             Row(ERROR,                    ApiError,       NEVER,       NEVER,       NEVER),
}
# fmt: on


@attrs.frozen
class Made:
    """A call, and how its request looks."""

    safety: str
    method: str
    path: str
    make: Callable[[SeFlow], Awaitable[Any]]


CALLS: Final = {
    "READ": Made("READ", "GET", "/service/9/vms", lambda seflow: seflow.vms.list(9)),
    "IDEMPOTENT POST": Made(
        "IDEMPOTENT", "POST", "/service/9/vms/4/stop", lambda seflow: seflow.vms.stop(9, 4)
    ),
    "IDEMPOTENT PUT": Made(
        "IDEMPOTENT", "PUT", "/service/9/vms/4", lambda seflow: seflow.vms.resize(9, 4, memory=512)
    ),
    "IDEMPOTENT DELETE": Made(
        "IDEMPOTENT", "DELETE", "/service/9/vms/4", lambda seflow: seflow.vms.destroy(9, 4)
    ),
    "ONCE": Made("ONCE", "POST", "/service/9/vms/4/reboot", lambda seflow: seflow.vms.reboot(9, 4)),
}
CONNECTIONS: Final = ("fresh", "reused")
TIMES: Final = ("once", "for ever")
RIGHT: Final = http('{"status": true, "vms": {}}')
ACCEPTED: Final = Accepted(status=True, extra={"vms": {}})
CLOCKS_APART: Final = timedelta(seconds=2)


# The second of idleness is a test's own (test_stale_connections.py): here a busy machine must not decide over
# which connection a call goes. The draw keeps what is added to the requested waits short.
SESSION: Final = "aioseflow.session"
KEPT: Final = KEEPALIVE_SECONDS


def in_a_minute() -> float:
    """A clock for aiohttp's pools."""
    return time.monotonic() + 60


@attrs.frozen(kw_only=True)
class Played:
    """What came of one cell; everything but the last three is the panel's record."""

    arrived: list[Arrived]
    accepted: list[Line]
    earlier: list[Line]
    struck: int
    exchange: Exchange
    result: Any
    error: SeFlowError | None


async def warm_up(seflow: SeFlow, panel: Unlucky) -> None:
    """Calls after which there are kept connections for all calls, ONCE among them."""
    for _ in range(REUSED_ANSWERS_BEFORE_ONCE + 1):
        await seflow.vms.list(8)
    await seflow.vms.reboot(8, 1)
    assert [line.served for line in panel.lines] == [REUSED_ANSWERS_BEFORE_ONCE + 1, 1]


async def play(row: Row, call: Made, connection: str, times: str) -> Played:
    """Let it go wrong once or for ever, for one call over a fresh or a kept connection.

    A fault below HTTP meets no kept connection: there, all have been closed before, or have grown too old.
    """
    rule: Expected = getattr(row, call.safety)
    # Long to connect, except where that is the row, so that a busy machine makes no other row of it.
    timeouts = Timeouts(connect=0.1 if row.error is RequestTimeout else 5.0, read=5, change=5)
    if isinstance(row.fault, Play) and row.fault.then == "hang":
        timeouts = Timeouts(connect=5, read=0.1, change=0.1)
    error, result = None, None
    async with Unlucky(row.fault, RIGHT) as panel:

        def look(event: object) -> None:
            if isinstance(event, Retried):
                panel.found_shut()

        context = tls.client_context() if isinstance(row.fault, Handshake) else None
        with ExitStack() as patches:
            patches.enter_context(mock.patch(f"{SESSION}.connections.KEEPALIVE_FOR_ONCE_SECONDS", KEPT))
            patches.enter_context(mock.patch(f"{SESSION}.session._jitter.random", return_value=0.1))
            async with client(panel.url, hooks=[look], ssl_context=context) as seflow:
                if connection == "reused":
                    await warm_up(seflow, panel)
                    if not isinstance(row.fault, Play):
                        await panel.hang_up()
                        # What aiohttp remembers of a name is too old then, too.
                        patches.enter_context(mock.patch("aiohttp.connector.monotonic", in_a_minute))
                earlier, before = panel.lines[:], len(panel.arrived)
                await panel.strike(f"/api{call.path}", 1 if times == "once" else rule.often)
                with seflow.capture() as exchanges:
                    try:
                        result = await call.make(seflow.with_options(timeout=timeouts))
                    except SeFlowError as caught:
                        error = caught
                        panel.found_shut()
                await panel.watched()
    return Played(
        arrived=panel.arrived[before:],
        accepted=panel.lines[len(earlier) :],
        earlier=earlier,
        struck=panel.struck,
        exchange=exchanges[0],
        result=result,
        error=error,
    )


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("fault", TABLE)
async def test_a_fault_is_answered_as_the_table_says(
    fault: str, name: str, connection: str, times: str
) -> None:
    row, call = TABLE[fault], CALLS[name]
    rule: Expected = getattr(row, call.safety)
    comes = rule.once if times == "once" else rule.for_ever
    started = datetime.now(UTC)
    played = await play(row, call, connection, times)
    arrived, exchange, error = played.arrived, played.exchange, played.error

    assert [(each.method, each.target) for each in arrived] == [
        (call.method, f"/api{call.path}")
    ] * comes.arrived
    assert (exchange.attempts, exchange.sent, len(exchange.waits)) == (
        comes.tried,
        comes.arrived,
        comes.tried - 1,
    )
    assert played.struck == (comes.tried - 1 if comes.end == "well" else comes.tried)
    in_http = isinstance(row.fault, Play)
    spoilt = played.struck if in_http else 0
    assert [each.spoilt for each in arrived] == [number < spoilt for number in range(comes.arrived)]
    assert_over_the_right_connection(played, connection, in_http=in_http)
    if row.fault in (WAIT_429, WAIT_503, THROTTLE):
        assert all(b.at - a.at >= timedelta(seconds=WAIT) for a, b in pairwise(arrived))

    if comes.end == "well":
        assert error is None
        assert played.result == ([] if call.safety == "READ" else ACCEPTED)
        return
    assert error is not None
    assert (error.attempts, error.request) == (comes.tried, f"{call.method} {call.path}")
    acted = rule in (RETRY, UNKNOWN) if row.acted is None else row.acted
    assert error.may_have_acted == (call.safety != "READ" and acted)
    shown: BaseException | None = error
    if comes.end == "unknown":
        assert_says_what_to_do(error, call, arrived[0], started)
        shown = error.__cause__
    assert type(shown) is row.error


def assert_over_the_right_connection(played: Played, connection: str, *, in_http: bool) -> None:
    """Hold the cell's connection against the panel's record."""
    first = played.arrived[0] if played.arrived else None
    if connection == "fresh":
        assert played.earlier == []
        assert first is None or first.served_before == 0
    elif in_http:
        assert first is not None
        assert first.line in played.earlier
        assert first.served_before > 0
    else:
        assert played.earlier
        assert all(line.served > 0 and line.ended.is_set() for line in played.earlier)
        assert first is None or first.line in played.accepted


def assert_says_what_to_do(error: SeFlowError, call: Made, arrived: Arrived, started: datetime) -> None:
    """An unknown outcome says what was sent, when, and how to find out what became of it."""
    assert type(error) is OutcomeUnknown
    assert error.sent_at is not None
    assert error.sent_at.tzinfo is UTC
    assert started - CLOCKS_APART <= error.sent_at <= arrived.at + CLOCKS_APART
    said = str(error)
    assert error.request == f"{call.method} {call.path}"
    assert said.startswith(f"Sent once at {error.sent_at:%H:%M:%S} UTC, not sent again. ")
    assert "may or may not have taken effect" in said
    assert "Read the object back" in said


async def markdown() -> str:
    """How many requests arrived, by row, safety and connection: for a fault for ever / once."""
    columns = [(name, connection) for name in CALLS for connection in CONNECTIONS]
    lines = ["| what happened | " + " | ".join(" ".join(column) for column in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for fault, row in TABLE.items():
        cells = []
        for name, connection in columns:
            ends = []
            for times in reversed(TIMES):
                played = await play(row, CALLS[name], connection, times)
                end = type(played.error).__name__ if played.error else "ok"
                ends.append(f"{len(played.arrived)} {end}")
            cells.append(" / ".join(ends))
        lines.append(f"| {fault} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(asyncio.run(markdown()))  # noqa: T201 - it is what it is called for

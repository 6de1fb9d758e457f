"""The one-call path on real sockets: what reaches the server, and how often."""

from __future__ import annotations

import asyncio
import gzip
import pickle
import socket
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import trustme
from support.clients import PASSWORD, QUICK_RETRY, USERNAME, client
from support.wire import Answer, Play, Seen, Wire, http

from aioseflow import (
    ApiError,
    AuthenticationError,
    DecodeError,
    GatewayError,
    NotFound,
    OutcomeUnknown,
    RequestTimeout,
    RetryPolicy,
    SeFlow,
    SeFlowError,
    Throttled,
    Timeouts,
    TransportError,
)
from aioseflow.session.aiohttp_hooks import no_replay

OK = http('{"status": true}')
SERVICES = http('{"services": []}')


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as server:
        yield server


def script(*answers: Answer) -> Any:
    """The answers in turn; a request beyond them would be one too many, and is answered 500."""
    remaining = list(answers)

    def answer(seen: Seen) -> Answer:
        return remaining.pop(0) if remaining else http("unscripted", 500)

    return answer


CALLS = {
    "READ": lambda seflow: seflow.services.list(),
    "IDEMPOTENT": lambda seflow: seflow.vms.stop(9, 4),
    "IDEMPOTENT PUT": lambda seflow: seflow.vms.resize(9, 4, memory=512),
    "IDEMPOTENT DELETE": lambda seflow: seflow.vms.destroy(9, 4),
    "ONCE": lambda seflow: seflow.vms.reboot(9, 4),
}
REPEATED = [name for name in CALLS if name != "ONCE"]
LOST: dict[str, Answer] = {
    "closed before the answer": Play(then="close"),
    "reset before the answer": Play(then="reset"),
    "cut body": Play(http('{"status": true}', length=99), then="close"),
    "broken chunk": Play(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", then="close"),
    "not HTTP": Play(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", then="close"),
    "500": http("oops", 500),
    "502": http("oops", 502),
    "503": http("oops", 503),
    "504": http("oops", 504),
    "a page": http("<html>login</html>"),
    "an empty body": http(""),
    "garbage": http("]]"),
}


@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "reused"])
@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("name", REPEATED)
async def test_a_lost_answer_is_repeated_by_us_and_by_nobody_else(
    wire: Wire, name: str, fault: str, *, warm: bool
) -> None:
    async with client(wire.url) as seflow:
        if warm:
            wire.answer = SERVICES
            await seflow.services.list()
            wire.requests.clear()
        wire.answer = LOST[fault]
        with pytest.raises(SeFlowError) as caught, seflow.capture() as exchanges:
            await CALLS[name](seflow)
    assert len(wire.requests) == 3
    assert (exchanges[0].attempts, exchanges[0].sent, len(exchanges[0].waits)) == (3, 3, 2)
    assert caught.value.attempts == 3
    assert caught.value.may_have_acted == (name != "READ")


@pytest.mark.parametrize("name", REPEATED)
async def test_where_aiohttp_has_no_such_hook_a_middleware_keeps_it_from_repeating(
    wire: Wire, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioseflow.session.connections.NoReplayResponse", aiohttp.ClientResponse)
    monkeypatch.setattr("aioseflow.session.session.MIDDLEWARES", (no_replay,))
    wire.answer = Play(then="close")
    async with client(wire.url, retry=None) as seflow:
        with pytest.raises(SeFlowError):
            await CALLS[name](seflow)
    assert len(wire.requests) == 1


@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "reused"])
@pytest.mark.parametrize("fault", LOST)
async def test_a_reboot_whose_answer_is_lost_is_never_sent_again(
    wire: Wire, fault: str, *, warm: bool
) -> None:
    async with client(wire.url) as seflow:
        if warm:
            wire.answer = SERVICES
            await seflow.services.list()
            wire.requests.clear()
        wire.answer = LOST[fault]
        before = datetime.now(UTC)
        with pytest.raises(OutcomeUnknown) as caught:
            await seflow.vms.reboot(9, 4)
    assert len(wire.requests) == 1
    error = caught.value
    assert (error.call, error.request) == ("vms.reboot", "POST /service/9/vms/4/reboot")
    assert error.attempts == 1
    assert error.may_have_acted
    assert error.sent_at is not None
    assert before <= error.sent_at <= datetime.now(UTC)
    assert isinstance(error.__cause__, SeFlowError)


async def test_a_5xx_on_a_once_call_is_unknown_and_carries_the_panel_s_codes(wire: Wire) -> None:
    wire.answer = http('{"error":["vm_locked"]}', 500)
    async with client(wire.url) as seflow:
        with pytest.raises(OutcomeUnknown) as caught:
            await seflow.vms.reboot(9, 4)
    assert caught.value.codes == ("vm_locked",)
    assert caught.value.status == 500


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", [400, 403, 404, 405, 422, 301, 302, 303, 307, 308])
async def test_an_answer_is_final_and_a_redirect_is_never_followed(
    wire: Wire, name: str, status: int
) -> None:
    wire.answer = http("", status, headers={"Location": "/elsewhere"})
    async with client(wire.url) as seflow:
        with pytest.raises(SeFlowError) as caught:
            await CALLS[name](seflow)
    assert len(wire.requests) == 1
    assert not isinstance(caught.value, OutcomeUnknown)
    assert not caught.value.may_have_acted


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "refusal",
    [
        http("", 429),
        http("", 429, headers={"Retry-After": "0"}),
        http('{"error":[["wait_x_between_action",0],"unauthorized"]}', 401),
    ],
)
async def test_a_refusal_is_no_attempt_and_goes_again(wire: Wire, name: str, refusal: Answer) -> None:
    answer = SERVICES if name == "READ" else OK
    wire.answer = script(*[refusal] * 5, answer)
    async with client(wire.url) as seflow:
        await CALLS[name](seflow)
    assert len(wire.requests) == 6


async def test_a_wait_beyond_the_deadline_is_raised_at_once_with_its_seconds(wire: Wire) -> None:
    wire.answer = http('{"error":[["wait_x_between_action",24],"unauthorized"]}', 401)
    async with client(wire.url, retry=RetryPolicy(deadline=20)) as seflow:
        with pytest.raises(Throttled) as caught:
            await seflow.services.list()
        assert caught.value.retry_after == 24
        assert not seflow._session.shared.circuit.is_open
    assert len(wire.requests) == 1


async def test_a_throttled_call_waits_as_long_as_the_panel_asks(wire: Wire) -> None:
    wire.answer = script(http("", 429, headers={"Retry-After": "0.3"}), SERVICES)
    async with client(wire.url) as seflow:
        with seflow.capture() as exchanges:
            started = time.monotonic()
            await seflow.services.list()
    assert time.monotonic() - started >= 0.3
    assert exchanges[0].waits[0] >= 0.3


@pytest.mark.parametrize(("name", "sent"), [("READ", 2), ("IDEMPOTENT", 2), ("ONCE", 1)])
async def test_a_503_that_names_its_delay_is_unknown_for_a_once_call(
    wire: Wire, name: str, sent: int
) -> None:
    answer = SERVICES if name == "READ" else OK
    wire.answer = script(http("", 503, headers={"Retry-After": "0"}), answer)
    async with client(wire.url) as seflow:
        if name == "ONCE":
            with pytest.raises(OutcomeUnknown):
                await CALLS[name](seflow)
        else:
            await CALLS[name](seflow)
    assert len(wire.requests) == sent


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (http('{"error":["notfound"]}', 404), NotFound),
        (http("<p>", 404), GatewayError),
        (http("", 302), ApiError),
        (http('{"success": false}'), ApiError),
    ],
)
async def test_the_refusal_of_a_repeat_decides_nothing(
    wire: Wire, refusal: bytes, kind: type[SeFlowError]
) -> None:
    wire.answer = script(Play(then="close"), refusal)
    async with client(wire.url) as seflow:
        with pytest.raises(OutcomeUnknown) as caught:
            await seflow.vms.destroy(9, 4)
    assert type(caught.value.__cause__) is kind
    assert len(wire.requests) == 2


async def test_a_read_that_is_refused_after_a_lost_answer_is_just_refused(wire: Wire) -> None:
    wire.answer = script(Play(then="close"), http('{"error":["notfound"]}', 404))
    async with client(wire.url) as seflow:
        with pytest.raises(NotFound):
            await seflow.services.get(9)


async def test_without_a_policy_every_call_is_sent_once(wire: Wire) -> None:
    wire.answer = Play(then="close")
    async with client(wire.url, retry=None) as seflow:
        with pytest.raises(TransportError):
            await seflow.services.list()
    assert len(wire.requests) == 1


async def test_a_wrong_password_is_sent_once_and_opens_the_circuit(wire: Wire) -> None:
    wire.answer = http('{"error":["wronglogin","unauthorized"]}', 401)
    async with client(wire.url) as seflow:
        for _ in range(3):
            with pytest.raises(AuthenticationError, match="Wrong e-mail or password") as caught:
                await seflow.services.list()
    assert len(wire.requests) == 1
    assert caught.value.attempts == 0


@pytest.mark.parametrize("name", CALLS)
async def test_a_refused_connection_never_left_and_goes_again(name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        async with client(url) as seflow:
            with pytest.raises(TransportError) as caught, seflow.capture() as exchanges:
                await CALLS[name](seflow)
    assert not caught.value.may_have_acted
    assert caught.value.attempts == 3
    assert exchanges[0].sent == 0


async def test_a_host_without_an_address_never_left() -> None:
    class NoNames(aiohttp.abc.AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:
            raise OSError(-2, "Name or service not known")

        async def close(self) -> None:
            pass

    async with aiohttp.TCPConnector(resolver=NoNames()) as connector:
        seflow = SeFlow(
            "u@example.com", "p", base_url="https://panel.invalid/api", connector=connector, retry=QUICK_RETRY
        )
        async with seflow:
            with pytest.raises(TransportError, match="resolved") as caught:
                await seflow.vms.reboot(9, 4)
    assert not caught.value.may_have_acted
    assert caught.value.attempts == 3


@pytest.mark.parametrize("name", CALLS)
async def test_a_certificate_that_nobody_vouches_for_is_refused_and_not_tried_again(name: str) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Wire(tls=context) as wire, client(wire.url) as seflow:
        with pytest.raises(TransportError, match="certificate was refused") as caught:
            await CALLS[name](seflow)
        assert wire.requests == []
    assert caught.value.attempts == 1
    assert not caught.value.may_have_acted


async def test_a_handshake_without_an_end_never_left(wire: Wire) -> None:
    # The server waits for a request in the clear, so that the handshake gets no answer.
    url = wire.url.replace("http://", "https://")
    async with client(url, timeouts=Timeouts(connect=0.05)) as seflow:
        with pytest.raises(RequestTimeout, match="No connection in time") as caught:
            await seflow.vms.reboot(9, 4)
    assert caught.value.attempts == 3
    assert not caught.value.may_have_acted
    assert wire.requests == []


@pytest.mark.parametrize(("name", "sent"), [("READ", 3), ("IDEMPOTENT", 3), ("ONCE", 1)])
async def test_a_silent_server_runs_into_the_answer_s_time_out(wire: Wire, name: str, sent: int) -> None:
    wire.answer = Play(then="hang")
    async with client(wire.url, timeouts=Timeouts(read=0.2, change=0.2)) as seflow:
        with pytest.raises(OutcomeUnknown if name == "ONCE" else RequestTimeout) as caught:
            await CALLS[name](seflow)
    assert len(wire.requests) == sent
    if name != "ONCE":
        assert isinstance(caught.value, TimeoutError)


async def test_a_body_that_drips_is_bounded_too() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(1000):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        async with client(url, retry=None, timeouts=Timeouts(connect=0.1, read=0.1)) as seflow:
            with pytest.raises(RequestTimeout):
                await seflow.services.list()


async def test_changes_have_a_longer_time_out_than_reads(wire: Wire) -> None:
    wire.answer = Play(then="hang")
    async with client(wire.url, retry=None, timeouts=Timeouts(read=0.02, change=60)) as seflow:
        change = asyncio.create_task(seflow.vms.stop(9, 4))
        with pytest.raises(RequestTimeout):
            await seflow.services.list()
        assert not change.done()
        change.cancel()
        with pytest.raises(asyncio.CancelledError):
            await change


async def test_an_answer_without_an_end_is_refused_and_not_repeated(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioseflow.session.body_reader.MAX_BODY_BYTES", 100_000)
    bomb = gzip.compress(b" " * 10_000_000)
    wire.answer = http(bomb, headers={"Content-Encoding": "gzip"})
    async with client(wire.url) as seflow:
        with pytest.raises(DecodeError, match="longer than"):
            await seflow.services.list()
        assert len(wire.requests) == 1
        with pytest.raises(OutcomeUnknown):
            await seflow.vms.reboot(9, 4)
        assert len(wire.requests) == 2


async def test_a_shape_that_is_not_the_promised_one_is_not_asked_for_again(wire: Wire) -> None:
    wire.answer = http('{"vms": {"4": {"id": ["x"]}}}')
    async with client(wire.url) as seflow:
        with pytest.raises(DecodeError) as caught:
            await seflow.vms.list(9)
    assert len(wire.requests) == 1
    assert caught.value.path == "$.vms.4.id"
    assert caught.value.call == "vms.list"
    assert caught.value.request == "GET /service/9/vms"


async def test_every_request_authenticates_by_itself_and_keeps_no_cookie() -> None:
    # By name: aiohttp keeps no cookies for IP addresses anyway.
    async with Wire() as wire:
        wire.answer = http('{"services": []}', headers={"Set-Cookie": "PHPSESSID=1; Path=/"})
        async with client(wire.url.replace("127.0.0.1", "localhost"), application="bot/1.0") as seflow:
            with seflow.capture() as exchanges:
                await seflow.services.list()
                await seflow.services.list()
    first, second = wire.requests
    credentials = aiohttp.encode_basic_auth(USERNAME, PASSWORD)
    assert first.headers["authorization"] == second.headers["authorization"] == credentials
    assert "cookie" not in second.headers
    assert second.headers["accept"] == "application/json"
    assert second.headers["user-agent"].startswith("aioseflow/")
    assert second.headers["user-agent"].endswith(" bot/1.0")
    assert first.connection == second.connection
    assert "set-cookie" not in exchanges[0].headers
    assert exchanges[0].headers["content-length"] == "16"


async def test_no_more_is_in_flight_than_the_limit() -> None:
    in_flight = worst = served = 0
    full = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal in_flight, worst, served
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                in_flight += 1
                worst, served = max(worst, in_flight), served + 1
                if in_flight == 5:
                    full.set()
                if served > 1:
                    # The first goes alone; the others are answered once so many are there together.
                    await full.wait()
                in_flight -= 1
                writer.write(SERVICES)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        async with client(url, limit=5) as seflow:
            await asyncio.gather(*(seflow.services.list() for _ in range(60)))
    assert worst == 5


async def test_a_slot_is_free_while_its_request_waits_for_a_repeat(wire: Wire) -> None:
    wire.answer = script(http("oops", 500), SERVICES)
    async with client(
        wire.url, limit=1, retry=RetryPolicy(first_wait=1e6, longest_wait=1e6, deadline=1e7)
    ) as seflow:
        waiting = asyncio.create_task(seflow.services.list())
        await wire.arrived(1)
        assert await seflow.services.list() == []
        waiting.cancel()


async def test_a_cancelled_call_gives_its_slot_back(wire: Wire) -> None:
    wire.answer = Play(then="hang")
    async with client(wire.url, limit=1) as seflow:
        hanging = asyncio.create_task(seflow.vms.reboot(9, 4))
        await wire.arrived(1)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        wire.answer = SERVICES
        assert await seflow.services.list() == []
        assert seflow._session.shared.gate.in_flight == 0


async def test_the_password_is_in_nothing_that_is_raised(wire: Wire) -> None:
    echo = f'<p>user {USERNAME} password {PASSWORD}</p> {{"error": ["{PASSWORD}"]}}'
    wire.answer = http(echo, 400)
    async with client(wire.url) as seflow:
        with pytest.raises(ApiError) as caught:
            await seflow.services.list()
        shown = [repr(seflow), repr(seflow.vms), repr(seflow._session)]
    error = caught.value
    shown += [str(error), repr(error), error.excerpt, str(error.codes), repr(vars(error))]
    assert not any(PASSWORD in text for text in shown)
    assert error.__context__ is None


async def test_no_error_holds_the_request_of_aiohttp(wire: Wire) -> None:
    wire.answer = LOST["not HTTP"]
    async with client(wire.url, retry=None) as seflow:
        with pytest.raises(TransportError) as caught:
            await seflow.services.list()
        with pytest.raises(OutcomeUnknown) as unknown:
            await seflow.vms.reboot(9, 4)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    again = pickle.loads(pickle.dumps(unknown.value))
    assert (again.sent_at, again.call, str(again)) == (
        unknown.value.sent_at,
        "vms.reboot",
        str(unknown.value),
    )


async def test_nested_captures_both_see_the_exchange(wire: Wire) -> None:
    wire.answer = SERVICES
    async with client(wire.url) as seflow:
        with seflow.capture() as outer:
            with seflow.capture() as inner:
                await seflow.services.list()
            await asyncio.create_task(seflow.services.list())
        await seflow.services.list()
    assert (len(outer), len(inner)) == (2, 1)
    assert (outer[0].call, outer[0].request, outer[0].status) == ("services.list", "GET /service", 200)

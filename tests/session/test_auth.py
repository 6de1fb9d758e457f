"""The seam for authentication schemes: a token scheme is one class, and refreshes an expired token once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest
from support.clients import PASSWORD, QUICK_RETRY, USERNAME
from support.patience import until
from support.wire import Answer, Play, Seen, Wire, http

from aioseflow import ApiError, AuthenticationError, CircuitChanged, Event, FixedLimit, SeFlowError, Timeouts
from aioseflow.config import Credentials, check_base_url
from aioseflow.endpoints.services import ServicesEndpoints
from aioseflow.endpoints.vms import VmsEndpoints
from aioseflow.secret import Masked
from aioseflow.session.account_session import AccountSession
from aioseflow.session.auth import Auth, BasicAuth
from aioseflow.session.call_options import CallOptions
from aioseflow.session.connections import Connections
from aioseflow.session.exchange import capture
from aioseflow.session.session import Session

LIMIT = 8
EXPIRED = http('{"error": ["token_expired"]}', 401)


class TokenAuth:
    """A bearer token that the panel gives for e-mail and password; all that such a scheme takes."""

    def __init__(self, credentials: Credentials, *, connections: Connections, url: str) -> None:
        self._credentials = credentials
        self._connections = connections
        self.url = url
        self.header = Masked("Bearer none")
        self.refreshes = 0

    def secrets(self) -> Iterable[str]:
        return (self._credentials.password.reveal(), self.header.removeprefix("Bearer "))

    def can_refresh(self, refusal: SeFlowError) -> bool:
        return "token_expired" in refusal.codes

    async def refresh(self) -> bool:
        self.refreshes += 1
        credentials = self._credentials
        form = {"username": credentials.username, "password": credentials.password.reveal()}
        pool = self._connections.pick(once=True)
        async with pool.post(f"{self.url}/token", data=form, **self._connections.options) as response:  # type: ignore[arg-type]
            answer = await response.json(content_type=None)
        if "token" not in answer:
            return False
        self.header = Masked(f"Bearer {answer['token']}")
        return True


@attrs.define
class Panel:
    """A panel with tokens on a `Wire`, and its record."""

    wire: Wire
    token: str | None = None
    tokens: int = 0
    forms: list[dict[str, list[str]]] = attrs.Factory(list)
    refused: int = 0
    accepted: int = 0
    gives: Callable[[Panel], Answer] | None = None
    slow: bool = False

    def answer(self, seen: Seen) -> Answer:
        if seen.target == "/api/token":
            self.forms.append(parse_qs(seen.body.decode()))
            if self.gives is not None:
                return self.gives(self)
            return self.new_token()
        if seen.headers["authorization"] != f"Bearer {self.token}":
            self.refused += 1
            return EXPIRED
        self.accepted += 1
        return http('{"status": true}' if seen.method == "POST" else '{"services": []}')

    def new_token(self) -> Answer:
        self.tokens += 1
        self.token = f"t0ken-{self.tokens}"
        return http(json.dumps({"token": self.token}))


@attrs.define
class Client:
    account: AccountSession
    services: ServicesEndpoints
    vms: VmsEndpoints
    events: list[Event]
    auths: list[TokenAuth]

    async def crowd(self, number: int = 100) -> list[Any]:
        return await asyncio.gather(*(self.services.list() for _ in range(number)), return_exceptions=True)

    @property
    def circuit_events(self) -> list[str]:
        return [event.state for event in self.events if isinstance(event, CircuitChanged)]


@pytest.fixture
async def panel() -> AsyncIterator[Panel]:
    async with Wire() as wire:
        panel = Panel(wire)
        wire.answer = panel.answer
        yield panel


@asynccontextmanager
async def opened(panel: Panel, **options: Any) -> AsyncIterator[Client]:
    events: list[Event] = []
    auths: list[TokenAuth] = []
    connections = Connections(secure=False, tls=None, proxy=None, connector=None)

    def scheme(credentials: Credentials) -> Auth:
        auths.append(TokenAuth(credentials, connections=connections, url=panel.wire.url))
        return auths[-1]

    account = AccountSession(
        Credentials.check(USERNAME, PASSWORD),
        check_base_url(panel.wire.url, allow_insecure=False),
        name="main",
        limit=FixedLimit(LIMIT),
        connections=connections,
        longest_wait=120.0,
        hooks=[events.append],
        scheme=scheme,
        **options,
    )
    session = Session(account, CallOptions(QUICK_RETRY, Timeouts()))
    await account.open()
    try:
        yield Client(account, ServicesEndpoints(session), VmsEndpoints(session), events, auths)
    finally:
        await account.close()


async def test_the_first_token_is_fetched_for_the_first_refusal_and_used_for_all(panel: Panel) -> None:
    async with opened(panel) as client:
        assert await client.crowd() == [[]] * 100
    assert panel.forms == [{"username": [USERNAME], "password": [PASSWORD]}]
    assert (panel.refused, panel.accepted) == (1, 100)
    assert client.circuit_events == []


async def test_an_expired_token_is_refreshed_once_and_every_call_is_answered(panel: Panel) -> None:
    async with opened(panel) as client:
        await client.crowd()
        panel.token = None  # the panel forgets it
        panel.refused = panel.accepted = 0
        assert await client.crowd() == [[]] * 100
        assert client.account.stats().circuit == "closed"
        assert await client.crowd() == [[]] * 100
    # Only requests that were in flight when it expired were refused, and one of their calls refreshed it.
    assert 1 <= panel.refused <= LIMIT
    assert (len(panel.forms), panel.accepted, client.auths[0].refreshes) == (2, 200, 2)
    assert client.circuit_events == []


async def test_a_change_that_was_refused_for_its_token_is_sent_again_and_counted(panel: Panel) -> None:
    async with opened(panel) as client:
        await client.services.list()
        panel.token = None
        await client.vms.reboot(9, 4)
    assert [seen.target for seen in panel.wire.requests[-3:]] == [
        "/api/service/9/vms/4/reboot",
        "/api/token",
        "/api/service/9/vms/4/reboot",
    ]


async def test_a_request_for_a_token_is_no_attempt_of_the_call(panel: Panel) -> None:
    async with opened(panel) as client:
        with capture() as exchanges:
            await client.services.list()
            panel.token = None
            client.auths[0].url = "http://127.0.0.1:1"  # nobody listens there
            with pytest.raises(AuthenticationError):
                await client.services.list()
    assert [(exchange.attempts, exchange.sent) for exchange in exchanges] == [(2, 2), (1, 1)]
    assert len(panel.wire.requests) == 4


@pytest.mark.parametrize("answer", [http('{"error": ["wronglogin"]}', 403), Play(then="close")])
async def test_without_a_new_token_the_circuit_opens_and_nothing_more_is_sent(
    panel: Panel, answer: Answer
) -> None:
    panel.gives = lambda panel: answer
    async with opened(panel) as client:
        for _ in range(2):
            assert {type(error) for error in await client.crowd()} == {AuthenticationError}
        assert client.account.stats().circuit == "open"
    assert (panel.refused, len(panel.forms)) == (1, 1)
    assert client.circuit_events == ["open"]


async def test_a_new_token_that_is_refused_as_well_is_not_refreshed_again(panel: Panel) -> None:
    panel.gives = lambda panel: http('{"token": "wr0ng"}')
    async with opened(panel) as client:
        assert {type(error) for error in await client.crowd()} == {AuthenticationError}
    assert (panel.refused, len(panel.forms)) == (2, 1)
    assert client.circuit_events == ["open"]


async def test_other_credentials_make_another_token(panel: Panel) -> None:
    panel.gives = lambda panel: (
        panel.new_token() if panel.forms[-1]["password"] == ["other"] else http("{}", 403)
    )
    async with opened(panel, ask=lambda: (USERNAME, "other")) as client:
        # The callback's credentials have no token yet, and their first refusal fetches one.
        assert await client.crowd(10) == [[]] * 10
    assert [form["password"] for form in panel.forms] == [[PASSWORD], ["other"]]
    assert client.circuit_events == ["open", "closed"]


async def test_a_caller_that_is_cancelled_while_it_refreshes_leaves_it_to_another(panel: Panel) -> None:
    async with opened(panel) as client:
        await client.services.list()
        panel.token = None
        panel.gives = lambda panel: Play(then="hang") if len(panel.forms) == 2 else panel.new_token()
        calls = [asyncio.create_task(client.services.list()) for _ in range(20)]
        await until(lambda: len(panel.forms) == 2)
        refreshing = next(call for call in calls if "refresh" in _stack(call))
        refreshing.cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(map(type, ends), key=str) == [asyncio.CancelledError] + [list] * 19
    assert len(panel.forms) == 3
    assert client.circuit_events == []


def _stack(task: asyncio.Task[Any]) -> str:
    """The names of the coroutines that a task waits in."""
    names: list[str] = []
    waiting: Any = task.get_coro()
    while waiting is not None:
        names.append(getattr(waiting, "__name__", ""))
        waiting = getattr(waiting, "cr_await", None)
    return " ".join(names)


async def test_a_token_is_masked_where_the_panel_repeats_it(panel: Panel) -> None:
    async with opened(panel) as client:
        await client.services.list()
        panel.wire.answer = http(json.dumps({"error": [f"bad {panel.token} of {PASSWORD}"]}))
        with pytest.raises(ApiError) as caught:
            await client.services.list()
    assert str(caught.value) == "The panel refused: bad *** of ***"
    assert str(panel.token) not in repr(caught.value.excerpt)


def test_basic_sends_the_header_of_rfc_7617_and_has_nothing_to_refresh() -> None:
    basic = BasicAuth(Credentials.check("ops@example.com", "pass:wörd"))
    assert basic.header == "Basic b3BzQGV4YW1wbGUuY29tOnBhc3M6d8O2cmQ="
    assert repr(basic.header) == "'***'"
    assert set(basic.secrets()) == {"pass:wörd", "b3BzQGV4YW1wbGUuY29tOnBhc3M6d8O2cmQ="}
    assert not basic.can_refresh(AuthenticationError("no", codes=("token_expired",)))

"""No secret of a run is in anything that the run leaves behind, whatever went wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import warnings
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import pytest
from support import tls
from support.patience import until
from support.proxy import Proxy
from support.searching import Bag, Operator, basic, collecting, forms, tail
from support.wire import Answer, Play, Seen, Wire, http

from aioseflow import Event, RetryPolicy, SeFlow, SeFlowError, SettlePolicy, Timeouts
from aioseflow.secret import Masked

USERNAME: Final = "ops@example.com"
PASSWORD: Final = "Gr0ße/\"Ütl'+%41&<k> õ\\z~þÿ??>ÿ>"
RENEWED: Final = "N3u/\"ärt'+%2f&<r>è\\w~þÿ??>þ>"
VM_PASSWORD: Final = "vM-5chlüssel/\"x'+%25&<v>\\~ÿ"
ROOT_PASSWORD: Final = "r00t-w0rt/\"ö'+%7e&<q>\\~þ"
PROXY_PASSWORD: Final = "pR0xy/\"wört'+%3a&<p>\\~ñ"


SHORT_RETRY: Final = RetryPolicy(first_wait=0.001, longest_wait=0.002, deadline=0.02)
SHORT_SETTLE: Final = SettlePolicy(first_poll=0.01, longest_poll=0.01, patience=0.02)
SECRETS: Final = {
    "password": PASSWORD,
    "Basic value": tail(USERNAME, PASSWORD),
    "new password": RENEWED,
    "new Basic value": tail(USERNAME, RENEWED),
    "VM password": VM_PASSWORD,
    "root password": ROOT_PASSWORD,
    "proxy password": PROXY_PASSWORD,
    "proxy's Basic value": tail("proxy-user", PROXY_PASSWORD),
}
VM: Final = {"id": "4", "label": "a", "password": VM_PASSWORD, "rootpassword": ROOT_PASSWORD}
WRONG_VM: Final = json.dumps({"vms": {"4": {**VM, "id": ["4"]}}})
ECHO: Final = f"Authorization: Basic {basic(USERNAME, PASSWORD)} {PASSWORD} {json.dumps(PASSWORD)}"

FAILURES: Final[dict[str, Answer]] = {
    "wrong login": http(json.dumps({"error": ["wronglogin", ECHO], "note": ECHO}), 401),
    "401 with a page": http(f"<html>{ECHO}</html>", 401),
    "address": http(json.dumps({"error": ["ipnotallowed", ECHO]}), 403),
    "429": http(json.dumps({"note": ECHO}), 429),
    "wait": http(json.dumps({"error": [["wait_x_between_action", 0], ECHO]}), 401),
    "400 with codes": http(json.dumps({"error": [ECHO, {PASSWORD: 1}], PASSWORD: VM}), 400),
    "404": http(json.dumps({"error": {ECHO: ECHO}}), 404),
    "500 in text": http(ECHO, 500),
    "500 with a VM": http(json.dumps({"vm": VM, "sent": ECHO}), 500),
    "503": http(ECHO, 503, headers={"Retry-After": "0"}),
    "redirect": http("", 302, headers={"Location": f"/login/{basic(USERNAME, PASSWORD)}?p={PASSWORD}"}),
    "page": http(f"<html><pre>{ECHO}</pre></html>"),
    "not JSON": http(f"]] {ECHO}"),
    "broken VM": http(WRONG_VM[:-3]),
    "wrong shape": http(WRONG_VM),
    "wrong shape with an echo": http(json.dumps({"vms": {PASSWORD: {**VM, "id": [ECHO]}}, "sent": ECHO})),
    "wrong id": http(json.dumps({"vms": [{**VM, "id": {ECHO: ECHO}}]})),
    "a no in words": http(json.dumps({"success": False, "message": ECHO, "code": ECHO, "vms": [VM]})),
    "errors": http(json.dumps({"errors": [{"code": ECHO, "message": ECHO}], "message": ECHO})),
    "neither yes nor no": http(json.dumps({"message": ECHO, "vm": VM})),
    "a code alone": http(json.dumps({"code": ECHO, "note": ECHO})),
    "403 of a firewall": http(f"<html>{ECHO}</html>", 403),
    "404 in text": http(ECHO, 404),
    "408": http(ECHO, 408),
    "421": http(ECHO, 421),
    "407 in the clear": http(ECHO, 407),
    "throttle in text": http(f"wait_x_between_action {ECHO}", 401),
    "unknown compression": http("oops", headers={"Content-Encoding": basic(USERNAME, PASSWORD)}),
    "long header": http("{}", headers={"X-Long": (basic(USERNAME, PASSWORD) + " ") * 4000}),
    "odd lengths": http("{}", headers={"Content-Length": basic(USERNAME, PASSWORD)}),
    "wrong type": http(json.dumps([VM, ECHO])),
    "wrong value": http(json.dumps(f"{ECHO}")),
    "not done": http(json.dumps({"status": False, "vm": VM, "sent": ECHO})),
    "header echoed": http("oops", 500, headers={"X-Request": basic(USERNAME, PASSWORD), "Set-Cookie": ECHO}),
    "closed": Play(then="close"),
    "reset": Play(then="reset"),
    "cut": Play(http(WRONG_VM, length=9999), then="close"),
    "cut by a reset": Play(http(WRONG_VM, length=9999), then="reset"),
    "broken chunk": Play(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + WRONG_VM.encode(), then="close"
    ),
    "not HTTP": Play(ECHO.encode() + b"\r\n\r\n", then="close"),
    "bad header": Play(f"HTTP/1.1 200 OK\r\n{ECHO}\0\r\n\r\n".encode(), then="close"),
    "no gzip": http(WRONG_VM, headers={"Content-Encoding": "gzip"}),
    "silence": Play(then="hang"),
    "half a body": Play(http(WRONG_VM, length=9999), then="hang"),
}
CALLS: Final[dict[str, Callable[[SeFlow], Awaitable[Any]]]] = {
    "READ": lambda seflow: seflow.vms.list(9),
    "IDEMPOTENT": lambda seflow: seflow.vms.stop(9, 4),
    "ONCE": lambda seflow: seflow.vms.reboot(9, 4),
}


@pytest.fixture
async def bag() -> AsyncIterator[Bag]:
    with collecting() as collected:
        yield collected


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as server:
        yield server


def operator(url: str, bag: Bag, **options: Any) -> Operator:
    def seen(event: Event) -> None:
        bag.thing("event", event)

    given = {"retry": SHORT_RETRY, "hooks": [seen], **options}
    return Operator(SeFlow(USERNAME, PASSWORD, base_url=url, **given), bag)


@pytest.mark.parametrize("form", forms(PASSWORD))
@pytest.mark.parametrize("secret", SECRETS)
def test_the_search_finds_each_form(secret: str, form: str) -> None:
    written = forms(SECRETS[secret])[form]
    for planted in (written, repr(f"<{written}>"), repr(repr([written])), written[:25], written[-25:]):
        bag = Bag([("place", f"before {planted} behind")])
        assert bag.betrays({secret: SECRETS[secret]}), planted


def test_the_search_finds_a_value_in_every_base64_that_it_is_part_of() -> None:
    for before in ("", "a", "ab"):
        for behind in ("", "c", "cd"):
            encoded = b64encode(f"{before}{VM_PASSWORD}{behind}".encode()).decode()
            assert Bag([("place", encoded)]).betrays(SECRETS)


async def test_the_search_sees_logs_locals_chains_notes_attributes_and_warnings() -> None:
    def fail(depth: int, hidden: str) -> None:
        if depth:
            fail(depth - 1, hidden)
        raise ValueError("no")

    def planted(where: str) -> BaseException:
        try:
            fail(2, VM_PASSWORD if where == "local" else "")
        except ValueError as error:
            if where == "note":
                error.add_note(VM_PASSWORD)
            elif where == "attribute":
                error.hidden = [VM_PASSWORD]  # type: ignore[attr-defined]
            elif where == "cause":
                error.__cause__ = OSError(VM_PASSWORD)
            elif where == "group":
                return ExceptionGroup("several", [OSError(1, "x"), error, OSError(VM_PASSWORD)])
            return error
        raise AssertionError

    for where in ("local", "note", "attribute", "cause", "group"):
        bag = Bag()
        bag.error("planted", planted(where))
        assert bag.betrays(SECRETS), where
    with collecting() as bag:
        logging.getLogger("aiohttp.client").debug("sent %s", {"a": VM_PASSWORD})
    assert bag.betrays(SECRETS)
    with collecting() as bag:
        logging.getLogger("any").info("failed", exc_info=planted("local"))
    assert bag.betrays(SECRETS)
    with collecting() as bag:
        warnings.warn(VM_PASSWORD, ResourceWarning, stacklevel=1)
    assert bag.betrays(SECRETS)
    with collecting() as bag:
        asyncio.get_running_loop().call_soon(str, ROOT_PASSWORD[:15])
        await asyncio.sleep(0)
    assert bag.betrays(SECRETS)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_shows_no_secret(wire: Wire, bag: Bag, failure: str, name: str) -> None:
    wire.answer = FAILURES[failure]
    hangs = failure in {"silence", "half a body"}
    timeouts = Timeouts(read=0.05, change=0.05) if hangs else Timeouts()
    async with (one := operator(wire.url, bag, timeouts=timeouts)).seflow:
        await one.tries(CALLS[name](one.seflow))
        await one.tries(CALLS[name](one.seflow), "the call after it")
    assert bag.betrays(SECRETS) == []


async def test_the_headers_of_an_exchange_show_no_login(wire: Wire, bag: Bag) -> None:
    async with (one := operator(wire.url, bag)).seflow:
        with one.seflow.capture() as exchanges:
            for failure in ("header echoed", "redirect"):
                wire.answer = FAILURES[failure]
                await one.tries(one.seflow.vms.list(9))
        for exchange in exchanges:
            bag.thing("headers", dict(exchange.headers))
    assert bag.betrays(SECRETS) == []


SHAPES: Final[dict[str, Callable[[str], Answer]]] = {
    "text": lambda form: http(f"debug: {form} and so on", 500),
    "page": lambda form: http(f"<html><pre>Basic {form}</pre></html>"),
    "value": lambda form: http(json.dumps({"sent": f'it\'s "{form}" here'}), 400),
    "key": lambda form: http(json.dumps({"sent": {form: 1}}), 400),
    "code": lambda form: http(json.dumps({"error": [f"no user for {form}"]}), 400),
    "location": lambda form: http("", 302, headers={"Location": f"/back/{form}"}),
    "payload": lambda form: http(json.dumps({"sent": f"it was {form}", "vms": {"4": {"memory": "lots"}}})),
    "path": lambda form: http(json.dumps({"vms": {form: {"memory": "lots"}}})),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("secret", [PASSWORD, basic(USERNAME, PASSWORD)], ids=["password", "Basic value"])
async def test_what_the_panel_repeats_of_our_login_is_not_shown(
    wire: Wire, bag: Bag, secret: str, shape: str
) -> None:
    async with (one := operator(wire.url, bag, retry=None)).seflow:
        for name, form in forms(secret).items():
            wire.answer = SHAPES[shape](form)
            await one.tries(one.seflow.vms.list(9), f"the call answered in {name}")
    assert bag.betrays(SECRETS) == []


@pytest.mark.parametrize("shape", ["text", "page", "value", "code", "location", "payload"])
@pytest.mark.parametrize("secret", [PASSWORD, basic(USERNAME, PASSWORD)], ids=["password", "Basic value"])
async def test_a_login_that_is_cut_off_is_not_shown_either(
    wire: Wire, bag: Bag, secret: str, shape: str
) -> None:
    """An excerpt ends somewhere: what is left of a password there is a part of it still."""
    async with (one := operator(wire.url, bag, retry=None)).seflow:
        for place in (*range(150, 200, 4), *range(240, 300, 4)):
            wire.answer = SHAPES[shape](f"{'x' * place} {secret}")
            await one.tries(one.seflow.vms.list(9), f"the call answered with {place} before it")
    assert bag.betrays(SECRETS) == []


@pytest.mark.parametrize(
    "password", ["it's-lông-enough", 'say-"lông"-enough', "lông\u00a0and\xadlong-enough"]
)
async def test_quotes_and_invisible_characters_do_not_hide_a_password_from_the_masking(
    wire: Wire, bag: Bag, password: str
) -> None:
    async with SeFlow(USERNAME, password, base_url=wire.url, retry=None) as seflow:
        for body in (f"<p>{password}</p>", json.dumps({"sent": f"""'it' was "{password}" ''"""})):
            wire.answer = http(body, 400)
            await Operator(seflow, bag).tries(seflow.vms.list(9))
    # What cannot be printed is shown as a question mark; the rest of the password is a secret all the same.
    assert bag.betrays({"password": password, "rest": password[5:]}) == []


@pytest.mark.parametrize("name", CALLS)
async def test_a_cancellation_in_the_queue_shows_no_secret(wire: Wire, bag: Bag, name: str) -> None:
    wire.answer = Play(then="hang")
    async with (one := operator(wire.url, bag, limit=1)).seflow:
        first = asyncio.ensure_future(CALLS["ONCE"](one.seflow))
        await wire.arrived(1)
        await one.cancels(CALLS[name](one.seflow), lambda: until(lambda: one.seflow.stats().waiting > 0))
        await one.cancels(first, lambda: asyncio.sleep(0))
    assert bag.betrays(SECRETS) == []


@pytest.mark.parametrize("name", CALLS)
async def test_a_cancellation_while_connecting_shows_no_secret(wire: Wire, bag: Bag, name: str) -> None:
    # The server waits for a request in the clear, so that the handshake gets no answer.
    async with (one := operator(wire.url.replace("http://", "https://"), bag)).seflow:
        await one.cancels(CALLS[name](one.seflow), lambda: until(lambda: wire.connections > 0))
    assert bag.betrays(SECRETS) == []


@pytest.mark.parametrize("name", CALLS)
async def test_a_cancellation_mid_exchange_shows_no_secret(wire: Wire, bag: Bag, name: str) -> None:
    wire.answer = Play(then="hang")
    async with (one := operator(wire.url, bag)).seflow:
        await one.cancels(CALLS[name](one.seflow), lambda: wire.arrived(1))
    assert bag.betrays(SECRETS) == []


async def test_the_search_sees_what_aiohttp_s_frames_hold(
    wire: Wire, bag: Bag, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Masked, "__repr__", str.__repr__)
    wire.answer = Play(then="hang")
    async with (one := operator(wire.url, bag)).seflow:
        await one.cancels(one.seflow.vms.list(9), lambda: wire.arrived(1))
    assert any("traceback" in found for found in bag.betrays(SECRETS))


@pytest.mark.parametrize("name", CALLS)
async def test_a_cancellation_in_the_midst_of_a_body_shows_no_secret(wire: Wire, bag: Bag, name: str) -> None:
    wire.answer = Play(http(WRONG_VM, length=9999), then="hang")
    async with (one := operator(wire.url, bag)).seflow:
        with one.seflow.capture() as exchanges:
            call = asyncio.ensure_future(CALLS[name](one.seflow))
            await until(lambda: bool(exchanges and exchanges[0].status))
            await one.cancels(call, lambda: asyncio.sleep(0))
    assert bag.betrays(SECRETS) == []


@pytest.mark.parametrize("answer", [Play(then="hang"), Play(http(WRONG_VM, length=9999), then="hang")])
@pytest.mark.parametrize("name", CALLS)
async def test_a_time_out_of_the_caller_s_own_shows_no_secret(
    wire: Wire, bag: Bag, name: str, answer: Answer
) -> None:
    wire.answer = answer

    async def bounded() -> None:
        async with asyncio.timeout(0.05):
            await CALLS[name](one.seflow)

    async with (one := operator(wire.url, bag)).seflow:
        assert isinstance(await one.tries(bounded()), TimeoutError)
    assert bag.betrays(SECRETS) == []


@pytest.mark.parametrize("refuse", [407, 502, None])
async def test_a_proxy_of_the_environment_shows_no_secret(
    bag: Bag, monkeypatch: pytest.MonkeyPatch, refuse: int | None
) -> None:
    async with Wire(tls=tls.good()) as wire, Proxy(refuse=refuse) as proxy:
        login = f"http://proxy-user:{quote(PROXY_PASSWORD, safe='')}@"
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http://", login))
        monkeypatch.delenv("NO_PROXY", raising=False)
        wire.answer = http(ECHO, 500)
        async with (one := operator(wire.url, bag, ssl_context=tls.client_context())).seflow:
            for call in CALLS.values():
                await one.tries(call(one.seflow))
        sent = {asked.headers.get("proxy-authorization") for asked in proxy.requests}
    assert sent == {f"Basic {basic('proxy-user', PROXY_PASSWORD)}".encode()}
    assert bag.betrays(SECRETS) == []


@pytest.mark.parametrize("kind", [tls.expired, tls.wrong_name, tls.self_signed])
async def test_a_refused_certificate_shows_no_secret(bag: Bag, kind: Callable[[], ssl.SSLContext]) -> None:
    async with Wire(tls=kind()) as wire:
        async with (one := operator(wire.url, bag, ssl_context=tls.client_context())).seflow:
            for call in CALLS.values():
                assert isinstance(await one.tries(call(one.seflow)), SeFlowError)
    assert bag.betrays(SECRETS) == []


async def test_a_hook_that_raises_shows_no_secret(wire: Wire, bag: Bag) -> None:
    def broken(event: Event) -> None:
        raise ValueError(str(event))

    wire.answer = FAILURES["500 in text"]
    async with (one := operator(wire.url, bag, hooks=[broken])).seflow:
        for call in CALLS.values():
            await one.tries(call(one.seflow))
    assert bag.errors > 3
    assert bag.betrays(SECRETS) == []


def raises() -> Any:
    raise OSError("the vault is sealed")


@pytest.mark.parametrize(
    "given",
    [raises, lambda: (USERNAME, RENEWED), lambda: (USERNAME, f"{RENEWED}\n"), lambda: (USERNAME, RENEWED, 1)],
    ids=["raises", "gives others", "gives a line end", "gives too much"],
)
async def test_a_callback_for_credentials_shows_no_secret(
    wire: Wire, bag: Bag, given: Callable[[], Any]
) -> None:
    wire.answer = FAILURES["wrong login"]
    async with (one := operator(wire.url, bag, credentials=given)).seflow:
        await one.tries(one.seflow.vms.list(9))
    assert bag.betrays(SECRETS) == []


async def test_neither_the_old_nor_the_new_password_is_shown_after_a_reset(wire: Wire, bag: Bag) -> None:
    async with (one := operator(wire.url, bag)).seflow:
        wire.answer = FAILURES["wrong login"]
        await one.tries(one.seflow.vms.list(9))
        one.seflow.reset(password=RENEWED)
        for secret in (PASSWORD, RENEWED, basic(USERNAME, PASSWORD), basic(USERNAME, RENEWED)):
            wire.answer = http(f"you sent {secret} to us", 400)
            await one.tries(one.seflow.vms.list(9))
    assert wire.last.headers["authorization"] == f"Basic {basic(USERNAME, RENEWED)}"
    assert bag.betrays(SECRETS) == []


@pytest.mark.parametrize("failure", ["500 with a VM", "wrong shape", "closed", "cut", "wrong login"])
async def test_a_fleet_s_words_show_no_secret(wire: Wire, bag: Bag, failure: str) -> None:
    lists = {
        "/api/service": http(json.dumps({"services": [{"id": "9", "name": "one", "password": VM_PASSWORD}]})),
        "/api/service/9/vms": http(json.dumps({"vms": {"4": {**VM, "state": "running"}}})),
    }

    def answer(seen: Seen) -> Answer:
        return lists.get(seen.target) or FAILURES[failure]

    wire.answer = answer
    async with (one := operator(wire.url, bag)).seflow:
        services, vms = await one.seflow.services.list(), await one.seflow.vms.list(9)
        assert vms[0].rootpassword is not None
        assert vms[0].rootpassword.reveal() == ROOT_PASSWORD
        for make in (one.seflow.fleet.stop, one.seflow.fleet.reboot):
            run = make(settle=SHORT_SETTLE).start() if make == one.seflow.fleet.stop else make().start()
            await one.tries(run.wait_closed())
            report = run.report
            for thing in (run, run.progress, report, *report.outcomes, *report.undiscovered):
                bag.thing(type(thing).__name__, thing)
            for error in (report.error, *(outcome.error for outcome in report.outcomes)):
                if error is not None:
                    bag.error("an outcome", error)
        for thing in (*services, *vms):
            bag.thing(type(thing).__name__, thing)
    assert bag.betrays(SECRETS) == []

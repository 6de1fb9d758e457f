"""One request, from its arrival to its answer: faults, limits, login, route, and faults again."""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from http.cookies import SimpleCookie
from itertools import count
from math import ceil

import attrs
from aiohttp import web

from . import routes
from .answer_rows import AnswerRows
from .capacity import Admission, Capacity, Refusal
from .chance import Seed, draw, is_fixed, seconds
from .fault_responses import (
    CutResponse,
    damaged,
    in_form_of,
    login_page,
    not_found_page,
    replacement,
    written,
)
from .faults import Faults, RequestFaults
from .forms import parse_body, parse_form
from .record import Request
from .routes.panel_request import PanelRequest
from .wire import Dialect, Json, PanelError, Reply, error, reply, vm_rows, with_noise
from .world import World

PREFIX = "/api"
SESSION_COOKIE = "PHPSESSID"


@attrs.frozen
class PanelOptions:
    """How the panel behaves, apart from faults and limits."""

    dialect: Dialect
    noise: bool
    lockout_after: int | None
    session_lock: bool
    keep_requests: int | None


class Connections(web.Server):
    """aiohttp's low-level server, with numbers for its connections and word of their end."""

    def __init__(self, front: PanelServer) -> None:
        super().__init__(front.answer, access_log=None, tcp_keepalive=False, lingering_time=0.0)
        self.closing = False
        self._count = count(1)
        self._open: dict[object, tuple[int, int]] = {}  # its number, and how many requests came over it
        self._watched: dict[object, asyncio.Future[None]] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Give the connection the next number; one that was accepted just before the end is cut."""
        self._open[handler] = next(self._count), 0
        super().connection_made(handler, transport)
        if self.closing:
            # Not at once: aiohttp starts the connection's task after this and expects it to be alive.
            asyncio.get_running_loop().call_soon(transport.abort)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Tell whoever waits for it."""
        super().connection_lost(handler, exc)
        self._open.pop(handler, None)
        watched = self._watched.pop(handler, None)
        if watched is not None and not watched.done():
            watched.set_result(None)

    def arrived(self, handler: object) -> int:
        """Count a request that came over a connection; its number, from 1, or 0 for one that is gone."""
        if handler not in self._open:
            return 0
        number, requests = self._open[handler]
        self._open[handler] = number, requests + 1
        return number

    def idleness(self, handler: object) -> Callable[[], bool]:
        """Tells later whether no request has come over a connection since now."""
        now = self._open.get(handler)
        return lambda: self._open.get(handler) == now

    async def gone(self, handler: object) -> None:
        """Wait until the client is gone."""
        if handler in self._open:
            watched = self._watched[handler] = asyncio.get_running_loop().create_future()
            await watched


class PanelServer:
    """Answers requests; owns the record, the sessions, the count of bad logins and the tasks in flight."""

    def __init__(
        self, world: World, seed: Seed, options: PanelOptions, faults: Faults, capacity: Capacity
    ) -> None:
        self.world = world
        self.options = options
        self.faults = faults
        self.admission = Admission(capacity)
        self.requests: list[Request] = []
        self.bad_logins = 0
        self.peak = 0
        self.tasks: set[asyncio.Task[object]] = set()
        self.connections: Connections | None = None
        self._seed = seed
        self._numbers = count(1)
        self._turns: Counter[tuple[str, str, str]] = Counter()
        self._sessions: dict[str, asyncio.Lock] = {}
        self._noise = options.noise or options.dialect is Dialect.MIXED

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; the handler of the server."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is answered in a task")
        self.tasks.add(task)
        self.peak = max(self.peak, len(self.tasks))
        try:
            return await self._answer(request)
        finally:
            self.tasks.discard(task)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        seen = self._note(request)
        if request.body_exists:
            try:
                body = await request.read()
            except (ConnectionError, web.RequestPayloadError):
                return CutResponse()
            except web.HTTPRequestEntityTooLarge:
                return self._write(seen, error(413, "request_too_large"))
            seen.form = parse_body(body, request.headers.get("Content-Type", ""))
        inside = request.raw_path.startswith(PREFIX + "/")
        hit = self.faults.of_request(seen.method, seen.path) if inside and len(self.faults) else None
        if hit is None:
            return self._write(seen, await self._served_reply(request, seen))
        seen.fault = "+".join(hit.names)
        if hit.delay:
            await asyncio.sleep(hit.delay)
        return await self._spoil(request, seen, hit)

    async def _spoil(self, request: web.BaseRequest, seen: Request, hit: RequestFaults) -> web.StreamResponse:
        fault = hit.fault
        instead = None if fault is None else replacement(fault, hit.seconds)
        answer = Reply(200, b"")
        if fault is None or fault.when == "after":
            answer = await self._served_reply(request, seen, is_seen=instead is None)
        if fault is not None and fault.kind == "hang":
            await self._hang(request, hit.seconds)
            return CutResponse()
        answer = answer if instead is None else instead
        for form in hit.of_form:
            answer = in_form_of(form, answer)
        if fault is None or instead is not None or self.connections is None:
            return self._write(seen, answer)
        is_idle = self.connections.idleness(request.protocol)
        response, seen.status = damaged(fault, hit.seconds, answer, is_idle)
        return response

    async def _hang(self, request: web.BaseRequest, limit: float | None) -> None:
        if self.connections is None:
            return
        try:
            async with asyncio.timeout(limit):
                await self.connections.gone(request.protocol)
        except TimeoutError:
            return

    def _write(self, seen: Request, right: Reply) -> web.StreamResponse:
        seen.status = right.status
        response = written(right)
        if self.options.session_lock and seen.cookie not in self._sessions:
            session = f"{int(draw(self._seed, 'session', seen.number) * (1 << 52)):013x}"
            self._sessions[session] = asyncio.Lock()
            response.set_cookie(SESSION_COOKIE, session, path="/", httponly=True)
        return response

    async def _served_reply(self, request: web.BaseRequest, seen: Request, *, is_seen: bool = True) -> Reply:
        """The right answer, after the limits have let the request in; `is_seen` unless another is written."""
        refused = await self.admission.enter()
        if refused is not None:
            seen.fault = refused.limit if seen.fault is None else f"{seen.fault}+{refused.limit}"
            return self._refusal(refused)
        try:
            session = self._sessions.get(seen.cookie or "")
            if session is None:
                return await self._worked_reply(request, seen, is_seen=is_seen)
            async with session:
                return await self._worked_reply(request, seen, is_seen=is_seen)
        finally:
            self.admission.leave()

    async def _worked_reply(self, request: web.BaseRequest, seen: Request, *, is_seen: bool) -> Reply:
        work = self.admission.capacity.service_time
        if work:
            await asyncio.sleep(seconds(work, 0.0 if is_fixed(work) else self._draw("work", seen)))
        plain = self._plain_reply(request, seen, is_seen=is_seen)
        return with_noise(plain, self._draw("noise", seen)) if self._noise else plain

    def _draw(self, purpose: str, seen: Request) -> float:
        key = (purpose, seen.method, seen.path)
        turn = self._turns[key] = self._turns[key] + 1
        return draw(self._seed, *key, turn)

    def _refusal(self, refused: Refusal) -> Reply:
        limits = self.admission.capacity
        if limits.refuse == "throttle":
            return error(401, ["wait_x_between_action", ceil(refused.wait)], "unauthorized")
        headers: tuple[tuple[str, str], ...] = ()
        if limits.retry_after is not False:
            wait = refused.wait if limits.retry_after is True else limits.retry_after
            headers = (("Retry-After", str(ceil(wait))),)
        return error(limits.refuse, "too_many_requests", headers=headers)

    def _plain_reply(self, request: web.BaseRequest, seen: Request, *, is_seen: bool) -> Reply:
        if not request.raw_path.startswith(PREFIX + "/"):
            return login_page() if seen.path == "/login" else not_found_page()
        if not self._is_welcome(request, seen):
            return error(
                401, "wronglogin", "unauthorized", headers=(("WWW-Authenticate", 'Basic realm="API"'),)
            )
        dialect = Dialect.SEFLOW if self.options.dialect is Dialect.MIXED else self.options.dialect
        found = routes.find(seen.method, seen.path, with_methods=dialect is Dialect.BY_ID)
        if isinstance(found, int):
            return error(found, "notfound" if found == 404 else "methodnotallowed")
        answer, ids = found
        asked = PanelRequest(self.world, dialect, ids, seen.form, seen.query)
        if seen.method != "GET" and ids and len(self.faults):
            self._remember(ids[0], dialect)
        try:
            payload = answer(asked)
        except PanelError as refusal:
            return error(refusal.status, *refusal.codes)
        if asked.stale:
            seen.fault = "stale" if seen.fault is None else f"{seen.fault}+stale"
        if is_seen and seen.method == "GET" and len(self.faults):
            payload = self._with_rows_spoiled(payload, seen)
        return reply(payload)

    def _with_rows_spoiled(self, payload: Json, seen: Request) -> Json:
        listed = AnswerRows.of(payload)
        if listed is None:
            return payload
        for fault, hit in self.faults.of_rows(seen.path, listed.rows):
            listed = listed.spoiled(fault, hit)
            seen.fault = fault.name if seen.fault is None else f"{seen.fault}+{fault.name}"
            payload = listed.written()
        return payload

    def _remember(self, service_id: str, dialect: Dialect) -> None:
        service = self.world.services.get(service_id)
        if service is None or not service.has_vms:
            return
        now = self.world.now()
        if service.remembered is None or service.remembered[0] <= now:
            stale = self.faults.stale_seconds(service_id)
            service.remembered = (now + stale, vm_rows(dialect, service.vms)) if stale else None

    def _is_welcome(self, request: web.BaseRequest, seen: Request) -> bool:
        limit = self.options.lockout_after
        if limit is not None and self.bad_logins >= limit:
            seen.fault = "lockout" if seen.fault is None else f"{seen.fault}+lockout"
            return False
        given = _credentials(request.headers.get("Authorization", ""))
        if given is None:
            return False
        account = self.world.account
        if given != (account.email, account.password):
            self.bad_logins += 1
            return False
        self.bad_logins = 0
        return True

    def _note(self, request: web.BaseRequest) -> Request:
        path, _, query = request.raw_path.partition("?")
        given = _credentials(request.headers.get("Authorization", ""))
        seen = Request(
            next(self._numbers),
            request.method,
            path.removeprefix(PREFIX) if path.startswith(PREFIX + "/") else path,
            parse_form(query) if query else {},
            self.world.now(),
            self.connections.arrived(request.protocol) if self.connections is not None else 0,
            given[0] if given else None,
        )
        if self.options.session_lock and (sent := request.headers.get("Cookie")):
            morsel = SimpleCookie(sent).get(SESSION_COOKIE)
            seen.cookie = morsel.value if morsel is not None else None
        self.requests.append(seen)
        keep = self.options.keep_requests
        if keep is not None and len(self.requests) >= 2 * max(keep, 1):
            del self.requests[: len(self.requests) - keep]
        return seen


@lru_cache(maxsize=256)
def _credentials(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None

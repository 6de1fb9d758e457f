"""Answer a request: faults before, limits, login, route, faults after."""

from __future__ import annotations

import asyncio
import binascii
import logging
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from http.cookies import SimpleCookie
from itertools import count
from math import ceil
from typing import Final

import attrs
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

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
    response_of,
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
    """Behaviour of the panel, apart from faults and limits."""

    dialect: Dialect
    noise: bool
    lockout_after: int | None
    session_lock: bool
    keep_requests: int | None


def _is_of_ours(record: logging.LogRecord) -> bool:
    """Whether a record is more than the traceback of a malformed request, which is answered with 400."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


_LOG: Final = logging.getLogger(__name__)
_LOG.addFilter(_is_of_ours)


class Connections(web.Server):
    """aiohttp's low-level server, which numbers its connections and signals their end."""

    def __init__(self, front: PanelServer) -> None:
        super().__init__(front.answer, access_log=None, logger=_LOG, tcp_keepalive=False, lingering_time=0.0)
        self.closing = False
        self._count = count(1)
        self._open: dict[object, tuple[int, int]] = {}  # number of the connection and of its requests
        self._watched: dict[object, asyncio.Future[None]] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Number the connection; cut it if the panel is closing."""
        self._open[handler] = next(self._count), 0
        super().connection_made(handler, transport)
        if self.closing:
            # Later, because aiohttp starts the connection's task after this call.
            asyncio.get_running_loop().call_soon(transport.abort)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Signal the end to the task that waits for it."""
        super().connection_lost(handler, exc)
        self._open.pop(handler, None)
        watched = self._watched.pop(handler, None)
        if watched is not None and not watched.done():
            watched.set_result(None)

    def arrived(self, handler: object) -> int:
        """Count a request of a connection; return the connection's number, from 1, or 0 if it is closed."""
        if handler not in self._open:
            return 0
        number, requests = self._open[handler]
        self._open[handler] = number, requests + 1
        return number

    def idleness(self, handler: object) -> Callable[[], bool]:
        """Return a function that returns whether no request has come over a connection since this call."""
        now = self._open.get(handler)
        return lambda: self._open.get(handler) == now

    async def gone(self, handler: object) -> None:
        """Wait until the client has closed the connection."""
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
        """Answer one request; aiohttp calls this."""
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
        recorded = self._record(request)
        if request.body_exists:
            try:
                body = await request.read()
            except (ConnectionError, web.RequestPayloadError):
                return CutResponse()
            except web.HTTPRequestEntityTooLarge:
                return self._write(recorded, error(413, "request_too_large"))
            recorded.form = parse_body(body, request.headers.get("Content-Type", ""))
        inside = request.raw_path.startswith(PREFIX + "/")
        hit = self.faults.of_request(recorded.method, recorded.path) if inside and len(self.faults) else None
        if hit is None:
            return self._write(recorded, await self._admitted_reply(request, recorded))
        recorded.fault = "+".join(hit.names)
        if hit.delay:
            await asyncio.sleep(hit.delay)
        return await self._answer_with_faults(request, recorded, hit)

    async def _answer_with_faults(
        self, request: web.BaseRequest, recorded: Request, hit: RequestFaults
    ) -> web.StreamResponse:
        fault = hit.fault
        instead = None if fault is None else replacement(fault, hit.seconds)
        answer = Reply(200, b"")
        if fault is None or fault.when == "after":
            answer = await self._admitted_reply(request, recorded, is_sent=instead is None)
        if fault is not None and fault.kind == "hang":
            await self._hang(request, hit.seconds)
            return CutResponse()
        answer = answer if instead is None else instead
        for form in hit.of_form:
            answer = in_form_of(form, answer)
        if fault is None or instead is not None or self.connections is None:
            return self._write(recorded, answer)
        is_idle = self.connections.idleness(request.protocol)
        response, recorded.status = damaged(fault, hit.seconds, answer, is_idle)
        return response

    async def _hang(self, request: web.BaseRequest, limit: float | None) -> None:
        if self.connections is None:
            return
        try:
            async with asyncio.timeout(limit):
                await self.connections.gone(request.protocol)
        except TimeoutError:
            return

    def _write(self, recorded: Request, right: Reply) -> web.StreamResponse:
        recorded.status = right.status
        response = response_of(right)
        if self.options.session_lock and recorded.cookie not in self._sessions:
            session = f"{int(draw(self._seed, 'session', recorded.number) * (1 << 52)):013x}"
            self._sessions[session] = asyncio.Lock()
            response.set_cookie(SESSION_COOKIE, session, path="/", httponly=True)
        return response

    async def _admitted_reply(
        self, request: web.BaseRequest, recorded: Request, *, is_sent: bool = True
    ) -> Reply:
        """Return the right answer once the limits admit the request; `is_sent` unless a fault replaces it."""
        refused = await self.admission.enter()
        if refused is not None:
            recorded.note_fault(refused.limit)
            return self._refusal(refused)
        try:
            session = self._sessions.get(recorded.cookie or "")
            if session is None:
                return await self._timed_reply(request, recorded, is_sent=is_sent)
            async with session:
                return await self._timed_reply(request, recorded, is_sent=is_sent)
        finally:
            self.admission.leave()

    async def _timed_reply(self, request: web.BaseRequest, recorded: Request, *, is_sent: bool) -> Reply:
        work = self.admission.capacity.service_time
        if work:
            await asyncio.sleep(seconds(work, 0.0 if is_fixed(work) else self._draw("work", recorded)))
        plain = self._plain_reply(request, recorded, is_sent=is_sent)
        return with_noise(plain, self._draw("noise", recorded)) if self._noise else plain

    def _draw(self, purpose: str, recorded: Request) -> float:
        key = (purpose, recorded.method, recorded.path)
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

    def _plain_reply(self, request: web.BaseRequest, recorded: Request, *, is_sent: bool) -> Reply:
        if not request.raw_path.startswith(PREFIX + "/"):
            return login_page() if recorded.path == "/login" else not_found_page()
        if not self._is_login_right(request, recorded):
            return error(
                401, "wronglogin", "unauthorized", headers=(("WWW-Authenticate", 'Basic realm="API"'),)
            )
        dialect = Dialect.SEFLOW if self.options.dialect is Dialect.MIXED else self.options.dialect
        found = routes.find(recorded.method, recorded.path, with_methods=dialect is Dialect.BY_ID)
        if isinstance(found, int):
            return error(found, "notfound" if found == 404 else "methodnotallowed")
        answer, ids = found
        panel_request = PanelRequest(self.world, dialect, ids, recorded.form, recorded.query)
        if recorded.method != "GET" and ids and len(self.faults):
            self._remember(ids[0], dialect)
        try:
            payload = answer(panel_request)
        except PanelError as refusal:
            return error(refusal.status, *refusal.codes)
        if panel_request.stale:
            recorded.note_fault("stale")
        if is_sent and recorded.method == "GET" and len(self.faults):
            payload = self._with_row_faults(payload, recorded)
        return reply(payload)

    def _with_row_faults(self, payload: Json, recorded: Request) -> Json:
        rows = AnswerRows.of(payload)
        if rows is None:
            return payload
        for fault, hit in self.faults.of_rows(recorded.path, rows.rows):
            rows = rows.with_fault(fault, hit)
            recorded.note_fault(fault.name)
            payload = rows.whole_answer()
        return payload

    def _remember(self, service_id: str, dialect: Dialect) -> None:
        service = self.world.services.get(service_id)
        if service is None or not service.has_vms:
            return
        now = self.world.now()
        if service.remembered is None or service.remembered[0] <= now:
            stale = self.faults.stale_seconds(service_id)
            service.remembered = (now + stale, vm_rows(dialect, service.vms)) if stale else None

    def _is_login_right(self, request: web.BaseRequest, recorded: Request) -> bool:
        limit = self.options.lockout_after
        if limit is not None and self.bad_logins >= limit:
            recorded.note_fault("lockout")
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

    def _record(self, request: web.BaseRequest) -> Request:
        path, _, query = request.raw_path.partition("?")
        given = _credentials(request.headers.get("Authorization", ""))
        recorded = Request(
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
            recorded.cookie = morsel.value if morsel is not None else None
        self.requests.append(recorded)
        keep = self.options.keep_requests
        if keep is not None and len(self.requests) >= 2 * max(keep, 1):
            del self.requests[: len(self.requests) - keep]
        return recorded


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

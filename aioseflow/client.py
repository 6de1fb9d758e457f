"""`SeFlow`: one account of one panel."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import aiohttp

# Annotations name the fleet's classes as aioseflow.X: evaluating one imports the fleet, this module does not.
import aioseflow

from .config import (
    DEFAULT_BASE_URL,
    UNSET,
    Credentials,
    Unset,
    check_base_url,
    find_proxy,
    find_tls,
)
from .endpoints.account import AccountEndpoints
from .endpoints.billing import BillingEndpoints
from .endpoints.domains import DomainsEndpoints
from .endpoints.services import ServicesEndpoints
from .endpoints.support import SupportEndpoints
from .endpoints.vms import VmsEndpoints
from .errors import ConfigurationError
from .identifiers import Id
from .lazy import lazy_part
from .models import Service, ServiceMethod, Vm
from .policy import MAX_HEADER_BYTES, MAX_IN_FLIGHT, RetryPolicy, Timeouts, check_seconds, check_whole
from .secret import Masked, Secret
from .session.account_session import AccountSession
from .session.call import READ, Call
from .session.call_options import CallOptions
from .session.circuit import AskForCredentials
from .session.connections import Connections
from .session.events import Hook
from .session.exchange import Exchange, capture
from .session.limits.adaptive import AdaptiveLimit
from .session.limits.limit import FixedLimit, Limit
from .session.session import Session
from .session.stats import Stats

if TYPE_CHECKING:
    from .fleet.model.fleet_account import Closeable

Protected: TypeAlias = (
    str
    | Callable[[Service, Vm], bool]
    | Iterable[tuple[Id | Service, Id | Vm] | tuple[str, Id | Service, Id | Vm]]
)
"""A selection, as ``exclude=`` of a fleet's methods: repeated here, because this module imports no fleet."""

# On newer installations only, and not in the provider's document; discovery calls it when `vms` is refused.
_METHODS: Final = Call(
    "GET",
    "/service/{id}/methods",
    name="services.methods",
    key="methods",
    returns=list[ServiceMethod],
    safety=READ,
)
_DEFAULT_RETRY: Final = RetryPolicy()
_DEFAULT_TIMEOUTS: Final = Timeouts()


class SeFlow:
    """The client of one account: ``async with SeFlow(username, password) as seflow: …``.

    Its groups of coroutines are ``account``, ``billing``, ``support``, ``domains``, ``services`` and ``vms``;
    ``fleet`` acts on many VMs. May be made outside a loop; calls work inside ``async with``.

    Args:
        username: e-mail address of the client area.
        password: its password; never shown by any repr, log or exception.
        base_url: the API's root. No request goes to another address, and no redirect is followed.
        name: the account's name in outcomes, reports and logs.
        limit: how many requests may be in flight: an `AdaptiveLimit` (the default, up to 32), which adapts to
            the panel, a `FixedLimit`, or a number.
        retry: when failed calls are sent again; None sends every call once.
        timeouts: for one request, a `Timeouts` or a number of seconds for the whole request.
        deadline: seconds that one call may take with all its waits and repeats.
        credentials: called after a refused login (awaited, if it is a coroutine function) for another pair
            of e-mail address and password, or None; not called again until a login was accepted.
        hooks: plain functions that are called with each `Event` and must return quickly; an ``async def`` is
            refused. A hook that raises is logged each time and warned of once; the call goes on.
        proxy: URL of an HTTP proxy, None for none; by default ``HTTPS_PROXY`` and ``NO_PROXY`` decide.
        ca_file: the authorities to trust instead of the system's; by default ``SSL_CERT_FILE`` decides.
        ssl_context: an own TLS context; it must verify certificates.
        connector: an aiohttp connector, which the client does not close; it must be made in the same loop.
            Its ``keepalive_timeout`` holds for reboots, too: with 1 s they use no stale connections.
        max_header_bytes: the longest header that an answer may have, in bytes.
        application: name and version of the program, added to the user agent.
        allow_insecure: permit ``http://`` to a host that is not this machine.
        journal: the file in which this client's fleet records its runs, so that a killed run can be resumed;
            created where it is missing. None, the default, writes no file.
        protected: VMs that the fleet touches only where they are named: an expression, a predicate
            ``(service, vm)`` or pairs of ids.

    Raises:
        ConfigurationError: an argument cannot work. Nothing was sent.
    """

    def __init__(
        self,
        username: str,
        password: str | Secret,
        *,
        base_url: str = DEFAULT_BASE_URL,
        name: str = "main",
        limit: Limit | int | None = None,
        retry: RetryPolicy | None = _DEFAULT_RETRY,
        timeouts: Timeouts | float = _DEFAULT_TIMEOUTS,
        deadline: float | None = None,
        credentials: AskForCredentials | None = None,
        hooks: Sequence[Hook] = (),
        proxy: str | Unset | None = UNSET,
        ca_file: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        connector: aiohttp.BaseConnector | None = None,
        max_header_bytes: int = MAX_HEADER_BYTES,
        application: str | None = None,
        allow_insecure: bool = False,
        journal: str | os.PathLike[str] | aioseflow.Journal | None = None,
        protected: Protected = (),
    ) -> None:
        # From here on no frame of ours shows a secret, should somebody log a traceback with its locals.
        password = password if isinstance(password, Secret) else Secret(password)
        base_url = Masked(base_url) if isinstance(base_url, str) else base_url
        proxy = Masked(proxy) if isinstance(proxy, str) else proxy
        url = check_base_url(base_url, allow_insecure=allow_insecure)
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError("the account's name is empty; leave it out or give a word")
        if application is not None and not (application.isascii() and application.isprintable()):
            raise ConfigurationError("application must be printable ASCII, such as 'my-bot/1.2'")
        check_whole("max_header_bytes", max_header_bytes)
        connections = Connections(
            secure=url.scheme == "https",
            tls=find_tls(url, ca_file=ca_file, ssl_context=ssl_context),
            proxy=find_proxy(proxy, url),
            connector=connector,
            max_header_bytes=max_header_bytes,
        )
        shared = AccountSession(
            Credentials.check(username, password),
            url,
            name=name,
            limit=_limit(limit),
            connections=connections,
            longest_wait=(retry or _DEFAULT_RETRY).longest_told_wait,
            ask=credentials,
            hooks=hooks,
            application=application,
        )
        self.name = name
        self._runs: dict[Closeable, None] = {}
        self._client: Self | None = None
        self.protected = protected
        if journal is not None:
            from .fleet.journal import Journal

            journal = journal if isinstance(journal, Journal) else Journal(journal)
        self._journal = journal
        self._session = Session(shared, CallOptions(retry, _timeouts(timeouts), _deadline(deadline)))
        if callable(protected) or protected:
            from .fleet.select.matcher import protection

            protection(self._fleet_account)

    @lazy_part
    def account(self) -> AccountEndpoints:
        """Registration data of the account."""
        return AccountEndpoints(self._session)

    @lazy_part
    def billing(self) -> BillingEndpoints:
        """Balance and invoices."""
        return BillingEndpoints(self._session)

    @lazy_part
    def support(self) -> SupportEndpoints:
        """Support tickets."""
        return SupportEndpoints(self._session)

    @lazy_part
    def domains(self) -> DomainsEndpoints:
        """Domain names."""
        return DomainsEndpoints(self._session)

    @lazy_part
    def services(self) -> ServicesEndpoints:
        """Services, their upgrades, bandwidth and addresses."""
        return ServicesEndpoints(self._session)

    @lazy_part
    def vms(self) -> VmsEndpoints:
        """Virtual machines, one at a time."""
        return VmsEndpoints(self._session)

    @lazy_part
    def fleet(self) -> aioseflow.Fleet:
        """Actions on many VMs at once: see `Fleet`. Its modules are imported when it is first used."""
        from .fleet.fleet import Fleet

        fleet = Fleet([self], journal=self._journal)
        if self._client is not None:
            fleet.share_runs_of(self._client.fleet)
        return fleet

    # Not a cached_property: pyright would not take that for the property of a protocol.
    @property
    def _fleet_account(self) -> Any:
        """The `AccountPort` of this client."""
        from .account_port import AccountPort

        made = vars(self)
        if "_port" not in made:
            made["_port"] = AccountPort(self, self._session, self._runs)
        return made["_port"]

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """Return a client from ``SEFLOW_USERNAME``, ``SEFLOW_PASSWORD`` and, if set, ``SEFLOW_BASE_URL``.

        ``options`` are the keywords of `SeFlow`. Raises `ConfigurationError` if a variable is missing.
        """
        credentials, base_url = Credentials.from_environment()
        if base_url is not None:
            options.setdefault("base_url", base_url)
        return cls(credentials.username, credentials.password, **options)

    def __repr__(self) -> str:
        # A traceback with locals may show a client whose __init__ has failed.
        made = vars(self)
        return f"<SeFlow {made.get('name')!r}: {made.get('_session')!r}>"

    def with_options(
        self,
        *,
        timeout: float | Timeouts | Unset = UNSET,
        deadline: float | Unset | None = UNSET,
        retry: RetryPolicy | Unset | None = UNSET,
    ) -> Self:
        """Return a view of this client with other options, on the same connections, gate and circuit.

        ``timeout`` bounds one request, in seconds, and starts after the gate; ``deadline`` bounds a call with
        all its waits and repeats; ``retry=None`` sends every call once. Other options stay as they are. The
        view works while this client is open, and cannot be entered or closed itself.
        """
        changed: dict[str, Any] = {}
        if not isinstance(timeout, Unset):
            changed["timeouts"] = _timeouts(timeout)
        if not isinstance(deadline, Unset):
            changed["deadline"] = _deadline(deadline)
        if not isinstance(retry, Unset):
            changed["retry"] = retry
        view = object.__new__(type(self))
        view.name, view._runs, view._client = self.name, self._runs, self
        view.protected, view._journal = self.protected, self._journal
        view._session = self._session.with_options(**changed)
        return view

    def reset(self, *, password: str | Secret | None = None, username: str | None = None) -> None:
        """Send requests again after a refused login, with other credentials or with the same.

        The next request is sent alone until it is answered. Raises `ConfigurationError` for a text that HTTP
        Basic cannot carry.
        """
        if password is not None and not isinstance(password, Secret):
            password = Secret(password)
        shared = self._session.shared
        now = shared.circuit.credentials
        given = None
        if password is not None or username is not None:
            given = Credentials.check(
                now.username if username is None else username,
                now.password if password is None else password,
            )
        shared.reset(given)

    def stats(self) -> Stats:
        """Return the current counters, gate, retry budget, circuit and latencies."""
        return self._session.shared.stats()

    async def __aenter__(self) -> Self:
        self._refuse_view()
        await self._session.shared.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel the runs that are not over, wait until they have ended, and close the connections.

        Calls in flight end with a `SeFlowError`. May be called twice.
        """
        self._refuse_view()
        runs = list(self._runs)
        for run in runs:
            run.cancel()
        for run in runs:
            await run.wait_closed()
        await self._session.shared.close()

    def _refuse_view(self) -> None:
        if self._client is not None:
            raise ConfigurationError(
                "a view of with_options cannot be entered or closed; enter and close its client"
            )

    def capture(self) -> AbstractContextManager[list[Exchange]]:
        """Collect the exchanges of the calls of a block.

        ``with seflow.capture() as exchanges:`` collects an `Exchange` for each call of this task, and of
        the tasks that it starts in the block.
        """
        return capture()

    async def service_methods(self, service_id: Id) -> list[ServiceMethod]:
        """List the functions of a service: ``GET /service/@id/methods``, on newer installations only.

        Raises `SeFlowError`: `NotFound` on an installation without this list.
        """
        return await self._session.request(_METHODS, id=service_id)


def _limit(limit: Limit | int | None) -> Limit:
    if limit is None:
        return AdaptiveLimit(MAX_IN_FLIGHT)
    return FixedLimit(limit) if isinstance(limit, int) else limit


def _timeouts(timeouts: Timeouts | float) -> Timeouts:
    return timeouts if isinstance(timeouts, Timeouts) else Timeouts.within(timeouts)


def _deadline(deadline: float | None) -> float | None:
    if deadline is not None:
        check_seconds("deadline", deadline)
    return deadline

"""`SeFlow`: one account of one panel."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from .config import DEFAULT_BASE_URL, Credentials, check_base_url
from .endpoints.account import AccountEndpoints
from .endpoints.billing import BillingEndpoints
from .endpoints.domains import DomainsEndpoints
from .endpoints.services import ServicesEndpoints
from .endpoints.support import SupportEndpoints
from .endpoints.vms import VmsEndpoints
from .errors import ConfigurationError, SeFlowError
from .fleet import Fleet
from .fleet.account import Endable
from .identifiers import Id
from .models import ServiceMethod
from .policy import MAX_IN_FLIGHT, RetryPolicy, Timeouts
from .secret import Secret
from .session.call import READ, Call
from .session.exchange import Exchange, capture
from .session.limit import FixedLimit, Limit
from .session.session import Session

_DEFAULT_RETRY: Final = RetryPolicy()
_DEFAULT_TIMEOUTS: Final = Timeouts()

# Newer installations only, and not in the provider's document; discovery asks it when `vms` is refused.
_METHODS: Final = Call(
    "GET",
    "/service/{id}/methods",
    name="services.methods",
    key="methods",
    returns=list[ServiceMethod],
    safety=READ,
)


class SeFlow:
    """The client of one account: ``async with SeFlow(username, password) as seflow: …``.

    Groups of coroutines: ``account``, ``billing``, ``support``, ``domains``, ``services``, ``vms``; and
    ``fleet``, which acts on every VM. May be made outside a loop; calls work inside ``async with``.

    Args:
        username: e-mail address of the client area.
        password: its password; never shown by any repr, log or exception.
        base_url: the API's root.
        name: how outcomes and reports call this account.
        limit: how many requests may be in flight, a number or a `FixedLimit`.
        retry: when failed calls go again; None sends everything once.
        timeouts: for one exchange, in seconds.
        connector: an aiohttp connector to use and never close; it must be made in the same loop.
        application: name and version of the program, added to the user agent.
        allow_insecure: permit ``http://`` to a host that is not this machine.

    Raises:
        ConfigurationError: for anything here that cannot work, before anything is sent.
    """

    def __init__(
        self,
        username: str,
        password: str | Secret,
        *,
        base_url: str = DEFAULT_BASE_URL,
        name: str = "main",
        limit: Limit | int = MAX_IN_FLIGHT,
        retry: RetryPolicy | None = _DEFAULT_RETRY,
        timeouts: Timeouts = _DEFAULT_TIMEOUTS,
        connector: aiohttp.BaseConnector | None = None,
        application: str | None = None,
        allow_insecure: bool = False,
    ) -> None:
        credentials = Credentials.check(username, password)
        url = check_base_url(base_url, allow_insecure=allow_insecure)
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError("the account's name is empty; leave it out or give a word")
        if application is not None and not (application.isascii() and application.isprintable()):
            raise ConfigurationError("application must be printable ASCII, such as 'my-bot/1.2'")
        self.name = name
        self._session = Session(
            credentials,
            url,
            limit=FixedLimit(limit) if isinstance(limit, int) else limit,
            retry=retry,
            timeouts=timeouts,
            connector=connector,
            application=application,
        )
        self.account = AccountEndpoints(self._session)
        self.billing = BillingEndpoints(self._session)
        self.support = SupportEndpoints(self._session)
        self.domains = DomainsEndpoints(self._session)
        self.services = ServicesEndpoints(self._session)
        self.vms = VmsEndpoints(self._session)
        self.fleet = Fleet([self])
        self._runs: dict[Endable, None] = {}

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """A client from ``SEFLOW_USERNAME``, ``SEFLOW_PASSWORD`` and, if set, ``SEFLOW_BASE_URL``.

        ``options`` are the keywords of `SeFlow`. Raises `ConfigurationError` if a variable is missing.
        """
        credentials, base_url = Credentials.from_environment()
        if base_url is not None:
            options.setdefault("base_url", base_url)
        return cls(credentials.username, credentials.password, **options)

    def __repr__(self) -> str:
        return f"<SeFlow {self.name!r}: {self._session!r}>"

    async def __aenter__(self) -> Self:
        await self._session.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel the runs that are not over, wait for their last word, and close the connections."""
        runs = list(self._runs)
        for run in runs:
            run.cancel()
        for run in runs:
            await run.wait_closed()
        await self._session.close()

    def capture(self) -> AbstractContextManager[list[Exchange]]:
        """See what the calls of a block did on the wire.

        ``with seflow.capture() as exchanges:`` collects an `Exchange` for each call of this task, and of
        the tasks that it starts in the block.
        """
        return capture()

    @property
    def concurrency(self) -> int:
        """How many calls may be in flight at once."""
        return self._session.gate.limit.value

    async def has_vm_functions(self, service_id: Id) -> bool | None:
        """Whether a service offers VMs, from ``GET /service/@id/methods``; None if the panel does not say."""
        try:
            methods = await self._session.request(_METHODS, id=service_id)
        except SeFlowError:
            return None
        return any("/vms" in (method.route or "") for method in methods)

    def require_open(self) -> None:
        """Raise `ConfigurationError` unless calls can be made now."""
        self._session.require_open()

    def adopt(self, run: Endable) -> None:
        """Cancel the run when this client is closed."""
        self._runs[run] = None

    def release(self, run: Endable) -> None:
        """The run has ended."""
        self._runs.pop(run, None)

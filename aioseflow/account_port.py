"""`AccountPort`: what a fleet uses of a client and a user of the client does not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from .endpoints.services import ServicesEndpoints
from .endpoints.vms import VmsEndpoints
from .errors import SeFlowError
from .fleet.model.fleet_account import Closeable, Flow
from .identifiers import Id
from .session.exchange import Exchange, capture
from .session.gate import RequestClass
from .session.limits.adaptive import AdaptiveLimit
from .session.session import Session


class AccountPort:
    """The `FleetAccount` of ``client``, a `SeFlow` whose calls go through ``session``.

    Actions of the user get this object. Attributes that it does not have are those of the client.
    """

    def __init__(self, client: Any, session: Session, closeables: dict[Closeable, None]) -> None:
        self.client = client
        self._session = session
        self._closeables = closeables
        self.name: str = client.name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.client, name)

    def __repr__(self) -> str:
        return f"<account {self.name!r}>"

    @property
    def key(self) -> str:
        """Digest of base URL and user name: the same for every client of the account, whatever its name."""
        shared = self._session.shared
        text = f"{shared.base}\n{shared.circuit.credentials.username}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def protected(self) -> Any:
        """The VMs that are not touched without being named."""
        return self.client.protected

    @cached_property
    def services(self) -> ServicesEndpoints:
        """The client's calls about services."""
        endpoints: ServicesEndpoints = self.client.services
        return endpoints

    @cached_property
    def vms(self) -> VmsEndpoints:
        """The client's calls about VMs."""
        endpoints: VmsEndpoints = self.client.vms
        return endpoints

    @cached_property
    def polls(self) -> VmsEndpoints:
        """`vms` for reading VMs back: requests of a class of their own at the gate."""
        return VmsEndpoints(self._session.with_options(read_class=RequestClass.POLL))

    @property
    def concurrency(self) -> int:
        """The largest number of requests that may ever be in flight."""
        limit = self._session.shared.gate.limit
        # A limit of the user's own need not have a maximum.
        return max(limit.value, int(getattr(limit, "maximum", 0)))

    @property
    def throttled_for(self) -> float:
        """Seconds for which nothing is sent, because the panel asked for it or the pace demands it."""
        return self._session.shared.throttled_for

    @property
    def is_down(self) -> bool:
        """Whether the panel counts as down: several requests in a row got no answer."""
        return self._session.shared.breaker.is_open

    @property
    def flow(self) -> Flow:
        """The flow of the account's requests at this moment."""
        shared = self._session.shared
        return Flow(
            limit=shared.gate.limit.value,
            in_flight=shared.gate.in_flight,
            refused=shared.counters.refusals,
            held=shared.throttled_for,
            answers=not self.is_down,
        )

    def limit_state(self) -> Mapping[str, Any]:
        """Return what the limit has learned, empty for one that does not learn."""
        limit = self._session.shared.gate.limit
        return limit.state() if isinstance(limit, AdaptiveLimit) else {}

    def restore_limit(self, state: Mapping[str, Any]) -> None:
        """Start near a limit that an earlier session found, unless something was sent already."""
        self._session.shared.restore_limit(state)

    def capture(self) -> AbstractContextManager[Sequence[Exchange]]:
        """Collect what the calls of a block do on the wire."""
        return capture()

    async def has_vm_functions(self, service_id: Id) -> bool | None:
        """Whether a service offers VMs, from ``GET /service/@id/methods``; None if the panel does not say."""
        try:
            methods = await self.client.service_methods(service_id)
        except SeFlowError:
            return None
        return any("/vms" in (method.route or "") for method in methods)

    def require_open(self) -> None:
        """Raise `ConfigurationError` unless calls can be made now."""
        self._session.shared.require_open()

    def attach(self, run: Closeable) -> None:
        """Cancel the run when the client is closed."""
        self._closeables[run] = None

    def detach(self, run: Closeable) -> None:
        """Forget a run that has ended."""
        self._closeables.pop(run, None)

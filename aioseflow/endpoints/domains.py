"""``seflow.domains``: domain names."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

import attrs

from ..identifiers import Id
from ..models import Availability, Domain
from ..session.call import READ, Call
from .arguments import text

if TYPE_CHECKING:
    from ..session.session import Session

_LIST = Call("GET", "/domain", name="domains.list", key="domains", returns=list[Domain], safety=READ)
_GET = Call("GET", "/domain/{id}", name="domains.get", key="details", returns=Domain, safety=READ)
_IS_AVAILABLE = Call(
    "POST",
    "/domainorder/status",
    name="domains.is_available",
    key="details",
    returns=Availability,
    safety=READ,
    may_be_empty=True,
)


@attrs.frozen(repr=False)
class DomainsEndpoints:
    """Domain names. Every coroutine raises `SeFlowError`."""

    _session: Session

    async def list(self) -> builtins.list[Domain]:
        """List the domains of the account (``GET /domain``)."""
        return await self._session.request(_LIST)

    async def get(self, id: Id) -> Domain:
        """Return a domain with its name servers (``GET /domain/@id``)."""
        return await self._session.request(_GET, id=id)

    async def is_available(self, name: str) -> bool:
        """Return whether a name is free (``POST /domainorder/status``); an empty answer means no."""
        return (await self._session.request(_IS_AVAILABLE, name=text(name, "name"))).available

"""``seflow.services``: hosting and server services, their upgrades, bandwidth and addresses."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from ..identifiers import Id, check_id
from ..models import (
    Accepted,
    Bandwidth,
    BandwidthGraph,
    RdnsEntry,
    Service,
    ServiceIp,
    ServiceResources,
    Template,
    UpgradeOptions,
    UpgradeQuote,
)
from ..session.call import IDEMPOTENT, ONCE, READ, Call
from .arguments import IpAddress, ResourceChoice, at_least_one, hostnames, resource_choice, text

if TYPE_CHECKING:
    from ..session.session import Session

_LIST = Call("GET", "/service", name="services.list", key="services", returns=list[Service], safety=READ)
_GET = Call("GET", "/service/{id}", name="services.get", key="service", returns=Service, safety=READ)
_UPGRADE_OPTIONS = Call(
    "GET", "/service/{id}/upgrade", name="services.upgrade_options", returns=UpgradeOptions, safety=READ
)
_ESTIMATE_UPGRADE = Call(
    "POST", "/service/{id}/upgrade", name="services.estimate_upgrade", returns=UpgradeQuote, safety=READ
)
_REQUEST_UPGRADE = Call(
    "POST",
    "/service/{id}/upgrade",
    name="services.request_upgrade",
    returns=Accepted,
    safety=ONCE,
    makes=("order_num", "order_id", "invoice_id", "order", "invoice", "checkout"),
)
_BANDWIDTH_GRAPHS = Call(
    "GET",
    "/service/{id}/bandwidth-graphs",
    name="services.bandwidth_graphs",
    key="graphs",
    returns=list[BandwidthGraph],
    safety=READ,
)
_BANDWIDTH = Call(
    "GET",
    "/service/{id}/bandwidth",
    name="services.bandwidth",
    key="bandwidth",
    returns=Bandwidth,
    safety=READ,
)
_IPS = Call("GET", "/service/{id}/ip", name="services.ips", key="ips", returns=list[ServiceIp], safety=READ)
_RDNS = Call(
    "GET",
    "/service/{id}/rdns",
    name="services.rdns",
    key=("rdns", "ips"),
    returns=list[RdnsEntry],
    safety=READ,
)
_SET_RDNS = Call("POST", "/service/{id}/rdns", name="services.set_rdns", returns=Accepted, safety=IDEMPOTENT)
_TEMPLATES = Call(
    "GET",
    "/service/{id}/templates",
    name="services.templates",
    key=("templates", "template"),
    returns=list[Template],
    safety=READ,
)
_RESOURCES = Call(
    "GET", "/service/{id}/resources", name="services.resources", returns=ServiceResources, safety=READ
)


@attrs.frozen(repr=False)
class ServicesEndpoints:
    """Services. Every coroutine raises `SeFlowError`; an unknown id is `NotFound`."""

    _session: Session

    async def list(self) -> builtins.list[Service]:
        """List the services of the account (``GET /service``)."""
        return await self._session.request(_LIST)

    async def get(self, id: Id) -> Service:
        """Return a service; passwords are `Secret` (``GET /service/@id``)."""
        return await self._session.request(_GET, id=id)

    async def upgrade_options(self, id: Id) -> UpgradeOptions:
        """Return the upgrades that the service can have (``GET /service/@id/upgrade``)."""
        return await self._session.request(_UPGRADE_OPTIONS, id=id)

    async def estimate_upgrade(
        self,
        id: Id,
        *,
        resources: ResourceChoice | None = None,
        package: Id | None = None,
        cycle: str | None = None,
    ) -> UpgradeQuote:
        """Return the price of an upgrade; orders nothing (``POST /service/@id/upgrade`` without ``send``).

        ``resources`` maps a resource's id to an item's id (choices), a quantity (sliders) or quantities by
        item; ``package`` is a package's id, ``cycle`` a billing cycle. At least one of the three is needed.
        """
        return await self._session.request(_ESTIMATE_UPGRADE, id=id, **_upgrade(resources, package, cycle))

    async def request_upgrade(
        self,
        id: Id,
        *,
        resources: ResourceChoice | None = None,
        package: Id | None = None,
        cycle: str | None = None,
    ) -> Accepted:
        """Order an upgrade: spends money, and is sent at most once (``POST /service/@id/upgrade``, ``send``).

        Arguments are those of `estimate_upgrade`. Raises `OutcomeUnknown` when the answer is lost: check the
        invoices before you order again.
        """
        chosen = _upgrade(resources, package, cycle)
        return await self._session.request(_REQUEST_UPGRADE, id=id, **chosen, send="true")

    async def bandwidth_graphs(self, id: Id) -> builtins.list[BandwidthGraph]:
        """Return daily, weekly and monthly graphs (``GET /service/@id/bandwidth-graphs``)."""
        return await self._session.request(_BANDWIDTH_GRAPHS, id=id)

    async def bandwidth(self, id: Id) -> Bandwidth:
        """Return the bandwidth used, its limit and its price (``GET /service/@id/bandwidth``)."""
        return await self._session.request(_BANDWIDTH, id=id)

    async def ips(self, id: Id) -> builtins.list[ServiceIp]:
        """List the service's addresses (``GET /service/@id/ip``)."""
        return await self._session.request(_IPS, id=id)

    async def rdns(self, id: Id) -> builtins.list[RdnsEntry]:
        """List the reverse DNS entries of the service's addresses (``GET /service/@id/rdns``)."""
        return await self._session.request(_RDNS, id=id)

    async def set_rdns(self, id: Id, names: Mapping[IpAddress, str]) -> Accepted:
        """Set PTR records: ``{"192.0.2.1": "host.example"}`` (``POST /service/@id/rdns``)."""
        return await self._session.request(_SET_RDNS, id=id, ipaddress=hostnames(names))

    async def templates(self, id: Id) -> builtins.list[Template]:
        """List the operating system templates (``GET /service/@id/templates``)."""
        return await self._session.request(_TEMPLATES, id=id)

    async def resources(self, id: Id) -> ServiceResources:
        """Return the available and the used resources (``GET /service/@id/resources``)."""
        return await self._session.request(_RESOURCES, id=id)


def _upgrade(resources: ResourceChoice | None, package: Id | None, cycle: str | None) -> dict[str, Any]:
    return at_least_one(
        "an upgrade",
        resources=None if resources is None else resource_choice(resources),
        package=None if package is None else check_id(package, "package"),
        cycle=None if cycle is None else text(cycle, "cycle"),
    )

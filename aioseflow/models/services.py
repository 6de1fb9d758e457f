"""Services: ``GET /service`` and below."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import functools
from decimal import Decimal
from typing import Final, Literal

import attrs

from ..errors import DecodeError, InvalidArgument
from ..secret import Secret
from .shared import STRICT, Address, AddressModel, Model, OpenEnum, address, wire

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_BITS_PER_SECOND: Final = {
    "bit": Decimal(1),
    "kbit": Decimal(10**3),
    "mbit": Decimal(10**6),
    "gbit": Decimal(10**9),
    "tbit": Decimal(10**12),
}


class ServiceStatus(OpenEnum):
    """States of a service; ``Active`` is documented, the others are HostBill's."""

    ACTIVE = "Active"
    PENDING = "Pending"
    SUSPENDED = "Suspended"
    TERMINATED = "Terminated"
    CANCELLED = "Cancelled"
    FRAUD = "Fraud"


@attrs.frozen
class Service(Model):
    """A service: *documented*, ``GET /service`` and ``GET /service/@id``.

    Attributes:
        total: price per `billingcycle`.
        username, password, rootpassword: of the service itself, in its details only.
    """

    id: str
    domain: str | None = None
    total: Decimal | None = None
    status: ServiceStatus | None = None
    billingcycle: str | None = None
    next_due: dt.date | None = None
    category: str | None = None
    category_url: str | None = None
    name: str | None = None
    date_created: dt.date | None = None
    firstpayment: Decimal | None = None
    next_invoice: dt.date | None = None
    label: str | None = None
    username: str | None = None
    password: Secret | None = None
    rootpassword: Secret | None = None


@attrs.frozen
class UpgradeItem(Model):
    """Choice of an upgradable resource: *seen on another installation*, ``GET /service/@id/upgrade``.

    Attributes:
        price: per billing cycle; `setup_price` is paid once.
        selected: whether the service has this item now.
    """

    id: str
    name: str | None = None
    price: Decimal | None = attrs.field(default=None, metadata=STRICT)
    setup_price: Decimal | None = attrs.field(default=None, metadata=STRICT)
    selected: bool | None = attrs.field(default=None, metadata=STRICT)


@attrs.frozen
class UpgradeResource(Model):
    """Resource that can be changed: *seen on another installation*, ``GET /service/@id/upgrade``.

    Attributes:
        type: kind of the form's field (``"select"``).
    """

    id: str
    name: str | None = None
    type: str | None = None
    items: tuple[UpgradeItem, ...] = attrs.field(default=(), metadata=STRICT)


@attrs.frozen
class UpgradePackage(Model):
    """Package that a service can change to: *inferred*, no answer with a package was published."""

    id: str
    name: str | None = None


@attrs.frozen
class UpgradeOptions(Model):
    """Upgrades that a service can have: *seen on another installation*, ``GET /service/@id/upgrade``."""

    resources: tuple[UpgradeResource, ...] = attrs.field(default=(), metadata=STRICT)
    package: tuple[UpgradePackage, ...] = attrs.field(default=(), metadata=STRICT)


@attrs.frozen
class UpgradeQuote(Model):
    """Price of an upgrade, ``POST /service/@id/upgrade``: undocumented, all of it is in `extra`.

    *Inferred* is only that the answer is an object.
    """


@attrs.frozen
class BandwidthGraph(Model):
    """Graphs of a switch port's traffic: *documented*, ``GET /service/@id/bandwidth-graphs``.

    Attributes:
        daily, weekly, monthly: base64 text as sent; `png` decodes it.
    """

    switch: str | None = None
    port: str | None = None
    name: str | None = None
    daily: str | None = attrs.field(default=None, repr=False)
    weekly: str | None = attrs.field(default=None, repr=False)
    monthly: str | None = attrs.field(default=None, repr=False)

    def png(self, period: Literal["daily", "weekly", "monthly"] = "daily") -> bytes:
        """Return the graph of a period as the bytes of a PNG file.

        Raises:
            DecodeError: the panel sent no graph, or a text that is not a base64 PNG.
            InvalidArgument: there is no such period.
        """
        if period not in ("daily", "weekly", "monthly"):
            raise InvalidArgument(
                f"period must be daily, weekly or monthly, not {period!r:.40}", argument="period"
            )
        text: str | None = getattr(self, period)
        call, path = "services.bandwidth_graphs", f"$.{period}"
        if not text:
            raise DecodeError(f"the panel sent no {period} graph", call=call, path=path)
        try:
            # PHP wraps base64 in lines. The published texts are shortened: their "..." is not base64.
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if not data.startswith(_PNG_SIGNATURE):
            raise DecodeError(
                f"the {period} graph is not a base64 PNG (it begins {text[:16]!r})",
                call=call,
                path=path,
            )
        return data


@attrs.frozen
class BandwidthFormatted(Model):
    """Figures of `Bandwidth` for people, with units: *documented*, ``GET /service/@id/bandwidth``."""

    limit: str | None = None
    used: str | None = None
    overage: str | None = None
    text: str | None = None


@attrs.frozen
class BandwidthUsage(Model):
    """Measured traffic: *documented*, ``GET /service/@id/bandwidth``.

    Attributes:
        from_, to: bounds of the measurement (``from``, ``to``), aware UTC.
        total, total_in, total_out: in a unit that the panel does not name.
        average, max_in, max_out, average_t: bits/s, like `percentile_95`.
        percentile_95: ``95th``, bits/s.
    """

    from_: dt.datetime | None = attrs.field(default=None, metadata=wire("from") | STRICT)
    to: dt.datetime | None = attrs.field(default=None, metadata=STRICT)
    total: Decimal | None = attrs.field(default=None, metadata=STRICT)
    total_in: Decimal | None = attrs.field(default=None, metadata=STRICT)
    total_out: Decimal | None = attrs.field(default=None, metadata=STRICT)
    average_t: Decimal | None = attrs.field(default=None, metadata=STRICT)
    max_in: Decimal | None = attrs.field(default=None, metadata=STRICT)
    percentile_95: Decimal | None = attrs.field(default=None, metadata=wire("95th") | STRICT)
    max_out: Decimal | None = attrs.field(default=None, metadata=STRICT)
    average: Decimal | None = attrs.field(default=None, metadata=STRICT)


@attrs.frozen
class Bandwidth(Model):
    """Traffic and its price: *documented*, ``GET /service/@id/bandwidth``.

    The panel mixes units: `used` is in bits/s, `limit` in `overage_unit`; `used_bps` and `limit_bps`
    can be compared.

    Attributes:
        model: billing model (``"95th"``).
        over: whether the traffic exceeds the limit.
        projected_overage, projected_usage: texts for people, with their unit.
    """

    charge: Decimal | None = attrs.field(default=None, metadata=STRICT)
    overage: Decimal | None = attrs.field(default=None, metadata=STRICT)
    over: bool | None = attrs.field(default=None, metadata=STRICT)
    formatted: BandwidthFormatted | None = None
    usage: BandwidthUsage | None = attrs.field(default=None, metadata=STRICT)
    used: Decimal | None = attrs.field(default=None, metadata=STRICT)
    limit: Decimal | None = attrs.field(default=None, metadata=STRICT)
    model: str | None = None
    cost: Decimal | None = attrs.field(default=None, metadata=STRICT)
    overage_unit: str | None = attrs.field(default=None, metadata=STRICT)
    projected_charge: Decimal | None = attrs.field(default=None, metadata=STRICT)
    projected_overage: str | None = None
    projected_usage: str | None = None
    period_from: dt.date | None = None
    period_to: dt.date | None = None

    @property
    def used_bps(self) -> Decimal | None:
        """Bandwidth used, in bits/s."""
        return self.used

    @property
    def limit_bps(self) -> Decimal | None:
        """Bandwidth included, in bits/s; None where the panel gives no limit or an unknown unit."""
        unit = _BITS_PER_SECOND.get((self.overage_unit or "").strip().lower())
        return None if self.limit is None or unit is None else self.limit * unit


@attrs.frozen
class ServiceIp(AddressModel):
    """Address of a service: *documented*, ``GET /service/@id/ip``.

    Attributes:
        mask_text: as the panel spells it; `mask` is the object.
    """

    mask_text: str | None = attrs.field(default=None, alias="mask", metadata=wire("mask"))
    client_description: str | None = None
    status: str | None = None

    @functools.cached_property
    def mask(self) -> Address | str | None:
        """Network mask as an address; the text itself where it is none (``"/24"``)."""
        return None if self.mask_text is None else address(self.mask_text)


@attrs.frozen
class RdnsEntry(AddressModel):
    """Reverse DNS name of an address: *documented*, ``GET /service/@id/rdns``.

    Attributes:
        ptrname: the name of the PTR record (``2.101.10.10.in-addr.arpa``).
        ptrcontent: the host name in the record.
    """

    ptrname: str | None = None
    ptrcontent: str | None = None


@attrs.frozen
class Template(Model):
    """An operating system to install: *inferred*, ``GET /service/@id/templates`` was never published."""

    id: str
    name: str | None = attrs.field(default=None, metadata=wire("name", "label"))


@attrs.frozen
class ServiceResources(Model):
    """Available and used resources: undocumented, all of it is in `extra`.

    *Inferred* is only that it is an object; ``GET /service/@id/resources``. A list or a text in its place is
    in `extra` under ``"resources"``.
    """


@attrs.frozen
class ServiceMethod(Model):
    """A function that a service has: *seen on another installation*, ``GET /service/@id/methods``."""

    name: str | None = None
    method: str | None = None
    route: str | None = None

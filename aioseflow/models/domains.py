"""Domain names: ``GET /domain``, ``POST /domainorder/status``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import attrs

from .shared import STRICT, Model, OpenEnum


class DomainStatus(OpenEnum):
    """States of a domain; ``Active`` is documented, the others are HostBill's."""

    ACTIVE = "Active"
    PENDING = "Pending"
    PENDING_REGISTRATION = "Pending Registration"
    PENDING_TRANSFER = "Pending Transfer"
    EXPIRED = "Expired"
    CANCELLED = "Cancelled"
    FRAUD = "Fraud"


@attrs.frozen
class Domain(Model):
    """A domain: *documented*, ``GET /domain`` and ``GET /domain/@id``.

    Attributes:
        period: years.
        daytoexpire: days until `expires`, in the list only.
        nameservers: without the empty places of the panel's form, in the details only.
    """

    id: str
    name: str | None = None
    expires: dt.date | None = None
    recurring_amount: Decimal | None = None
    date_created: dt.date | None = None
    status: DomainStatus | None = None
    period: int | None = None
    autorenew: bool | None = None
    daytoexpire: int | None = None
    firstpayment: Decimal | None = None
    next_due: dt.date | None = None
    next_invoice: dt.date | None = None
    idprotection: bool | None = None
    nameservers: tuple[str, ...] = ()


@attrs.frozen
class Availability(Model):
    """Availability of a domain name: *documented*, ``POST /domainorder/status``.

    Attributes:
        status: ``"ok"`` for a free name; None for one that is taken, about which the panel says nothing.
    """

    status: str | None = attrs.field(default=None, metadata=STRICT)

    @property
    def available(self) -> bool:
        """Whether the name is free."""
        return self.status is not None and self.status.strip().lower() == "ok"

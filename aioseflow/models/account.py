"""The account: ``GET /details``."""

from __future__ import annotations

import datetime as dt
import functools
from decimal import Decimal
from typing import Any

import attrs

from .shared import Address, Model, OpenEnum, address, wire


class AccountStatus(OpenEnum):
    """States of an account; ``Active`` is documented, the others are HostBill's."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"
    CLOSED = "Closed"


@attrs.frozen
class Account(Model):
    """Registration details of the account: *documented*, ``GET /details``.

    Attributes:
        lastlogin: without zone, the panel's own clock.
        ip_text: address of the last login, as the panel spells it; `ip` is the object.
        company: whether a company (and not a person) holds the account.
        credit: money, in the account's currency.
        privileges: null in the document; the panel's value as parsed.
    """

    id: str
    email: str | None = None
    lastlogin: dt.datetime | None = None
    ip_text: str | None = attrs.field(default=None, alias="ip", metadata=wire("ip"))
    host: str | None = None
    status: AccountStatus | None = None
    parent_id: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    companyname: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state: str | None = None
    postcode: str | None = None
    country: str | None = None
    phonenumber: str | None = None
    datecreated: dt.date | None = None
    language: str | None = None
    company: bool | None = None
    credit: Decimal | None = None
    privileges: Any = attrs.field(default=None, repr=False, hash=False)

    @functools.cached_property
    def ip(self) -> Address | str | None:
        """Address of the last login; the text itself where it is no address."""
        return None if self.ip_text is None else address(self.ip_text)

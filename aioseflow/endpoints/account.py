"""``seflow.account``: the registration data of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import attrs

from ..errors import InvalidArgument
from ..models import Accepted, Account
from ..session.call import IDEMPOTENT, ONCE, READ, Call
from .arguments import text

if TYPE_CHECKING:
    from ..session.session import Session

_DETAILS = Call("GET", "/details", name="account.details", key="client", returns=Account, safety=READ)
_UPDATE = Call(
    "POST", "/details", name="account.update", returns=Accepted, safety=IDEMPOTENT, makes=("client",)
)


class AccountFields(TypedDict, total=False):
    """Arguments of `AccountEndpoints.update`, as documented; all are text."""

    firstname: str
    lastname: str
    organizationid: str
    phonenumber: str
    email: str
    companyname: str
    address1: str
    address2: str
    city: str
    state: str
    postcode: str
    country: str
    type: str
    editonce: str
    mobilephone: str
    required: str
    requiredcheck: str


@attrs.frozen(repr=False)
class AccountEndpoints:
    """Registration data of the account. Every coroutine raises `SeFlowError`."""

    _session: Session

    async def details(self) -> Account:
        """Return the account's registration data (``GET /details``)."""
        return await self._session.request(_DETAILS)

    async def update(self, **fields: Unpack[AccountFields]) -> Accepted:
        """Change registration data; only the fields given are sent (``POST /details``).

        A change of ``email`` is sent at most once: the address is the login, and a repeat with the old one
        would be a bad login.
        """
        call = attrs.evolve(_UPDATE, safety=ONCE) if "email" in fields else _UPDATE
        return await self._session.request(call, **_checked(fields))


def _checked(fields: AccountFields) -> dict[str, str]:
    known = AccountFields.__annotations__
    for name in fields:
        if name not in known:
            raise TypeError(f"account.update() got an unexpected keyword argument {name!r}")
    if not fields:
        raise InvalidArgument("nothing to change: give at least one field")
    return {name: text(value, name, blank=True) for name, value in fields.items()}  # type: ignore[arg-type]  # a TypedDict's values are `object` to items()

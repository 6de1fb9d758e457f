"""The registration data of the customer."""

from __future__ import annotations

from ..account_data import Account
from ..forms import text
from ..wire import Dialect, Json, PanelError, Row
from .panel_request import PanelRequest

# Of the 17 documented fields, those that `GET /details` shows; the others can only be set.
_SHOWN_FIELDS = {
    "firstname", "lastname", "phonenumber", "email", "companyname", "address1", "address2", "city", "state",
    "postcode", "country",
}  # fmt: skip
_SET_ONLY_FIELDS = ("organizationid", "type", "editonce", "mobilephone", "required", "requiredcheck")
_SPARSE = (
    "address1", "city", "companyname", "country", "email", "firstname", "host", "id", "ip", "lastlogin",
    "lastname", "newsletter", "phonenumber", "postcode", "privacypolicy", "state",
)  # fmt: skip


def client(account: Account) -> Row:
    """Return the customer as the document shows it, also in an invoice."""
    shown = dict(account.fields)
    privileges = shown.pop("privileges")
    return {**shown, "credit": f"{account.credit:.4f}", "privileges": privileges}


def details(request: PanelRequest) -> Json:
    """GET /details; in `by_id` with the few fields of another installation."""
    account = request.world.account
    if request.dialect is not Dialect.BY_ID:
        return {"client": client(account)}
    consents = {"newsletter": [""], "privacypolicy": [""]}
    return {"client": {name: consents.get(name, account.fields.get(name)) for name in _SPARSE}}


def update(request: PanelRequest) -> Json:
    """POST /details. Changing the e-mail changes the login at once. The answer's shape is a guess."""
    account = request.world.account
    given = {name: value for name in request.form if (value := text(request.form, name)) is not None}
    if "@" not in given.get("email", "@") or ":" in given.get("email", ""):
        raise PanelError(200, "email_invalid")
    shown = {name: value for name, value in given.items() if name in _SHOWN_FIELDS}
    taken = {name: value for name, value in given.items() if name in _SET_ONLY_FIELDS}
    if not shown and not taken:
        raise PanelError(200, "nothing_to_update")
    before = (dict(account.fields), dict(account.other))
    account.fields.update(shown)
    account.other.update(taken)
    if before != (account.fields, account.other):
        request.world.effects.note("", "", "update_account")
    return {"info": ["profile_updated"], "client": client(account)}

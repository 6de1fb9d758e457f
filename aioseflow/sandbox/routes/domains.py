"""Domains and their availability."""

from __future__ import annotations

import re
from datetime import timedelta

from ..forms import text
from ..wire import Dialect, Json, PanelError, collection, flag
from .panel_request import PanelRequest

_NAME = re.compile(r"(?!-)[\w-]{1,63}(?:\.(?!-)[\w-]{1,63})+")
_TAKEN_NAMES = {"example.org", "taken.example"}


def domains(request: PanelRequest) -> Json:
    """GET /domain."""
    today = request.world.date().date()
    rows = (
        {
            "id": domain.id,
            "name": domain.name,
            "expires": str(domain.expires),
            "recurring_amount": f"{domain.price:.2f}",
            "date_created": str(domain.created),
            "status": "Active",
            "period": "1",
            "autorenew": flag(request.dialect, domain.autorenew),
            "daytoexpire": str((domain.expires - today).days),
        }
        for domain in request.world.domains
    )
    return {"domains": collection(request.dialect, rows)}


def domain(request: PanelRequest) -> Json:
    """GET /domain/@id."""
    for found in request.world.domains:
        if found.id == request.ids[0]:
            return {
                "details": {
                    "id": found.id,
                    "name": found.name,
                    "date_created": str(found.created),
                    "firstpayment": f"{found.price:.2f}",
                    "recurring_amount": f"{found.price:.2f}",
                    "period": "1",
                    "expires": str(found.expires),
                    "status": "Active",
                    "next_due": str(found.expires),
                    "next_invoice": str(found.expires - timedelta(days=7)),
                    "idprotection": flag(request.dialect, found.protected),
                    "nameservers": list(found.nameservers),
                    "autorenew": flag(request.dialect, found.autorenew),
                }
            }
    raise PanelError(404, "domain_notfound")


def availability(request: PanelRequest) -> Json:
    """POST /domainorder/status: `ok`, or zero bytes, `[]` or empty details, by dialect."""
    name = (text(request.form, "name") or "").lower()
    if not _NAME.fullmatch(name):
        raise PanelError(200, "invalid_domain_name")
    if name not in _TAKEN_NAMES and all(domain.name != name for domain in request.world.domains):
        return {"details": {"status": "ok"}}
    match request.dialect:
        case Dialect.BY_ID:
            return []
        case Dialect.LIST:
            return {"details": {}}
        case _:
            return None

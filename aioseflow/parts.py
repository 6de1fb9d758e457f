"""What a client is made of, imported when the first one is made.

`client` sees it all through this module, in annotations too, so that naming `SeFlow` takes hardly more than
aiohttp and what these annotations say can be evaluated nevertheless.
"""

from typing import TYPE_CHECKING

from .lazy import lazily

if TYPE_CHECKING:
    from .endpoints.account import AccountEndpoints as AccountEndpoints
    from .endpoints.billing import BillingEndpoints as BillingEndpoints
    from .endpoints.domains import DomainsEndpoints as DomainsEndpoints
    from .endpoints.services import ServicesEndpoints as ServicesEndpoints
    from .endpoints.support import SupportEndpoints as SupportEndpoints
    from .endpoints.vms import VmsEndpoints as VmsEndpoints
    from .fleet.fleet import Fleet as Fleet
    from .fleet.journal import Journal as Journal
    from .fleet.model.fleet_account import Closeable as Closeable
    from .fleet.model.fleet_account import Flow as Flow
    from .fleet.run.execution import protection as protection
    from .fleet.select.selection import Exclude as Exclude
    from .models.services import ServiceMethod as ServiceMethod
    from .session.call import READ as READ
    from .session.call import Call as Call
    from .session.circuit import AskForCredentials as AskForCredentials
    from .session.connections import Connections as Connections
    from .session.events import Hook as Hook
    from .session.exchange import Exchange as Exchange
    from .session.exchange import capture as capture
    from .session.gate import RequestClass as RequestClass
    from .session.limits.adaptive import AdaptiveLimit as AdaptiveLimit
    from .session.limits.limit import FixedLimit as FixedLimit
    from .session.limits.limit import Limit as Limit
    from .session.call_options import CallOptions as CallOptions
    from .session.session import Session as Session
    from .session.account_session import AccountSession as AccountSession
    from .session.stats import Stats as Stats
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "endpoints.account": "AccountEndpoints",
            "endpoints.billing": "BillingEndpoints",
            "endpoints.domains": "DomainsEndpoints",
            "endpoints.services": "ServicesEndpoints",
            "endpoints.support": "SupportEndpoints",
            "endpoints.vms": "VmsEndpoints",
            "fleet.model.fleet_account": "Closeable Flow",
            "fleet.fleet": "Fleet",
            "fleet.journal": "Journal",
            "fleet.select.selection": "Exclude",
            "fleet.run.execution": "protection",
            "models.services": "ServiceMethod",
            "session.call": "READ Call",
            "session.circuit": "AskForCredentials",
            "session.connections": "Connections",
            "session.events": "Hook",
            "session.exchange": "Exchange capture",
            "session.gate": "RequestClass",
            "session.limits.adaptive": "AdaptiveLimit",
            "session.limits.limit": "FixedLimit Limit",
            "session.call_options": "CallOptions",
            "session.session": "Session",
            "session.account_session": "AccountSession",
            "session.stats": "Stats",
        },
    )

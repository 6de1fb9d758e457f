"""The panel's answers as frozen data.

Attribute names are the panel's keys, so that its document applies to them. Each class names its answer and
says whether the answer was documented, seen on another installation, or inferred. Every field but the
identity is optional; keys without an attribute are in `Model.extra`.
"""

from .account import Account, AccountStatus
from .billing import Balance, Invoice, InvoiceItem, InvoiceStatus
from .domains import Availability, Domain, DomainStatus
from .services import (
    Bandwidth,
    BandwidthFormatted,
    BandwidthGraph,
    BandwidthUsage,
    RdnsEntry,
    Service,
    ServiceIp,
    ServiceMethod,
    ServiceResources,
    ServiceStatus,
    Template,
    UpgradeItem,
    UpgradeOptions,
    UpgradePackage,
    UpgradeQuote,
    UpgradeResource,
)
from .shared import Accepted, Address, Model, OpenEnum
from .support import Ticket, TicketReply, TicketStatus
from .vms import (
    AvailableIp,
    Disk,
    Interface,
    PowerState,
    Quota,
    UntrustedHtml,
    Vm,
    VmIp,
    VmUsage,
)

__all__ = [  # noqa: RUF022 - by how often a user needs them
    "Vm",
    "PowerState",
    "Service",
    "ServiceStatus",
    "Accepted",
    "UntrustedHtml",
    "VmUsage",
    "Quota",
    "Disk",
    "Interface",
    "VmIp",
    "AvailableIp",
    "Account",
    "AccountStatus",
    "Balance",
    "Invoice",
    "InvoiceItem",
    "InvoiceStatus",
    "Ticket",
    "TicketReply",
    "TicketStatus",
    "Domain",
    "DomainStatus",
    "Availability",
    "UpgradeOptions",
    "UpgradeResource",
    "UpgradeItem",
    "UpgradePackage",
    "UpgradeQuote",
    "BandwidthGraph",
    "Bandwidth",
    "BandwidthFormatted",
    "BandwidthUsage",
    "ServiceIp",
    "RdnsEntry",
    "Template",
    "ServiceResources",
    "ServiceMethod",
    "OpenEnum",
    "Model",
    "Address",
]

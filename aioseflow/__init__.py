"""An asyncio client for the SeFlow (HostBill) customer API.

``async with SeFlow(username, password) as seflow:`` gives every call of the API as a typed coroutine, and
``seflow.fleet`` acts on every VM of every service at once and says truthfully what happened to each.
"""

from typing import TYPE_CHECKING

from .__about__ import __version__
from .lazy import lazily

if TYPE_CHECKING:
    from .client import SeFlow
    from .endpoints.account import AccountFields
    from .errors import (
        AddressNotAllowed,
        ApiError,
        AuthenticationError,
        ConfigurationError,
        DecodeError,
        GatewayError,
        InvalidArgument,
        NotFound,
        OutcomeUnknown,
        PermissionDenied,
        RequestTimeout,
        SeFlowError,
        ServerError,
        Throttled,
        TransportError,
    )
    from .fleet import (
        ALL,
        Action,
        CauseGroup,
        Comparison,
        Downtime,
        Effect,
        Finding,
        Fleet,
        Flow,
        HealthCheck,
        Journal,
        JournalError,
        LeaseLost,
        Moment,
        Outcome,
        Plan,
        PlanDiff,
        PlannedLoss,
        PlannedVm,
        Progress,
        Report,
        Rollout,
        Run,
        RunHeader,
        RunInfo,
        RunIsActive,
        RunNotFound,
        RunRefused,
        ServiceProgress,
        ServiceSummary,
        Skip,
        StalePlan,
        Status,
        Undiscovered,
        UsageGraphs,
        Where,
        WithoutVms,
    )
    from .fleet.actions.changes import Destroy, RebuildNetwork, Resize, ResizeDisk, SetRdns
    from .fleet.actions.power import Reboot, Start, Stop
    from .fleet.actions.usage import Usage
    from .health_checks import http_check, tcp_check
    from .identifiers import Id
    from .models import (
        Accepted,
        Account,
        AvailableIp,
        Balance,
        Bandwidth,
        BandwidthGraph,
        Disk,
        Domain,
        Interface,
        Invoice,
        InvoiceItem,
        PowerState,
        RdnsEntry,
        Service,
        ServiceIp,
        ServiceResources,
        Template,
        Ticket,
        TicketReply,
        UntrustedHtml,
        UpgradeOptions,
        UpgradeQuote,
        Vm,
        VmIp,
    )
    from .policy import RetryPolicy, SettlePolicy, Timeouts
    from .safety import Safety
    from .secret import Secret
    from .session.events import (
        Answered,
        CircuitChanged,
        Event,
        LimitChanged,
        Refused,
        Retried,
        Sent,
        Unknown,
        Waiting,
    )
    from .session.exchange import Exchange
    from .session.limits.adaptive import AdaptiveLimit
    from .session.limits.limit import FixedLimit, Limit
    from .session.stats import Latency, Stats
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "client": "SeFlow",
            "endpoints.account": "AccountFields",
            "errors": (
                "AddressNotAllowed ApiError AuthenticationError ConfigurationError DecodeError "
                "GatewayError InvalidArgument NotFound OutcomeUnknown PermissionDenied RequestTimeout "
                "SeFlowError ServerError Throttled TransportError"
            ),
            "fleet": (
                "ALL Action CauseGroup Comparison Downtime Effect Finding Fleet Flow HealthCheck Journal "
                "JournalError LeaseLost Moment Outcome Plan PlanDiff PlannedLoss PlannedVm Progress "
                "Report Rollout Run RunHeader RunInfo RunIsActive RunNotFound RunRefused ServiceProgress "
                "ServiceSummary Skip StalePlan Status Undiscovered UsageGraphs Where WithoutVms"
            ),
            "fleet.actions.changes": "Destroy RebuildNetwork Resize ResizeDisk SetRdns",
            "fleet.actions.power": "Reboot Start Stop",
            "fleet.actions.usage": "Usage",
            "health_checks": "http_check tcp_check",
            "identifiers": "Id",
            "models": (
                "Accepted Account AvailableIp Balance Bandwidth BandwidthGraph Disk Domain Interface "
                "Invoice InvoiceItem PowerState RdnsEntry Service ServiceIp ServiceResources Template "
                "Ticket TicketReply UntrustedHtml UpgradeOptions UpgradeQuote Vm VmIp"
            ),
            "policy": "RetryPolicy SettlePolicy Timeouts",
            "safety": "Safety",
            "secret": "Secret",
            "session.events": (
                "Answered CircuitChanged Event LimitChanged Refused Retried Sent Unknown Waiting"
            ),
            "session.exchange": "Exchange",
            "session.limits.adaptive": "AdaptiveLimit",
            "session.limits.limit": "FixedLimit Limit",
            "session.stats": "Latency Stats",
        },
        modules="account_port config decoding plain private_file send_guard text",
    )

__all__ = [  # noqa: RUF022 - by how often a user needs them
    "SeFlow",
    "Fleet",
    "ALL",
    "Where",
    "Run",
    "Report",
    "Outcome",
    "Status",
    "Rollout",
    "Plan",
    "Progress",
    "Undiscovered",
    "WithoutVms",
    "Stop",
    "Start",
    "Reboot",
    "Resize",
    "ResizeDisk",
    "SetRdns",
    "RebuildNetwork",
    "Destroy",
    "Usage",
    "PowerState",
    "Vm",
    "Service",
    "Accepted",
    "SeFlowError",
    "OutcomeUnknown",
    "Throttled",
    "AuthenticationError",
    "AddressNotAllowed",
    "PermissionDenied",
    "NotFound",
    "ApiError",
    "ServerError",
    "GatewayError",
    "TransportError",
    "RequestTimeout",
    "DecodeError",
    "InvalidArgument",
    "RunRefused",
    "StalePlan",
    "ConfigurationError",
    "RunIsActive",
    "RunNotFound",
    "JournalError",
    "LeaseLost",
    "RetryPolicy",
    "Timeouts",
    "SettlePolicy",
    "AdaptiveLimit",
    "FixedLimit",
    "Limit",
    "Safety",
    "Exchange",
    "Stats",
    "Latency",
    "Secret",
    "Id",
    "UntrustedHtml",
    "UsageGraphs",
    "Disk",
    "Interface",
    "VmIp",
    "AvailableIp",
    "ServiceIp",
    "RdnsEntry",
    "Bandwidth",
    "BandwidthGraph",
    "ServiceResources",
    "Template",
    "UpgradeOptions",
    "UpgradeQuote",
    "Account",
    "AccountFields",
    "Balance",
    "Invoice",
    "InvoiceItem",
    "Ticket",
    "TicketReply",
    "Domain",
    "tcp_check",
    "http_check",
    "HealthCheck",
    "Action",
    "Effect",
    "Skip",
    "Finding",
    "PlannedVm",
    "PlannedLoss",
    "PlanDiff",
    "CauseGroup",
    "Downtime",
    "ServiceSummary",
    "ServiceProgress",
    "Moment",
    "Flow",
    "Comparison",
    "Journal",
    "RunInfo",
    "RunHeader",
    "Event",
    "Sent",
    "Answered",
    "Refused",
    "Waiting",
    "Retried",
    "Unknown",
    "LimitChanged",
    "CircuitChanged",
    "__version__",
]

"""An asyncio client for the SeFlow (HostBill) customer API.

``async with SeFlow(username, password) as seflow:`` gives every call of the API as a typed coroutine, and
``seflow.fleet`` acts on every VM of every service at once and says truthfully what happened to each.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .__about__ import __version__

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
    from .fleet.actions.action import Action, Effect, Skip
    from .fleet.actions.changes import Destroy, RebuildNetwork, Resize, ResizeDisk, SetRdns
    from .fleet.actions.power import Reboot, Start, Stop
    from .fleet.actions.usage import Usage, UsageGraphs
    from .fleet.fleet import Fleet
    from .fleet.journal import Journal, JournalError, LeaseLost, RunHeader, RunInfo, RunIsActive, RunNotFound
    from .fleet.model.fleet_account import Flow
    from .fleet.model.outcome import Outcome, Status
    from .fleet.model.progress import Progress, ServiceProgress
    from .fleet.model.refusals import RunRefused
    from .fleet.model.timeline import Moment
    from .fleet.model.undiscovered import Undiscovered, WithoutVms
    from .fleet.plan.plan import Plan, PlanDiff, StalePlan
    from .fleet.plan.planned_vm import PlannedLoss, PlannedVm
    from .fleet.plan.rollout import HealthCheck, Rollout
    from .fleet.recovery.findings import Finding
    from .fleet.report.compare import Comparison
    from .fleet.report.report import Report
    from .fleet.report.report_groups import CauseGroup, Downtime, ServiceSummary
    from .fleet.run.run import Run
    from .fleet.select.selection import ALL, Where
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
    from .preloading import preload
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
    # A name is imported when it is first used (PEP 562): `import aioseflow` takes 10 ms of CPU time, and all
    # names 340 ms. Type checkers must not see this, because they would then accept every name.
    _HOMES = {
        "client": "SeFlow",
        "endpoints.account": "AccountFields",
        "errors": (
            "AddressNotAllowed ApiError AuthenticationError ConfigurationError DecodeError GatewayError "
            "InvalidArgument NotFound OutcomeUnknown PermissionDenied RequestTimeout SeFlowError ServerError "
            "Throttled TransportError"
        ),
        "fleet.actions.action": "Action Effect Skip",
        "fleet.actions.changes": "Destroy RebuildNetwork Resize ResizeDisk SetRdns",
        "fleet.actions.power": "Reboot Start Stop",
        "fleet.actions.usage": "Usage UsageGraphs",
        "fleet.fleet": "Fleet",
        "fleet.journal": "Journal JournalError LeaseLost RunHeader RunInfo RunIsActive RunNotFound",
        "fleet.model.fleet_account": "Flow",
        "fleet.model.outcome": "Outcome Status",
        "fleet.model.progress": "Progress ServiceProgress",
        "fleet.model.refusals": "RunRefused",
        "fleet.model.timeline": "Moment",
        "fleet.model.undiscovered": "Undiscovered WithoutVms",
        "fleet.plan.plan": "Plan PlanDiff StalePlan",
        "fleet.plan.planned_vm": "PlannedLoss PlannedVm",
        "fleet.plan.rollout": "HealthCheck Rollout",
        "fleet.recovery.findings": "Finding",
        "fleet.report.compare": "Comparison",
        "fleet.report.report": "Report",
        "fleet.report.report_groups": "CauseGroup Downtime ServiceSummary",
        "fleet.run.run": "Run",
        "fleet.select.selection": "ALL Where",
        "health_checks": "http_check tcp_check",
        "identifiers": "Id",
        "models": (
            "Accepted Account AvailableIp Balance Bandwidth BandwidthGraph Disk Domain Interface Invoice "
            "InvoiceItem PowerState RdnsEntry Service ServiceIp ServiceResources Template Ticket TicketReply "
            "UntrustedHtml UpgradeOptions UpgradeQuote Vm VmIp"
        ),
        "policy": "RetryPolicy SettlePolicy Timeouts",
        "preloading": "preload",
        "safety": "Safety",
        "secret": "Secret",
        "session.events": "Answered CircuitChanged Event LimitChanged Refused Retried Sent Unknown Waiting",
        "session.exchange": "Exchange",
        "session.limits.adaptive": "AdaptiveLimit",
        "session.limits.limit": "FixedLimit Limit",
        "session.stats": "Latency Stats",
    }
    _HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value  # found by the next access without this function
        return value

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))} - {"__about__"})


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
    "preload",
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

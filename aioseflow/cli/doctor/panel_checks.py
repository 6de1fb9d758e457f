"""The checks of an account in their order; those of its panel take at most eight reads."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import attrs

from ...client import SeFlow
from ...errors import (
    AddressNotAllowed,
    ApiError,
    AuthenticationError,
    ConfigurationError,
    GatewayError,
    NotFound,
    PermissionDenied,
    SeFlowError,
    Throttled,
)
from ...models import Service, ServiceMethod, ServiceStatus
from ...policy import Timeouts
from ..accounts import Identity
from .calls import CallState, has_vms, offered
from .check import ORDER, Check, Checker, CheckVerdict, span
from .connection_checks import ConnectionChecks
from .network import is_address

_TIMEOUTS: Final = Timeouts(connect=10.0, read=20.0)
_DEADLINE_SECONDS: Final = 30.0
_READS: Final = 3  # of the account's details, for the latency
_SERVICES_ASKED: Final = 3  # for their functions
_SKEW_MAX_SECONDS: Final = 30.0
_SLOW_SECONDS: Final = 3.0
_VMS: Final = 1000
_CALLS_NAMED: Final = 4
_NEEDED_BY_A_FLEET: Final = ("vms.list", "vms.start", "vms.stop", "vms.reboot")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]{3,45}")


@attrs.define(eq=False)
class PanelChecks:
    """The checks of one account's panel, over a client that is open and a connection that was checked."""

    seflow: SeFlow
    connection: ConnectionChecks
    check: Checker
    answered: list[str] = attrs.Factory(list)
    broken: SeFlowError | None = None

    async def make(self, add: Callable[[Check], None]) -> None:
        """Make each check in turn, until one fails after which the others make no sense."""
        began = datetime.now(UTC)
        with self.seflow.capture() as exchanges:
            error = await self._read(self.seflow.account.details)
        if error is None:
            self.answered.append("account.details")
        took = datetime.now(UTC) - began
        # Not `headers`, in which a short password is masked wherever it occurs: in a date, too.
        date = exchanges[0].raw_headers.get("Date", "") if exchanges else ""
        add(self._api(error))
        add(self._clock(date, began + took / 2))
        if error is not None and not _is_decisive(error):
            return
        for check in self._login(error):
            add(check)
        if isinstance(error, AuthenticationError | AddressNotAllowed):
            return
        for _ in range(_READS - 1):
            if error is None:
                error = self.broken = await self._read(self.seflow.account.details)
        add(self._throttle(error))
        if isinstance(error, Throttled):
            return
        add(self._latency())
        add(await self._calls())

    async def _read(self, read: Callable[[], Awaitable[Any]]) -> SeFlowError | None:
        try:
            await read()
        except SeFlowError as error:
            return error
        return None

    def _api(self, error: SeFlowError | None) -> Check:
        if error is None or _is_decisive(error):
            return self.check.ok("api", "the panel answers as the API does")
        fix = "check that the base URL is the API's (…/api); aioseflow api account.details tries again"
        return self.check.failed("api", str(error), fix, error=type(error).__name__)

    def _clock(self, date: str, now: datetime) -> Check:
        try:
            there = parsedate_to_datetime(date)
        except ValueError:
            return self.check.skipped("clock", "the panel does not say its time")
        # An answer says whole seconds, and no zone where it means UTC.
        skew = (now - (there if there.tzinfo else there.replace(tzinfo=UTC))).total_seconds() - 0.5
        if abs(skew) <= _SKEW_MAX_SECONDS:
            return self.check.ok("clock", f"within {max(1, round(abs(skew)))} s of the panel's", skew=skew)
        word = "ahead of" if skew > 0 else "behind"
        fix = "set it (timedatectl set-ntp true): certificates and the time of a lost answer are judged by it"
        return self.check.warning("clock", f"{span(abs(skew))} {word} the panel's", fix, skew=skew)

    def _login(self, error: SeFlowError | None) -> list[Check]:
        make, user = self.check, self.connection.identity.credentials.username
        profile = self.connection.identity.profile
        match error:
            case AuthenticationError():
                way = "correct SEFLOW_PASSWORD or run aioseflow login"
                if profile:
                    way = f"run aioseflow login --profile {profile}"
                fix = f"{way}. Try once only: panels lock accounts after a few failures"
                return [make.failed("credentials", f"{user} or the password is refused", fix)]
            case AddressNotAllowed():
                skipped = make.skipped("credentials", "the panel checks the address first")
                return [skipped, self._address_refused(error)]
            case Throttled():
                why = "the panel throttles before it checks them"
                return [make.skipped(name, why) for name in ("credentials", "allow_list")]
            case PermissionDenied():
                found = f"signed in as {user}, who may not read the account: {error}"
                fix = "allow it to this user in the client area if commands need it"
                login = make.warning("credentials", found, fix)
            case _:
                login = make.ok("credentials", f"signed in as {user}")
        return [login, make.ok("allow_list", "this machine's address is allowed")]

    def _address_refused(self, error: SeFlowError) -> Check:
        address = next((word for word in _ADDRESS.findall(error.excerpt) if is_address(word)), None)
        proxy, own = self.connection.proxy, self.connection.own
        found = "the panel refuses this machine's address"
        if address is not None:
            found += f", which it sees as {address}"
        elif proxy is not None:
            found = f"the panel refuses the address of the proxy {proxy.url}"
        elif own is not None:
            found += f": {own}, or its router's if it is behind one"
        fix = "add it to the allowed addresses in the security settings of the client area"
        return self.check.failed("allow_list", found, fix, address=address, own_address=own)

    def _throttle(self, error: SeFlowError | None) -> Check:
        stats = self.seflow.stats()
        details: dict[str, Any] = {"limit": stats.limit, "reads": stats.attempts, "refusals": stats.refusals}
        if not isinstance(error, Throttled):
            found = f"no throttling in {stats.attempts} reads; runs begin with {stats.limit} in flight"
            return self.check.ok("throttle", found, **details)
        wait = details["retry_after"] = error.retry_after
        # Where even the first read was throttled, nothing is known of the checks that follow.
        make = self.check.warning if self.answered else self.check.failed
        found = f"the panel throttles ({stats.refusals} of {stats.attempts} reads)"
        when = f"wait {wait:g} s" if wait is not None else "wait a while"
        fix = f"{when}, then run aioseflow doctor again; check what else uses this account now"
        return make("throttle", found, fix, **details)

    def _latency(self) -> Check:
        measured = self.seflow.stats().latency.get("account.details")
        if measured is None:
            return self.check.skipped("latency", "no read was answered")
        details: dict[str, Any] = {"p50": measured.p50, "longest": measured.longest, "reads": measured.count}
        if self.broken is not None:
            fix = "the network or the panel is unsteady; calls that change nothing are repeated anyway"
            return self.check.warning("latency", f"a read was lost: {self.broken}", fix, **details)
        found = f"{span(measured.p50)} a read (median of {measured.count}; longest {span(measured.longest)})"
        if measured.p50 <= _SLOW_SECONDS:
            return self.check.ok("latency", found, **details)
        fix = f"ask the provider why; {_VMS} VMs one by one take {span(measured.p50 * _VMS)} at this pace"
        return self.check.warning("latency", found, fix, **details)

    async def _calls(self) -> Check:
        try:
            services = await self.seflow.services.list()
            self.answered.append("services.list")
            asked, listed = await self._functions(services)
        except SeFlowError as error:
            return self.check.skipped("calls", str(error))
        every = offered(listed, self.answered)
        details: dict[str, Any] = {"service_id": asked.id if asked else None, "calls": every}
        if asked is None:
            why = "the installation does not say (it has no GET /service/@id/methods)"
            return self.check.skipped("calls", why if services else "there is no service", **details)
        there = sum(one.state is CallState.THERE for one in every)
        missing = [name for one in every if one.state is CallState.MISSING for name in one.calls]
        found = f"service {asked.id} lists {there} of {len(every)}"
        if missing:
            more = len(missing) - _CALLS_NAMED
            rest = f" and {more} more (--output json names all)" if more > 0 else ""
            found += f"; missing: {', '.join(missing[:_CALLS_NAMED])}{rest}"
        needed = ", ".join(name for name in _NEEDED_BY_A_FLEET if name in missing)
        if not needed:
            return self.check.ok("calls", found, **details)
        return self.check.warning(
            "calls", found, f"a fleet needs {needed}: ask the provider for them", **details
        )

    async def _functions(self, services: list[Service]) -> tuple[Service | None, list[ServiceMethod] | None]:
        """Return a service that lists VM functions, else the first that lists any, with its list."""
        first = None
        # A service that has ended has no functions.
        for service in sorted(services, key=lambda one: one.status != ServiceStatus.ACTIVE)[:_SERVICES_ASKED]:
            try:
                listed = await self.seflow.service_methods(service.id)
            except (ApiError, GatewayError, NotFound, PermissionDenied):
                break
            first = first or (service, listed)
            if has_vms(listed):
                return service, listed
        return first or (None, None)


def _is_decisive(error: SeFlowError) -> bool:
    """Whether the error shows that the API answered and knows the account."""
    if isinstance(error, PermissionDenied):
        # Without a code it may be a firewall's page.
        return bool(error.codes)
    return isinstance(error, AuthenticationError | AddressNotAllowed | Throttled)


async def examine(identity: Identity, add: Callable[[Check], None]) -> None:
    """Make all checks of one account in their order; those left out are ``not_checked``."""
    try:
        name = identity.label
    except ConfigurationError:
        # The first check reports it.
        name = identity.credentials.username
    left, failed = list(ORDER), ""

    def note(check: Check) -> None:
        nonlocal failed
        left.remove(check.check)
        failed = check.check if check.verdict is CheckVerdict.FAILED else failed
        add(check)

    checker = Checker(name)
    connection = ConnectionChecks(identity, checker)
    await connection.make(note)
    if not failed:
        async with identity.client(retry=None, timeouts=_TIMEOUTS, deadline=_DEADLINE_SECONDS) as seflow:
            await PanelChecks(seflow, connection, checker).make(note)
    for missing in left:
        add(checker.skipped(missing, f'fix "{(failed or "throttle").replace("_", " ")}" first'))

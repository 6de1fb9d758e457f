"""What a panel itself answers: at most eight reads, none of them after a refusal."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import attrs

from ...client import SeFlow
from ...config import DEFAULT_BASE_URL
from ...errors import (
    AddressNotAllowed,
    ApiError,
    AuthenticationError,
    GatewayError,
    NotFound,
    PermissionDenied,
    SeFlowError,
    Throttled,
)
from ...models import Service, ServiceMethod, ServiceStatus
from ...policy import Timeouts
from .calls import CallState, has_vms, offered
from .check import Check, CheckVerdict
from .connection_checks import ConnectionChecks
from .network import is_address

_TIMEOUTS: Final = Timeouts(connect=10.0, read=20.0)
_DEADLINE: Final = 30.0
_READS: Final = 3  # of the account's details, for the latency
_ASKED: Final = 3  # services, for their functions
_SKEW: Final = 30.0  # seconds
_SLOW: Final = 3.0  # seconds
_VMS: Final = 1000
_NAMED: Final = 4  # calls that are missing
_NEEDED: Final = ("vms.list", "vms.start", "vms.stop", "vms.reboot")
_LOCKED: Final = "panels lock accounts after a few refusals"
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]{3,45}")


@attrs.define(eq=False)
class PanelChecks:
    """The checks of one account's panel, over a client that is open; ``way`` is how it was reached."""

    seflow: SeFlow
    way: ConnectionChecks
    answered: list[str] = attrs.Factory(list)
    broken: SeFlowError | None = None

    @classmethod
    def client(cls, way: ConnectionChecks) -> SeFlow:
        """A client for it, not opened yet."""
        identity = way.identity
        return SeFlow(
            identity.credentials.username,
            identity.credentials.password,
            base_url=identity.base_url or DEFAULT_BASE_URL,
            name=identity.label,
            retry=None,
            timeouts=_TIMEOUTS,
            deadline=_DEADLINE,
        )

    async def checks(self) -> AsyncGenerator[Check, None]:
        """Each check in turn, until one fails that makes the next senseless."""
        error, clock = await self._first()
        yield self._api(error)
        yield clock
        if error is not None and not _is_decisive(error):
            return
        for check in self._let_in(error):
            yield check
        if isinstance(error, AuthenticationError | AddressNotAllowed):
            return
        if error is None:
            error = await self._more()
        yield self._throttle(error)
        if isinstance(error, Throttled):
            return
        yield self._latency()
        yield await self._calls()

    def _check(self, name: str, verdict: CheckVerdict, found: str, mend: str = "", **details: Any) -> Check:
        return Check(self.way.account, name, verdict, found, mend, details)

    async def _read(self, read: Callable[[], Awaitable[Any]]) -> SeFlowError | None:
        try:
            await read()
        except SeFlowError as error:
            return error
        return None

    async def _first(self) -> tuple[SeFlowError | None, Check]:
        began = datetime.now(UTC)
        with self.seflow.capture() as exchanges:
            error = await self._read(self.seflow.account.details)
        if error is None:
            self.answered.append("account.details")
        took = datetime.now(UTC) - began
        # Not `headers`, in which a short password is masked wherever it stands: in a date, too.
        said = exchanges[0].raw_headers.get("Date", "") if exchanges else ""
        return error, self._clock(said, began + took / 2)

    async def _more(self) -> SeFlowError | None:
        for _ in range(_READS - 1):
            self.broken = await self._read(self.seflow.account.details)
            if self.broken is not None:
                break
        return self.broken

    def _clock(self, said: str, now: datetime) -> Check:
        try:
            there = parsedate_to_datetime(said)
        except ValueError:
            return self._check("clock", CheckVerdict.NOT_CHECKED, "the panel does not say its time")
        # An answer says whole seconds, and no zone where it means UTC.
        skew = (now - (there if there.tzinfo else there.replace(tzinfo=UTC))).total_seconds() - 0.5
        if abs(skew) <= _SKEW:
            return self._check(
                "clock", CheckVerdict.OK, f"within {max(1, round(abs(skew)))} s of the panel's", skew=skew
            )
        word = "ahead of" if skew > 0 else "behind"
        return self._check(
            "clock",
            CheckVerdict.WARNING,
            f"{_span(abs(skew))} {word} the panel's",
            "set it (timedatectl set-ntp true): certificates are judged by it, and what is read back after "
            "a lost answer is dated by it",
            skew=skew,
        )

    def _api(self, error: SeFlowError | None) -> Check:
        if error is None or _is_decisive(error):
            return self._check("api", CheckVerdict.OK, "the panel answers as the API does")
        mend = (
            "is the base URL the API's (…/api), and the panel up? aioseflow api account.details tries again"
        )
        return self._check("api", CheckVerdict.FAILED, str(error), mend, error=type(error).__name__)

    def _let_in(self, error: SeFlowError | None) -> list[Check]:
        who = self.way.identity.credentials.username
        match error:
            case AuthenticationError():
                profile = self.way.identity.profile
                asks = (
                    f"aioseflow login --profile {profile} asks for the right one"
                    if profile
                    else "correct SEFLOW_PASSWORD, or aioseflow login"
                )
                mend = f"{asks}; try it once and nowhere in parallel: {_LOCKED}"
                return [
                    self._check("credentials", CheckVerdict.FAILED, f"{who} or the password is refused", mend)
                ]
            case AddressNotAllowed():
                return [
                    self._check(
                        "credentials", CheckVerdict.NOT_CHECKED, "the panel looks at the address first"
                    ),
                    self._address_refused(error),
                ]
            case Throttled():
                why = "a refusal for now says nothing of them"
                return [
                    self._check(name, CheckVerdict.NOT_CHECKED, why) for name in ("credentials", "allow_list")
                ]
            case PermissionDenied():
                credentials = self._check(
                    "credentials",
                    CheckVerdict.WARNING,
                    f"{who} is let in, but may not read the account: {error}",
                    "allow it to this user in the client area if commands need it",
                )
            case _:
                credentials = self._check("credentials", CheckVerdict.OK, f"{who} is let in")
        return [credentials, self._check("allow_list", CheckVerdict.OK, "this machine's address is let in")]

    def _address_refused(self, error: SeFlowError) -> Check:
        address = _named(error.excerpt)
        if address is None and self.way.proxy is not None:
            found = f"the panel refuses the address of the proxy {self.way.proxy.url}"
        else:
            found = "the panel refuses this machine's address"
            if address is not None:
                found += f", which it sees as {address}"
            elif self.way.own is not None:
                found += f": {self.way.own}, or its router's if it is behind one"
        return self._check(
            "allow_list",
            CheckVerdict.FAILED,
            found,
            "add it in the panel's client area, in the security settings, to those that may log in",
            address=address,
            own_address=self.way.own,
        )

    def _throttle(self, error: SeFlowError | None) -> Check:
        stats = self.seflow.stats()
        details: dict[str, Any] = {"limit": stats.limit, "reads": stats.attempts, "refusals": stats.refusals}
        if isinstance(error, Throttled):
            wait = error.retry_after
            details["retry_after"] = wait
            # Where even the first was refused, nothing is known of what comes after it.
            verdict = CheckVerdict.WARNING if self.answered else CheckVerdict.FAILED
            found = f"the provider refuses for now ({stats.refusals} of {stats.attempts} reads)"
            when = f"wait {wait:g} s" if wait is not None else "wait a while"
            mend = f"{when}, then aioseflow doctor again; does something else use this account now?"
            return self._check("throttle", verdict, found, mend, **details)
        found = f"no refusal in {stats.attempts} reads; runs begin with {stats.limit} in flight"
        return self._check("throttle", CheckVerdict.OK, found, **details)

    def _latency(self) -> Check:
        measured = self.seflow.stats().latency.get("account.details")
        if measured is None:
            return self._check("latency", CheckVerdict.NOT_CHECKED, "no read was answered")
        longest = _span(measured.longest)
        found = f"{_span(measured.p50)} a read (median of {measured.count}; the longest {longest})"
        details: dict[str, Any] = {"p50": measured.p50, "longest": measured.longest, "reads": measured.count}
        if self.broken is not None:
            mend = "the way or the panel is unsteady; calls that change nothing are repeated by themselves"
            return self._check(
                "latency", CheckVerdict.WARNING, f"a read was lost: {self.broken}", mend, **details
            )
        if measured.p50 <= _SLOW:
            return self._check("latency", CheckVerdict.OK, found, **details)
        mend = f"ask the provider why; at this pace {_VMS} VMs one by one take {_span(measured.p50 * _VMS)}"
        return self._check("latency", CheckVerdict.WARNING, found, mend, **details)

    async def _calls(self) -> Check:
        try:
            services = await self.seflow.services.list()
            self.answered.append("services.list")
            asked, listed = await self._listed(services)
        except SeFlowError as error:
            return self._check("calls", CheckVerdict.NOT_CHECKED, str(error))
        every = offered(listed, self.answered)
        details: dict[str, Any] = {"service_id": asked.id if asked else None, "calls": every}
        if asked is None:
            why = "the installation does not say (it has no GET /service/@id/methods)"
            return self._check(
                "calls", CheckVerdict.NOT_CHECKED, why if services else "there is no service", **details
            )
        there = sum(one.state is CallState.THERE for one in every)
        missing = [name for one in every if one.state is CallState.MISSING for name in one.calls]
        found = f"{there} of {len(every)} are there by the word of service {asked.id}"
        if missing:
            more = len(missing) - _NAMED
            rest = f" and {more} more (--output json names all)" if more > 0 else ""
            found += f"; not in its list: {', '.join(missing[:_NAMED])}{rest}"
        needed = [name for name in _NEEDED if name in missing]
        if not needed:
            return self._check("calls", CheckVerdict.OK, found, **details)
        mend = f"a fleet needs {', '.join(needed)}: ask the provider for them"
        return self._check("calls", CheckVerdict.WARNING, found, mend, **details)

    async def _listed(self, services: list[Service]) -> tuple[Service | None, list[ServiceMethod] | None]:
        """A service with VM functions and all that it can do, else another one; None if none says so."""
        first = None
        # What has ended can do nothing any more.
        for service in sorted(services, key=lambda one: one.status != ServiceStatus.ACTIVE)[:_ASKED]:
            try:
                listed = await self.seflow.service_methods(service.id)
            except (ApiError, GatewayError, NotFound, PermissionDenied):
                break
            first = first or (service, listed)
            if has_vms(listed):
                return service, listed
        return first or (None, None)


def _is_decisive(error: SeFlowError) -> bool:
    """Whether it says that the API answers, and of whom it knows something."""
    if isinstance(error, PermissionDenied):
        # Without a code it may be a firewall's page.
        return bool(error.codes)
    return isinstance(error, AuthenticationError | AddressNotAllowed | Throttled)


def _named(excerpt: str) -> str | None:
    """The address that an answer names."""
    return next((word for word in _ADDRESS.findall(excerpt) if is_address(word)), None)


def _span(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"

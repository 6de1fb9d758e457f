"""`Discovery`: lists the services of an account, then the VMs of each service, several lists at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from ...errors import ApiError, NotFound, PermissionDenied, SeFlowError
from ...policy import PANEL_AWAY_MAX_SECONDS
from ..model.clock import PanelClock
from ..model.outcome import cause_of
from ..model.raised import predicate_raised
from ..model.target import service_name
from ..model.undiscovered import ONE_PAGE, Undiscovered, WhyNoVms, WithoutVms
from .vm_list import VmList, may_be_away, one_page, pages_of, probe_pause, read_vms

if TYPE_CHECKING:
    from ...models import Service
    from ..model.fleet_account import FleetAccount
    from ..select.matcher import Matcher
    from ..select.selection import Selection

_ENDED = frozenset({"terminated", "cancelled", "canceled", "fraud"})


@attrs.frozen
class ListedService(VmList):
    """A service and its VMs."""

    service: Service = attrs.field(kw_only=True)


@attrs.define(eq=False)
class Discovery:
    """Reads the lists of one account once, and records which are missing and which are empty.

    Attributes:
        selection: which services are listed; None lists every service.
        reading: whether lists are still to be read.
        error: why the services of the account could not be listed; None where they were.
        services: the ids of all services of the account.
        is_whole: whether the list of services was whole, not one page of several.
        unlisted: the services whose lists are still to be read, by id.
        count_all: whether services that are not selected are listed, too; such a service that cannot be
            listed is no loss.
        found_none: called with each selected service that has no VMs.
        waits: returns whether a panel that is away is still waited for.
    """

    account: FleetAccount
    selection: Selection | None
    reading: bool = True
    error: SeFlowError | None = None
    services: set[str] = attrs.Factory(set)
    is_whole: bool = True
    unlisted: dict[str, Service] = attrs.Factory(dict)
    count_all: bool = False
    found_none: Callable[[WithoutVms], None] = attrs.field(default=lambda found: None)
    waits: Callable[[], bool] = attrs.field(default=lambda: True)
    panel_clock: PanelClock = attrs.field(factory=PanelClock, init=False)
    _lost: dict[str | None, Undiscovered] = attrs.field(factory=dict, init=False)
    _without: dict[str, WithoutVms] = attrs.field(factory=dict, init=False)

    @property
    def lists_all_services(self) -> bool:
        """Whether a service that is not in ``services`` does not exist."""
        return self.error is None and self.is_whole

    @property
    def undiscovered(self) -> list[Undiscovered]:
        """The services that could not be listed, or only in part; each once. Without ids, the account."""
        return list(self._lost.values())

    @property
    def without_vms(self) -> list[WithoutVms]:
        """The selected services that have no VMs."""
        found = self._without.values()
        return sorted(found, key=lambda one: (len(one.service_id), one.service_id))

    def lose(self, losses: Iterable[Undiscovered]) -> None:
        """Record what could not be listed, in place of what was known of the same service before."""
        for loss in losses:
            self._lost[loss.service_id] = loss
            if loss.service_id is not None:
                self._without.pop(loss.service_id, None)

    def recall(self, found: Iterable[WithoutVms]) -> None:
        """Take over the services that were found to have no VMs earlier, until they are listed anew."""
        self._without.update({one.service_id: one for one in found if one.account == self.account.name})

    def note_raised(self, service: Service, protected: Matcher | None) -> None:
        """Record the VMs of a listed service for which a predicate raised, so that nothing selects them."""
        if self.selection is None:
            return
        raised = self.selection.raised_in(self.account.name, service.id, protected)
        if raised:
            error = predicate_raised(raised)
            self.lose([self._loss(service, error, cause_of(error))])

    async def lists(self) -> AsyncGenerator[ListedService, None]:
        """Yield each selected service with its VMs, in the order in which the panel answers.

        Only a few lists are read ahead of the consumer, so that a slow consumer bounds the memory. A service
        that cannot be listed is in `undiscovered`; an account whose services cannot be listed has an `error`.
        """
        try:
            with self.account.capture() as exchanges:
                services = await self.account.services.list()
        except SeFlowError as error:
            self.error = error
            self.lose([Undiscovered(account=self.account.name, error=error, cause=cause_of(error))])
            self.reading = False
            return
        self.panel_clock.note(exchanges)
        if (pages := pages_of(exchanges)) is not None:
            self.is_whole = False
            part = one_page(pages, "the account's services")
            self.lose([Undiscovered(account=self.account.name, error=part, cause=ONE_PAGE)])
        self.services = {service.id for service in services}
        wanted = {service.id: service for service in services if self.count_all or self._wants(service)}
        self.unlisted.update(wanted)
        readers = max(1, min(len(wanted), self.account.concurrency // 2))
        ready: asyncio.Queue[ListedService | Exception | None] = asyncio.Queue(maxsize=readers)
        remaining = iter(wanted.values())
        tasks = [asyncio.create_task(self._read(remaining, ready)) for _ in range(readers)]
        try:
            finished = 0
            while finished < readers:
                listed = await ready.get()
                if listed is None:
                    finished += 1
                elif isinstance(listed, Exception):
                    raise listed
                else:
                    # From here on the consumer accounts for its VMs.
                    del self.unlisted[listed.service.id]
                    self._note(listed)
                    yield listed
            self.reading = False
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _wants(self, service: Service) -> bool:
        return self.selection is None or self.selection.wants_service(self.account.name, service)

    async def _read(
        self, services: Iterable[Service], ready: asyncio.Queue[ListedService | Exception | None]
    ) -> None:
        try:
            for service in services:
                listed = await self._list(service)
                if listed is None:
                    del self.unlisted[service.id]
                else:
                    await ready.put(listed)
        except Exception as error:  # noqa: BLE001 - handed to the consumer, who raises it
            await ready.put(error)
        else:
            await ready.put(None)

    async def _list(self, service: Service) -> ListedService | None:
        try:
            read = await self._read_when_answered(service)
        except SeFlowError as error:
            if self._wants(service):
                if (why := await self._why_no_vms(service, error)) is not None:
                    self._find_none(service, why)
                else:
                    self.lose([self._loss(service, error, cause_of(error))])
            return None
        return ListedService(read.vms, read.asked_at, read.pages, read.panel_at, service=service)

    async def _read_when_answered(self, service: Service) -> VmList:
        """Read the list of a service; wait for a panel that went away after it had listed the services."""
        loop = asyncio.get_running_loop()
        until: float | None = None
        while True:
            try:
                return await read_vms(self.account, self.account.vms, service.id)
            except SeFlowError as error:
                until = until or loop.time() + PANEL_AWAY_MAX_SECONDS
                if not (may_be_away(self.account, error) and self.waits()) or loop.time() >= until:
                    raise
            await asyncio.sleep(probe_pause())

    def _note(self, listed: ListedService) -> None:
        """Record that a list was one page of several, or empty."""
        service = listed.service
        if not self._wants(service):
            return
        self._without.pop(service.id, None)
        if listed.pages is not None:
            error = one_page(listed.pages, f"the VMs of service {service.id}")
            self.lose([self._loss(service, error, ONE_PAGE)])
        elif not listed.vms:
            self._find_none(service, "empty_list")

    async def _why_no_vms(self, service: Service, error: SeFlowError) -> WhyNoVms | None:
        """Return why a service whose list was refused has no VMs; None where it may have some."""
        if not isinstance(error, ApiError | NotFound | PermissionDenied):
            return None
        # Without codes the answer may be that of a web server in front of the panel.
        spoke = bool(error.codes)
        if spoke and str(service.status).lower() in _ENDED:
            return "service_ended"
        able = await self.account.has_vm_functions(service.id)
        if able is False:
            return "no_vm_functions"
        # Older installations list no functions, and answer "no such route" for a service without VMs.
        return "no_such_route" if spoke and able is None and isinstance(error, NotFound) else None

    def _find_none(self, service: Service, why: WhyNoVms) -> None:
        found = WithoutVms(
            account=self.account.name, service_id=service.id, service_name=service_name(service), why=why
        )
        self._without[service.id] = found
        self.found_none(found)

    def give_up(self, cause: str) -> None:
        """Record the services that were not listed because the run ended first."""
        if self.reading and not self.services:
            self.lose([Undiscovered(account=self.account.name, cause=cause)])
        unlisted = filter(self._wants, self.unlisted.values())
        self.lose([self._loss(service, None, cause) for service in unlisted])
        self.unlisted.clear()

    def _loss(self, service: Service, error: SeFlowError | None, cause: str) -> Undiscovered:
        return Undiscovered(
            account=self.account.name,
            service_id=service.id,
            service_name=service_name(service),
            error=error,
            cause=cause,
        )

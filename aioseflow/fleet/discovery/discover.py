"""Which VMs there are: the services of an account, then the list of each, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

import attrs

from ...errors import ApiError, NotFound, PermissionDenied, SeFlowError
from ...models import Service
from ..model.clock import PanelClock
from ..model.fleet_account import FleetAccount
from ..model.outcome import TargetKey, cause_of
from ..model.target import service_name
from ..model.undiscovered import ONE_PAGE, Undiscovered
from ..model.without_vms import WhyNoVms, WithoutVms
from ..select.selection import Selection
from .vm_list import VmList, one_page, pages_of, read_vms

_ENDED = frozenset({"terminated", "cancelled", "canceled", "fraud"})


@attrs.frozen
class ListedService(VmList):
    """A service and its VMs."""

    service: Service = attrs.field(kw_only=True)


@attrs.define(eq=False)
class Discovery:
    """What was found out about one account while its lists were read.

    With ``count_all`` the other services are listed too; one of these that cannot be listed is no loss.
    ``found_none`` is told of each selected service that has no VMs.
    """

    account: FleetAccount
    selection: Selection | None  # None lists every service
    reading: bool = True
    error: SeFlowError | None = None
    services: set[str] = attrs.Factory(set)
    is_whole: bool = True
    """Whether a service that is not in ``services`` does not exist."""
    unlisted: dict[str, Service] = attrs.Factory(dict)
    count_all: bool = False
    found_none: Callable[[WithoutVms], None] = attrs.field(default=lambda found: None)
    panel_clock: PanelClock = attrs.field(factory=PanelClock, init=False)
    _lost: dict[str | None, Undiscovered] = attrs.field(factory=dict, init=False)
    _without: dict[str, WithoutVms] = attrs.field(factory=dict, init=False)

    @property
    def lists_all_services(self) -> bool:
        """Whether a service that is not in ``services`` does not exist."""
        return self.error is None and self.is_whole

    @property
    def undiscovered(self) -> list[Undiscovered]:
        """What could not be listed, or only in part; each service once."""
        return list(self._lost.values())

    @property
    def without_vms(self) -> list[WithoutVms]:
        """The selected services that have no VMs."""
        found = self._without.values()
        return sorted(found, key=lambda one: (len(one.service_id), one.service_id))

    def lose(self, losses: Iterable[Undiscovered]) -> None:
        """Record what could not be listed; what was known of the same service before is outdated."""
        for loss in losses:
            self._lost[loss.service_id] = loss
            if loss.service_id is not None:
                self._without.pop(loss.service_id, None)

    def recall(self, found: Iterable[WithoutVms]) -> None:
        """Take over what was found without VMs earlier, until it is listed anew."""
        self._without.update({one.service_id: one for one in found if one.account == self.account.name})

    async def lists(self) -> AsyncGenerator[ListedService, None]:
        """Each selected service with its VMs, in the order in which the panel answers.

        Only a few lists are read ahead of the consumer, so that a slow one bounds the memory. What could
        not be listed is in ``undiscovered``; an account that could not be asked at all in ``error``.
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
                    # From here on its VMs are the consumer's to account for.
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
            read = await read_vms(self.account, self.account.vms, service.id)
        except SeFlowError as error:
            if self._wants(service):
                if (why := await self._why_no_vms(service, error)) is not None:
                    self._find_none(service, why)
                else:
                    self.lose([self._loss(service, error, cause_of(error))])
            return None
        return ListedService(read.vms, read.asked_at, read.pages, read.panel_at, service=service)

    def _note(self, listed: ListedService) -> None:
        """Record what a list says beside its VMs."""
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
        """Why a refused list means that there is nothing to list; None where it does not."""
        if not isinstance(error, ApiError | NotFound | PermissionDenied):
            return None
        # Without codes it need not be the panel that spoke, but a web server in front of it.
        spoke = bool(error.codes)
        if spoke and str(service.status).lower() in _ENDED:
            return "service_ended"
        able = await self.account.has_vm_functions(service.id)
        if able is False:
            return "no_vm_functions"
        # Without a list of its functions, "no such route" is the word of an older installation for it.
        return "no_such_route" if spoke and able is None and isinstance(error, NotFound) else None

    def _find_none(self, service: Service, why: WhyNoVms) -> None:
        found = WithoutVms(
            account=self.account.name, service_id=service.id, service_name=service_name(service), why=why
        )
        self._without[service.id] = found
        self.found_none(found)

    def give_up(self, cause: str) -> None:
        """Record what was not listed because the run ended first."""
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


async def listed_vms(
    account: FleetAccount, keys: frozenset[TargetKey], told: Discovery
) -> list[ListedService]:
    """The lists of the services of some VMs; what cannot be listed goes to ``told``."""
    mine = frozenset(key for key in keys if key[0] == account.name)
    if not mine:
        return []
    discovery = Discovery(account, Selection.of_keys(mine, "error"))
    async with aclosing(discovery.lists()) as lists:
        found = [listed async for listed in lists]
    told.lose(discovery.undiscovered)
    told.error = told.error or discovery.error
    return found

"""Which VMs there are: the services of an account, then the list of each, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

import attrs

from ..errors import ApiError, NotFound, PermissionDenied, SeFlowError
from ..models import Service, Vm
from .account import Account
from .outcome import cause_of
from .report.report import Undiscovered
from .select import Selection

_ENDED = frozenset({"terminated", "cancelled", "canceled", "fraud"})


@attrs.frozen
class Listed:
    """A service and its VMs; ``asked_at`` is the loop's time at which the list was asked for."""

    service: Service
    vms: list[Vm]
    asked_at: float


@attrs.define(eq=False)
class Discovery:
    """What was found out about one account while its lists were read.

    With ``count_all`` the other services are listed too; one of these that cannot be listed is no loss.
    """

    account: Account
    selection: Selection | None  # None lists every service
    reading: bool = True
    error: SeFlowError | None = None
    services: set[str] = attrs.Factory(set)
    unlisted: dict[str, Service] = attrs.Factory(dict)
    undiscovered: list[Undiscovered] = attrs.Factory(list)
    count_all: bool = False

    async def lists(self) -> AsyncGenerator[Listed, None]:
        """Each selected service with its VMs, in the order in which the panel answers.

        Only a few lists are read ahead of the consumer, so that a slow one bounds the memory. What could
        not be listed is in ``undiscovered``; an account that could not be asked at all in ``error``.
        """
        try:
            services = await self.account.services.list()
        except SeFlowError as error:
            self.error = error
            self.undiscovered.append(
                Undiscovered(account=self.account.name, error=error, cause=cause_of(error))
            )
            self.reading = False
            return
        self.services = {service.id for service in services}
        wanted = {service.id: service for service in services if self.count_all or self._wants(service)}
        self.unlisted.update(wanted)
        readers = max(1, min(len(wanted), self.account.concurrency // 2))
        ready: asyncio.Queue[Listed | Exception | None] = asyncio.Queue(maxsize=readers)
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
                    yield listed
            self.reading = False
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _wants(self, service: Service) -> bool:
        return self.selection is None or self.selection.wants_service(self.account.name, service)

    async def _read(
        self, services: Iterable[Service], ready: asyncio.Queue[Listed | Exception | None]
    ) -> None:
        try:
            for service in services:
                asked_at = asyncio.get_running_loop().time()
                vms = await self._list(service)
                if vms is None:
                    del self.unlisted[service.id]
                else:
                    await ready.put(Listed(service, vms, asked_at))
        except Exception as error:  # noqa: BLE001 - handed to the consumer, who raises it
            await ready.put(error)
        else:
            await ready.put(None)

    async def _list(self, service: Service) -> list[Vm] | None:
        try:
            return await self.account.vms.list(service.id)
        except SeFlowError as error:
            if await self._has_no_vms(service, error):
                return None
            if self._wants(service):
                self.undiscovered.append(self._lost(service, error, cause_of(error)))
            return None

    async def _has_no_vms(self, service: Service, error: SeFlowError) -> bool:
        """Whether a refused list means that there is nothing to list: web hosting, or a service ended."""
        if not isinstance(error, ApiError | NotFound | PermissionDenied):
            return False
        if str(service.status).lower() in _ENDED:
            return True
        able = await self.account.has_vm_functions(service.id)
        # Without a list of its functions, "no such route" is the word of an older installation for it.
        return able is False or (able is None and isinstance(error, NotFound))

    def give_up(self, cause: str) -> None:
        """Record what was not listed because the run ended first."""
        if self.reading and not self.services:
            self.undiscovered.append(Undiscovered(account=self.account.name, cause=cause))
        unlisted = filter(self._wants, self.unlisted.values())
        self.undiscovered += [self._lost(service, None, cause) for service in unlisted]
        self.unlisted.clear()

    def _lost(self, service: Service, error: SeFlowError | None, cause: str) -> Undiscovered:
        return Undiscovered(
            account=self.account.name,
            service_id=service.id,
            service_name=service_name(service),
            error=error,
            cause=cause,
        )


def service_name(service: Service) -> str:
    """How a service is called: its name, or its domain where it has none."""
    return service.name or service.domain or ""

"""`Fleet`: the VMs of one or several accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from ..errors import ConfigurationError
from ..identifiers import Id
from ..models import Service, Vm
from ..policy import SettlePolicy
from .account import Account
from .action import Action, Reboot, Start, Stop, Usage
from .discover import Discovery
from .run import Run
from .select import ALL, Everything, Predicate, Where, select

Exclude = Predicate | Iterable[tuple[Id | Service, Id | Vm]]


class Fleet:
    """Acts on every selected VM at once and says truthfully what became of each.

    ``seflow.fleet`` is one account's; ``Fleet([client_a, client_b])`` is one fleet of several, each with its
    own session. Selection, for every method: ``where`` is a predicate ``(service, vm)`` or pairs of ids,
    ``services`` and ``vms`` are ids, ``exclude`` a predicate or pairs; a VM must satisfy all. What is left
    out means everything; None or an empty selection is `InvalidArgument`. Ids that were named are all looked
    up first, and one that does not exist ends the run before anything is sent.
    """

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._accounts = tuple(accounts)
        if not self._accounts:
            raise ConfigurationError("a fleet needs at least one account")
        names = [account.name for account in self._accounts]
        if len(set(names)) < len(names):
            shown = ", ".join(sorted(names))
            raise ConfigurationError(
                f"two accounts have the same name ({shown}); give each its own: SeFlow(name=…)"
            )

    def stop(
        self,
        where: Where = ALL,
        *,
        services: Iterable[Id] | Everything = ALL,
        vms: Iterable[Id] | Everything = ALL,
        exclude: Exclude = (),
        wait: bool = True,
        settle: SettlePolicy | None = None,
    ) -> Run:
        """Power off; a VM that is off already is ``unchanged`` and gets nothing.

        With ``wait`` a VM is ``changed`` when it was read back as stopped (``verified``), without it as soon
        as the panel accepted. ``settle`` says how often lists are read meanwhile.
        """
        return self._run(Stop(), where, services, vms, exclude, settle, wait=wait)

    def start(
        self,
        where: Where = ALL,
        *,
        services: Iterable[Id] | Everything = ALL,
        vms: Iterable[Id] | Everything = ALL,
        exclude: Exclude = (),
        wait: bool = True,
        settle: SettlePolicy | None = None,
    ) -> Run:
        """Power on; a VM that runs already is ``unchanged``. Arguments as for `stop`."""
        return self._run(Start(), where, services, vms, exclude, settle, wait=wait)

    def reboot(
        self,
        where: Where = ALL,
        *,
        services: Iterable[Id] | Everything = ALL,
        vms: Iterable[Id] | Everything = ALL,
        exclude: Exclude = (),
    ) -> Run:
        """Reboot, at most once each; a VM that is off is ``not_attempted`` (``not_running``).

        A reboot leaves no trace to read, so that ``changed`` means accepted (``verified`` is False), and a
        lost answer is ``unknown``.
        """
        return self._run(Reboot(), where, services, vms, exclude, None, wait=False)

    def usage(
        self,
        where: Where = ALL,
        *,
        services: Iterable[Id] | Everything = ALL,
        vms: Iterable[Id] | Everything = ALL,
        exclude: Exclude = (),
    ) -> Run:
        """Read the CPU, network and disk graphs; each outcome's ``value`` is a `UsageGraphs`."""
        return self._run(Usage(), where, services, vms, exclude, None, wait=False)

    async def vms(
        self,
        where: Where = ALL,
        *,
        services: Iterable[Id] | Everything = ALL,
        vms: Iterable[Id] | Everything = ALL,
        exclude: Exclude = (),
    ) -> AsyncIterator[tuple[Service, Vm]]:
        """Every selected VM with its service, as the lists come in.

        Raises the error of a list that could not be read, after everything that could be.
        """
        selection = select(where, services=services, vms=vms, exclude=exclude)
        errors: list[Exception] = []
        for account in self._accounts:
            account.require_open()
            discovery = Discovery(account, selection)
            async for listed in discovery.lists():
                for vm in listed.vms:
                    if selection.wants(listed.service, vm):
                        yield listed.service, vm
            errors += [lost.error for lost in discovery.undiscovered if lost.error is not None]
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup("some services could not be listed", errors)

    def _run(
        self, action: Action, where: Any, services: Any, vms: Any, exclude: Any, settle: Any, *, wait: bool
    ) -> Run:
        selection = select(where, services=services, vms=vms, exclude=exclude)
        policy = (settle or SettlePolicy()) if wait else None
        return Run(self._accounts, action, selection, policy)

"""Everything that the accounts have, listed before anything is sent, and the guards of a run spec.

A plan is made of a survey. A run that has to know all its targets first begins with one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import attrs

from ...models import Service, Vm
from ...text import escape, quantity
from ..actions.steps import skip_of, takes_down
from ..model.refusals import RunRefused
from ..model.target import Target
from ..model.vm_state import is_down
from ..select.matcher import Matcher, protection
from ..select.selection import Selection, check_found

if TYPE_CHECKING:
    from ...errors import SeFlowError
    from ..discovery.discover import Discovery, ListedService
    from ..model.outcome import TargetKey
    from ..model.undiscovered import Undiscovered
    from .plan import Plan
    from .spec import RunSpec

_LOSSES_NAMED = 5
_DOWN_NAMED = 5


@attrs.define(eq=False)
class Survey:
    """Lists all services of all accounts, and checks whether a run of a spec may begin.

    Attributes:
        discoveries: one for each account.
        protected: by account, the VMs that are not touched without being named; None for no VM.
        listed: each listed service with the name of its account.
        targets: the selected VMs.
    """

    spec: RunSpec
    discoveries: Sequence[Discovery]
    protected: Mapping[str, Matcher | None] = attrs.field(init=False)
    listed: list[tuple[str, ListedService]] = attrs.field(factory=list, init=False)
    targets: list[Target] = attrs.field(factory=list, init=False)

    @protected.default
    def _protections(self) -> dict[str, Matcher | None]:
        return {each.account.name: protection(each.account) for each in self.discoveries}

    @property
    def undiscovered(self) -> list[Undiscovered]:
        """The services and accounts that could not be listed, or only in part."""
        return [lost for discovery in self.discoveries for lost in discovery.undiscovered]

    @property
    def error(self) -> SeFlowError | None:
        """The error of the first account, where no account at all could be listed."""
        errors = [discovery.error for discovery in self.discoveries]
        return errors[0] if all(error is not None for error in errors) else None

    async def read(self) -> None:
        """Read all lists of all accounts. If this fails, their services count as not listed."""
        if self.spec.selection.is_empty:
            for discovery in self.discoveries:
                discovery.reading = False
            return
        parts: list[tuple[list[ListedService], list[Target]]] = [([], []) for _ in self.discoveries]
        try:
            async with asyncio.TaskGroup() as tasks:
                for discovery, (listed, targets) in zip(self.discoveries, parts, strict=True):
                    tasks.create_task(self._read(discovery, listed, targets))
        except BaseException:
            for discovery, (listed, _) in zip(self.discoveries, parts, strict=True):
                discovery.unlisted.update({each.service.id: each.service for each in listed})
            raise
        for discovery, (listed, targets) in zip(self.discoveries, parts, strict=True):
            self.listed += [(discovery.account.name, each) for each in listed]
            self.targets += targets

    async def _read(self, discovery: Discovery, listed: list[ListedService], targets: list[Target]) -> None:
        name, selection = discovery.account.name, self.spec.selection
        async with aclosing(discovery.lists()) as lists:
            async for each in lists:
                listed.append(each)
                targets += selection.targets(name, each.service, each.vms, self.protected[name])
                discovery.note_raised(each.service, self.protected[name])

    # -- guards -------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise `InvalidArgument` if a guard keeps the run from beginning."""
        lost, plan = self.undiscovered, self.spec.plan
        if self.spec.strict and lost:
            names = ", ".join(
                f"service {loss.service_id}" if loss.service_id else loss.account
                for loss in lost[:_LOSSES_NAMED]
            )
            raise RunRefused(
                f"strict: {len(lost)} could not be listed ({names}: {lost[0].cause}), so nothing was sent",
                reason="undiscovered",
                argument="strict",
            )
        if plan is not None:
            self._check_plan(plan, lost)
        else:
            self._check_named(lost)
        self._check_count()

    def check_availability(self) -> None:
        """Raise `RunRefused` if so many VMs are down already that the run could never take one down."""
        steps, allowed = self.spec.steps, self.spec.rules.unavailable_allowed(len(self.targets))
        needing = [target for target in self.targets if skip_of(steps, target.vm) is None]
        if allowed is None or not needing or not takes_down(steps):
            return
        if any(is_down(target.vm) for target in needing):
            return  # such a VM takes no further place
        down = {(account, each.service.id, vm.id): vm for account, each in self.listed for vm in each.vms}
        down = {key: vm for key, vm in down.items() if is_down(vm)}
        if len(down) >= allowed:
            names = ", ".join(escape(vm.label or vm.id, 40) for vm in list(down.values())[:_DOWN_NAMED])
            more = f" and {len(down) - _DOWN_NAMED} more" if len(down) > _DOWN_NAMED else ""
            are = f"{quantity(len(down), 'VM')} of these services {'is' if len(down) == 1 else 'are'}"
            raise RunRefused(
                f"max_unavailable allows {quantity(allowed, 'VM')} to be down, and {are} down already "
                f"({names}{more}): no VM could ever begin, so nothing was sent. Allow {len(down) + 1} or "
                "more, or start those first",
                reason="max_unavailable",
                argument="max_unavailable",
            )

    def _keys(self) -> list[TargetKey]:
        """Return the key of every listed VM, selected or not."""
        return [(account, each.service.id, vm.id) for account, each in self.listed for vm in each.vms]

    def _check_named(self, lost: Sequence[Undiscovered]) -> None:
        services = None
        if all(discovery.lists_all_services for discovery in self.discoveries):
            services = {service for discovery in self.discoveries for service in discovery.services}
        check_found(
            self.spec.selection,
            [target.key for target in self.targets],
            services=services,
            vms=None if lost else set(self._keys()),
        )

    def _check_plan(self, plan: Plan, lost: Sequence[Undiscovered]) -> None:
        if any(discovery.error is None for discovery in self.discoveries):
            current = {
                (account, each.service.id, vm.id): vm for account, each in self.listed for vm in each.vms
            }
            plan.check_current(current, {(loss.account, loss.service_id) for loss in lost})
        # The plan may have been made with a client that protects other VMs than this one.
        stored = plan.document.get("selection")
        selection = None if stored is None else Selection.from_document(stored)
        acting = {vm.key for vm in plan.targets}
        for target in self.targets:
            matcher = self.protected[target.account]
            if matcher is None or target.key not in acting:
                continue
            if selection is not None and selection.names_vm(*target.key):
                continue
            if matcher.may_match(target.account, target.service, target.vm):
                raise RunRefused(
                    f"VM {target.vm.id} of service {target.service.id} is protected here, and the plan did "
                    "not name it: nothing was sent; plan again",
                    reason="protected",
                )

    def _check_count(self) -> None:
        most = self.spec.max_targets
        if most is None:
            return
        keys, names = self._keys(), [discovery.account.name for discovery in self.discoveries]
        # A percentage is one of the VMs of each account.
        for name in names if most.fraction is not None else (None,):
            selected = sum(name in (None, target.account) for target in self.targets)
            listed = sum(name in (None, account) for account, _, _ in keys)
            if selected > most.limit(listed):
                of = "" if name is None else f" of the {listed} of account {name}"
                allowed = most.count if most.fraction is None else f"{float(most.fraction * 100):g}%"
                raise RunRefused(
                    f"max_targets allows {allowed}, and {selected} VMs are selected{of}: nothing was sent",
                    reason="max_targets",
                    argument="max_targets",
                )

    def gone(self) -> list[Target]:
        """Return the VMs that were named and certainly exist no more: their lists were read whole."""
        where = self.spec.selection.where
        listed = {(account, each.service.id): each for account, each in self.listed}
        discoveries = {discovery.account.name: discovery for discovery in self.discoveries}
        present = {target.key for target in self.targets}
        gone = []
        for key in sorted((where.keys if where is not None else None) or ()):
            account, service_id, vm_id = key
            read, discovery = listed.get(key[:2]), discoveries[account]
            if read is not None:
                is_gone = read.is_whole and all(vm.id != vm_id for vm in read.vms)
            else:
                is_gone = discovery.lists_all_services and service_id not in discovery.services
            if is_gone and key not in present:
                name, label = self.spec.names.get(key, ("", ""))
                service = Service(id=service_id, name=name or None) if read is None else read.service
                gone.append(Target(account, service, Vm(id=vm_id, label=label or None)))
        return gone

"""Which VMs a run is for: never by accident all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, final

import attrs

from ..errors import InvalidArgument
from ..identifiers import Id, check_id
from ..models import Service, Vm
from .outcome import TargetKey


@final
class Everything:
    """The whole fleet, said on purpose; there is one of it, `ALL`."""

    def __repr__(self) -> str:
        return "ALL"

    def __reduce__(self) -> str:
        return "ALL"


ALL: Final = Everything()

Pair: TypeAlias = tuple[str, str]
Predicate: TypeAlias = Callable[[Service, Vm], bool]
Where: TypeAlias = Everything | Predicate | Iterable[tuple[Id | Service, Id | Vm]]
"""A predicate of service and VM, pairs of service and VM ids (or the objects), or `ALL`."""


@attrs.frozen
class Target:
    """One VM to act on, as it was read when it was selected."""

    account: str
    service: Service
    vm: Vm

    @property
    def key(self) -> TargetKey:
        return self.account, self.service.id, self.vm.id


@attrs.frozen
class Selection:
    """The checked form of ``where``, ``services``, ``vms`` and ``exclude``: a VM must satisfy all."""

    predicate: Predicate | None
    pairs: frozenset[Pair] | None
    services: frozenset[str] | None
    vms: frozenset[str] | None
    excluded: Predicate | frozenset[Pair]

    @property
    def is_explicit(self) -> bool:
        """Whether ids were named, which must all exist before anything is sent."""
        return self.pairs is not None or self.services is not None or self.vms is not None

    def wants_service(self, service: Service) -> bool:
        """Whether the VMs of this service have to be listed."""
        if self.services is not None and service.id not in self.services:
            return False
        return self.pairs is None or any(service.id == service_id for service_id, _ in self.pairs)

    def wants(self, service: Service, vm: Vm) -> bool:
        """Whether this VM is selected; an exception of the user's predicate passes through."""
        pair = service.id, vm.id
        if self.pairs is not None and pair not in self.pairs:
            return False
        if self.vms is not None and vm.id not in self.vms:
            return False
        if self.predicate is not None and not self.predicate(service, vm):
            return False
        if callable(self.excluded):
            return not self.excluded(service, vm)
        return pair not in self.excluded


def select(
    where: Where,
    *,
    services: Iterable[Id] | Everything,
    vms: Iterable[Id] | Everything,
    exclude: Predicate | Iterable[tuple[Id | Service, Id | Vm]],
) -> Selection:
    """Check a selection. Raises `InvalidArgument`; nothing has been sent then."""
    predicate: Predicate | None = None
    pairs: frozenset[Pair] | None = None
    if callable(where):
        predicate = where
    elif not isinstance(where, Everything):
        pairs = _pairs(where, "where")
        if not pairs:
            raise InvalidArgument(f"where is empty, which never means everything; {_HINT}")
    return Selection(
        predicate=predicate,
        pairs=pairs,
        services=_ids(services, "services"),
        vms=_ids(vms, "vms"),
        excluded=exclude if callable(exclude) else _pairs(exclude, "exclude"),
    )


_HINT = "give a predicate (service, vm), pairs of ids [(service_id, vm_id)], or aioseflow.ALL"


def _pairs(value: Any, what: str) -> frozenset[Pair]:
    if value is None or isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidArgument(f"{what}={value!r:.60} selects nothing that could be meant; {_HINT}")
    pairs = set()
    for item in value:
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise InvalidArgument(f"{what} contains {item!r:.60}, which is not a pair; {_HINT}")
        service, vm = item
        pairs.add((_id(service, f"a service id in {what}"), _id(vm, f"a VM id in {what}")))
    return frozenset(pairs)


def _ids(value: Any, what: str) -> frozenset[str] | None:
    if isinstance(value, Everything):
        return None
    if isinstance(value, str | int | Service | Vm):
        value = [value]
    if value is None or not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
        raise InvalidArgument(f"{what}={value!r:.60} names nothing; give ids, or leave it out for all")
    ids = frozenset(_id(item, f"an id in {what}") for item in value)
    if not ids:
        raise InvalidArgument(f"{what} is empty, which never means everything; leave it out for all")
    return ids


def _id(value: Any, what: str) -> str:
    return value.id if isinstance(value, Service | Vm) else check_id(value, what)


def check_found(
    selection: Selection,
    found: Iterable[Target],
    *,
    services: set[str] | None,
    vms: set[Pair] | None,
) -> None:
    """Raise `InvalidArgument` for ids that were named and do not exist, or that name two VMs.

    ``found`` are the selected targets; ``services`` the ids of all services, and ``vms`` those of all VMs of
    the services that were listed; None where some could not be read, and what is missing may be there.
    """
    places: dict[str, list[str]] = {}
    for target in found:
        places.setdefault(target.vm.id, []).append(f"service {target.service.id} of {target.account}")
    for vm_id in sorted(selection.vms or ()):
        if len(places.get(vm_id, [])) > 1 and selection.pairs is None:
            shown = " and in ".join(sorted(places[vm_id]))
            raise InvalidArgument(f"VM {vm_id} is in {shown}; name it with where=[(service_id, vm_id)]")
    missing: list[str] = []
    if services is not None:
        missing += [f"service {service}" for service in sorted((selection.services or set()) - services)]
    if vms is not None:
        missing += [
            f"VM {vm} of service {service}"
            for service, vm in sorted((selection.pairs or set()) - vms)
            if selection.services is None or service in selection.services
        ]
        missing += [f"VM {vm}" for vm in sorted((selection.vms or set()) - {vm for _, vm in vms})]
    if missing:
        raise InvalidArgument(f"not found, so nothing was sent: {', '.join(missing[:20])}")

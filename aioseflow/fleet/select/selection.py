"""`Selection`: the VMs that a run is for, never all of them by accident."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, final

import attrs

from ...errors import InvalidArgument
from ...identifiers import Id
from ...models import Service, Vm
from ..model.outcome import TargetKey
from ..model.target import Target
from .expression import Expression
from .matcher import Matcher, Named, Pair, Predicate, id_of


@final
class Everything:
    """The whole fleet, selected on purpose; its only instance is `ALL`."""

    def __repr__(self) -> str:
        return "ALL"

    def __reduce__(self) -> str:
        return "ALL"


ALL: Final = Everything()

Where: TypeAlias = Everything | str | Predicate | Named
"""A text (see `syntax`), a predicate of service and VM, pairs of service and VM ids (or the objects; an
account's name may stand before them), or `ALL`."""
Exclude: TypeAlias = str | tuple[str, ...] | Predicate | Named
"""As `Where`; several texts leave out a VM for which one of them is true."""
Missing: TypeAlias = Literal["error", "ignore"]
MissingNames: TypeAlias = Literal["error", "ignore", "name"]
"""``name``: a VM that is gone is a target that nothing is sent for, as in a run that follows another one."""

_MISSING_SHOWN: Final = 20
_NAMES_SHOWN: Final = 10
_SEVERAL_IDS: Final = re.compile(r"[0-9]+(?:[,;\s]+[0-9]+)+")


@attrs.frozen
class Selection:
    """The checked form of ``where``, ``services``, ``vms`` and ``exclude``: a VM must satisfy all."""

    where: Matcher | None
    services: frozenset[str] | None
    vms: frozenset[str] | None
    exclude: Matcher
    missing: MissingNames = "error"

    @property
    def is_explicit(self) -> bool:
        """Whether ids were named, which must all exist before anything is sent."""
        return self._names or self.services is not None or self.vms is not None

    @property
    def is_empty(self) -> bool:
        """Whether it names no VM at all, as that of a run that follows another one and has nothing to do."""
        return self._names and self.where is not None and not (self.where.pairs or self.where.keys)

    @property
    def is_everything(self) -> bool:
        """Whether it selects every VM there is."""
        return (
            self.where is None and self.services is None and self.vms is None and self.exclude.matches_nothing
        )

    @property
    def _names(self) -> bool:
        return self.where is not None and self.where.names

    @property
    def missing_values(self) -> int:
        """How many VMs a condition was undecided for, because the panel gives no value."""
        matchers = (self.where, self.exclude, *self.exclude.parts)
        conditions = [matcher.condition for matcher in matchers if matcher is not None]
        return sum(condition.missing for condition in conditions if isinstance(condition, Expression))

    def check_accounts(self, names: Collection[str]) -> None:
        """Raise `InvalidArgument` where a condition compares the account with a name that none has."""
        for what, matcher in (("where", self.where), ("exclude", self.exclude)):
            for each in () if matcher is None else (matcher, *matcher.parts):
                given = each.condition.account_names if isinstance(each.condition, Expression) else ()
                for name in sorted(set(given) - set(names)):
                    near = difflib.get_close_matches(name, names, n=1)
                    meant = f"did you mean {_quoted(near[0])}?" if near else _one_of(names)
                    raise InvalidArgument(f"{what}: account is never {_quoted(name)}; {meant}", argument=what)

    def wants_service(self, account: str, service: Service) -> bool:
        """Whether the VMs of this service have to be listed."""
        if self.services is not None and service.id not in self.services:
            return False
        return self.where is None or not self.where.rules_out(account, service)

    def selects(self, account: str, service: Service, vm: Vm) -> bool:
        """Whether ``where``, ``services`` and ``vms`` select this VM, excluded or not."""
        if self.vms is not None and vm.id not in self.vms:
            return False
        return self.where is None or self.where.matches(account, service, vm)

    def leaves_out(self, account: str, service: Service, vm: Vm, protected: Matcher | None) -> str | None:
        """Return why a selected VM is no target, ``"excluded"`` or ``"protected"``; None if it is one."""
        if self.exclude.may_match(account, service, vm):
            return "excluded"
        if protected is not None and not self.names_vm(account, service.id, vm.id):
            return "protected" if protected.may_match(account, service, vm) else None
        return None

    def wants(self, account: str, service: Service, vm: Vm, protected: Matcher | None = None) -> bool:
        """Whether this VM is a target."""
        return self.selects(account, service, vm) and self.leaves_out(account, service, vm, protected) is None

    def raised_in(
        self, account: str, service_id: str, protected: Matcher | None = None
    ) -> dict[str, BaseException]:
        """Return what a predicate raised for VMs of a service, by VM id: nothing selects these VMs."""
        return {
            key[2]: error
            for matcher in (self.where, self.exclude, protected)
            if matcher is not None
            for key, error in matcher.raised.items()
            if key[:2] == (account, service_id)
        }

    def targets(
        self, account: str, service: Service, vms: Iterable[Vm], protected: Matcher | None
    ) -> list[Target]:
        """Return the VMs of a service that are targets."""
        if not self.wants_service(account, service):
            return []
        if protected is None and self.is_everything:
            return [Target(account, service, vm) for vm in vms]
        return [Target(account, service, vm) for vm in vms if self.wants(account, service, vm, protected)]

    def names_vm(self, account: str, service_id: str, vm_id: str) -> bool:
        """Whether this VM was named by its id."""
        named = self._names and self.where is not None and self.where.names_vm(account, service_id, vm_id)
        return named or (self.vms is not None and vm_id in self.vms)

    def to_document(self) -> dict[str, Any] | None:
        """Return the selection as JSON values; None if a predicate is part of it."""
        where = None if self.where is None else self.where.document()
        exclude = self.exclude.document()
        if exclude is None or (self.where is not None and where is None):
            return None
        return {
            "where": where,
            "services": None if self.services is None else sorted(self.services),
            "vms": None if self.vms is None else sorted(self.vms),
            "exclude": exclude,
            "missing": self.missing,
        }

    @classmethod
    def of_keys(cls, keys: Iterable[TargetKey], missing: MissingNames) -> Selection:
        """Return the selection of exactly these VMs."""
        named = Matcher(pairs=frozenset(), keys=frozenset(keys))
        return cls(where=named, services=None, vms=None, exclude=Matcher(), missing=missing)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Selection:
        """Return the selection that `to_document` wrote."""
        if document["where"] == []:
            return cls.of_keys((), document["missing"])
        selection = select(
            ALL if document["where"] is None else _written(document["where"]),
            services=ALL if document["services"] is None else document["services"],
            vms=ALL if document["vms"] is None else document["vms"],
            exclude=_written(document["exclude"]),
        )
        return attrs.evolve(selection, missing=document["missing"])


def select(
    where: Where,
    *,
    services: Iterable[Id] | Everything = ALL,
    vms: Iterable[Id] | Everything = ALL,
    exclude: Exclude = (),
    missing: Missing = "error",
) -> Selection:
    """Return the checked form of a selection. Raises `InvalidArgument`; nothing has been sent then."""
    if missing not in ("error", "ignore"):
        raise InvalidArgument(f"missing is 'error' or 'ignore', not {missing!r:.40}", argument="missing")
    return Selection(
        where=None if isinstance(where, Everything) else Matcher.parse(where, "where", empty=False),
        services=_ids(services, "services"),
        vms=_ids(vms, "vms"),
        exclude=Matcher.parse_any(exclude, "exclude"),
        missing=missing,
    )


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _one_of(names: Collection[str]) -> str:
    shown = ", ".join(_quoted(name) for name in [*names][:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"it is {'one of ' if len(names) > 1 else ''}{shown}{f' and {more} more' if more > 0 else ''}"


def _written(value: Any) -> Any:
    return value if isinstance(value, str) else [i if isinstance(i, str) else tuple(i) for i in value]


def _ids(value: Any, what: str) -> frozenset[str] | None:
    if isinstance(value, Everything):
        return None
    if isinstance(value, str | int | Service | Vm):
        value = [value]
    if value is None or not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
        raise InvalidArgument(
            f"{what} names nothing with {value!r:.60}; give ids, or leave it out for all", argument=what
        )
    ids = frozenset(id_of(item, f"an id in {what}", what) for item in value)
    for each in ids:
        if _SEVERAL_IDS.fullmatch(each):
            several = re.findall("[0-9]+", each)
            raise InvalidArgument(
                f"{what} has {each!r:.60}, which are several ids; write {what}={several}", argument=what
            )
    if not ids:
        raise InvalidArgument(
            f"{what} is empty, which never means everything; leave it out for all", argument=what
        )
    return ids


def check_found(
    selection: Selection,
    found: Iterable[TargetKey],
    *,
    services: set[str] | None,
    vms: set[TargetKey] | None,
) -> None:
    """Raise `InvalidArgument` for ids that were named and do not exist, or that name two VMs.

    ``found`` are the selected targets; ``services`` the ids of all services, and ``vms`` all VMs of the
    services that were listed; None where some could not be read, and what is missing may be there.
    """
    places: dict[str, list[str]] = {}
    accounts: dict[Pair, set[str]] = {}
    for account, service_id, vm_id in found:
        places.setdefault(vm_id, []).append(f"service {service_id} of {account}")
        accounts.setdefault((service_id, vm_id), set()).add(account)
    named = selection.where is not None and selection.where.names
    for service_id, vm_id in sorted((selection.where and selection.where.pairs) or ()):
        if len(names := sorted(accounts.get((service_id, vm_id), ()))) > 1:
            raise InvalidArgument(
                f"VM {vm_id} of service {service_id} is in the accounts {' and '.join(names)}; "
                "name its account, too",
                argument="where",
            )
    for vm_id in sorted(selection.vms or ()):
        if len(places.get(vm_id, [])) > 1 and not named:
            shown = " and in ".join(sorted(places[vm_id]))
            raise InvalidArgument(f"VM {vm_id} is in {shown}; name its service, too", argument="vms")
    if selection.missing != "name":
        _check_numbers(selection, services, vms)
    if selection.missing != "error":
        return
    missing: list[str] = []
    if services is not None:
        missing += [f"service {service}" for service in sorted((selection.services or set()) - services)]
    if vms is not None:
        missing += _missing_vms(selection, vms)
    if missing:
        shown = ", ".join(missing[:_MISSING_SHOWN])
        more = f" and {len(missing) - _MISSING_SHOWN} more" if len(missing) > _MISSING_SHOWN else ""
        raise InvalidArgument(
            f"not found, so nothing was sent: {shown}{more}; ignore them with missing",
            argument="missing",
        )


def _check_numbers(selection: Selection, services: set[str] | None, vms: set[TargetKey] | None) -> None:
    """Raise `InvalidArgument` for a name in the place of an id, where all ids of the panel are numbers."""
    pairs = sorted((selection.where and selection.where.pairs) or ())
    if services is not None:
        for name in _no_numbers([*(selection.services or ()), *(service for service, _ in pairs)], services):
            raise InvalidArgument(
                f"services has {name!r:.60}, and ids of services are numbers; write "
                f"where='service.name == {_text(name)}'",
                argument="services",
            )
    if vms is not None:
        for name in _no_numbers([*(selection.vms or ()), *(vm for _, vm in pairs)], {vm for _, _, vm in vms}):
            raise InvalidArgument(
                f"vms has {name!r:.60}, and ids of VMs are numbers; write where='label == {_text(name)}'",
                argument="vms",
            )


def _text(text: str) -> str:
    """Return a text as an expression has it."""
    return json.dumps(text, ensure_ascii=False)


def _no_numbers(named: Iterable[str], ids: set[str]) -> list[str]:
    if not ids or not all(each.isdigit() for each in ids):
        return []
    return sorted(each for each in named if not each.isdigit())


def _missing_vms(selection: Selection, vms: set[TargetKey]) -> list[str]:
    pairs = {(service, vm) for _, service, vm in vms}
    where = selection.where or Matcher()
    wanted = [(service, vm, "") for service, vm in sorted((where.pairs or set()) - pairs)]
    wanted += [(key[1], key[2], f" of account {key[0]}") for key in sorted((where.keys or set()) - vms)]
    named = [
        f"VM {vm} of service {service}{of}"
        for service, vm, of in wanted
        if selection.services is None or service in selection.services
    ]
    return named + [f"VM {vm}" for vm in sorted((selection.vms or set()) - {vm for _, vm in pairs})]

"""Which VMs a run is for: never by accident all of them."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias, final

import attrs

from ...errors import InvalidArgument
from ...identifiers import Id, check_id
from ...models import Service, Vm
from ..model.fleet_account import FleetAccount
from ..model.outcome import TargetKey
from ..model.target import Target
from .syntax import Expression, compile_expression


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
Named: TypeAlias = Iterable[tuple[Id | Service, Id | Vm] | tuple[str, Id | Service, Id | Vm]]
Where: TypeAlias = Everything | str | Predicate | Named
"""A text (see `compile_expression`), a predicate of service and VM, pairs of service and VM ids (or the
objects; an account's name may stand before them), or `ALL`."""
Exclude: TypeAlias = str | Predicate | Named
Missing: TypeAlias = Literal["error", "ignore"]
MissingNames: TypeAlias = Literal["error", "ignore", "name"]
"""``name``: a VM that is gone is a target without a request, as for a run after another one."""


@attrs.frozen
class Matcher:
    """VMs by a condition or by name; of the forms one is set, or none for all."""

    condition: Expression | Predicate | None = None
    pairs: frozenset[Pair] | None = None
    keys: frozenset[TargetKey] | None = None

    @classmethod
    def parse(cls, value: Any, what: str, *, empty: bool) -> Matcher:
        """Check a ``where`` or ``exclude``. Raises `InvalidArgument`."""
        if isinstance(value, str):
            try:
                return cls(condition=compile_expression(value, what))
            except InvalidArgument as error:
                error.argument = what
                raise
        if inspect.iscoroutinefunction(value):
            raise InvalidArgument(
                f"{what} is a coroutine function; a predicate is a plain function (service, vm)",
                argument=what,
            )
        if callable(value):
            return cls(condition=value)
        pairs, keys = _names(value, what)
        if not pairs and not keys and not empty:
            raise InvalidArgument(f"{what} is empty, which never means everything; {_HINT}", argument=what)
        return cls(pairs=pairs, keys=keys)

    @property
    def names(self) -> bool:
        """Whether it names VMs."""
        return self.pairs is not None

    def matches(self, account: str, service: Service, vm: Vm) -> bool:
        """Whether it is about this VM; an exception of the user's predicate passes through."""
        if isinstance(self.condition, Expression):
            return self.condition(service, vm, account)
        if self.condition is not None:
            verdict = self.condition(service, vm)
            if inspect.iscoroutine(verdict):
                # It would be true of every VM.
                verdict.close()
                raise InvalidArgument("the predicate gave a coroutine; it is a plain function (service, vm)")
            return bool(verdict)
        return self.names_vm(account, service.id, vm.id)

    def may_match(self, account: str, service: Service, vm: Vm) -> bool:
        """Whether it is about this VM, or may be: a condition on a value that is missing may be met.

        A condition is also asked with the names and labels as people read them, without HTML entities.
        """
        if self._may(account, service, vm):
            return True
        if self.condition is None:
            return False
        # PHP panels store what people typed with &amp; and &#039; in it, and a guard must not miss it.
        return any(self._may(account, *plain) for plain in _unescaped(service, vm))

    def _may(self, account: str, service: Service, vm: Vm) -> bool:
        if isinstance(self.condition, Expression):
            return self.condition.decide(service, vm, account) is not False
        return self.matches(account, service, vm)

    def rules_out(self, account: str, service: Service) -> bool:
        """Whether no VM of this service can match."""
        if isinstance(self.condition, Expression):
            return self.condition.rules_out(service, account)
        return self.names and not self.names_service(account, service.id)

    def names_vm(self, account: str, service_id: str, vm_id: str) -> bool:
        """Whether this VM is named."""
        return (service_id, vm_id) in (self.pairs or ()) or (account, service_id, vm_id) in (self.keys or ())

    def names_service(self, account: str, service_id: str) -> bool:
        """Whether a VM of this service is named."""
        return service_id in self._services or (account, service_id) in self._services

    @cached_property
    def _services(self) -> set[str | Pair]:
        named: set[str | Pair] = {service for service, _ in self.pairs or ()}
        named.update((account, service) for account, service, _ in self.keys or ())
        return named

    def document(self) -> Any:
        """Itself, fit for JSON; None for a predicate, which no file can hold."""
        if isinstance(self.condition, Expression):
            return self.condition.text
        if self.condition is not None:
            return None
        return [list(pair) for pair in sorted(self.pairs or ())] + [
            list(key) for key in sorted(self.keys or ())
        ]


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
    def is_everything(self) -> bool:
        """Whether it is about every VM there is."""
        excludes = self.exclude.condition is not None or self.exclude.pairs or self.exclude.keys
        return self.where is None and self.services is None and self.vms is None and not excludes

    @property
    def _names(self) -> bool:
        return self.where is not None and self.where.names

    @property
    def missing_values(self) -> int:
        """VMs for which a condition met a value that the panel does not give."""
        matchers = (self.where, self.exclude)
        conditions = [matcher.condition for matcher in matchers if matcher is not None]
        return sum(condition.missing for condition in conditions if isinstance(condition, Expression))

    def wants_service(self, account: str, service: Service) -> bool:
        """Whether the VMs of this service have to be listed."""
        if self.services is not None and service.id not in self.services:
            return False
        return self.where is None or not self.where.rules_out(account, service)

    def selects(self, account: str, service: Service, vm: Vm) -> bool:
        """Whether ``where``, ``services`` and ``vms`` are about this VM, excluded or not."""
        if self.vms is not None and vm.id not in self.vms:
            return False
        return self.where is None or self.where.matches(account, service, vm)

    def leaves_out(self, account: str, service: Service, vm: Vm, protected: Matcher | None) -> str | None:
        """Why a selected VM is no target: ``"excluded"`` or ``"protected"``; None if it is one."""
        if self.exclude.may_match(account, service, vm):
            return "excluded"
        if protected is not None and not self.names_vm(account, service.id, vm.id):
            return "protected" if protected.may_match(account, service, vm) else None
        return None

    def wants(self, account: str, service: Service, vm: Vm, protected: Matcher | None = None) -> bool:
        """Whether this VM is a target."""
        return self.selects(account, service, vm) and self.leaves_out(account, service, vm, protected) is None

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
        """Itself, fit for JSON; None if a predicate is part of it."""
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
    def from_document(cls, document: Mapping[str, Any]) -> Selection:
        """The selection that `to_document` wrote."""
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
    """Check a selection. Raises `InvalidArgument`; nothing has been sent then."""
    if missing not in ("error", "ignore"):
        raise InvalidArgument(f"missing is 'error' or 'ignore', not {missing!r:.40}", argument="missing")
    return Selection(
        where=None if isinstance(where, Everything) else Matcher.parse(where, "where", empty=False),
        services=_ids(services, "services"),
        vms=_ids(vms, "vms"),
        exclude=Matcher.parse(exclude, "exclude", empty=True),
        missing=missing,
    )


def _unescaped(service: Service, vm: Vm) -> Iterator[tuple[Service, Vm]]:
    """The two with their names unescaped, as often as they are escaped; nothing where they are not."""
    for _ in range(_ESCAPED_AT_MOST):
        given = {"name": service.name, "label": service.label, "domain": service.domain}
        names: dict[str, Any] = {
            name: plain for name, text in given.items() if (plain := _plain(text)) is not None
        }
        label = _plain(vm.label)
        if not names and label is None:
            return
        service = attrs.evolve(service, **names) if names else service
        vm = vm if label is None else attrs.evolve(vm, label=label)
        yield service, vm


def _plain(text: str | None) -> str | None:
    """The text without HTML entities; None where it has none."""
    if text is None or "&" not in text:
        return None
    plain = html.unescape(text)
    return None if plain == text else plain


_ESCAPED_AT_MOST: Final = 3
_HINT = "give an expression, a predicate (service, vm), pairs of ids [(service_id, vm_id)], or aioseflow.ALL"
_PAIR, _KEY = 2, 3


def _names(value: Any, what: str) -> tuple[frozenset[Pair], frozenset[TargetKey]]:
    if value is None or isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidArgument(f"{what} selects nothing with {value!r:.60}; {_HINT}", argument=what)
    pairs, keys = set(), set()
    for item in value:
        if not isinstance(item, tuple | list) or len(item) not in (_PAIR, _KEY):
            raise InvalidArgument(
                f"{what} contains {item!r:.60}, which is not a pair; {_HINT}", argument=what
            )
        *account, service, vm = item
        pair = _id(service, f"a service id in {what}", what), _id(vm, f"a VM id in {what}", what)
        if not account:
            pairs.add(pair)
        elif isinstance(account[0], str):
            keys.add((account[0], *pair))
        else:
            raise InvalidArgument(
                f"{what} contains {item!r:.60}, whose first part is no account's name", argument=what
            )
    return frozenset(pairs), frozenset(keys)


def _written(value: Any) -> Any:
    return value if isinstance(value, str) else [tuple(item) for item in value]


def _ids(value: Any, what: str) -> frozenset[str] | None:
    if isinstance(value, Everything):
        return None
    if isinstance(value, str | int | Service | Vm):
        value = [value]
    if value is None or not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
        raise InvalidArgument(
            f"{what} names nothing with {value!r:.60}; give ids, or leave it out for all", argument=what
        )
    ids = frozenset(_id(item, f"an id in {what}", what) for item in value)
    if not ids:
        raise InvalidArgument(
            f"{what} is empty, which never means everything; leave it out for all", argument=what
        )
    return ids


def _id(value: Any, what: str, argument: str) -> str:
    return value.id if isinstance(value, Service | Vm) else check_id(value, what, argument=argument)


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
    if selection.missing != "error":
        return
    missing: list[str] = []
    if services is not None:
        missing += [f"service {service}" for service in sorted((selection.services or set()) - services)]
    if vms is not None:
        missing += _missing_vms(selection, vms)
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise InvalidArgument(
            f"not found, so nothing was sent: {', '.join(missing[:_SHOWN])}{more}; ignore them with missing",
            argument="missing",
        )


_SHOWN = 20


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


def protection(account: FleetAccount) -> Matcher | None:
    """The VMs of an account that must not be touched without being named. Raises `InvalidArgument`."""
    protected = account.protected
    if not callable(protected) and not protected:
        return None
    try:
        return Matcher.parse(protected, "protected", empty=True)
    except InvalidArgument as error:
        raise InvalidArgument(f"account {account.name}: {error}") from None

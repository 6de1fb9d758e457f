"""`Matcher`: VMs by a condition or by their ids, and the VMs that an account protects."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

import attrs

from ...callables import is_async_callable, is_of_run, without_locals
from ...errors import InvalidArgument
from ...identifiers import Id, check_id
from ...models import Service, Vm
from ..model.fleet_account import FleetAccount
from ..model.outcome import TargetKey
from .expression import Expression

Pair: TypeAlias = tuple[str, str]
"""Service id and VM id."""

Predicate: TypeAlias = Callable[[Service, Vm], bool]
Named: TypeAlias = Iterable[tuple[Id | Service, Id | Vm] | tuple[str, Id | Service, Id | Vm]]

_HINT: Final = (
    "give an expression, a predicate (service, vm), pairs of ids [(service_id, vm_id)], or aioseflow.ALL"
)
_PAIR, _KEY = 2, 3
_ESCAPE_LEVELS_MAX: Final = 3


@attrs.frozen
class Matcher:
    """A condition, or the ids of VMs; one form is set, or none of them, which matches no VM by name.

    Attributes:
        condition: an expression, or a predicate of the user.
        pairs: service and VM ids, in every account.
        keys: account, service and VM ids.
        parts: several conditions, one of which has to match; only for `may_match`.
        raised: by VM, what a predicate raised for it. Nothing selects such a VM.
        met: what has matched for `may_match`: named ids, or the accounts in which a condition did.
    """

    condition: Expression | Predicate | None = None
    pairs: frozenset[Pair] | None = None
    keys: frozenset[TargetKey] | None = None
    parts: tuple[Matcher, ...] = ()
    raised: dict[TargetKey, BaseException] = attrs.field(factory=dict, init=False, eq=False, repr=False)
    met: set[Any] = attrs.field(factory=set, init=False, eq=False, repr=False)

    @classmethod
    def parse(cls, value: Any, what: str, *, empty: bool) -> Matcher:
        """Return the matcher of a value that was given for the argument ``what``.

        Raises:
            InvalidArgument: the value is no condition and no ids, or names nothing although ``empty`` is not
                allowed.
            ConfigurationError: the value is a text, and the package rule-engine is not installed.
        """
        if isinstance(value, str):
            # Imported when the first text is given: predicates and ids need no compiler.
            from .syntax import compile_expression

            return cls(condition=compile_expression(value, what))
        if callable(value):
            _check_predicate(value, what)
            return cls(condition=value)
        pairs, keys = _names(value, what)
        if not pairs and not keys and not empty:
            raise InvalidArgument(f"{what} is empty, which never means everything; {_HINT}", argument=what)
        return cls(pairs=pairs, keys=keys)

    @classmethod
    def parse_any(cls, value: Any, what: str) -> Matcher:
        """Return the matcher of a value, which may also be a list of conditions. Raises as `parse` does."""
        if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
            return cls(parts=tuple(cls.parse(each, what, empty=True) for each in value))
        return cls.parse(value, what, empty=True)

    @property
    def matches_nothing(self) -> bool:
        """Whether there is nothing that could match."""
        return not (self.condition is not None or self.pairs or self.keys or self.parts)

    @property
    def unmet(self) -> list[str]:
        """The conditions and ids that have matched no VM so far, as texts."""
        if self.parts:
            return [text for part in self.parts for text in part.unmet]
        if self.condition is not None:
            named = self.condition.text if isinstance(self.condition, Expression) else "the predicate"
            return [] if self.met else [named]
        return ["/".join(ids) for ids in sorted({*(self.pairs or ()), *(self.keys or ())} - self.met)]

    @property
    def names(self) -> bool:
        """Whether it consists of ids."""
        return self.pairs is not None

    def matches(self, account: str, service: Service, vm: Vm) -> bool:
        """Whether the VM matches; False, and kept in ``raised``, where the user's predicate raises.

        Raises `InvalidArgument` for a predicate that returns a coroutine, which would be true of every VM.
        """
        if isinstance(self.condition, Expression):
            return self.condition(service, vm, account)
        if self.condition is not None:
            return self._predicate_of(self.condition, account, service, vm) is True
        return self.names_vm(account, service.id, vm.id)

    def _predicate_of(self, predicate: Predicate, account: str, service: Service, vm: Vm) -> bool | None:
        """Whether a predicate is true of a VM, None where it raises."""
        try:
            verdict = predicate(service, vm)
            if not hasattr(verdict, "__await__"):
                found = bool(verdict)
                self.raised.pop((account, service.id, vm.id), None)
                return found
        except BaseException as error:
            if is_of_run(error):
                raise
            self.raised[account, service.id, vm.id] = without_locals(error)
            return None
        if inspect.iscoroutine(verdict):
            verdict.close()
        raise InvalidArgument("the predicate returned a coroutine; give a plain function (service, vm)")

    def may_match(self, account: str, service: Service, vm: Vm) -> bool:
        """Whether the VM matches or may match: a condition on a missing value may be met.

        A condition is also tested on the names and labels as people read them, without HTML entities.
        """
        if self.parts:
            # Each is asked: one that matches nothing is reported.
            found = [part.may_match(account, service, vm) for part in self.parts]
            return any(found)
        if self.condition is None:
            named = (
                {(service.id, vm.id)} & (self.pairs or set()),
                {(account, service.id, vm.id)} & (self.keys or set()),
            )
            self.met.update(*named)
            return any(named)
        # PHP panels store names with entities (&amp;, &#039;), and a guard must not miss such a name.
        if self._may(account, service, vm) or any(
            self._may(account, *plain) for plain in _unescaped(service, vm)
        ):
            self.met.add(account)
            return True
        return False

    def _may(self, account: str, service: Service, vm: Vm) -> bool:
        if isinstance(self.condition, Expression):
            return self.condition.decide(service, vm, account) is not False
        if self.condition is not None:
            # Where it raises, the VM is left alone.
            return self._predicate_of(self.condition, account, service, vm) is not False
        return False

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
        """Return the matcher as JSON values; None for a predicate, which no file can hold."""
        if isinstance(self.condition, Expression):
            return self.condition.text
        if self.condition is not None:
            return None
        if self.parts:
            return [part.document() for part in self.parts]
        return [list(pair) for pair in sorted(self.pairs or ())] + [
            list(key) for key in sorted(self.keys or ())
        ]


def _check_predicate(value: Any, what: str) -> None:
    """Raise `InvalidArgument` for a function that cannot be asked about a service and a VM."""
    if is_async_callable(value):
        raise InvalidArgument(
            f"{what} is a coroutine function; give a plain function (service, vm)", argument=what
        )
    try:
        inspect.signature(value).bind(None, None)
    except ValueError:  # a function of C, whose parameters are not known
        return
    except TypeError:
        raise InvalidArgument(
            f"{what} is called with a service and a VM, which {value!r:.60} does not take; "
            "write lambda service, vm: …",
            argument=what,
        ) from None


def _unescaped(service: Service, vm: Vm) -> Iterator[tuple[Service, Vm]]:
    """Yield service and VM with one level of HTML entities less each time; nothing if there are none."""
    for _ in range(_ESCAPE_LEVELS_MAX):
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
    """Return a text without HTML entities; None where it has none."""
    if text is None or "&" not in text:
        return None
    plain = html.unescape(text)
    return None if plain == text else plain


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
        pair = id_of(service, f"a service id in {what}", what), id_of(vm, f"a VM id in {what}", what)
        if not account:
            pairs.add(pair)
        elif isinstance(account[0], str):
            keys.add((account[0], *pair))
        else:
            raise InvalidArgument(
                f"{what} contains {item!r:.60}, whose first part is no account's name", argument=what
            )
    return frozenset(pairs), frozenset(keys)


def id_of(value: Any, what: str, argument: str) -> str:
    """Return the id of a service, a VM, or an id. Raises `InvalidArgument`."""
    return value.id if isinstance(value, Service | Vm) else check_id(value, what, argument=argument)


def protection(account: FleetAccount) -> Matcher | None:
    """Return the VMs of an account that are only touched where they are named; None for no VM.

    Raises:
        InvalidArgument: the client was given something else than a condition or ids.
    """
    protected = account.protected
    if not callable(protected) and not protected:
        return None
    try:
        return Matcher.parse(protected, "protected", empty=True)
    except InvalidArgument as error:
        raise InvalidArgument(f"account {account.name}: {error}", argument="protected") from None

"""What a run would do, as data: printed, stored, compared and confirmed before anything is sent."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from datetime import UTC, datetime
from functools import cached_property
from types import NoneType
from typing import Any, Final

import attrs

from ...errors import InvalidArgument
from ...models import Vm
from ...text import escape
from ..model.outcome import TargetKey
from ..model.without_vms import WithoutVms
from .planned_vm import PlannedLoss, PlannedVm, observe, rests_on

_FORMAT: Final = "aioseflow plan"
_VERSION: Final = 2
_COUNTED: Final = ("missing_values", "worst_down", "worst_failures")
_SETTINGS: Final = ("action", "accounts", "batches", "lost", "without_vms", *_COUNTED)
_IN_WORDS: Final = {"lost": "undiscovered"}
_NOT_DIGESTED: Final = ("created_at", "confirmed", "calls", "seconds", "basis", "undiscovered")


class StalePlan(InvalidArgument):
    """VMs have changed since the plan was made; nothing was sent.

    ``moved`` has a line for each: ``"VM 4 of service 9: was running, is stopped"``.
    """

    def __init__(self, message: str, *, moved: Iterable[str] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.moved = tuple(moved)


@attrs.frozen(kw_only=True)
class PlanDiff:
    """What differs from one plan to another; false where nothing does.

    Attributes:
        added, removed: VMs that only the later, only the earlier plan has.
        changed: VMs before and after, where anything about them differs.
        settings: what else differs: ``"action"``, ``"document.rollout"``, ``"order"`` …
    """

    added: tuple[PlannedVm, ...] = ()
    removed: tuple[PlannedVm, ...] = ()
    changed: tuple[tuple[PlannedVm, PlannedVm], ...] = ()
    settings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.settings)

    def __str__(self) -> str:
        lines = [f"+ {vm}: {vm.do or vm.why_not}" for vm in self.added]
        lines += [f"- {vm}: {vm.do or vm.why_not}" for vm in self.removed]
        lines += [f"~ {after}: {_changes(before, after)}" for before, after in self.changed]
        lines += [f"~ {name} differs" for name in self.settings]
        return "\n".join(escape(line, 1000) for line in lines or ["no difference"])


def _changes(before: PlannedVm, after: PlannedVm) -> str:
    names = [name for name in _VM_TYPES if getattr(before, name) != getattr(after, name)]
    return ", ".join(f"{name} {getattr(before, name)!r} -> {getattr(after, name)!r}" for name in names)


def _json_value(value: Any) -> dict[str, Any]:
    """A copy of what JSON keeps of it: nobody changes it afterwards, and it comes back as it is."""
    try:
        copy = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"a plan's document must be JSON-able: {error}") from None
    if not isinstance(copy, dict):
        raise InvalidArgument(f"a plan's document must be an object, not {type(value).__name__}")
    return copy


@attrs.frozen(kw_only=True)
class Plan:
    """What a run would do to each VM, and what is to be expected of it.

    Attributes:
        action: the name of what is done.
        document: how to make the same run: actions, selection and options, JSON-able.
        created_at: aware UTC.
        vms: every selected VM in the order in which they are acted on.
        batches: sizes, which together are the VMs that something is done to; empty without batches.
        lost: services and accounts whose VMs could not be listed, or only in part; ``undiscovered`` has a
            line for each.
        without_vms: selected services that have no VMs.
        missing_values: VMs for which a condition met a missing value.
        worst_down: the most VMs of a service down at once, those down already included, by
            ``"account/service_id"``.
        worst_failures: the most VMs that can fail before nothing new starts; None without a threshold.
        calls, seconds: API calls and duration to be expected (None where nothing can be said), and on what
            ``basis``.
        confirmed: the count that `confirm` was given.

    Raises:
        InvalidArgument: the parts contradict each other.
    """

    action: str
    document: Mapping[str, Any] = attrs.field(converter=_json_value, hash=False)
    created_at: datetime
    accounts: tuple[str, ...]
    vms: tuple[PlannedVm, ...]
    batches: tuple[int, ...] = ()
    lost: tuple[PlannedLoss, ...] = ()
    without_vms: tuple[WithoutVms, ...] = ()
    missing_values: int = 0
    worst_down: Mapping[str, int] = attrs.field(factory=dict, hash=False)
    worst_failures: int | None = None
    calls: int
    seconds: float | None = None
    basis: str = ""
    confirmed: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.created_at.tzinfo is None:
            raise InvalidArgument(f"created_at={self.created_at} has no time zone; give an aware UTC time")
        if self.seconds is not None and not 0 <= self.seconds < math.inf:
            raise InvalidArgument(f"seconds={self.seconds!r} is no duration; give None where it is not known")
        if len({vm.key for vm in self.vms}) < len(self.vms):
            raise InvalidArgument("a plan names each VM once; this one names some twice")
        sizes = Counter(vm.batch for vm in self.vms if vm.batch is not None)
        if sizes != dict(enumerate(self.batches, 1)) or sizes.total() not in (0, len(self.targets)):
            raise InvalidArgument(f"the VMs' batches {dict(sizes)!r:.60} are not {self.batches!r:.60}")
        if self.confirmed is not None:
            self._check_count(self.confirmed)

    @cached_property
    def targets(self) -> tuple[PlannedVm, ...]:
        """The VMs that something is done to."""
        return tuple(vm for vm in self.vms if vm.do is not None)

    @cached_property
    def undiscovered(self) -> tuple[str, ...]:
        """A line for each service or account whose VMs could not be listed, with the reason."""
        return tuple(map(str, self.lost))

    @cached_property
    def counts_per_service(self) -> Mapping[str, Mapping[str, int]]:
        """By ``"account/service_id"``: VMs under ``"do"`` and under each ``why_not``."""
        counts: dict[str, Counter[str]] = {}
        for vm in self.vms:
            counts.setdefault(vm.service_key, Counter())["do" if vm.why_not is None else vm.why_not] += 1
        return counts

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all that decides what is done; not of times and predictions."""
        document = {name: value for name, value in self._document().items() if name not in _NOT_DIGESTED}
        document["lost"] = [loss | {"message": ""} for loss in document["lost"]]
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def __str__(self) -> str:
        from .plan_text import page

        return page(self)

    def confirm(self, count: int) -> Plan:
        """The same plan, confirmed by somebody who knows how many VMs it acts on.

        Raises:
            InvalidArgument: it is another number.
        """
        self._check_count(count)
        return attrs.evolve(self, confirmed=count)

    def _check_count(self, count: object) -> None:
        if type(count) is not int or count != len(self.targets):
            raise InvalidArgument(
                f"this plan acts on {len(self.targets)} VMs, and {count!r:.40} were confirmed; "
                "look at the plan again, then confirm the number that it shows"
            )

    def check_current(
        self, current: Mapping[TargetKey, Vm], unlisted: Set[tuple[str, str | None]] = frozenset()
    ) -> None:
        """Compare the VMs that something is done to, or is needless for, with a later reading of them.

        One that is not in it is gone, unless its service, or its account (with None), is ``unlisted``.

        Raises:
            StalePlan: some have changed.
        """
        from .plan_text import moves

        moved = []
        for planned in self.vms:
            vm = current.get(planned.key)
            now = None if vm is None else observe(vm)
            if now == planned.observed or (planned.do is None and not rests_on(planned, vm)):
                continue
            account = f" of {planned.account}" if len(self.accounts) > 1 else ""
            place = f"VM {planned.vm_id} of service {planned.service_id}{account}"
            unread = {(planned.account, planned.service_id), (planned.account, None)} & unlisted
            moved.append(f"{place}: {'could not be listed' if unread else moves(planned.observed, now)}")
        if moved:
            shown = "; ".join(moved[:3]) + ("; …" if len(moved) > 3 else "")
            count = "1 VM is" if len(moved) == 1 else f"{len(moved)} VMs are"
            raise StalePlan(
                f"{count} not as planned ({shown}); plan again, or run it with refresh=True", moved=moved
            )

    def diff(self, other: Plan) -> PlanDiff:
        """What differs from this plan to a later one; predictions and times are not compared."""
        before, after = ({vm.key: vm for vm in plan.vms} for plan in (self, other))
        settings = [
            _IN_WORDS.get(name, name) for name in _SETTINGS if getattr(self, name) != getattr(other, name)
        ]
        settings += [
            f"document.{key}"
            for key in dict.fromkeys([*self.document, *other.document])
            if self.document.get(key, ...) != other.document.get(key, ...)
        ]
        if [key for key in before if key in after] != [key for key in after if key in before]:
            settings.append("order")
        return PlanDiff(
            added=tuple(vm for key, vm in after.items() if key not in before),
            removed=tuple(vm for key, vm in before.items() if key not in after),
            changed=tuple(
                (vm, after[key]) for key, vm in before.items() if key in after and after[key] != vm
            ),
            settings=tuple(settings),
        )

    def _document(self) -> dict[str, Any]:
        document = {name: getattr(self, name) for name in _PLAN_TYPES}
        document["created_at"] = self.created_at.astimezone(UTC).isoformat()
        for name, (_, types) in _ENTRIES.items():
            document[name] = [{key: getattr(entry, key) for key in types} for entry in document[name]]
        return document

    def to_json(self) -> str:
        """All of it as one JSON text, for `from_json`."""
        return json.dumps(
            {"format": _FORMAT, "version": _VERSION, "digest": self.digest, **self._document()},
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that `to_json` wrote.

        Raises:
            InvalidArgument: it is no plan, of a later version, or not as it was written.
        """
        try:
            document = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise _no_plan(f"it is not JSON ({error})") from None
        if not isinstance(document, dict) or document.pop("format", None) != _FORMAT:
            raise _no_plan('its "format" is not "aioseflow plan"')
        version = document.pop("version", None)
        if version != _VERSION:
            raise _no_plan(f"it is of version {version!r:.40}, and only version {_VERSION} can be read")
        digest = document.pop("digest", None)
        _check(document, _PLAN_TYPES, "the plan")
        for name, (what, types) in _ENTRIES.items():
            for entry in document[name]:
                _check(entry, types, what)
        for name, kind in _ELEMENTS.items():
            elements = document[name].values() if name == "worst_down" else document[name]
            if not all(type(element) is kind for element in elements):
                raise _no_plan(f"{name} has an element that is no {kind.__name__}")
        try:
            document["created_at"] = datetime.fromisoformat(document["created_at"])
            document["vms"] = [PlannedVm(**entry) for entry in document["vms"]]
            document["lost"] = [PlannedLoss(**entry) for entry in document["lost"]]
            document["without_vms"] = [WithoutVms(**entry) for entry in document["without_vms"]]
            # It is made of the entries again.
            del document["undiscovered"]
            plan = cls(**{name: _frozen(value) for name, value in document.items()})
            is_whole = plan.digest == digest
        except (ValueError, OverflowError) as error:
            raise _no_plan(str(error)) from None
        if not is_whole:
            raise _no_plan("its digest is not that of its content, so that it was changed since")
        return plan


_VM_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(["account", "service_id", "service_name", "vm_id", "vm_label", "power"], (str,)),
    "locked": (bool, NoneType),
    "observed": (str,),
    **dict.fromkeys(["do", "why_not"], (str, NoneType)),
    "batch": (int, NoneType),
}
_LOSS_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(["account", "cause", "message"], (str,)),
    **dict.fromkeys(["service_id", "service_name"], (str, NoneType)),
}
_WITHOUT_TYPES: Final[Mapping[str, tuple[type, ...]]] = dict.fromkeys(
    ["account", "service_id", "service_name", "why"], (str,)
)
_ENTRIES: Final[Mapping[str, tuple[str, Mapping[str, tuple[type, ...]]]]] = {
    "vms": ("a VM", _VM_TYPES),
    "lost": ("what was not listed", _LOSS_TYPES),
    "without_vms": ("a service without VMs", _WITHOUT_TYPES),
}
_PLAN_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "action": (str,),
    "document": (dict,),
    "created_at": (str,),
    **dict.fromkeys(["accounts", "vms", "batches", "lost", "undiscovered", "without_vms"], (list,)),
    "missing_values": (int,),
    "worst_down": (dict,),
    "worst_failures": (int, NoneType),
    "calls": (int,),
    "seconds": (int, float, NoneType),
    "basis": (str,),
    "confirmed": (int, NoneType),
}
_ELEMENTS: Final[Mapping[str, type]] = {
    "accounts": str,
    "batches": int,
    "undiscovered": str,
    "worst_down": int,
}


def _check(document: object, types: Mapping[str, tuple[type, ...]], what: str) -> None:
    if not isinstance(document, dict) or document.keys() != types.keys():
        names = document.keys() ^ types.keys() if isinstance(document, dict) else types.keys()
        raise _no_plan(f"{what} lacks, or should not have, {', '.join(sorted(names))[:80]}")
    for name, kinds in types.items():
        # Exactly: a boolean is no number here.
        if type(document[name]) not in kinds:
            raise _no_plan(f"{name} of {what} is {document[name]!r:.40}")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _no_plan(why: str) -> InvalidArgument:
    return InvalidArgument(f"this cannot be used as a plan: {why}; make it anew with fleet.plan()")

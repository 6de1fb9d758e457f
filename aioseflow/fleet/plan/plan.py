"""`Plan`: what a run would do, as data: printed, stored, compared and confirmed before anything is sent."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import attrs

from ...errors import InvalidArgument
from ...models import Vm
from ...text import escape
from ..model.outcome import TargetKey
from ..model.undiscovered import WithoutVms
from .planned_vm import PlannedLoss, PlannedVm, has_moved, movement

_COUNTED: Final = ("missing_values", "worst_down", "worst_failures")
_SETTINGS: Final = ("action", "accounts", "batches", "lost", "without_vms", *_COUNTED)
_IN_WORDS: Final = {"lost": "undiscovered"}


class StalePlan(InvalidArgument):
    """VMs have changed since the plan was made; nothing was sent.

    ``moved`` has a line for each: ``"VM 4 of service 9: was running, is stopped"``.
    """

    def __init__(self, message: str, *, moved: Iterable[str] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.moved = tuple(moved)


@attrs.frozen(kw_only=True)
class PlanDiff:
    """The differences of two plans; false where there are none.

    Attributes:
        added: VMs that only the later plan has; ``removed``: VMs that only the earlier plan has.
        changed: the entries of VMs in both plans that differ, the earlier first.
        settings: everything else that differs: ``"action"``, ``"document.rollout"``, ``"order"`` …
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
    names = [field.name for field in attrs.fields(PlannedVm) if field.eq]
    names = [name for name in names if getattr(before, name) != getattr(after, name)]
    return ", ".join(f"{name} {getattr(before, name)!r} -> {getattr(after, name)!r}" for name in names)


def _json_value(value: Any) -> dict[str, Any]:
    """Return a copy of what JSON keeps of a value, which nobody changes afterwards."""
    try:
        copy = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"document has no JSON form: {error}", argument="document") from None
    if not isinstance(copy, dict):
        raise InvalidArgument(f"document is an object, not {type(value).__name__}", argument="document")
    return copy


@attrs.frozen(kw_only=True)
class Plan:
    """The action of a run on each VM, and the calls, time and downtime to expect.

    Attributes:
        action: the name of the action.
        document: actions, selection and options of the run, as JSON values.
        created_at: aware UTC.
        vms: every selected VM in the order in which they are acted on.
        batches: the sizes of the batches, together as many as there are `targets`; empty without batches.
        lost: services and accounts whose VMs could not be listed, or only in part; ``undiscovered`` has a
            line for each.
        without_vms: selected services that have no VMs.
        missing_values: how many VMs a condition was undecided for, because of a missing value.
        worst_down: by ``"account/service_id"``, the most VMs of the service that can be down at once, those
            that are down already included.
        worst_failures: the most VMs that can fail before nothing new starts; None without a threshold.
        calls: the number of API calls to expect; ``seconds``: the duration, None where nothing was measured;
            ``basis``: the measurements, in words.
        confirmed: the count that `confirm` was given, None before.

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
            raise InvalidArgument(
                f"created_at={self.created_at} has no time zone; give an aware UTC time",
                argument="created_at",
            )
        if self.seconds is not None and not 0 <= self.seconds < math.inf:
            raise InvalidArgument(
                f"seconds={self.seconds!r} is no duration; give None where it is not known",
                argument="seconds",
            )
        if len({vm.key for vm in self.vms}) < len(self.vms):
            raise InvalidArgument("a plan names each VM once; this one names some twice", argument="vms")
        sizes = Counter(vm.batch for vm in self.vms if vm.batch is not None)
        if sizes != dict(enumerate(self.batches, 1)) or sizes.total() not in (0, len(self.targets)):
            raise InvalidArgument(
                f"the VMs' batches {dict(sizes)!r:.60} are not {self.batches!r:.60}", argument="batches"
            )
        if self.confirmed is not None:
            self._check_count(self.confirmed, "confirmed")

    @cached_property
    def targets(self) -> tuple[PlannedVm, ...]:
        """The VMs that something is done to."""
        return tuple(vm for vm in self.vms if vm.do is not None)

    @cached_property
    def undiscovered(self) -> tuple[str, ...]:
        """A line for each of ``lost``, with the reason; for people."""
        return tuple(map(str, self.lost))

    @cached_property
    def counts_per_service(self) -> Mapping[str, Mapping[str, int]]:
        """By ``"account/service_id"``, the number of VMs under ``"do"`` and under each ``why_not``."""
        counts: dict[str, Counter[str]] = {}
        for vm in self.vms:
            counts.setdefault(vm.service_key, Counter())["do" if vm.why_not is None else vm.why_not] += 1
        return counts

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of everything that decides what is done; not of times and predictions."""
        from .plan_file import digest_of

        return digest_of(self)

    def __str__(self) -> str:
        from .plan_text import page

        return page(self)

    def confirm(self, count: int) -> Plan:
        """Return the same plan, confirmed by somebody who knows how many VMs it acts on.

        Raises:
            InvalidArgument: the plan acts on another number of VMs.
        """
        self._check_count(count, "count")
        return attrs.evolve(self, confirmed=count)

    def _check_count(self, count: object, argument: str) -> None:
        if type(count) is not int or count != len(self.targets):
            raise InvalidArgument(
                f"this plan acts on {len(self.targets)} VMs, and {count!r:.40} were confirmed; "
                "look at the plan again, then confirm the number that it shows",
                argument=argument,
            )

    def check_current(
        self, current: Mapping[TargetKey, Vm], unlisted: Set[tuple[str, str | None]] = frozenset()
    ) -> None:
        """Compare what the plan relies on with a later reading of its VMs.

        A VM that is not in ``current`` is gone, unless its service, or its account (with None), is
        ``unlisted``.

        Raises:
            StalePlan: VMs have changed.
        """
        moved = []
        for planned in self.vms:
            vm = current.get(planned.key)
            if not has_moved(planned, vm):
                continue
            account = f" of {planned.account}" if len(self.accounts) > 1 else ""
            place = f"VM {planned.vm_id} of service {planned.service_id}{account}"
            unread = {(planned.account, planned.service_id), (planned.account, None)} & unlisted
            moved.append(f"{place}: {'could not be listed' if unread else movement(planned, vm)}")
        if moved:
            shown = "; ".join(moved[:3]) + ("; …" if len(moved) > 3 else "")
            count = "1 VM is" if len(moved) == 1 else f"{len(moved)} VMs are"
            raise StalePlan(
                f"{count} not as planned ({shown}); plan again, or run it with refresh=True", moved=moved
            )

    def diff(self, other: Plan) -> PlanDiff:
        """Return what differs from this plan to a later one; predictions and times are not compared."""
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

    def to_json(self) -> str:
        """Return the plan as one JSON text, for `from_json`."""
        from .plan_file import text_of

        return text_of(self)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that `to_json` wrote, in this version of the format or an earlier one.

        Raises:
            InvalidArgument: the text is no plan, is of a later version, or was changed since it was written.
        """
        from .plan_file import plan_from

        return plan_from(text)

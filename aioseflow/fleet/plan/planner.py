"""Making a plan: everything is listed, and for each VM it is said what would be done or why nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import attrs

from ...models import Service, Vm
from ...safety import Safety
from ..actions.action import Skip
from ..actions.steps import ends_down, skip_of, takes_down
from ..discovery.discover import ListedService
from ..model.fleet_account import FleetAccount
from ..model.undiscovered import Undiscovered
from ..model.vm_state import held, is_down
from ..run.execution import RunExecution
from .estimate import expect
from .plan import Plan
from .planned_vm import PlannedLoss, PlannedVm
from .rollout import Rollout, in_order, worst_down
from .spec import RunSpec

_POLLS_EXPECTED = 3  # lists of a service until its VMs have settled
_CALLS = {"usage": 3}


@attrs.frozen
class _Found:
    account: str
    service: Service
    vm: Vm
    why_not: str | None

    @property
    def place(self) -> tuple[str, str]:
        return self.account, self.service.id


async def make_plan(
    accounts: tuple[FleetAccount, ...],
    spec: RunSpec,
    execution: RunExecution,
    known: Mapping[str, Mapping[str, float]],
) -> Plan:
    """List everything and say what a run would do. Raises what the run would raise before it begins."""
    targets, seen = await execution.list_everything()
    execution.check(targets, seen)
    if (error := execution.error) is not None:
        raise error
    found_entries = (entry for name, listed in seen for entry in _entries(spec, execution, name, listed))
    # What a panel lists twice is one VM.
    entries = list({(*entry.place, entry.vm.id): entry for entry in found_entries}.values())
    acting = list(in_order((entry for entry in entries if entry.why_not is None), lambda entry: entry.place))
    rollout = spec.rollout or Rollout(same_cause=None)
    batches = rollout.sizes(len(acting)) if rollout.has_batches else ()
    numbers: list[int | None] = [number for number, size in enumerate(batches, 1) for _ in range(size)]
    numbers = numbers or [None for _ in acting]
    counts = Counter(entry.account for entry in acting)
    estimate = expect(known, spec.action, {account.name: counts[account.name] for account in accounts})
    services = {entry.place for entry in acting}
    settles = spec.policy is not None and any(step.settles for step in spec.steps)
    calls = sum(_CALLS.get(step.name, 1) for step in spec.steps) * len(acting)
    calls += len(accounts) + len(seen) + (_POLLS_EXPECTED * len(services) if settles else 0)
    vms = [
        PlannedVm.of(entry.account, entry.service, entry.vm, do=spec.action, batch=number)
        for entry, number in zip(acting, numbers, strict=True)
    ]
    vms += [
        PlannedVm.of(entry.account, entry.service, entry.vm, why_not=entry.why_not)
        for entry in entries
        if entry.why_not is not None
    ]
    # Lists come in any order, and the same world makes the same plan.
    lost = sorted(execution.undiscovered, key=_place_of)
    return Plan(
        action=spec.action,
        document=spec.to_document() | ({"parent": spec.parent} if spec.parent else {}),
        created_at=datetime.now(UTC),
        accounts=tuple(account.name for account in accounts),
        vms=tuple(vms),
        batches=batches,
        lost=tuple(map(PlannedLoss.of, lost)),
        without_vms=execution.without_vms,
        missing_values=spec.selection.missing_values,
        worst_down=_worst_down(spec, rollout, execution, seen, acting, numbers, len(targets)),
        worst_failures=_worst_failures(rollout, execution, len(acting)),
        calls=calls,
        seconds=estimate.seconds,
        basis=estimate.basis,
    )


def _place_of(lost: Undiscovered) -> tuple[str, int, str]:
    # Ids are mostly numbers, and 9 comes before 10.
    service_id = lost.service_id or ""
    return lost.account, len(service_id), service_id


def _entries(spec: RunSpec, execution: RunExecution, account: str, listed: ListedService) -> Iterable[_Found]:
    selection, service = spec.selection, listed.service
    if not selection.wants_service(account, service):
        return
    protected = next(pool.producer.protected for pool in execution.pools if pool.account.name == account)
    changes = any(step.safety is not Safety.READ for step in spec.steps)
    for vm in listed.vms:
        if not selection.selects(account, service, vm):
            continue
        why = selection.leaves_out(account, service, vm, protected)
        if why is None:
            skip: Skip | None = skip_of(spec.steps, vm)
            why = skip.cause if skip is not None else held(vm) if changes else None
        yield _Found(account, service, vm, why)


def _worst_down(
    spec: RunSpec,
    rollout: Rollout,
    execution: RunExecution,
    seen: list[tuple[str, ListedService]],
    acting: list[_Found],
    numbers: list[int | None],
    targets: int,
) -> dict[str, int]:
    """By service, the most of its VMs that are down at once, those that are down already among them."""
    down = {(account, listed.service.id): sum(is_down(vm) for vm in listed.vms) for account, listed in seen}
    shares: dict[tuple[str, str], Counter[int]] = {}
    if takes_down(spec.steps):
        for entry, number in zip(acting, numbers, strict=True):
            if not is_down(entry.vm):
                shares.setdefault(entry.place, Counter())[number or 0] += 1
    places = {entry.place for entry in acting}
    seen_up = all(step.settles for step in spec.steps if step.takes_down) and spec.policy is not None
    return {
        "/".join(place): worst_down(
            [shares[place][number] for number in sorted(shares[place])] if place in shares else [],
            down=down.get(place, 0),
            stays_down=ends_down(spec.steps),
            seen=seen_up or execution.waits_for_return,
            window=execution.scheduler.window,
            failures=rollout.failures_allowed(len(acting)),
            max_unavailable=rollout.unavailable_allowed(targets),
        )
        for place in sorted(places)
    }


def _worst_failures(rollout: Rollout, execution: RunExecution, total: int) -> int | None:
    allowed = rollout.failures_allowed(total)
    if allowed is None:
        return None
    return min(total, allowed + (execution.scheduler.window or total))

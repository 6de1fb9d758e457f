"""`make_plan`: lists everything, and decides for each VM what a run would do, or why nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil, inf
from typing import Any

import attrs

from ...models import Service, Vm
from ...policy import SettlePolicy
from ...safety import Safety
from ..actions.action import Skip
from ..actions.steps import ends_down, skip_of, takes_down
from ..discovery.discover import Discovery, ListedService
from ..model.fleet_account import FleetAccount
from ..model.undiscovered import Undiscovered
from ..model.vm_state import held, is_down
from .estimate import Pace, expect
from .plan import Plan
from .planned_vm import NOT_FOUND, PlannedLoss, PlannedVm
from .rollout import Rollout, in_order, worst_down
from .spec import RunSpec
from .survey import Survey

_LISTS_UNTIL_UP = 2  # lists that show a VM running before it counts as up again
_POLLS_EXPECTED = 3  # lists of a service until its VMs have settled


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
    accounts: tuple[FleetAccount, ...], spec: RunSpec, known: Mapping[str, Mapping[str, float]]
) -> Plan:
    """List everything, and return what a run would do. Raises what the run would raise before it begins.

    ``known`` has what earlier runs measured, by account.
    """
    discoveries = [Discovery(each, spec.selection, count_all=spec.counts_all_vms) for each in accounts]
    survey = Survey(spec, discoveries)
    await survey.read()
    survey.check()
    survey.check_availability()
    if (error := survey.error) is not None:
        raise error
    found_entries = (entry for name, listed in survey.listed for entry in _entries(survey, name, listed))
    # A VM that the panel lists twice is one VM.
    entries = list({(*entry.place, entry.vm.id): entry for entry in found_entries}.values())
    if spec.selection.missing == "name":
        entries += [_Found(each.account, each.service, each.vm, NOT_FOUND) for each in survey.gone()]
    acting = list(in_order((entry for entry in entries if entry.why_not is None), lambda entry: entry.place))
    rollout, window = spec.rules, spec.window(accounts)
    batches = rollout.sizes(len(acting)) if rollout.has_batches else ()
    numbers: list[int | None] = [number for number, size in enumerate(batches, 1) for _ in range(size)]
    numbers = numbers or [None for _ in acting]
    counts = Counter(entry.account for entry in acting)
    of_account = {account.name: counts[account.name] for account in accounts}
    pace = _pace(survey, window, acting, numbers)
    estimate = expect(known, spec.action, [step.name for step in spec.steps], of_account, pace)
    services = {entry.place for entry in acting}
    settles = spec.policy is not None and any(step.settles for step in spec.steps)
    calls = sum(step.requests for step in spec.steps) * len(acting)
    calls += len(accounts) + len(survey.listed) + (_POLLS_EXPECTED * len(services) if settles else 0)
    vms = [
        PlannedVm.of(entry.account, entry.service, entry.vm, do=spec.action, batch=number)
        for entry, number in zip(acting, numbers, strict=True)
    ]
    vms += [
        PlannedVm.of(entry.account, entry.service, entry.vm, why_not=entry.why_not)
        for entry in entries
        if entry.why_not is not None
    ]
    # Lists come in any order, and equal lists make equal plans.
    lost = sorted(survey.undiscovered, key=_place_of)
    return Plan(
        action=spec.action,
        document=_document(spec),
        created_at=datetime.now(UTC),
        accounts=tuple(account.name for account in accounts),
        vms=tuple(vms),
        batches=batches,
        lost=tuple(map(PlannedLoss.of, lost)),
        without_vms=tuple(found for discovery in discoveries for found in discovery.without_vms),
        missing_values=spec.selection.missing_values,
        worst_down=_worst_down(survey, window, entries, acting, numbers),
        worst_failures=_worst_failures(rollout, window, len(acting)),
        calls=calls,
        seconds=estimate.seconds,
        basis=estimate.basis,
    )


def _document(spec: RunSpec) -> dict[str, Any]:
    document = spec.to_document() | ({"parent": spec.parent} if spec.parent else {})
    idle = spec.selection.exclude.unmet
    return document | ({"idle_exclusions": idle} if idle else {})


def _place_of(lost: Undiscovered) -> tuple[str, int, str]:
    # Ids are mostly numbers, and 9 comes before 10.
    service_id = lost.service_id or ""
    return lost.account, len(service_id), service_id


def _entries(survey: Survey, account: str, listed: ListedService) -> Iterable[_Found]:
    spec, service = survey.spec, listed.service
    selection, protected = spec.selection, survey.protected[account]
    if not selection.wants_service(account, service):
        return
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
    survey: Survey,
    window: int | None,
    entries: list[_Found],
    acting: list[_Found],
    numbers: list[int | None],
) -> dict[str, int]:
    """Return, by service, the most of its VMs that are down at once; those that are down already count."""
    spec, rollout = survey.spec, survey.spec.rules
    down = {(account, listed.service.id): sum(map(is_down, listed.vms)) for account, listed in survey.listed}
    shares: dict[tuple[str, str], Counter[int]] = {}
    if takes_down(spec.steps):
        for entry, number in zip(acting, numbers, strict=True):
            if not is_down(entry.vm):
                shares.setdefault(entry.place, Counter())[number or 0] += 1
    # A service of which nothing is taken down has those that are down already.
    places = {entry.place for entry in acting} | {entry.place for entry in entries if down.get(entry.place)}
    seen_up = all(step.settles for step in spec.steps if step.takes_down) and spec.policy is not None
    return {
        "/".join(place): worst_down(
            [shares[place][number] for number in sorted(shares[place])] if place in shares else [],
            down=down.get(place, 0),
            stays_down=ends_down(spec.steps),
            seen=seen_up or rollout.waits_for_return,
            window=window,
            failures=rollout.failures_allowed(len(acting)),
            max_unavailable=rollout.unavailable_allowed(len(survey.targets)),
            of_service=rollout.max_down_per_service,
        )
        for place in sorted(places)
    }


def _pace(
    survey: Survey, window: int | None, acting: Sequence[_Found], numbers: Sequence[int | None]
) -> Pace:
    """Return how many VMs wait for one another because of the rollout, and how long its pauses are."""
    spec, rollout = survey.spec, survey.spec.rules
    batches: dict[int, Counter[tuple[str, str]]] = {}
    for entry, number in zip(acting, numbers, strict=True):
        batches.setdefault(number or 0, Counter())[entry.place] += 1
    slots, between = float(window or inf), 0.0
    if takes_down(spec.steps) and (allowed := rollout.unavailable_allowed(len(survey.targets))) is not None:
        down = sum(is_down(vm) for _, listed in survey.listed for vm in listed.vms)
        # What is stopped stays so: its place is not given back, and the rest is not begun.
        slots = inf if ends_down(spec.steps) else min(slots, max(1, allowed - down))
        if not all(step.settles for step in spec.steps if step.takes_down):
            # The place of a VM that no reading verifies is given back by lists after its outcome.
            between = _LISTS_UNTIL_UP * (spec.policy or SettlePolicy()).first_poll
    of_service = rollout.max_down_per_service or inf
    rounds = sum(
        max(
            ceil(services.total() / slots) if slots < inf else 0,
            *(ceil(number / of_service) if of_service < inf else 0 for number in services.values()),
            1 if rollout.has_batches else 0,
        )
        for services in batches.values()
    )
    return Pace(rounds, between, rollout.pause_between * max(0, len(batches) - 1))


def _worst_failures(rollout: Rollout, window: int | None, total: int) -> int | None:
    allowed = rollout.failures_allowed(total)
    return None if allowed is None else min(total, allowed + (window or total))

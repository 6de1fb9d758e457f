"""The claims of the reports, compared with the panel's own record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import attrs

from ... import Outcome, Report, Status
from ...sandbox import Sandbox

_POWER = {"stop": "stopped", "start": "running"}
_NAMED = 4


@attrs.frozen(kw_only=True)
class DemoStage:
    """An action: its report, and what the panel knew in the moment when it was over.

    ``power`` and ``effects`` (how often the action took effect meanwhile) are by service and VM id; ``sent``
    is how many requests for the action arrived.
    """

    action: str
    report: Report
    power: Mapping[tuple[str, str], str]
    effects: Counter[tuple[str, str]]
    sent: int


@attrs.frozen
class Claim:
    """Something that was checked, and whether it holds."""

    holds: bool
    text: str


def examine(stages: list[DemoStage], panel: Sandbox) -> list[Claim]:
    """Check that nothing is lost, nothing was rebooted twice, and no outcome contradicts the panel."""
    claims = [_nothing_lost(stages, panel)]
    for stage in stages:
        if stage.action == "reboot":
            claims.append(_once_each(stage, panel))
        if stage.action != "usage":
            claims.append(_true_outcomes(stage))
            if stage.report.counts[Status.UNKNOWN]:
                claims.append(_unknown(stage))
    return claims


def _nothing_lost(stages: list[DemoStage], panel: Sandbox) -> Claim:
    there = {(service.id, vm) for service in panel.services.values() for vm in service.vms}
    lost = []
    for stage in stages:
        report = stage.report
        counted = Counter(_key(outcome) for outcome in report.outcomes)
        unlisted = {service.service_id for service in report.undiscovered}
        # A run that was interrupted while it was listing names the services that it did not come to.
        missing = {key for key in there - counted.keys() if None not in unlisted and key[0] not in unlisted}
        twice = [key for key, number in counted.items() if number > 1]
        if missing or twice or sum(report.counts.values()) != len(report.targets):
            lost.append(f"{stage.action}: {_some([*missing, *twice]) or 'the counts do not add up'}")
    if lost:
        return Claim(False, "VMs without exactly one outcome: " + "; ".join(lost))
    return Claim(
        True,
        f"nothing is lost: in every action each of the panel's {len(there)} VMs has exactly one outcome, "
        "or its service is named as not listed",
    )


def _once_each(stage: DemoStage, panel: Sandbox) -> Claim:
    repeated = panel.repeated("reboot")
    most = max(stage.effects.values(), default=0)
    text = (
        f"reboot: {stage.sent} requests arrived, {stage.effects.total()} took effect, at most {most} per VM"
    )
    end = f"; rebooted twice: {_some(repeated)}" if repeated else ": no VM was rebooted twice"
    return Claim(not repeated, text + end)


def _true_outcomes(stage: DemoStage) -> Claim:
    """Check every outcome but unknown, and name the VMs that the panel's record contradicts."""
    outcomes = stage.report.outcomes
    wrong = [_key(outcome) for outcome in outcomes if not _is_true(outcome, stage)]
    wrong += stage.effects.keys() - {_key(outcome) for outcome in outcomes}
    if wrong:
        return Claim(False, f"{stage.action}: the panel's record contradicts the outcome of {_some(wrong)}")
    counts = stage.report.counts
    text = f"{stage.action}: all {counts[Status.CHANGED]} changed took effect once each"
    power = _POWER.get(stage.action)
    if power is None:
        return Claim(True, f"{text}; nothing took effect on a VM reported failed or not attempted")
    verified = sum(outcome.verified for outcome in outcomes) - counts[Status.UNCHANGED]
    which = "and were" if verified == counts[Status.CHANGED] else f"and the {verified} read back were"
    return Claim(
        True,
        f"{text} {which} {power} at the panel when the run ended; all {counts[Status.UNCHANGED]} unchanged "
        f"were {power} and left alone; no failed one was {power}",
    )


def _is_true(outcome: Outcome, stage: DemoStage) -> bool:
    key = _key(outcome)
    effects = stage.effects[key]
    wanted = _POWER.get(stage.action)
    reached = wanted is None or stage.power[key] == wanted
    match outcome.status:
        case Status.CHANGED:
            # Without verified, the outcome claims the acceptance alone.
            return effects == 1 and (reached or not outcome.verified)
        case Status.UNCHANGED:
            return effects == 0 and reached
        case Status.FAILED if outcome.cause == "not_settled":
            return not reached
        case Status.FAILED:
            return effects == 0 and (wanted is None or not reached)
        case Status.NOT_ATTEMPTED:
            return effects == 0
        case Status.UNKNOWN:
            return True


def _unknown(stage: DemoStage) -> Claim:
    unknown = [_key(outcome) for outcome in stage.report.outcomes if outcome.status is Status.UNKNOWN]
    acted = sum(stage.effects[key] > 0 for key in unknown)
    return Claim(
        True,
        f"{stage.action}: {len(unknown)} unknown, named above; at the panel {acted} of them took effect and "
        f"{len(unknown) - acted} did not, which no answer said",
    )


def _key(outcome: Outcome) -> tuple[str, str]:
    return outcome.service_id, outcome.vm_id


def _some(keys: Collection[tuple[str, str]]) -> str:
    names = [f"{service}/{vm}" for service, vm in list(keys)[:_NAMED]]
    more = len(keys) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")

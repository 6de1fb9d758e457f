"""The report's claims held against the panel's own record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs

from ...fleet import Outcome, Report, Status
from ...sandbox import Sandbox

_POWER = {"stop": "stopped", "start": "running"}
_NAMED = 4


@attrs.frozen(kw_only=True)
class Stage:
    """One action: its report, and what the panel knew in the moment when it was over.

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
    """Something that was looked at, and whether it is as it must be."""

    holds: bool
    text: str


def examine(stages: list[Stage], panel: Sandbox) -> list[Claim]:
    """All findings: nothing lost, nothing rebooted twice, no claim that the panel contradicts."""
    findings = [_nothing_lost(stages, panel)]
    for stage in stages:
        if stage.action == "reboot":
            findings.append(_once_each(stage, panel))
        if stage.action != "usage":
            findings.append(_claims(stage))
            if stage.report.counts[Status.UNKNOWN]:
                findings.append(_unknown(stage))
    return findings


def _nothing_lost(stages: list[Stage], panel: Sandbox) -> Claim:
    there = {(service.id, vm) for service in panel.services.values() for vm in service.vms}
    lost = []
    for stage in stages:
        report = stage.report
        told = Counter(_key(outcome) for outcome in report.outcomes)
        unlisted = {service.service_id for service in report.undiscovered}
        # A run that was interrupted while it was listing names the services that it did not come to.
        missing = {key for key in there - told.keys() if None not in unlisted and key[0] not in unlisted}
        twice = [key for key, number in told.items() if number > 1]
        if missing or twice or sum(report.counts.values()) != len(report.targets):
            lost.append(f"{stage.action}: {_some([*missing, *twice]) or 'the counts do not add up'}")
    if lost:
        return Claim(False, "VMs without exactly one outcome: " + "; ".join(lost))
    return Claim(
        True,
        f"nothing is lost: in every action each of the panel's {len(there)} VMs has exactly one outcome, "
        "or its service is named as not listed",
    )


def _once_each(stage: Stage, panel: Sandbox) -> Claim:
    repeated = panel.repeated("reboot")
    most = max(stage.effects.values(), default=0)
    text = (
        f"reboot: {stage.sent} requests arrived, {stage.effects.total()} took effect, at most {most} per VM"
    )
    if repeated:
        return Claim(False, f"{text}; rebooted twice: {_some(repeated)}")
    return Claim(True, f"{text}: no VM was rebooted twice")


def _claims(stage: Stage) -> Claim:
    """Each outcome but unknown says something about the panel: what it is not true of is named."""
    told = {_key(outcome) for outcome in stage.report.outcomes}
    wrong = [_key(outcome) for outcome in stage.report.outcomes if not _is_true(outcome, stage)]
    wrong += [key for key in stage.effects if key not in told]
    if wrong:
        return Claim(False, f"{stage.action}: the panel's record contradicts the outcome of {_some(wrong)}")
    counts = stage.report.counts
    changed = f"all {counts[Status.CHANGED]} changed took effect once each"
    if stage.action in _POWER:
        power = _POWER[stage.action]
        verified = sum(outcome.verified for outcome in stage.report.outcomes) - counts[Status.UNCHANGED]
        which = "and were" if verified == counts[Status.CHANGED] else f"and the {verified} read back were"
        return Claim(
            True,
            f"{stage.action}: {changed} {which} {power} at the panel when the run ended; all "
            f"{counts[Status.UNCHANGED]} unchanged were {power} and left alone; no failed one was {power}",
        )
    return Claim(
        True, f"{stage.action}: {changed}; nothing took effect on a VM reported failed or not attempted"
    )


def _is_true(outcome: Outcome, stage: Stage) -> bool:
    key = _key(outcome)
    effects = stage.effects[key]
    wanted = _POWER.get(stage.action)
    reached = wanted is None or stage.power[key] == wanted
    match outcome.status:
        case Status.CHANGED:
            # Not verified is a claim about the acceptance alone.
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


def _unknown(stage: Stage) -> Claim:
    unknown = [_key(outcome) for outcome in stage.report.outcomes if outcome.status is Status.UNKNOWN]
    acted = sum(stage.effects[key] > 0 for key in unknown)
    return Claim(
        True,
        f"{stage.action}: {len(unknown)} unknown, all named above; at the panel {acted} of them took effect "
        f"and {len(unknown) - acted} did not, which no answer ever told",
    )


def _key(outcome: Outcome) -> tuple[str, str]:
    return outcome.service_id, outcome.vm_id


def _some(keys: list[tuple[str, str]] | Mapping[tuple[str, str], int]) -> str:
    names = [f"{service}/{vm}" for service, vm in list(keys)[:_NAMED]]
    more = len(keys) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")

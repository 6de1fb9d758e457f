"""Where a run stands, in words and figures."""

from __future__ import annotations

import math
from itertools import islice
from typing import Final

from ...fleet import Outcome, Progress, Status
from ..terminal import shown

_NAMED: Final = 2
# Less is the pace that was agreed, and would only flicker.
_WORTH_TELLING: Final = 0.5
_CAUSE: Final = 40
_ERROR: Final = 200
_REASONS: Final = {
    "drained": "interrupted",
    "deadline": "its deadline is over",
    "no_progress": "nothing moves any more",
    "max_failures": "more failed than max_failures allows",
    "max_unavailable": "too many VMs are down",
    "journal_failed": "the journal cannot be written",
}


def standing(progress: Progress, *, figures: bool = True) -> str:
    """Where a run stands; done, in flight, settling and waiting add up to all."""
    parts = [f"{progress.done:,} of {progress.targets:,} done"] if figures else []
    return ", ".join(parts + underway(progress) + outcomes(progress, good=False) + discovery(progress))


def underway(progress: Progress) -> list[str]:
    """What is not done."""
    named = {"in flight": progress.in_flight, "settling": progress.settling, "waiting": progress.queued}
    return [f"{number:,} {name}" for name, number in named.items() if number]


def outcomes(progress: Progress, *, good: bool = True) -> list[str]:
    """What is done; without ``good`` only what is not as asked."""
    fine = () if good else (Status.CHANGED, Status.UNCHANGED)
    return [
        f"{number:,} {status.value.replace('_', ' ')}"
        for status, number in progress.counts.items()
        if number and status not in fine
    ]


def discovery(progress: Progress) -> list[str]:
    """Whether there may be more VMs than are known."""
    words = []
    if progress.undiscovered:
        words.append(f"{progress.undiscovered:,} service{'s'[: progress.undiscovered != 1]} not listed")
    if progress.discovering:
        words.append("still listing")
    return words


def speed(progress: Progress, rate: float | None) -> list[str]:
    """How fast it goes, and what the providers allow."""
    words = [] if rate is None else [f"{figure(rate)} VMs/s"]
    if progress.limit is not None:
        words.append(f"limit {progress.limit:,} request{'s'[: progress.limit != 1]}")
    if progress.refused:
        words.append(f"{progress.refused:,} refused")
    return words


def circumstances(progress: Progress) -> list[str]:
    """What else there is to know: why it stops, that it is paused, its batch, for which provider it waits."""
    words = []
    if progress.stopping is not None:
        words.append(f"stopping: {_REASONS.get(progress.stopping, progress.stopping.replace('_', ' '))}")
    if progress.paused:
        words.append("paused")
    if progress.batch is not None and progress.batches is not None:
        words.append(f"batch {progress.batch:,} of {progress.batches:,}")
    return words + throttling(progress) + _silent(progress)


def throttling(progress: Progress) -> list[str]:
    """Which providers take less than they did, or asked to wait, and for how long."""
    several = len(progress.flows.keys() | progress.held.keys()) > 1
    told = []
    for name in dict.fromkeys((*progress.flows, *progress.held)):
        flow, held = progress.flows.get(name), progress.held.get(name, 0.0)
        if held < _WORTH_TELLING and (flow is None or not flow.throttled):
            continue
        parts = []
        if flow is not None:
            was = f" (was {flow.was:,})" if flow.was > flow.limit else ""
            parts.append(f"{flow.limit:,} in flight{was}")
        if held >= _WORTH_TELLING:
            parts.append(f"next call in {math.ceil(held):,} s")
        told.append(f"throttled by the provider{_of(name) if several else ''}: {', '.join(parts)}")
    return _few(told, "more accounts are throttled")


def _silent(progress: Progress) -> list[str]:
    several = len(progress.flows) > 1
    told = [
        f"the panel{_of(name) if several else ''} does not answer: one request at a time asks whether it does"
        for name, flow in progress.flows.items()
        if not flow.answers
    ]
    return _few(told, "more panels do not answer")


def _of(name: str) -> str:
    return f" of {shown(name)}"


def _few(told: list[str], more: str) -> list[str]:
    named = list(islice(told, _NAMED))
    return named if len(named) == len(told) else [*named, f"{len(told) - len(named):,} {more}"]


def failure(outcome: Outcome) -> tuple[str, str, str]:
    """A failure's place, cause, and what was said of it."""
    service = outcome.service_name or outcome.service_id
    error = "" if outcome.error is None else str(outcome.error)
    first = next((line for line in error.splitlines() if line.strip()), "")
    return (
        f"{shown(service)}/{shown(outcome.vm_label or outcome.vm_id)}",
        shown(outcome.cause or outcome.status.value, _CAUSE),
        shown(first.strip(), _ERROR),
    )


def figure(rate: float) -> str:
    """A number of which the size matters, not each digit."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def duration(seconds: float) -> str:
    """``0:42``, ``12:05``, ``3:20:11``."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours:,}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

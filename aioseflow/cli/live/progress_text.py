"""The progress of a run in words and figures."""

from __future__ import annotations

import math
from typing import Final

from ... import Outcome, Progress, Status
from ...fleet.model.run_wait import HELD_SECONDS_MIN
from ...text import escape, quantity

_NAME_MAX: Final = 40
_ERROR_MAX: Final = 200
_ACCOUNTS_NAMED: Final = 2
_WAITS_SHOWN: Final = 2
_SAID_ELSEWHERE: Final = frozenset({"paused", "panel_away", "throttled", "listing", "window"})
"""Reasons for which a run waits that other words of a line say."""

_STOPPING: Final = {
    "deadline": "the deadline is reached",
    "no_progress": "no VM has finished for too long",
    "max_failures": "more VMs failed than --max-failures allows",
    "max_unavailable": "too many VMs are down",
    "journal_failed": "the journal cannot be written",
    "lease_lost": "another process took the run over",
}


def totals(progress: Progress) -> str:
    """Return how many VMs are done, in flight, settling and waiting; these add up to all."""
    done = f"{progress.done:,} of {progress.targets:,} done"
    return ", ".join([done, *underway(progress), *outcomes(progress, good=False), *discovery(progress)])


def underway(progress: Progress) -> list[str]:
    """Return the counts of VMs that are not done."""
    named = {"in flight": progress.in_flight, "settling": progress.settling, "waiting": progress.queued}
    return [f"{number:,} {name}" for name, number in named.items() if number]


def outcomes(progress: Progress, *, good: bool = True) -> list[str]:
    """Return the counts of outcomes; without ``good``, only failed, unknown and not attempted."""
    left_out = () if good else (Status.CHANGED, Status.UNCHANGED)
    return [
        f"{number:,} {status.value.replace('_', ' ')}"
        for status, number in progress.counts.items()
        if number and status not in left_out
    ]


def discovery(progress: Progress) -> list[str]:
    """Return why there may be more VMs than are known."""
    words = [f"{quantity(progress.undiscovered, 'service')} not listed"] if progress.undiscovered else []
    return [*words, "still listing"] if progress.discovering else words


def speed(progress: Progress, rate: float | None) -> list[str]:
    """Return VMs per second, the limit of requests in flight, and how many requests were throttled."""
    words = [] if rate is None else [f"{figure(rate)} VMs/s"]
    if progress.limit is not None:
        words.append(f"limit {quantity(progress.limit, 'request')}")
    if progress.refused:
        words.append(f"{progress.refused:,} throttled")
    return words


def circumstances(progress: Progress) -> list[str]:
    """Return why the run stops, that it is paused, its batch, and which panel it waits for."""
    words = []
    if progress.stopping == "drained":
        words.append(f"draining: {progress.in_flight + progress.settling:,} left")
    elif progress.stopping is not None:
        words.append(f"stopping: {_STOPPING.get(progress.stopping, progress.stopping.replace('_', ' '))}")
    if progress.paused:
        words.append("paused")
    words += _waits(progress)
    if progress.batch is not None and progress.batches is not None:
        words.append(f"batch {progress.batch:,} of {progress.batches:,}")
    return words + _throttling(progress) + _silence(progress)


def _waits(progress: Progress) -> list[str]:
    """Return what the run waits for that no other words say."""
    waits = [each for each in progress.waiting_for if each.reason not in _SAID_ELSEWHERE]
    if progress.queued or len(waits) > 1:
        # While others begin, reading back is the normal course.
        waits = [each for each in waits if each.reason != "settling"] or waits
    return [str(each) for each in waits[:_WAITS_SHOWN]]


def _throttling(progress: Progress) -> list[str]:
    several = len(progress.flows.keys() | progress.held.keys()) > 1
    words = []
    for name in dict.fromkeys((*progress.flows, *progress.held)):
        flow, held = progress.flows.get(name), progress.held.get(name, 0.0)
        parts = []
        if flow is not None and (flow.throttled or held >= HELD_SECONDS_MIN):
            was = f" (was {flow.was:,})" if flow.was > flow.limit else ""
            parts.append(f"{flow.limit:,} in flight{was}")
        if held >= HELD_SECONDS_MIN:
            parts.append(f"next call in {math.ceil(held):,} s")
        if parts:
            words.append(f"throttled by the provider{_of(name) if several else ''}: {', '.join(parts)}")
    return _first(words, "more accounts are throttled")


def _silence(progress: Progress) -> list[str]:
    several = len(progress.flows) > 1
    words = [
        f"the panel{_of(name) if several else ''} does not answer: one request at a time asks whether it does"
        for name, flow in progress.flows.items()
        if not flow.answers
    ]
    return _first(words, "more panels do not answer")


def _of(name: str) -> str:
    return f" of {escape(name, _NAME_MAX)}"


def _first(words: list[str], more: str) -> list[str]:
    left = len(words) - _ACCOUNTS_NAMED
    return words if left <= 0 else [*words[:_ACCOUNTS_NAMED], f"{left:,} {more}"]


def failure(outcome: Outcome) -> tuple[str, str, str]:
    """Return the place, the cause, and the first line of the error of a VM that failed."""
    service = outcome.service_name or outcome.service_id
    error = "" if outcome.error is None else str(outcome.error)
    first = next((line for line in error.splitlines() if line.strip()), "")
    return (
        f"{escape(service, _NAME_MAX)}/{escape(outcome.vm_label or outcome.vm_id, _NAME_MAX)}",
        escape(outcome.cause or outcome.status.value, _NAME_MAX),
        escape(first.strip(), _ERROR_MAX),
    )


def figure(rate: float) -> str:
    """Return a rate with two digits at least."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def clock_time(seconds: float) -> str:
    """Return seconds as ``0:42``, ``12:05``, ``3:20:11``: a text that keeps its width while it counts."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours:,}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

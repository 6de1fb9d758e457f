"""Findings: a lost reboot is judged by the panel's own clock at both ends, and by ours where that agrees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aioseflow import PowerState, Reboot, Stop, Vm
from aioseflow.fleet.model.clock import Instant, PanelClock, RunClock, parsed_date
from aioseflow.fleet.recovery.findings import judge

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def instant(ours: float, panel: float | None = None) -> Instant:
    return Instant(NOON + timedelta(seconds=ours), None if panel is None else NOON + timedelta(seconds=panel))


@pytest.mark.parametrize(
    ("sent", "read", "uptime", "verdict"),
    [
        # Both clocks agree.
        (instant(0, 7), instant(600, 607), 20, "done"),
        (instant(0, 7), instant(600, 607), 590, "done"),
        (instant(0, 7), instant(600, 607), 600, "cannot_tell"),
        (instant(0, 7), instant(600, 607), 640, "cannot_tell"),
        (instant(0, 7), instant(600, 607), 3000, "not_done"),
        (instant(0, 7), instant(100, 107), 3000, "cannot_tell"),
        # Ours was an hour behind when it was sent, and is an hour ahead when it is read.
        (instant(-3600, 0), instant(2, 2), 3000, "cannot_tell"),
        (instant(0, 0), instant(3602, 2), 3000, "cannot_tell"),
        # Ours was set back: what is long ago looks recent.
        (instant(0, 0), instant(-3000, 600), 3000, "cannot_tell"),
        # The panel's was set.
        (instant(0, 0), instant(2, 3602), 3000, "cannot_tell"),
        # No panel's time at one end, or at both.
        (instant(0), instant(600, 607), 20, "cannot_tell"),
        (instant(0, 7), instant(600), 20, "cannot_tell"),
        (instant(0), instant(600), 20, "cannot_tell"),
        (None, instant(600, 607), 20, "cannot_tell"),
        # A panel that shows no uptime.
        (instant(0, 7), instant(600, 607), None, "cannot_tell"),
    ],
)
def test_a_lost_reboot_is_judged_by_both_clocks(
    sent: Instant | None, read: Instant, uptime: int | None, verdict: str
) -> None:
    vm = Vm(id="4", power=PowerState.RUNNING, uptime=uptime)
    assert judge(Reboot(), vm, None, sent=sent, read=read)[0] == verdict


@pytest.mark.parametrize(
    ("sent", "read", "verdict"),
    [
        (instant(0, 0), instant(200, 200), "not_done"),
        (instant(0), instant(200), "not_done"),
        (instant(0, 0), instant(100, 100), "cannot_tell"),
        # The clock that shows less decides: nothing is called undone too early.
        (instant(0, 0), instant(3600, 5), "cannot_tell"),
        (instant(0, 0), instant(5, 3600), "cannot_tell"),
        (None, instant(200, 200), "cannot_tell"),
    ],
)
def test_not_done_is_said_only_after_the_grace(sent: Instant | None, read: Instant, verdict: str) -> None:
    vm = Vm(id="4", power=PowerState.RUNNING)
    assert judge(Stop(), vm, False, sent=sent, read=read)[0] == verdict


class Clocks:
    """The wall clock and the monotonic clock of the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.elapsed = NOON.timestamp(), 50.0
        monkeypatch.setattr("time.time", lambda: self.wall)
        monkeypatch.setattr("time.monotonic", lambda: self.elapsed)

    def passes(self, seconds: float, *, step: float = 0.0) -> None:
        self.wall += seconds + step
        self.elapsed += seconds


class Answer:
    raw_headers = {"Date": "Sun, 01 Mar 2026 13:00:00 GMT"}  # noqa: RUF012 - never changed


def test_the_time_of_the_panel_goes_on_after_its_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, clock = Clocks(monkeypatch), PanelClock()
    assert clock.now() is None
    clock.note([Answer(), object()])
    clocks.passes(30)
    assert clock.now() == datetime(2026, 3, 1, 13, 0, 30, tzinfo=UTC)
    clock.note([object()])  # an answer without a time, or none at all
    assert clock.now() == datetime(2026, 3, 1, 13, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("step", [3600.0, -3600.0, 61.0, -61.0])
def test_the_time_of_the_panel_is_not_known_after_a_clock_was_set(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or after the machine slept, which looks the same: the monotonic clock stands still meanwhile."""
    clocks, clock = Clocks(monkeypatch), PanelClock()
    clock.note([Answer()])
    clocks.passes(5, step=step)
    assert clock.now() is None


@pytest.mark.parametrize("text", ["", "yesterday", "Sun, 99 Mar 2026 13:00:00 GMT", "\x00"])
def test_a_date_that_is_none_is_none(text: str) -> None:
    assert parsed_date(text) is None


def test_the_times_of_a_run_never_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = RunClock()
    before = clock.now()

    class Back(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return before - timedelta(hours=2)

    monkeypatch.setattr("aioseflow.fleet.model.clock.datetime", Back)
    first, second = clock.now(), clock.now()
    assert before <= first <= second < before + timedelta(minutes=1)

"""What is said of a run while it lasts: words, figures, bars, dated lines."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from aioseflow import Flow, Outcome, Progress, Status
from aioseflow.cli.live import LiveView, StatusLines, view
from aioseflow.cli.live.live_view import _rows
from aioseflow.cli.live.progress_text import circumstances, clock_time, failure, figure, speed, totals
from aioseflow.cli.live.shown_run import ShownRun
from aioseflow.cli.live.styled_row import ASCII, LINES, StyledRow, bar, padded
from aioseflow.errors import PermissionDenied
from aioseflow.text import cells

_AT = "2026-03-01T12:00:00+00:00"


def made(targets: int = 10, **counts: int) -> Progress:
    """A progress that adds up."""
    outcomes = {status: counts.get(status.value, 0) for status in Status}
    rest: dict[str, Any] = {name: counts.get(name, 0) for name in ("in_flight", "settling", "undiscovered")}
    queued = targets - sum(outcomes.values()) - rest["in_flight"] - rest["settling"]
    return Progress(
        targets=targets, counts=outcomes, queued=queued, discovering=bool(counts.get("discovering")), **rest
    )


def flow(limit: int = 12, was: int = 12, **facts: Any) -> Flow:
    """How requests flow."""
    return Flow(**{"limit": limit, "in_flight": limit, "was": was, **facts})


SLOWED = flow(4, 12, held=7.2, throttled=True)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        ({"held": {"main": 11.2}}, "throttled by the provider: next call in 12 s"),
        ({"held": {"main": 0.1}}, ""),
        ({"flows": {"main": flow()}}, ""),
        (
            {"flows": {"main": SLOWED}, "held": {"main": 7.2}},
            "throttled by the provider: 4 in flight (was 12), next call in 8 s",
        ),
        (
            {"flows": {"main": flow(4, 12, throttled=True)}},
            "throttled by the provider: 4 in flight (was 12)",
        ),
        (
            {"flows": {"main": flow(throttled=True)}, "held": {"main": 3000.0}},
            "throttled by the provider: 12 in flight, next call in 3,000 s",
        ),
        (
            {"held": {"a": 3.0, "b\x1b[2J": 4.0, "c": 5.0, "d": 6.0}},
            "throttled by the provider of a: next call in 3 s; "
            "throttled by the provider of b\\x1b[2J: next call in 4 s; 2 more accounts are throttled",
        ),
        (
            {"flows": {"main": flow(answers=False)}},
            "the panel does not answer: one request at a time asks whether it does",
        ),
        ({"paused": True, "batch": 2, "batches": 5}, "paused; batch 2 of 5"),
        ({"stopping": "drained"}, "draining: 0 left"),
        ({"stopping": "max_failures"}, "stopping: more VMs failed than --max-failures allows"),
        ({"stopping": "something_new"}, "stopping: something new"),
    ],
)
def test_what_a_run_waits_for_and_why_it_stops_is_said(facts: dict[str, Any], words: str) -> None:
    assert "; ".join(circumstances(attrs.evolve(made(), **facts))) == words


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (made(0, discovering=1), "0 of 0 done, still listing"),
        (made(10, changed=3, in_flight=2, settling=1), "3 of 10 done, 2 in flight, 1 settling, 4 waiting"),
        (
            made(4, failed=1, unknown=1, not_attempted=2, undiscovered=1),
            "4 of 4 done, 1 failed, 1 unknown, 2 not attempted, 1 service not listed",
        ),
        (made(0, undiscovered=2), "0 of 0 done, 2 services not listed"),
        (made(100_000, changed=1234), "1,234 of 100,000 done, 98,766 waiting"),
    ],
)
def test_where_a_run_stands_adds_up(progress: Progress, words: str) -> None:
    assert totals(progress) == words


def test_how_fast_it_goes_is_said_as_far_as_it_is_known() -> None:
    assert speed(made(), None) == []
    known = attrs.evolve(made(), limit=1, refused=1200)
    assert speed(known, 0.04) == ["0.0 VMs/s", "limit 1 request", "1,200 throttled"]
    assert speed(attrs.evolve(made(), limit=24), 1234.5) == ["1,234 VMs/s", "limit 24 requests"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0:00"), (0, "0:00"), (62.9, "1:02"), (3600, "1:00:00"), (3.6e6, "1,000:00:00")],
)
def test_a_time_counts_without_changing_its_width(seconds: float, words: str) -> None:
    assert clock_time(seconds) == words


@pytest.mark.parametrize(("rate", "words"), [(0.0, "0.0"), (9.94, "9.9"), (10.4, "10"), (12345.0, "12,345")])
def test_figures(rate: float, words: str) -> None:
    assert figure(rate) == words


def failed(**facts: Any) -> Outcome:
    """A VM that failed."""
    from datetime import datetime

    at = datetime.fromisoformat(_AT)
    values: dict[str, Any] = {
        "account": "main",
        "service_id": "9",
        "service_name": "Cloud",
        "vm_id": "4",
        "vm_label": "web",
        "action": "stop",
        "status": Status.FAILED,
        "cause": "permission_denied",
        "error": PermissionDenied("\n  you may not\nat all"),
        "started_at": at,
        "finished_at": at,
    }
    return Outcome(**{**values, **facts})


def test_a_failure_is_a_place_a_cause_and_one_line() -> None:
    assert failure(failed()) == ("Cloud/web", "permission_denied", "you may not")
    assert failure(failed(service_name="", vm_label="", cause=None, error=None)) == ("9/4", "failed", "")
    hostile = failure(
        failed(vm_label="\x1b[2J\u202e" + 9999 * "x", error=PermissionDenied("\x07" + 9999 * "y"))
    )
    assert all(part.isprintable() and len(part) <= 200 for part in hostile)


# -- bars and rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("progress", "drawn"),
    [
        (made(0), ".........."),
        (made(10, changed=5), "#####....."),
        (made(1000, changed=999, failed=1), "#########x"),
        (made(1000, changed=999), "#########."),
        (made(1000, failed=1), "x........."),
        (made(3, changed=1, unchanged=1, failed=1), "####===xxx"),
        (made(5, changed=1, unchanged=1, failed=1, unknown=1, not_attempted=1), "##==xx??--"),
        (made(1000, changed=990, unchanged=1, failed=1, unknown=1, not_attempted=1), "#####=x?-."),
    ],
)
def test_a_bar_has_its_width_and_shows_every_outcome(progress: Progress, drawn: str) -> None:
    row = bar(progress.counts, progress.targets, 10, ASCII)
    assert row.plain == drawn
    assert {style for _, style in row.pieces} - {"faint"} == {
        status.value for status, number in progress.counts.items() if number
    }


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_bar_too_narrow_for_its_outcomes_keeps_its_width_and_the_worst(width: int) -> None:
    everything = made(50, changed=44, unchanged=1, failed=2, unknown=1, not_attempted=2)
    row = bar(everything.counts, 50, width, ASCII)
    assert len(row.plain) == width
    assert "?" in row.plain


@pytest.mark.parametrize("done", range(0, 101, 7))
@pytest.mark.parametrize("width", [8, 33, 80])
def test_a_bar_is_full_only_when_all_is_done(done: int, width: int) -> None:
    row = bar(made(100, changed=done).counts, 100, width, LINES)
    assert cells(row.plain) == width
    assert (LINES[None] in row.plain) == (done < 100)
    assert ("━" in row.plain) == (done > 0)


def test_a_row_is_cut_to_its_columns_wherever_its_pieces_end() -> None:
    row = StyledRow().add("ab", "failed").add("日本語").add("cd", "faint")
    for width in range(1, 12):
        cut = row.cut(width)
        assert cells(cut.plain) <= width
        assert (cut.plain == row.plain) == (width >= 10)
        assert cut.plain.endswith("…") == (width < 10)


def test_a_row_has_colours_or_no_escape_sequence() -> None:
    row = StyledRow().add("a", "failed").add("b", "changed").add("c")
    assert row.written(colours=True) == "\x1b[1;31ma\x1b[0m\x1b[32mb\x1b[0mc"
    assert row.written(colours=False) == "abc"


def test_a_text_is_padded_or_cut_to_its_cells() -> None:
    assert (padded("日本語", 4), padded("abc", 3), padded("ab", 4)) == ("日… ", "abc", "ab  ")


def test_parts_are_joined_in_rows_and_not_torn() -> None:
    assert [row.plain for row in _rows(["1 in flight", "2 settling", "3 waiting"], 24)] == [
        "1 in flight, 2 settling,",
        "3 waiting",
    ]
    assert [row.plain for row in _rows(["p pause", "d drain"], 19, between="\x1f ")] == ["p pause  d drain"]
    assert [row.plain for row in _rows(["p pause", "d drain"], 12, between="\x1f ")] == ["p pause", "d drain"]


# -- how fast ------------------------------------------------------------------------------------------


@attrs.define
class Clock:
    """Seconds that go by when they are told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def shown_run() -> tuple[Clock, ShownRun]:
    """A run and the clock that it is shown by."""
    clock = Clock(0.0)
    return clock, ShownRun("stop", SimpleNamespace(), clock)  # type: ignore[arg-type]


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock, shown = shown_run()
    for tenth in range(301):
        clock.now = now = tenth / 10
        progress = made(1000, changed=tenth if now <= 10 else 100, in_flight=1)
        shown.sample(progress)
        if now == 0.5:
            assert shown.rate(progress) is None
        if now == 3:
            assert shown.rate(progress) == pytest.approx(10)
            assert shown.seconds_left(progress) is None, "too early to tell"
        if now == 10:
            assert shown.seconds_left(progress) == pytest.approx(90)
    assert shown.rate(progress) == 0
    assert shown.seconds_left(progress) is None, "nobody knows when nothing moves"


@pytest.mark.parametrize("facts", [{"discovering": True}, {"paused": True}, {"stopping": "drained"}])
def test_time_left_is_not_told_where_nobody_can_know(facts: dict[str, Any]) -> None:
    clock, shown = shown_run()
    shown.sample(made(10, in_flight=1))
    progress = attrs.evolve(made(10, changed=5, in_flight=1), **facts)
    clock.now = 10.0
    shown.sample(progress)
    assert shown.rate(progress) == pytest.approx(0.5)
    assert shown.seconds_left(progress) is None


def test_what_was_done_before_does_not_count() -> None:
    clock, shown = shown_run()
    shown.sample(made(1000))
    clock.now = 1.0
    shown.sample(made(1000, changed=900))
    clock.now = 1.5
    shown.sample(made(1000, changed=900, in_flight=4))
    clock.now = 2.5
    assert shown.rate(made(1000, changed=905, in_flight=4)) == pytest.approx(5)


# -- lines ---------------------------------------------------------------------------------------------


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on stderr without their dates, which they must have."""
    written = capsys.readouterr()
    assert written.out == ""
    dated = [re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (.*)", line) for line in written.err.splitlines()]
    return [line[1] for line in dated if line] if all(dated) else pytest.fail(written.err)


def test_a_line_at_once_then_when_something_changed_and_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock, run = Clock(), SimpleNamespace(progress=made(1000, in_flight=8))
    lines = StatusLines(clock=clock)
    lines.draw()
    assert told(capsys) == []
    lines.begin("stop", run)  # type: ignore[arg-type]
    lines.draw()
    assert told(capsys) == ["stop: 0 of 1,000 done, 8 in flight, 992 waiting"]
    clock.now += 4
    run.progress = attrs.evolve(made(1000, changed=120, failed=3, in_flight=8, settling=12), limit=24)
    lines.draw()
    assert told(capsys) == []
    clock.now += 1
    lines.draw()
    assert told(capsys) == [
        "stop: 123 of 1,000 done, 8 in flight, 12 settling, 857 waiting, 3 failed; "
        "25 VMs/s, limit 24 requests"
    ]
    lines.end()
    assert len(told(capsys)) == 1
    lines.draw()
    assert told(capsys) == []


def test_where_nothing_changes_there_is_a_line_every_thirty_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock, run = Clock(), SimpleNamespace(progress=made(0, discovering=1))
    lines = StatusLines(clock=clock)
    lines.begin("stop", run)  # type: ignore[arg-type]
    for _ in range(90):
        lines.draw()
        clock.now += 1
    # The second says that nothing moves, which was not known at first.
    assert len(told(capsys)) <= 5


def test_throttling_is_said_as_soon_as_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    clock, run = Clock(), SimpleNamespace(progress=made())
    lines = StatusLines(clock=clock)
    lines.begin("stop", run)  # type: ignore[arg-type]
    lines.draw()
    clock.now += 1
    run.progress = attrs.evolve(made(), flows={"main": SLOWED}, held={"main": 7.2})
    lines.draw()
    last = told(capsys)[-1]
    assert last.endswith("; throttled by the provider: 4 in flight (was 12), next call in 8 s")
    clock.now += 1
    lines.draw()
    assert told(capsys) == []


def test_without_a_terminal_it_is_lines_and_notes_are_dated_too(capsys: pytest.CaptureFixture[str]) -> None:
    lines = view()
    assert isinstance(lines, StatusLines)
    lines.note("Interrupted")
    lines.hide()
    assert told(capsys) == ["Interrupted"]


@pytest.mark.parametrize(("ci", "kind"), [("true", StatusLines), ("false", LiveView), ("", LiveView)])
def test_in_ci_a_terminal_gets_lines_too(
    monkeypatch: pytest.MonkeyPatch, ci: str, kind: type[StatusLines | LiveView]
) -> None:
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: True, closed=False))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("CI", ci)
    assert isinstance(view(), kind)

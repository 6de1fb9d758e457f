"""A run while it lasts."""

from __future__ import annotations

import io
import re
import sys
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from cli.terminals import visible

from aioseflow import Progress, Status
from aioseflow.cli import live
from aioseflow.cli.live import Lines, Picture, bar, circumstances, standing, view

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _progress(targets: int = 10, **counts: int) -> Progress:
    outcomes = {status: counts.get(status.value, 0) for status in Status}
    rest: dict[str, Any] = {name: counts.get(name, 0) for name in ("in_flight", "settling", "undiscovered")}
    queued = targets - sum(outcomes.values()) - rest["in_flight"] - rest["settling"]
    return Progress(
        targets=targets, counts=outcomes, queued=queued, discovering=bool(counts.get("discovering")), **rest
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        ({"held": {"main": 11.2}}, "waiting 12 s for the provider of main"),
        ({"held": {"main": 0.1}}, ""),
        (
            {"held": {"a": 3.0, "b\x1b[2J": 4.0, "c": 5.0, "d": 6.0}},
            "waiting 3 s for the provider of a; "
            "waiting 4 s for the provider of b\\x1b[2J; 2 more accounts wait",
        ),
        ({"paused": True, "batch": 2, "batches": 5}, "paused; batch 2 of 5"),
        ({"stopping": "drained"}, "stopping: interrupted"),
        ({"stopping": "max_failures"}, "stopping: more failed than max_failures allows"),
        ({"stopping": "something_new"}, "stopping: something new"),
    ],
)
def test_what_a_run_waits_for_and_why_it_stops_is_said(facts: dict[str, Any], words: str) -> None:
    assert "; ".join(circumstances(attrs.evolve(_progress(), **facts))) == words


def _run(progress: Progress) -> Any:
    return SimpleNamespace(progress=progress)


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (_progress(0, discovering=1), "0 of 0 done, still listing"),
        (
            _progress(10, changed=3, in_flight=2, settling=1),
            "3 of 10 done, 2 in flight, 1 settling, 4 waiting",
        ),
        (
            _progress(4, failed=1, unknown=1, not_attempted=2, undiscovered=1),
            "4 of 4 done, 1 failed, 1 unknown, 2 not attempted, 1 service not listed",
        ),
        (_progress(0, undiscovered=2), "0 of 0 done, 2 services not listed"),
    ],
)
def test_where_a_run_stands_adds_up(progress: Progress, words: str) -> None:
    assert standing(progress) == words


@pytest.mark.parametrize(
    ("progress", "drawn"),
    [
        (_progress(0), "----------"),
        (_progress(10, changed=5), "#####-----"),
        (_progress(1000, changed=999, failed=1), "##########"),
        (_progress(1000, failed=1), "#---------"),
        (_progress(3, changed=1, unchanged=1, failed=1), "##########"),
        (_progress(5, changed=1, unchanged=1, failed=1, unknown=1, not_attempted=1), "##########"),
    ],
)
def test_a_bar_has_its_width_and_shows_every_outcome(progress: Progress, drawn: str) -> None:
    row = bar(progress, 10, "#", "-")
    assert row.plain == drawn
    coloured = [span for span in row.spans if "dim" not in str(span.style)]
    assert len(coloured) >= sum(number > 0 for number in progress.counts.values())


def test_a_bar_too_narrow_for_its_outcomes_keeps_its_width() -> None:
    assert bar(_progress(9, changed=7, unchanged=1, failed=1), 2, "#").cell_len == 2


def test_without_a_terminal_it_is_dated_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with view() as lines:
        assert isinstance(lines, Lines)
        lines.draw()
        lines.begin("stop", _run(_progress(2, changed=1)))
        lines.draw()
        lines.note("Interrupted")
        lines.end()
    written = capsys.readouterr()
    assert written.out == ""
    told = [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "", line) for line in written.err.splitlines()]
    assert told == ["stop: 1 of 2 done, 1 waiting", "Interrupted", "stop: 1 of 2 done, 1 waiting"]


class _Tty(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [40, 80, 200])
def test_on_a_terminal_it_is_a_picture_that_never_wraps(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    screen = _Tty()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    with view() as picture:
        assert isinstance(picture, Picture)
        picture.draw()
        picture.begin("usage", _run(_progress(100_000, unchanged=100_000)))
        picture.end()
        busy = _progress(100_000, changed=5, in_flight=32, failed=3, undiscovered=1)
        busy = attrs.evolve(busy, held={"demo@example.com at 127.0.0.1:8400": 12.0}, stopping="drained")
        picture.begin("stop", _run(busy))
        picture.draw()
        picture.note("Interrupted")
    lines = [line for line in re.split(r"[\r\n]+", _SEQUENCE.sub("", screen.getvalue())) if line]
    assert max(map(len, lines)) < width
    assert "Interrupted" in lines
    assert any(line.startswith("usage   ━") for line in lines)
    if width > 40:
        assert any("8/100000" in line for line in lines)
        assert any("32 in flight" in line for line in lines)
        assert any("stopping: interrupted; waiting 12 s for the provider of demo" in line for line in lines)


def test_an_encoding_without_lines_gets_plain_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Tty()
    monkeypatch.setattr(screen.__class__, "encoding", "ascii")
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with view() as picture:
        picture.begin("stop", _run(_progress(2, changed=1)))
        picture.draw()
    assert "━" not in screen.getvalue()
    assert "stop    #" in visible(screen.getvalue())


def test_a_picture_that_is_not_shown_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    picture = Picture()
    picture.draw()
    picture.note("x")
    picture.__exit__(None, None, None)
    assert picture._picture() == ""
    assert capsys.readouterr() == ("", "")
    assert live._STYLES.keys() == set(Status)

"""A run on a terminal, looked at through a terminal emulator."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any

import attrs
import pyte
import pytest
from cli.test_live import SLOWED, Clock, failed

from aioseflow import Progress, ServiceProgress, Status
from aioseflow.cli.live import LiveView, view
from aioseflow.cli.live.styled_row import StyledRow
from aioseflow.cli.live.terminal_frame import TerminalFrame
from aioseflow.text import cells

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202eevil\u2066日本語日本語日本語" + 10_000 * "x"
_KNOWN = re.compile(r"\x1b\[(\d*(;\d+)*m|\?25[hl]|\?7[hl]|\d*A|[KJ])")
_PARTS = re.compile(r"([\d,]+) (in flight|settling|waiting|changed|unchanged|failed|unknown|not attempted)\b")
SIZES = [(80, 24), (200, 50), (40, 24), (40, 12), (100, 8), (20, 5)]


class Emulated(io.StringIO):
    """A terminal that is looked at; ``raw`` is all that was written to it."""

    encoding = "utf-8"

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        super().__init__()
        self.raw = ""
        self.screen = pyte.Screen(columns, lines)
        self._feed = pyte.Stream(self.screen)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.raw += text
        self._feed.feed(text)
        return len(text)

    @property
    def shown(self) -> list[str]:
        """The lines that are not empty."""
        # A wide sign takes two places, of which the second is empty.
        return [line.rstrip() for line in self.screen.display if line.strip()]


class Recorded(TerminalFrame):
    """Remembers what was to be shown."""

    rows: Sequence[StyledRow] = ()

    def show(self, rows: Sequence[StyledRow]) -> None:
        self.rows = rows
        super().show(rows)


@attrs.define(eq=False)
class Fleet:
    """A run that moves when it is told to."""

    services: list[ServiceProgress]
    facts: dict[str, Any] = attrs.Factory(dict)
    failures: tuple[Any, ...] = ()
    run_id: str = "20260301T120000-0a1b2c3d"
    chance: random.Random = attrs.field(factory=lambda: random.Random(1))

    @classmethod
    def of(cls, services: int, vms: int, **facts: Any) -> Fleet:
        """So many services of so many VMs."""
        return cls(
            [ServiceProgress("main", str(n), f"Cloud {n}", vms, vms) for n in range(1, services + 1)], facts
        )

    @property
    def progress(self) -> Progress:
        sums = {name: sum(getattr(each, name) for each in self.services)
                for name in ("targets", "in_flight", "settling", "queued")}  # fmt: skip
        counts = {status: sum(each.counts[status] for each in self.services) for status in Status}
        over = sum(not each.open for each in self.services)
        facts = {"discovering": False, "undiscovered": 0, **self.facts}
        return Progress(
            **sums, counts=counts, services=len(self.services), services_done=over, **facts
        )  # fmt: skip

    def move(self, times: int = 1) -> None:
        """Something happens to so many VMs."""
        for _ in range(times):
            service = self.chance.choice(self.services)
            what = self.chance.randrange(3)
            if what == 0 and service.queued:
                service.in_flight += 1
            elif what == 1 and service.in_flight:
                service.in_flight -= 1
                service.settling += 1
            elif service.settling:
                service.settling -= 1
                service.open -= 1
                service.counts[self.chance.choice([*Status, Status.CHANGED, Status.CHANGED])] += 1

    def finish(self) -> None:
        """All that is left is changed."""
        for service in self.services:
            service.counts[Status.CHANGED] += service.open
            service.open = service.in_flight = service.settling = 0


@attrs.define(eq=False)
class Stage:
    """A picture on an emulated terminal."""

    columns: int
    lines: int
    monkeypatch: pytest.MonkeyPatch
    clock: Clock = attrs.Factory(Clock)
    terminal: Emulated = attrs.field(init=False)
    picture: LiveView = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.terminal = Emulated(self.columns, self.lines)
        self._say_size()
        self.picture = LiveView(Recorded(self.terminal), clock=self.clock)

    def _say_size(self) -> None:
        self.monkeypatch.setenv("COLUMNS", str(self.columns))
        self.monkeypatch.setenv("LINES", str(self.lines))

    def resize(self, columns: int, lines: int) -> None:
        """As by a window's corner."""
        self.columns, self.lines = columns, lines
        screen = self.terminal.screen
        x, y = screen.cursor.x, screen.cursor.y
        if lines < screen.lines:
            # pyte takes lines away at the top; real ones keep the cursor's line on the screen.
            screen.cursor_position(1, 1)
            screen.delete_lines(max(0, y - lines + 1))
            for line in [line for line in screen.buffer if line >= lines]:
                del screen.buffer[line]
            y, screen.lines = min(y, lines - 1), lines
        screen.resize(lines, columns)
        screen.set_margins()
        screen.cursor.x, screen.cursor.y = min(x, columns - 1), y
        self._say_size()

    def look(self) -> list[str]:
        """Draw, check that what is seen is what was meant, and give it."""
        self.picture._draw()
        meant = [row.plain.rstrip() for row in self.picture.screen.rows]  # type: ignore[attr-defined]
        seen = self.terminal.shown
        assert [line.replace(" ", "") for line in seen] == [line.replace(" ", "") for line in meant if line]
        assert len(seen) < self.lines
        assert max(map(cells, seen)) < self.columns
        return seen


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes stages of a size."""
    return lambda columns=80, lines=24: Stage(columns, lines, monkeypatch)


def adds_up(seen: list[str], progress: Progress) -> None:
    """The totals are on the screen, and are what they should be."""
    text = " ".join(line for line in seen)
    found = re.search(r"([\d,]+) of ([\d,]+) done", text)
    assert found is not None, text
    done, targets = (int(number.replace(",", "")) for number in found.groups())
    assert (done, targets) == (progress.done, progress.targets)
    rest = re.split(r"VMs/s|limit|time left", text[found.end() :])[0]
    parts = {name: int(number.replace(",", "")) for number, name in _PARTS.findall(rest)}
    outcomes = sum(number for name, number in parts.items() if name.replace(" ", "_") in set(Status))
    moving = sum(parts.get(name, 0) for name in ("in flight", "settling", "waiting"))
    assert outcomes == done
    assert done + moving == targets


@pytest.mark.parametrize(("columns", "lines"), SIZES[:4])
@pytest.mark.parametrize(("services", "vms"), [(1, 60), (5, 30), (60, 8)])
def test_every_frame_adds_up_and_no_line_wraps(
    stage: Any, columns: int, lines: int, services: int, vms: int
) -> None:
    seat, run = stage(columns, lines), Fleet.of(services, vms, limit=24, refused=1234)
    seat.picture.begin("stop", run)
    for _ in range(12):
        adds_up(seat.look(), run.progress)
        run.move(services * vms // 3)
        seat.clock.now += 1.0
    run.finish()
    adds_up(seat.look(), run.progress)
    seat.picture.end()
    seat.picture.hide()
    assert seat.terminal.shown == []
    assert not seat.terminal.screen.cursor.hidden


def test_a_window_that_is_resized_meanwhile_is_filled_anew(stage: Any) -> None:
    seat, run = stage(), Fleet.of(40, 10)
    seat.picture.begin("stop", run)
    for columns, lines in [*SIZES[:4], *SIZES[3::-1], (80, 24), (120, 30), (60, 20)]:
        seat.resize(columns, lines)
        for _ in range(2):
            adds_up(seat.look(), run.progress)
            run.move(50)


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_whatever_there_is_to_tell_fits(stage: Any, columns: int, lines: int) -> None:
    seat = stage(columns, lines)
    facts: dict[str, Any] = {
        "flows": {"main": SLOWED}, "held": {"main": 7.2}, "discovering": True, "undiscovered": 3,
        "stopping": "max_failures", "batch": 2, "batches": 5, "limit": 4, "refused": 17,
    }  # fmt: skip
    run = Fleet.of(70, 1500, **facts)
    run.failures = tuple(failed(vm_label=f"web{n}") for n in range(9))
    run.move(5000)
    seat.picture.keys = "p pause  d drain  q cancel"
    for action in ("usage", "start"):
        seat.picture.begin(action, over := Fleet.of(2, 3))
        over.finish()
        seat.picture.end()
    seat.picture.begin("stop", run)
    seen = seat.look()
    if (columns, lines) == (80, 24):
        adds_up(seen, run.progress)
        assert seen[0].startswith("usage    ━")
        assert seen[2].startswith("stop  20260301T120000-0a1b2c3d  0:00")
        assert any("more services going on" in line for line in seen)
        assert "throttled by the provider: 4 in flight (was 12), next call in 8 s" in seen
        assert "stopping: more VMs failed than --max-failures allows" in seen
        assert seen[-4:-1] == [f"x Cloud/web{n}  permission_denied  you may not" for n in (6, 7, 8)]
        assert seen[-1] == "p pause  d drain  q cancel"


def test_services_that_are_done_make_room_and_are_counted(stage: Any) -> None:
    seat, run = stage(80, 14), Fleet.of(30, 4)
    seat.picture.begin("stop", run)
    for service in run.services[:25]:
        service.counts[Status.CHANGED], service.open = 4, 0
    seen = seat.look()
    assert [line.split("  ")[0] for line in seen if line.startswith("Cloud")] == [
        f"Cloud {n} ({n})" for n in range(26, 31)
    ]
    assert "… and 25 services done" in seen


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_names_of_others_never_reach_the_terminal_raw(stage: Any, columns: int, lines: int) -> None:
    seat, run = stage(columns, lines), Fleet.of(3, 5)
    run.run_id = HOSTILE
    run.services[1].service_name = run.services[2].service_id = HOSTILE
    run.failures = (failed(vm_label=HOSTILE, service_name=HOSTILE, cause=HOSTILE),)
    seat.picture.begin(HOSTILE, run)
    seat.look()
    seat.picture.note("said meanwhile")
    rest = _KNOWN.sub("", seat.terminal.raw)
    assert {character for character in rest if not character.isprintable()} <= {"\r", "\n"}


def test_what_is_said_meanwhile_stays_above_the_picture(stage: Any) -> None:
    seat, run = stage(40, 24), Fleet.of(3, 5)
    seat.picture.begin("stop", run)
    before = seat.look()
    seat.picture.note("Interrupted: finishing what was sent, starting nothing more. Again to stop now.")
    seat.picture._draw()
    said = ["Interrupted: finishing what was sent,", "starting nothing more. Again to stop", "now."]
    assert seat.terminal.shown == [*said, *before]
    seat.picture.hide()
    assert seat.terminal.shown == said
    assert not seat.terminal.screen.cursor.hidden


def test_nothing_is_written_where_nothing_changed(stage: Any) -> None:
    seat, run = stage(), Fleet.of(3, 5)
    seat.picture.begin("stop", run)
    seat.picture._draw()
    written = len(seat.terminal.raw)
    seat.picture._draw()
    assert len(seat.terminal.raw) == written
    run.services[1].in_flight += 1
    seat.picture._draw()
    assert 0 < len(seat.terminal.raw) - written < 400, "only the lines that changed are written"


def test_an_encoding_without_lines_gets_plain_signs(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Emulated, "encoding", "ascii")
    seat, run = stage(), Fleet.of(3, 5)
    run.move(100)
    run.services[0].service_name = "日本"
    seat.picture.begin("stop", run)
    seat.picture._draw()
    assert seat.terminal.raw.isascii()
    assert any("#" in line for line in seat.terminal.shown)


@pytest.mark.parametrize(("name", "value", "coloured"), [("NO_COLOR", "1", False), ("NO_COLOR", "", True)])
def test_colours_are_left_out_where_nobody_wants_them(
    stage: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, *, coloured: bool
) -> None:
    monkeypatch.setenv(name, value)
    seat, run = stage(), Fleet.of(3, 5)
    run.finish()
    seat.picture.begin("stop", run)
    seat.picture._draw()
    assert ("\x1b[32m" in seat.terminal.raw) is coloured
    assert ("\x1b[1m" in seat.terminal.raw) is coloured


def test_a_terminal_that_goes_away_ends_the_drawing_and_nothing_else(stage: Any) -> None:
    seat, run = stage(), Fleet.of(3, 5)
    seat.picture.begin("stop", run)
    seat.picture._draw()
    calls: list[str] = []

    def broken(text: str) -> int:
        calls.append(text)
        raise OSError(5, "Input/output error")

    seat.terminal.write = broken
    for _ in range(3):
        run.move(9)
        seat.picture._draw()
    seat.picture.note("x")
    seat.picture.end()
    assert len(calls) == 1


@pytest.mark.parametrize(("term", "kind"), [("xterm", "LiveView"), ("dumb", "StatusLines"), ("", "LiveView")])
def test_the_view_is_a_picture_where_one_can_be_drawn(
    monkeypatch: pytest.MonkeyPatch, term: str, kind: str
) -> None:
    monkeypatch.setattr("sys.stderr", Emulated())
    monkeypatch.setenv("TERM", term)
    assert type(view()).__name__ == kind


def test_a_picture_of_nothing_says_nothing(stage: Any) -> None:
    seat = stage()
    seat.picture.draw()
    seat.picture.end()
    seat.picture.hide()
    assert seat.picture.frame(80, 24) == []
    assert seat.terminal.raw == ""


def test_only_a_few_of_the_runs_before_are_shown(stage: Any) -> None:
    seat = stage(80, 30)
    for number in range(6):
        seat.picture.begin(f"run {number}", SimpleNamespace(**{
            name: getattr(Fleet.of(1, 2), name) for name in ("progress", "services", "failures", "run_id")
        }))  # fmt: skip
        seat.picture.end()
    seat.picture.begin("last", Fleet.of(1, 2))
    assert [line.split("  ")[0][:6] for line in seat.look()[:4]] == ["run 3", "run 4", "run 5", "last"]


def test_a_picture_waits_for_its_share_but_not_for_a_key_or_longer_than_a_second(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, took = Clock(), count()
    monkeypatch.setattr("time.process_time", used)
    monkeypatch.setattr("time.thread_time", lambda: next(took) / 1000)
    seat, run = stage(), Fleet.of(3, 50)
    seat.picture._used_before = used.now
    seat.picture.begin("stop", run)

    def is_drawn() -> bool:
        written = len(seat.terminal.raw)
        run.services[0].in_flight += 1
        seat.picture.draw()
        return len(seat.terminal.raw) > written

    assert is_drawn()
    assert not is_drawn(), "a millisecond was spent, and the run has used nothing"
    seat.picture.keys = "q again to stop now"
    assert is_drawn()
    seat.clock.now += 1.0
    assert is_drawn()
    used.now += 1.0
    assert is_drawn()

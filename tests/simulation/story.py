"""A story from a seed: make the panels, let the client live and die, then check."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
from support.virtual import START, Deadlock

from aioseflow.sandbox import Capacity, Sandbox

from .commands import Commander
from .history import History, Performed
from .invariants import violations
from .known import Violation, open_faults
from .lives import Complaints, Life, listening, run_lives
from .meanwhile import AtOnce
from .repeatable import WallClock, repeatable
from .standstill import StoppableLoop
from .witness import Witness
from .world import ClockStep, Command, Order, Outside, Standstill, World
from .worlds import make_world

_LONGEST: Final = 100_000.0  # virtual seconds; a story that takes longer is stuck


@attrs.frozen
class StoryResult:
    """The figures of a story: ``wrong`` holds what broke, ``known`` the violations of known faults."""

    seed: int
    steps: int
    seconds: float
    requests: int
    lives: int
    deaths: int
    runs: int
    counts: dict[str, int]
    digest: str
    wrong: tuple[str, ...] = attrs.field(repr=False)
    known: tuple[str, ...] = attrs.field(repr=False)


class Story:
    """A world and what happens in it. ``dies_at`` says at which step each of the first lives ends."""

    def __init__(self, world: World, folder: Path, *, dies_at: tuple[int, ...] | None = None) -> None:
        self.world = world
        self.folder = folder
        self.commands = deque(_with_deaths(world, dies_at))
        self.lives: list[Life] = []
        self.complaints = Complaints()
        self.journal = folder / "life-0" / "runs.sqlite"
        self.ended_at = 0.0
        self.history: History
        self.at_once: AtOnce
        self._main: asyncio.Task[None] | None = None

    @property
    def witness(self) -> Witness:
        """The panels' side."""
        return self.history.witness

    @property
    def performed(self) -> list[Performed]:
        """The commands that were given."""
        return self.history.performed

    async def play(self) -> None:
        """Let it happen."""
        loop, world = asyncio.get_running_loop(), self.world
        panels = {name: world.panel(number) for number, name in enumerate(world.accounts)}
        witness = Witness(panels, loop.time, world=world)
        first = next(iter(panels.values()))
        pairs = [(service.id, vm) for service in first.services.values() for vm in service.vms]
        self.history = History(world, witness, pairs)
        self.at_once = AtOnce(self.history)
        witness.arrived = self.at_once.arrived
        witness.now_at = self.history.working_on
        wall = WallClock(loop.time)
        with repeatable(world.seed, wall):
            for panel in panels.values():
                await panel.start()
            others = [
                *(loop.create_task(self._happen(event)) for event in world.outside),
                *(loop.create_task(self._give(order)) for order in world.orders),
                *(loop.create_task(self._step_clock(wall, step)) for step in world.clock_steps),
                *(loop.create_task(self._stand_still(each)) for each in world.standstills),
            ]
            try:
                async with asyncio.timeout(_LONGEST):
                    await self._live()
            except TimeoutError:
                witness.complain("the story never ended")
                if self._main is not None:
                    await _cancelled(self._main)
            finally:
                self.ended_at = loop.time()
                for other in others:
                    await _cancelled(other)
                for panel in panels.values():
                    await _stopped(panel)

    # -- lives --------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        while self.commands:
            await self._one_life(self._next(None))
            if not self.world.journal:
                return  # Nothing outlives the process.
            # A request that was on its way arrives before the next command begins.
            await asyncio.sleep(max(0.01, self.performed[-1].command.gap))

    def _next(self, life: Life | None) -> Performed:
        """Take the next command; without a life, one is made for it."""
        command, now = self.commands.popleft(), self.witness.clock()
        if life is None:
            number = len(self.lives)
            life = Life(number, dies_at=_step_of(command), on_death=partial(self._die, number))
            self.lives.append(life)
        performed = Performed(len(self.performed), command, life, now)
        self.performed.append(performed)
        dies = "" if life.dies_at is None else f", life {life.number} to die at step {life.dies_at}"
        self.witness.say(f"command {performed.number}: {command.verb}{dies}")
        return performed

    async def _one_life(self, performed: Performed) -> None:
        life = performed.life
        main = asyncio.get_running_loop().create_task(self._client(performed), context=life.context)
        self._main = main
        await asyncio.wait({main, life.death}, return_when=asyncio.FIRST_COMPLETED)
        if not life.dead:
            life.death.cancel()
            if not main.cancelled() and (error := main.exception()) is not None:
                self.witness.complain(f"the client raised {error!r}")
            # A task of ours that was cancelled in the last moment has its say.
            await asyncio.sleep(0)
            for task in life.unfinished():
                self.witness.complain(f"left over: {task.coroutine!r}")

    async def _client(self, performed: Performed) -> None:
        commander = Commander(self.history, performed.life)
        try:
            async with AsyncExitStack() as stack:
                fleet = await commander.open(stack, self.journal if self.world.journal else None)
                await commander.perform(fleet, performed)
                while performed.command.joined and self.commands and performed.over:
                    await asyncio.sleep(max(0.01, performed.command.gap))
                    performed = self._next(performed.life)
                    await commander.perform(fleet, performed)
        except asyncio.CancelledError:
            self.witness.say("interrupted")
        if performed.run is not None:
            # The client was closed before the run was over.
            performed.report = performed.run.report
        performed.ended = performed.ended or self.witness.clock()
        performed.over = True

    def _die(self, number: int) -> None:
        self.witness.say(f"life {number} dies at step {self.lives[number].steps}")
        before = self.journal
        after = self.journal = self.folder / f"life-{number + 1}" / "runs.sqlite"
        after.parent.mkdir(mode=0o700)
        for suffix in ("", "-wal"):
            file = before.with_name(before.name + suffix)
            if file.exists():
                shutil.copyfile(file, after.with_name(after.name + suffix))

    # -- what happens meanwhile ---------------------------------------------------------------------------

    async def _until(self, at: float) -> None:
        await asyncio.sleep(self.witness.began + at - asyncio.get_running_loop().time())

    async def _happen(self, event: Outside) -> None:
        witness, panels = self.witness, list(self.witness.panels.values())
        await self._until(event.at)
        panel = panels[event.number % len(panels)]
        match event.what:
            case "down" | "up" | "gone":
                keys = sorted(witness.keys)
                witness.outside(keys[event.number % len(keys)], event.what)
            case "restart":
                witness.say("outside: the panel stops")
                await _stopped(panel)
                try:
                    await asyncio.sleep(event.seconds)
                finally:
                    await panel.start()
                witness.say("outside: the panel is back")
            case "capacity":
                before = panel.capacity
                panel.capacity = Capacity(event.number, 0, before.service_time, refuse=before.refuse)
                witness.say(f"outside: the panel takes {event.number} at once")
                await asyncio.sleep(event.seconds)
                panel.capacity = before

    async def _give(self, order: Order) -> None:
        """Give an order to the run of the moment, as soon as its process is awake."""
        await self._until(order.at)
        if self.performed and not self.performed[-1].life.dead:
            await self.performed[-1].life.awake.wait()
        performed = self.performed[-1] if self.performed else None
        if performed is None or performed.run is None or performed.over or performed.life.dead:
            return
        self.witness.say(f"operator: {order.verb} {order.value if order.verb == 'limit' else ''}")
        performed.orders.append(order.verb)
        run, context = performed.run, performed.life.context
        match order.verb:
            case "interrupt" if self._main is not None:
                self._main.cancel()
            case "close":
                performed.leave.set()
            case "limit":
                context.run(setattr, run, "limit", order.value)
                self.at_once.limited(performed.life, run, order.value)
            case verb:
                context.run(getattr(run, verb))

    async def _step_clock(self, wall: WallClock, step: ClockStep) -> None:
        await self._until(step.at)
        wall.offset += step.seconds
        self.witness.say(f"the client's clock steps by {step.seconds:+.0f} s")

    async def _stand_still(self, standstill: Standstill) -> None:
        """Stop the process of the moment, and wake it later."""
        await self._until(standstill.at)
        loop, life = asyncio.get_running_loop(), self.lives[-1] if self.lives else None
        if life is None or life.dead or not isinstance(loop, StoppableLoop):
            return
        self.witness.say(f"life {life.number} is stopped")
        life.awake.clear()
        loop.stop_life(life.owns)
        try:
            await asyncio.sleep(standstill.seconds)
        finally:
            loop.wake_life()
            life.awake.set()
            self.witness.say(f"life {life.number} is woken")


async def _stopped(panel: Sandbox) -> None:
    # An answer that drips is written after its handler has ended: `stop` would wait for it in a loop of
    # sleep(0), in which a virtual clock stands still.
    for task in asyncio.all_tasks():
        if "RequestHandler._handle_request" in repr(task.get_coro()):
            task.cancel()
    await panel.stop()


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _with_deaths(world: World, dies_at: tuple[int, ...] | None) -> list[Command]:
    """The world's commands, whose first lives end at the steps ``dies_at`` instead, each in one command."""
    if dies_at is None:
        expected = 30 + 8 * world.vms
        return [
            command if command.dies is None else attrs.evolve(command, dies=1 + int(command.dies * expected))
            for command in world.commands
        ]
    commands = list(world.commands)
    while len(commands) <= len(dies_at):
        commands.append(Command("resume"))
    return [
        attrs.evolve(command, joined=False, dies=dies_at[place] if place < len(dies_at) else None)
        for place, command in enumerate(commands)
    ]


def _step_of(command: Command) -> int | None:
    return None if command.dies is None else int(command.dies)


def play(
    world: World, *, dies_at: tuple[int, ...] | None = None, shown: Callable[[Story], None] | None = None
) -> StoryResult:
    """Play the story of a world and check it; ``shown`` is called with it before it is forgotten."""
    with listening() as heard, tempfile.TemporaryDirectory(prefix="simulation", dir=_memory()) as folder:
        result = _played(world, Path(folder), dies_at, shown)
    # The objects that a death leaves behind have no order.
    return result if result.deaths else attrs.evolve(result, wrong=(*result.wrong, *heard))


def _played(
    world: World,
    folder: Path,
    dies_at: tuple[int, ...] | None,
    shown: Callable[[Story], None] | None,
) -> StoryResult:
    story = Story(world, folder, dies_at=dies_at)
    stuck = []
    try:
        run_lives(story.play(), story.lives, story.complaints, stoppable=bool(world.standstills))
    except Deadlock as error:
        stuck = [Violation("deadlock", str(error))]
    complaints = [Violation("complaint", line) for line in story.complaints.lines]
    found = stuck or [*complaints, *violations(story.history)]
    wrong, known = open_faults([*story.witness.wrong, *found])
    if shown is not None:
        shown(story)
    last = story.performed[-1].after if story.performed else {}
    return StoryResult(
        seed=world.seed,
        steps=sum(life.steps for life in story.lives),
        seconds=story.ended_at - START,
        requests=len(story.witness.arrivals),
        lives=len(story.lives),
        deaths=sum(life.dead for life in story.lives),
        runs=len(story.history.runs),
        counts={
            str(status): sum(report.counts[status] for report in last.values())
            for report in last.values()
            for status in report.counts
        },
        digest=story.witness.digest(),
        wrong=tuple(wrong),
        known=tuple(known),
    )


def play_seed(seed: int) -> StoryResult:
    """Play the story of a seed."""
    return play(make_world(seed))


def _memory() -> str | None:
    """A folder where files are cheap."""
    shared = Path("/dev/shm")  # noqa: S108  (a private directory is made inside)
    return str(shared) if shared.is_dir() else None

"""One seed from its beginning to its end: build the world, run, perhaps crash and resume, then check."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
from support.virtual import START, Deadlock

import aioseflow
from aioseflow import AdaptiveLimit, FixedLimit, Outcome, Report, Run, SeFlow, SettlePolicy
from aioseflow.fleet.actions.power import Start, Stop
from aioseflow.fleet.plan.rollout import Rollout
from aioseflow.models import Service, Vm
from aioseflow.sandbox import Capacity, Sandbox
from aioseflow.session.gate import Gate

from .invariants import broken
from .lives import Complaints, Life, Pairs, listening, run_lives
from .meanwhile import AtOnce, watch
from .repeatable import repeatable
from .witness import Pair, Witness
from .world import Order, Outside, World, make_world

_LONGEST: Final = 50_000.0  # virtual seconds; a run that takes longer is stuck


@attrs.define(eq=False)
class Said:
    """What the client said of its run in one life."""

    life: Life
    run: Run | None = None
    report: Report | None = None
    error: Exception | None = None
    read: list[list[Outcome]] = attrs.Factory(list)
    gate: Gate | None = None
    kept: Report | None = None
    leave: asyncio.Event = attrs.Factory(asyncio.Event)
    over: bool = False


@attrs.frozen
class Figures:
    """What became of a story; ``wrong`` is empty unless an invariant broke."""

    seed: int
    steps: int
    seconds: float
    requests: int
    lives: int
    deaths: int
    counts: dict[str, int]
    digest: str
    wrong: tuple[str, ...] = attrs.field(repr=False)


class Story:
    """A world and what happens in it. ``dies_at`` overrides at which step each life but the last ends."""

    def __init__(self, world: World, folder: Path, *, dies_at: tuple[int, ...] | None = None) -> None:
        self.world = world
        self.folder = folder
        self.lives: list[Life] = []
        self.said: list[Said] = []
        self.complaints = Complaints()
        self.dies_at = _expected(world) if dies_at is None else dies_at
        self.chosen: frozenset[Pair] = frozenset()
        self.run_id: str | None = None
        self.journal = folder / "life-0" / "runs.sqlite"
        self.ended_at = 0.0
        self.witness: Witness
        self.at_once: AtOnce
        self._main: asyncio.Task[None] | None = None

    async def tell(self) -> None:
        """Let it happen."""
        loop = asyncio.get_running_loop()
        panel = self.world.panel()
        self.witness = witness = Witness(panel, loop.time)
        self.chosen = frozenset(self._choose())
        self.at_once = AtOnce(self.world, witness, self.chosen)
        witness.arrived = self.at_once.arrived
        began = loop.time()
        with repeatable(self.world.seed, loop.time):
            await panel.start()
            others = [loop.create_task(self._happen(began, event)) for event in self.world.outside] + [
                loop.create_task(self._order(began, order)) for order in self.world.orders
            ]
            try:
                async with asyncio.timeout(_LONGEST):
                    await self._live()
            except TimeoutError:
                witness.complain("the run never ended")
                if self._main is not None:
                    await _cancelled(self._main)
            finally:
                self.ended_at = loop.time()
                for other in others:
                    await _cancelled(other)
                await _stopped(panel)

    async def _live(self) -> None:
        gaps = iter(self.world.gaps)
        for dies_at in (*self.dies_at, None, *[None] * self.world.again):
            await self._one_life(dies_at)
            await asyncio.sleep(next(gaps, 0.0))

    async def _one_life(self, dies_at: int | None) -> None:
        loop = asyncio.get_running_loop()
        number = len(self.lives)
        life = Life(number, dies_at=dies_at, on_death=partial(self._die, number))
        said = Said(life)
        self.lives.append(life)
        self.said.append(said)
        self.witness.say(f"life {number} begins" + ("" if dies_at is None else f", to die at step {dies_at}"))
        main = loop.create_task(self._client(said), context=life.context)
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

    async def _client(self, said: Said) -> None:
        world, panel = self.world, self.witness.panel
        limit = AdaptiveLimit(maximum=world.limit) if world.adaptive else FixedLimit(world.limit)
        try:
            async with Pairs(
                panel, self.witness.ends, latency=world.latency, keepalive_timeout=world.keepalive
            ) as connector:
                async with SeFlow(
                    panel.username,
                    panel.password,
                    base_url=panel.url,
                    connector=connector,
                    limit=limit,
                    journal=self.journal,
                ) as seflow:
                    said.gate = seflow._session.shared.gate
                    said.run = run = self._begin(seflow, said)
                    self.run_id = run.id
                    said.life.watch = partial(watch, self.witness, run)
                    await self._read(run, said)
                    if run.is_over:
                        said.kept = await seflow.fleet.report(run.id)
        except asyncio.CancelledError:
            self.witness.say("interrupted")
        if said.run is not None:
            said.report = said.run.report
        said.over = True

    def _begin(self, seflow: SeFlow, said: Said) -> Run:
        world, fleet = self.world, seflow.fleet
        if self.run_id is not None:
            # What no journal can hold is given again.
            return fleet.resume(self.run_id, where=_is_even if world.choice == "even" else None)
        keywords: dict[str, Any] = self._selection()
        if world.rollout:
            keywords["rollout"] = Rollout(**world.rollout)
        if world.doing == "reboot":
            return fleet.reboot(**keywords)
        keywords |= {"wait": world.wait, "settle": SettlePolicy(patience=world.patience)}
        if world.doing == "cycle":
            return fleet.run([Stop(), Start()], **keywords)
        begin: Callable[..., Run] = fleet.start if world.doing == "start" else fleet.stop
        return begin(**keywords)

    async def _read(self, run: Run, said: Said) -> None:
        """Read the run as the world says, until it is over or somebody closes the client."""
        readers = {"await": 0, "two": 2}.get(self.world.reading, 1)
        tasks = [asyncio.create_task(self._iterate(run, said)) for _ in range(readers)]
        tasks.append(asyncio.create_task(self._await(run, said)))
        leaving = asyncio.create_task(said.leave.wait())
        try:
            reading: asyncio.Future[Any] = asyncio.gather(*tasks)
            ends: list[asyncio.Future[Any]] = [reading, leaving]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, leaving):
                task.cancel()
            await asyncio.gather(*tasks, leaving, reading, return_exceptions=True)

    async def _iterate(self, run: Run, said: Said) -> None:
        outcomes: list[Outcome] = []
        said.read.append(outcomes)
        with contextlib.suppress(aioseflow.SeFlowError):
            async for outcome in run:
                outcomes.append(outcome)
                if self.world.reading == "leave" and len(outcomes) == 2:
                    return

    async def _await(self, run: Run, said: Said) -> None:
        try:
            said.report = await run
        except aioseflow.SeFlowError as error:
            said.error = error

    # -- what is selected ---------------------------------------------------------------------------------

    def _choose(self) -> list[Pair]:
        vms = [(service.id, vm) for service in self.witness.panel.services.values() for vm in service.vms]
        match self.world.choice:
            case "all":
                return vms
            case "even":
                return [pair for pair in vms if int(pair[1]) % 2 == 0]
            case "pairs":
                return vms[::2]
            case "exclude":
                return vms[1:]
            case "services":
                return [pair for pair in vms if pair[0] == vms[0][0]]

    def _selection(self) -> dict[str, Any]:
        vms = [(service.id, vm) for service in self.witness.panel.services.values() for vm in service.vms]
        match self.world.choice:
            case "all":
                return {}
            case "even":
                return {"where": _is_even}
            case "pairs":
                return {"where": vms[::2]}
            case "exclude":
                return {"exclude": vms[:1]}
            case "services":
                return {"services": [vms[0][0]]}

    # -- what happens meanwhile ---------------------------------------------------------------------------

    async def _happen(self, began: float, event: Outside) -> None:
        loop, panel, witness = asyncio.get_running_loop(), self.witness.panel, self.witness
        await asyncio.sleep(began + event.at - loop.time())
        vms = [(service.id, vm) for service in panel.services.values() for vm in service.vms]
        match event.what:
            case "down":
                witness.outside(vms[event.number], "stopped")
            case "up":
                witness.outside(vms[event.number], "running")
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

    async def _order(self, began: float, order: Order) -> None:
        await asyncio.sleep(began + order.at - asyncio.get_running_loop().time())
        said = self.said[-1]
        if said.run is None or said.over or said.life.dead:
            return
        self.witness.say(f"operator: {order.verb} {order.value if order.verb == 'limit' else ''}")
        run = said.run
        match order.verb:
            case "interrupt" if self._main is not None:
                self._main.cancel()
            case "close":
                said.leave.set()
            case "limit":
                said.life.context.run(setattr, run, "limit", order.value)
                self.at_once.limited(said.life, run, order.value)
            case verb:
                said.life.context.run(getattr(run, verb))

    def _die(self, number: int) -> None:
        self.witness.say(f"life {number} dies at step {self.lives[number].steps}")
        before = self.journal
        after = self.journal = self.folder / f"life-{number + 1}" / "runs.sqlite"
        after.parent.mkdir(mode=0o700)
        for suffix in ("", "-wal"):
            file = before.with_name(before.name + suffix)
            if file.exists():
                shutil.copyfile(file, after.with_name(after.name + suffix))


def _is_even(service: Service, vm: Vm) -> bool:
    return int(vm.id) % 2 == 0


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


def _expected(world: World) -> tuple[int, ...]:
    """At which step each life but the last ends, going by how many a run usually has."""
    expected = 30 + 8 * world.vms
    return tuple(1 + int(share * expected) for share in world.crashes)


def tell(
    world: World, *, dies_at: tuple[int, ...] | None = None, shown: Callable[[Story], None] | None = None
) -> Figures:
    """Tell the story of a world and check it; ``shown`` is called with it before it is forgotten."""
    with listening() as heard, tempfile.TemporaryDirectory(prefix="simulation", dir=_memory()) as folder:
        figures = _told(world, Path(folder), dies_at, shown)
    # What the dead leave behind has no order.
    return figures if figures.deaths else attrs.evolve(figures, wrong=(*figures.wrong, *heard))


def _told(
    world: World,
    folder: Path,
    dies_at: tuple[int, ...] | None,
    shown: Callable[[Story], None] | None,
) -> Figures:
    story = Story(world, folder, dies_at=dies_at)
    try:
        run_lives(story.tell(), story.lives, story.complaints)
        wrong = [*story.witness.wrong, *story.complaints.lines, *broken(story)]
    except Deadlock as error:
        wrong = [*story.witness.wrong, str(error)]
    if shown is not None:
        shown(story)
    report = story.said[-1].report
    return Figures(
        seed=world.seed,
        steps=sum(life.steps for life in story.lives),
        seconds=story.ended_at - START,
        requests=len(story.witness.arrivals),
        lives=len(story.lives),
        deaths=sum(life.dead for life in story.lives),
        counts={} if report is None else {str(status): n for status, n in report.counts.items()},
        digest=story.witness.digest(),
        wrong=tuple(wrong),
    )


def tell_seed(seed: int) -> Figures:
    """The story of a seed."""
    return tell(make_world(seed))


def _memory() -> str | None:
    """Where files are cheap."""
    shared = Path("/dev/shm")  # noqa: S108  (a private directory is made inside)
    return str(shared) if shared.is_dir() else None

"""The client at work: opens the accounts and performs one command after the other on their fleet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aioseflow
from aioseflow import (
    Action,
    AdaptiveLimit,
    Destroy,
    FixedLimit,
    Fleet,
    Outcome,
    Plan,
    Reboot,
    Resize,
    Rollout,
    Run,
    SeFlow,
    Service,
    SettlePolicy,
    Start,
    Status,
    Stop,
    Usage,
    Vm,
)

from .history import History, KnownRun, Performed
from .internals import gate_of
from .lives import Life, Pairs
from .meanwhile import watch
from .record import Key
from .world import World


class Commander:
    """Performs commands for one life of a story's client."""

    def __init__(self, history: History, life: Life) -> None:
        self.history = history
        self.world: World = history.world
        self.life = life

    async def open(self, stack: AsyncExitStack, journal: Path | None) -> Fleet:
        """Open every account, and return their fleet."""
        world, witness = self.world, self.history.witness
        clients = []
        for name, panel in witness.panels.items():
            connector = await stack.enter_async_context(
                Pairs(panel, witness.ends, latency=world.latency, keepalive_timeout=world.keepalive)
            )
            limit = AdaptiveLimit(maximum=world.limit) if world.adaptive else FixedLimit(world.limit)
            seflow = SeFlow(
                panel.username,
                panel.password,
                base_url=panel.url,
                name=name,
                connector=connector,
                limit=limit,
                journal=journal if len(witness.panels) == 1 else None,
            )
            clients.append(await stack.enter_async_context(seflow))
            self.history.gates.append((self.life, gate_of(seflow)))
        return clients[0].fleet if len(clients) == 1 else Fleet(clients, journal=journal)

    async def perform(self, fleet: Fleet, performed: Performed) -> None:
        """Perform a command and collect everything that the fleet says afterwards."""
        performed.before = await self._reports(fleet)
        try:
            await self._perform(fleet, performed)
        except aioseflow.SeFlowError as error:
            performed.error = error
        run = performed.run
        if run is not None and not run.is_over:
            return
        performed.over = True
        infos, reports = await fleet.runs(), await self._reports(fleet)
        performed.infos, performed.after = infos, reports
        performed.ended = asyncio.get_running_loop().time()

    async def _reports(self, fleet: Fleet) -> dict[str, aioseflow.Report]:
        infos = await fleet.runs()
        self.history.broken |= {info.header.run_id for info in infos if info.error is not None}
        return {info.header.run_id: await fleet.report(info.header.run_id) for info in infos}

    async def _perform(self, fleet: Fleet, performed: Performed) -> None:
        command, runs = performed.command, self.history.runs
        self.history.forget_unsaved(performed.before)
        known = None if not runs else runs[-1] if command.latest else runs[0]
        if known is None or command.verb == "run":
            await self._begin(fleet, performed)
            return
        if command.verb == "look":
            return
        if command.verb == "reconcile":
            self._goes_on(known, performed)
            performed.findings = await fleet.reconcile(known.id)
            return
        await self._follow(await self._later(fleet, known, performed), performed)

    # -- runs ---------------------------------------------------------------------------------------------

    async def _begin(self, fleet: Fleet, performed: Performed) -> None:
        world, history = self.world, self.history
        keywords = self._selection()
        if world.rollout:
            keywords["rollout"] = Rollout(**world.rollout)
        if world.doing not in ("reboot", "usage"):
            keywords["settle"] = SettlePolicy(patience=world.patience)
            if world.doing != "wait":
                keywords["wait"] = world.wait
        if world.plan:
            plan = await fleet.plan(self._actions(), **keywords)
            if world.doing == "destroy":
                plan = plan.confirm(len(plan.targets))
            if world.plan == "file":
                history.plan_file = plan.to_json()
                plan = Plan.from_json(history.plan_file)
            run = fleet.run(plan)
        else:
            run = self._verb(fleet)(**keywords)
        self._made(run, performed, world.steps, history.chosen, history.chosen, rollout=world.rollout)
        await self._follow(run, performed)

    def _verb(self, fleet: Fleet) -> Callable[..., Run]:
        match self.world.doing:
            case "wait":
                return partial(fleet.wait, power=self.world.power)
            case "resize":
                size: dict[str, Any] = self.world.size
                return partial(fleet.resize, **size)
            case "stop" | "start" | "reboot" | "usage":
                verb: Callable[..., Run] = getattr(fleet, self.world.doing)
                return verb
        return partial(fleet.run, self._actions())

    def _actions(self) -> Sequence[Action]:
        actions: dict[str, Action] = {
            "stop": Stop(),
            "start": Start(),
            "reboot": Reboot(),
            "resize": Resize(**self.world.size),
            "destroy": Destroy(),
            "usage": Usage(),
        }
        return [actions[name] for name in self.world.steps]

    async def _later(self, fleet: Fleet, known: KnownRun, performed: Performed) -> Run:
        """A run that goes on with a known one, or is for some of its VMs."""
        match performed.command.verb:
            case "resume":
                if known is self.history.runs[0] and self.history.plan_file is not None:
                    run = fleet.run(Plan.from_json(self.history.plan_file), run_id=known.id)
                else:
                    # Nothing else holds a predicate over the death of its process.
                    where = is_even if known.parent is None and self.world.choice == "even" else None
                    run = fleet.resume(known.id, where=where)
                await run.prepare()
                self._goes_on(known, performed)
                performed.run = run
            case "retry":
                unknown = performed.command.unknown and not {"reboot"} & set(known.steps)
                run = fleet.retry(known.id, unknown=unknown)
                await run.prepare()
                again = {Status.FAILED, Status.NOT_ATTEMPTED, *[Status.UNKNOWN] * unknown}
                ended = performed.before[known.id].outcomes
                keys = frozenset(outcome.key for outcome in ended if outcome.status in again)
                self._made(run, performed, known.steps, keys, keys, parent=known, rollout=known.rollout)
            case _:
                run = fleet.restore(known.id, settle=SettlePolicy(patience=self.world.patience))
                # One that is refused is no run.
                await run.prepare()
                must, may = self.history.stopped_by(known)
                self._made(run, performed, ("start",), must, may, parent=known, rollout={})
        return run

    def _made(
        self,
        run: Run,
        performed: Performed,
        steps: tuple[str, ...],
        must: frozenset[Key],
        may: frozenset[Key],
        *,
        rollout: Any,
        parent: KnownRun | None = None,
    ) -> None:
        """Remember a run that was made; its id is durable from now on."""
        known = KnownRun(
            id=run.id,
            made_by=performed,
            steps=steps,
            must=must,
            may=may,
            world=self.world,
            parent=None if parent is None else parent.id,
            rollout=rollout,
            # A retry goes as its parent did, a restore waits.
            wait=self.world.wait if parent is None else parent.wait or steps != parent.steps,
        )
        self.history.runs.append(known)
        performed.run = run
        self._goes_on(known, performed)

    def _goes_on(self, known: KnownRun, performed: Performed) -> None:
        performed.run_id = known.id
        known.performed.append(performed)

    async def _follow(self, run: Run, performed: Performed) -> None:
        """Read a run as the world says, until it is over or the client is to be closed."""
        self.life.watch = partial(watch, self.history.witness, run)
        readers = {"await": 0, "two": 2}.get(self.world.reading, 1)
        tasks = [asyncio.create_task(self._iterate(run, performed)) for _ in range(readers)]
        tasks.append(asyncio.create_task(self._await(run, performed)))
        leaving = asyncio.create_task(performed.leave.wait())
        try:
            reading: asyncio.Future[Any] = asyncio.gather(*tasks)
            ends: list[asyncio.Future[Any]] = [reading, leaving]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, leaving):
                task.cancel()
            await asyncio.gather(*tasks, leaving, reading, return_exceptions=True)
            performed.report = run.report

    async def _iterate(self, run: Run, performed: Performed) -> None:
        outcomes: list[Outcome] = []
        performed.read.append(outcomes)
        with contextlib.suppress(aioseflow.SeFlowError):
            async for outcome in run:
                outcomes.append(outcome)
                if self.world.reading == "leave" and len(outcomes) == 2:
                    return

    async def _await(self, run: Run, performed: Performed) -> None:
        try:
            await run
        except aioseflow.SeFlowError as error:
            performed.error = error

    # -- what is selected ---------------------------------------------------------------------------------

    def _selection(self) -> dict[str, Any]:
        vms = self.history.pairs
        match self.world.choice:
            case "all":
                return {}
            case "even":
                return {"where": is_even}
            case "pairs":
                return {"where": self._named(vms[::2])}
            case "exclude":
                return {"exclude": self._named(vms[:1])}
            case "services":
                return {"services": [vms[0][0]]}

    def _named(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
        """VMs of all accounts; where there are several, each is named with its account."""
        accounts = self.world.accounts
        return list(pairs) if len(accounts) == 1 else [(each, *pair) for each in accounts for pair in pairs]


def is_even(service: Service, vm: Vm) -> bool:
    """A predicate that selects every second VM."""
    return int(vm.id) % 2 == 0

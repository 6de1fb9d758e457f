"""A run in a process that is killed with -9, and gone on with in another; the panel is the witness.

The panel lives in the calling process, whose loop kills a run execution once a number of requests have
reached it. An execution is a process of its own, forked from one that has imported everything, so that
hundreds are cheap. What is drawn comes from the seed; where a process is when it dies is up to the machine.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs

from aioseflow import Action, FixedLimit, Reboot, Report, SeFlow, Start, Status, Stop
from aioseflow.sandbox import Fault, Sandbox
from support.clients import QUICK_RETRY, QUICK_SETTLE

Pair: TypeAlias = tuple[str, str]
Phase: TypeAlias = Literal["discovering", "acting", "settling", "at the end"]

ACTIONS: Final[dict[str, list[Action]]] = {
    "stop": [Stop()],
    "reboot": [Reboot()],
    "stop+start": [Stop(), Start()],
}
RUN_ID: Final = "killed"
_SECONDS_AT_MOST: Final = 60.0
_SLOW: Final = (0.002, 0.03)
_CONTEXT: Final = multiprocessing.get_context("forkserver")
_OURS: Final = ("session.session", "fleet.fleet", "fleet.journal.sqlite.sqlite_store", "endpoints")
_CONTEXT.set_forkserver_preload([*(f"aioseflow.{name}" for name in _OURS), "filelock", __name__])


@attrs.frozen(kw_only=True)
class Story:
    """What is drawn from a seed.

    ``cuts`` says for each execution that is killed after how many of its requests, and how many seconds
    later; ``at_once`` that the next one does not wait until the panel has finished.
    """

    seed: int
    action: str
    services: int
    vms: int
    limit: int
    cuts: tuple[tuple[int, float], ...]
    at_once: bool

    @classmethod
    def of(cls, seed: int, action: str | None = None, *, small: bool = False) -> Story:
        """The story of a seed."""
        chance = random.Random(seed)
        drawn = chance.choice(list(ACTIONS))
        action = action or drawn
        services, vms = (2, chance.randint(5, 8)) if small else (chance.randint(3, 7), chance.randint(6, 16))
        left = 1 + services + services * vms * len(ACTIONS[action])
        cuts: list[tuple[int, float]] = []
        while left > 1 and len(cuts) < 3 and (not cuts or chance.random() < 0.35):
            # Most in the middle; some while lists are read, while it settles, or when all is done.
            where = chance.random()
            if where < 0.75:
                cut = round(chance.triangular(1, left, left / 2))
            elif where < 0.85:
                cut = chance.randint(1, services + 1)
            else:  # a reboot is not read back, so that there is nothing after its last request
                polls = -1.0 if action == "reboot" else chance.uniform(3, 14)
                cut = max(1, round(left + polls * services))
            cuts.append((cut, chance.choice([0.0, 0.0, chance.uniform(0, 0.03)])))
            left -= cut
        return cls(
            seed=seed,
            action=action,
            services=services,
            vms=vms,
            limit=chance.choice([2, 4] if small else [4, 8, 16]),
            cuts=tuple(cuts),
            at_once=chance.random() < 0.5,
        )


@attrs.frozen
class Kill:
    """How far the run was when its process died, by the journal that it left."""

    phase: Phase
    open: frozenset[Pair]
    settling: int


@attrs.define(eq=False)
class Result:
    """What came of a story."""

    story: Story
    kills: list[Kill] = attrs.Factory(list)
    wrong: list[str] = attrs.Factory(list)
    counts: dict[str, int] = attrs.Factory(dict)


@attrs.frozen
class Login:
    """How an execution reaches the panel, and where it writes."""

    username: str
    password: str
    base_url: str
    journal: str
    answer: str

    def has_begun(self) -> bool:
        """Whether there is a journal."""
        return Path(self.journal).exists()

    def said(self) -> Any:
        """The report of the execution that came to its end."""
        return json.loads(Path(self.answer).read_text(encoding="utf-8"))

    def client(self, limit: int) -> SeFlow:
        """A client with the journal."""
        return SeFlow(
            self.username,
            self.password,
            base_url=self.base_url,
            journal=self.journal,
            limit=FixedLimit(limit),
            retry=QUICK_RETRY,
        )


def execute(login: Login, action: str, limit: int, resume: bool) -> None:
    """A process: begin the run, or go on with it, and write down what it says at its end."""
    report = asyncio.run(_execute(login, action, limit, resume=resume))
    Path(login.answer).write_text(report.to_json(), encoding="utf-8")


async def _execute(login: Login, action: str, limit: int, *, resume: bool) -> Report:
    async with login.client(limit) as seflow:
        if resume:
            return await seflow.fleet.resume(RUN_ID)
        return await seflow.fleet.run(ACTIONS[action], settle=QUICK_SETTLE, run_id=RUN_ID)


async def play(story: Story) -> Result:
    """Let a run be killed as often as the story says, go on with it to its end, and check everything."""
    result = Result(story)
    slow = [
        Fault("latency", method="POST", seconds=_SLOW, probability=0.6),  # late to act
        Fault("drip", method="POST", seconds=_SLOW, probability=0.6),  # acted, and late to say so
    ]
    with tempfile.TemporaryDirectory(prefix="aioseflow-kill-") as directory:
        async with Sandbox(
            services=story.services,
            vms_per_service=story.vms,
            stopped_share=0.1,
            seed=story.seed,
            stop_time=(0.0, 0.15),
            start_time=(0.0, 0.15),
            reboot_time=(0.0, 0.06),
            faults=slow,
        ) as panel:
            place = Path(directory)
            login = Login(
                panel.username, panel.password, panel.url, str(place / "runs.sqlite"), str(place / "answer")
            )
            before = {pair: vm.power for pair, vm in _machines(panel).items()}
            async with asyncio.timeout(_SECONDS_AT_MOST):
                if await _executions(result, panel, login):
                    _check(result, panel, before, login.said())
                    await _resume_again(result, panel, login)
    return result


async def _executions(result: Result, panel: Sandbox, login: Login) -> bool:
    """Whether one of them came to its end."""
    story, resume = result.story, False
    for cut in (*story.cuts, None):
        process = _CONTEXT.Process(target=execute, args=(login, story.action, story.limit, resume))
        process.start()
        status = await _end(process, panel, cut)
        if status == 0:
            return True
        if status != -9:
            result.wrong.append(f"an execution ended with status {status}")
            return False
        if not (login.has_begun() and panel.requests):
            continue  # killed before it had begun, which the next one does
        resume = True
        result.kills.append(_autopsy(result, panel, login))
        while panel.in_flight and not story.at_once:  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.001)
    raise AssertionError("the last execution is not killed")


async def _end(process: ForkServerProcess, panel: Sandbox, cut: tuple[int, float] | None) -> int | None:
    """Kill it when its time has come, unless it ends before; its exit status."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        if cut is not None:
            until = len(panel.requests) + cut[0]
            while len(panel.requests) < until and not ended.is_set():  # noqa: ASYNC110 - nor here
                await asyncio.sleep(0)
            await asyncio.sleep(cut[1])
            process.kill()
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
        process.kill()
        process.join()
        status = process.exitcode
        process.close()
    return status


def _autopsy(result: Result, panel: Sandbox, login: Login) -> Kill:
    """What a copy of the journal says, and whether all that reached the panel had been written before."""
    with tempfile.TemporaryDirectory(prefix="aioseflow-kill-") as directory:
        for name in Path(login.journal).parent.glob("runs.sqlite*"):
            if name.is_file():
                shutil.copy(name, directory)
        with closing(sqlite3.connect(Path(directory) / "runs.sqlite")) as journal:
            rows = journal.execute(
                "SELECT service_id, vm_id, CASE WHEN stage = 1 AND may_have_acted THEN 2 ELSE stage END, "
                "stage OR step OR attempts OR may_have_acted FROM targets"
            ).fetchall()
            discovered = journal.execute("SELECT discovered FROM runs").fetchone() == (1,)
            sound = journal.execute("PRAGMA integrity_check").fetchone()
    if sound != ("ok",):
        result.wrong.append(f"the journal is damaged: {sound}")
    known = {(service, vm) for service, vm, _, begun in rows if begun}
    if unwritten := sorted(_sent(panel) - known):
        result.wrong.append(f"sent before its intent was written: {unwritten}")
    stages = Counter(stage for _, _, stage, _ in rows)
    opened = frozenset((service, vm) for service, vm, stage, _ in rows if stage == 1)
    if len(opened) > 2 * result.story.limit:  # in flight, and waiting for a commit
        result.wrong.append(f"{len(opened)} open intents, and {result.story.limit} may be in flight")
    phase: Phase = "at the end"
    if not discovered:
        phase = "discovering"
    elif stages[0] or stages[1]:
        phase = "acting"
    elif stages[2]:
        phase = "settling"
    return Kill(phase, opened, stages[2])


def _machines(panel: Sandbox) -> dict[Pair, Any]:
    return {(s.id, vm.id): vm for s in panel.services.values() for vm in s.vms.values()}


def _sent(panel: Sandbox) -> set[Pair]:
    """The VMs for which something that changes reached the panel: /service/<id>/vms/<id>/<action>."""
    paths = [request.path.split("/") for request in panel.matching(method="POST")]
    return {(path[2], path[4]) for path in paths}


def _check(result: Result, panel: Sandbox, before: dict[Pair, str], report: dict[str, Any]) -> None:
    result.counts = {status: number for status, number in report["counts"].items() if number}
    machines, outcomes = _machines(panel), report["outcomes"]
    keys = [(outcome["service_id"], outcome["vm_id"]) for outcome in outcomes]
    if sorted(keys) != sorted(machines):
        result.wrong.append(
            f"outcomes of {len(keys)} VMs, {len(set(keys))} of them different, {len(machines)}"
        )
    if not sum(report["counts"].values()) == report["targets"] == len(machines):
        result.wrong.append(f"{report['counts']} do not add up to {len(machines)}")
    opened = frozenset[Pair]().union(*(kill.open for kill in result.kills))
    for pair, outcome in zip(keys, outcomes, strict=True):
        done, power, was = panel.effects[pair], machines[pair].power, before[pair]
        wrong = _claim(result.story.action, outcome, done, power, was, doubtful=pair in opened)
        if wrong:
            result.wrong.append(f"VM {pair} was {was} and is {power}, {dict(done)}: {wrong}; {outcome}")
    for action in ("reboot", "start") if result.story.action != "stop" else ("stop",):
        twice = panel.repeated(action).items()
        result.wrong += [f"{action} of {pair} took effect {times} times" for pair, times in twice]


def _claim(
    action: str, outcome: dict[str, Any], done: Counter[str], power: str, was: str, *, doubtful: bool
) -> str | None:
    """Why the panel's record contradicts an outcome."""
    status = Status(outcome["status"])
    wanted = {
        "stop": Status.CHANGED if was == "running" else Status.UNCHANGED,
        "reboot": Status.CHANGED if was == "running" else Status.NOT_ATTEMPTED,
        "stop+start": Status.CHANGED,
    }[action]
    if action == "reboot" and status is Status.UNKNOWN:
        return None if doubtful and done["reboot"] <= 1 else "unknown without a reason"
    if status is not wanted:
        return f"it is to be {wanted}"
    if status is not Status.CHANGED:
        return "it was touched" if done.total() else None
    effects = {"stop": {"stop": 1}, "reboot": {"reboot": 1}, "stop+start": {"stop": 1, "start": 1}}[action]
    if was == "stopped":
        effects = {name: count for name, count in effects.items() if name != "stop"}
    if dict(done) != effects:
        return f"its effects are to be {effects}"
    if action != "reboot" and power != ("stopped" if action == "stop" else "running"):
        return "it is in the wrong state"
    return None if outcome["verified"] is (action != "reboot") else "verified, or not, without a reason"


async def _resume_again(result: Result, panel: Sandbox, login: Login) -> None:
    """Once more changes nothing, and the journal says what the run said."""
    before = len(panel.requests)
    async with login.client(result.story.limit) as seflow:
        kept = await seflow.fleet.report(RUN_ID)
        again = await seflow.fleet.resume(RUN_ID)
    for report in (kept, again):
        counts = {status.value: number for status, number in report.counts.items() if number}
        if counts != result.counts:
            result.wrong.append(f"the run said {result.counts}, and later {counts}")
    later = panel.requests[before:]
    if any(request.method != "GET" for request in later):
        result.wrong.append(f"resumed once more, it sent {[f'{r.method} {r.path}' for r in later]}")
    if later and Status.UNKNOWN.value not in result.counts:
        result.wrong.append(f"everything was decided, and yet {len(later)} requests were sent")

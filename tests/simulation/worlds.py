"""Worlds drawn from a seed."""

from __future__ import annotations

import random
from typing import Any, Final

import attrs

from aioseflow.sandbox import Duration, Fault, Lognormal
from aioseflow.sandbox.faults import Kind, When

from .world import (
    READS,
    Choice,
    ClockStep,
    Command,
    CommandVerb,
    Event,
    Order,
    OrderVerb,
    Outside,
    PlanUse,
    Standstill,
    World,
)

_CHANGES: Final = "/service/@id/vms/@vm/*"
_LISTS: Final = "/service/@id/vms"
_WHERE: Final = (None, _CHANGES, _CHANGES, _LISTS)

NAMES: Final = (
    "main (eu)", "account 7", ")", "a+b", "x/y", "x:y", "stop+start", "33301", "up\ndown", "up\r\x0b\x85down",
    "up\u2028down", "\u200b", "\u2060\u00ad", "İstanbul", "'; --", "%s {0}", " main", "service 33301 of main",
)  # fmt: skip
"""Names of accounts that a careless program takes for something else."""

_DOINGS: Final = {
    "stop": 6, "start": 3, "reboot": 5, "stop+start": 3, "resize": 3, "destroy": 4, "wait": 1, "usage": 1,
    "stop+resize+start": 1, "resize+reboot": 1,
}  # fmt: skip
_STOPPED_SHARE: Final = {"start": 0.8, "stop+start": 0.15, "stop+resize+start": 0.15}


def make_world(seed: int) -> World:
    """The world of a seed: one in eight is fair, in half of the others the client dies."""
    chance = random.Random(f"world {seed}")
    world = _plain(seed, chance)
    if chance.random() < 0.12:
        return attrs.evolve(world, patience=180.0, wait=True, commands=_fair_commands(chance, world))
    if chance.random() < 0.8:
        world = attrs.evolve(world, **_moods(chance))
    if chance.random() < (0.8 if world.doing == "destroy" else 0.1):
        world = attrs.evolve(world, faults=(*world.faults, _outage_of_lists(chance, world)))
    world = attrs.evolve(
        world,
        wait=world.wait and chance.random() < 0.85,
        orders=_orders(chance, world) if chance.random() < 0.4 else (),
        outside=_outside(chance, world.vms, world.doing) if chance.random() < 0.4 else (),
        clock_steps=_clock_steps(chance) if chance.random() < 0.2 else (),
        standstills=_standstills(chance) if chance.random() < 0.1 else (),
    )
    if chance.random() < 0.5:
        world = attrs.evolve(world, rollout=world.rollout | _thresholds(chance, world.doing))
    elif chance.random() < 0.3:
        # A client cannot keep to a number of VMs that are down where a list may be old.
        world = attrs.evolve(world, lagging=0.3, start_time=(20.0, 60.0))
    if chance.random() < 0.08:
        return attrs.evolve(world, journal=False, commands=_joined(_afterwards(chance, world)))
    if "reboot" in world.steps and chance.random() < 0.3:
        return _with_lost_reboots(chance, world)
    return attrs.evolve(world, commands=_commands(chance, world))


def _plain(seed: int, chance: random.Random) -> World:
    """A fleet and what is done to it, without anything that goes wrong."""
    doing = chance.choices(list(_DOINGS), list(_DOINGS.values()))[0]
    services = tuple(chance.choices((1, 2, 3, 5, 8, 12), (2, 3, 4, 5, 4, 2), k=chance.randint(1, 4)))
    accounts: tuple[str, ...] = ("main",)
    if chance.random() < 0.2:
        accounts = (chance.choice(NAMES), chance.choice(("main", "b")))
        services = services[:2]
    elif chance.random() < 0.1:
        accounts = (chance.choice(NAMES),)
    choice: Choice = chance.choices(("all", "even", "pairs", "exclude", "services"), (6, 1, 2, 1, 1))[0]
    plan: PlanUse = ""
    if doing == "destroy" or (doing != "wait" and chance.random() < 0.15):
        plan = chance.choice(("object", "file"))
        choice = "all" if choice == "even" else choice
    return World(
        seed=seed,
        services=services,
        accounts=accounts,
        hosting=chance.random() < 0.2,
        shared_vm_ids=chance.random() < 0.2,
        stopped_share=_STOPPED_SHARE.get(doing, chance.choice((0.0, 0.0, 0.3))),
        dialect=chance.choice(("seflow", "by_id", "list", "mixed")),
        uptime=chance.choice((None, None, 30, 3000, 90_000)),
        panel_clock=chance.choice((0.0, 0.0, -75.0, 3600.0)),
        doing=doing,
        plan=plan,
        power=chance.choice(("running", "stopped")),
        size=chance.choice(({"memory": 4096}, {"memory": 4096, "cpu": 2}, {"cpu_share": 50})),
        choice=choice,
        limit=chance.choice((1, 2, 3, 4, 8, 16)),
        adaptive=chance.random() < 0.3,
        rollout=_rollout(chance) if chance.random() < 0.4 else {},
        reading=chance.choice(("await", "await", "iterate", "leave", "two")),
    )


def make_small_world(seed: int) -> World:
    """A world so small that each of its steps can be tried, and yet with something going wrong."""
    chance = random.Random(f"small world {seed}")
    doing = ("stop", "reboot", "stop+start", "start", "destroy", "wait")[seed % 6]
    gap = chance.choice((0.0, 2.0, 200.0))
    then: CommandVerb = ("resume", "resume", "reconcile", "restore", "resume", "look")[seed % 6]
    return World(
        seed=seed,
        services=tuple(chance.randint(1, 2) for _ in range(chance.randint(1, 2))),
        stopped_share=1.0 if doing == "start" else 0.0,
        doing=doing,
        plan="object" if doing == "destroy" else "",
        uptime=3000 if seed % 4 == 1 else None,
        limit=chance.choice((1, 2, 4)),
        faults=(_fault(chance, often=0.3),),
        stop_time=1.0,
        start_time=chance.choice((0.5, 5.0)),
        reboot_time=2.0,
        service_time=chance.choice((0.0, 0.3)),
        rollout={"max_unavailable": 1} if seed >= 8 and doing != "destroy" else {},
        commands=(Command("run", gap=gap), Command("resume", gap=gap), Command(then)),
    )


# -- commands ---------------------------------------------------------------------------------------------


def _commands(chance: random.Random, world: World) -> tuple[Command, ...]:
    """The run, its deaths, and what is done with it afterwards; the last command is never cut short."""
    # What is gone cannot be read back, so that a death leaves more to decide.
    if chance.random() > (0.75 if world.doing == "destroy" else 0.5):
        return tuple(_afterwards(chance, world))
    commands = [Command("run", dies=chance.random(), gap=_gap(chance))]
    if chance.random() < 0.3:
        commands.append(_command(chance, world, "resume", dies=chance.random()))
    heal: CommandVerb = chance.choices(("resume", "reconcile", "restore", "retry", "look"), (12, 3, 3, 1, 1))[
        0
    ]
    commands.append(_command(chance, world, heal))
    return tuple(commands + _afterwards(chance, world)[1:])


def _afterwards(chance: random.Random, world: World) -> list[Command]:
    """A run that ends by itself, and commands about it."""
    commands = [Command("run", gap=_gap(chance))]
    verbs: list[CommandVerb] = ["resume", "reconcile", "retry"]
    verbs += ["restore"] * (3 if "stop" in world.steps else 1)
    for _ in range(chance.choice((0, 1, 1, 2))):
        verb: CommandVerb = chance.choice(verbs)
        dies = chance.random() / 2 if chance.random() < 0.15 else None
        commands.append(_command(chance, world, verb, dies=dies))
        if dies is not None:
            commands.append(_command(chance, world, "resume"))
    return commands


def _fair_commands(chance: random.Random, world: World) -> tuple[Command, ...]:
    """A run, and at times its inverse or the same again."""
    verbs: list[CommandVerb] = ["retry", "reconcile", "resume"]
    if "stop" in world.steps:
        verbs += ["restore", "restore", "restore"]
    commands = [Command("run", gap=_gap(chance), joined=chance.random() < 0.5)]
    if chance.random() < 0.6:
        commands.append(Command(chance.choice(verbs)))
    return tuple(commands)


def _command(chance: random.Random, world: World, verb: CommandVerb, *, dies: float | None = None) -> Command:
    return Command(
        verb,
        dies=dies,
        gap=_gap(chance),
        joined=dies is None and chance.random() < 0.3,
        latest=verb == "resume" or chance.random() < 0.3,
        unknown=chance.random() < 0.3 and "reboot" not in world.steps,
    )


def _joined(commands: list[Command]) -> tuple[Command, ...]:
    """Commands given to one process, which lives through them all."""
    return tuple(attrs.evolve(command, dies=None, joined=True) for command in commands)


def _gap(chance: random.Random) -> float:
    return chance.choice((0.0, 1.0, 30.0, 300.0)) * chance.random()


def _with_lost_reboots(chance: random.Random, world: World) -> World:
    """Reboots whose answers are lost, a clock that steps, and uptimes that are read later."""
    lost = Fault("reset", path=_CHANGES, probability=0.4, when=chance.choice(("before", "after")))
    heal: CommandVerb = chance.choice(("reconcile", "resume"))
    seconds = chance.choice((3600.0, 7200.0, 86_400.0)) * chance.choice((-1, 1, 1))
    return attrs.evolve(
        world,
        uptime=3000,
        faults=(*world.faults, lost),
        clock_steps=(ClockStep(chance.uniform(5.0, 100.0), seconds),),
        commands=(
            Command("run", dies=chance.choice((None, chance.random())), gap=chance.uniform(100.0, 400.0)),
            Command(heal),
        ),
    )


# -- what goes wrong --------------------------------------------------------------------------------------


def _moods(chance: random.Random) -> dict[str, Any]:
    """How the panel behaves."""
    times: tuple[Duration, ...] = (0.2, 1.0, (0.5, 8.0), Lognormal(6.0, 0.8), (20.0, 60.0))
    moods: dict[str, Any] = {
        "stop_time": chance.choice(times),
        "start_time": chance.choice(times),
        "reboot_time": chance.choice(times),
        "service_time": chance.choice((0.0, 0.0, 0.05, (0.01, 0.6), Lognormal(1.0, 1.0))),
        "latency": chance.choice((0.0, 0.0, 0.02, 0.3)),
        "keepalive": chance.choice((1.0, 4.0, 15.0)),
        "patience": chance.choice((30.0, 120.0, 180.0, 240.0)),
        "faults": tuple(_fault(chance, often=chance.choice((0.03, 0.1, 0.3)))
                        for _ in range(chance.choice((0, 1, 1, 2, 3, 4)))),
    }  # fmt: skip
    if chance.random() < 0.15:
        moods["ignoring_share"] = 0.2
    if chance.random() < 0.3:
        moods |= {"workers": chance.randint(1, 6), "queue": chance.choice((None, 0, 2, 8))}
        moods["service_time"] = chance.choice((0.1, (0.05, 0.8)))
    if chance.random() < 0.15:
        moods["rate"] = chance.choice((1.0, 5.0, 20.0))
    moods["refuse"] = chance.choice((429, 429, 503, "throttle"))
    moods["retry_after"] = chance.random() < 0.5
    return moods


def _fault(chance: random.Random, *, often: float) -> Fault:
    """Something that goes wrong. It never lies: an answer that nothing was done is right."""
    either: When = chance.choice(("before", "after"))
    share: dict[str, Any] = {"probability": often, "path": chance.choice(_WHERE)}
    if chance.random() < 0.3:
        share |= {"times": chance.randint(1, 3), "after": chance.randint(0, 10)}
    kind: Kind = chance.choices(
        ("reset", "close", "hang", "truncate", "broken_chunk", "status", "html", "throttle", "drop", "drip",
         "garbage", "empty", "error", "redirect", "latency", "stale", "wronglogin"),
        (4, 2, 2, 2, 1, 4, 1, 2, 2, 1, 1, 1, 2, 1, 2, 3, 0.4),
    )[0]  # fmt: skip
    match kind:
        case "reset" | "close" | "html" | "garbage" | "empty":
            return Fault(kind, when=either, **share)
        case "hang":
            return Fault(kind, when=either, seconds=chance.choice((None, 5.0, 90.0)), **share)
        case "status":
            delay = chance.choice((None, 1.0, 20.0))
            status = chance.choice((500, 502, 503, 503, 504))
            return Fault(kind, when=either, status=status, retry_after=delay, **share)
        case "throttle":
            return Fault(kind, seconds=chance.choice((1.0, 5.0, (2.0, 24.0))), **share)
        case "drip" | "latency":
            return Fault(kind, seconds=chance.choice((0.2, (0.1, 6.0), (10.0, 50.0))), **share)
        case "drop":
            return Fault(kind, announced=chance.random() < 0.3, **share)
        case "error":
            return Fault(kind, codes=(chance.choice(("vm_locked", "quota_exceeded")),), **share)
        case "stale":
            return Fault(kind, probability=often, seconds=(0.5, 12.0))
        case "wronglogin":
            return Fault(kind, times=1, after=chance.randint(0, 40))
        case _:
            return Fault(kind, **share)


def _outage_of_lists(chance: random.Random, world: World) -> Fault:
    """Lists that the panel refuses for a while, after those that a run or its plan begins with."""
    times, spared = chance.choice((1, 2, 4, 8, 60)), len(world.services) * chance.choice((1, 2, 2, 3))
    spared += chance.randint(0, 2)
    return Fault("error", path=_LISTS, times=times, after=spared, codes=("module_unreachable",))


def _outside(chance: random.Random, vms: int, doing: str) -> tuple[Outside, ...]:
    events: list[Outside] = []
    kinds: tuple[Event, ...] = ("down", "down", "up", "restart", "capacity", "gone")
    if doing in READS:
        kinds = ("down", "up", "down", "up", "restart", "gone")
    for _ in range(chance.randint(1, 4)):
        at = _moment(chance)
        what: Event = chance.choice(kinds)
        seconds = chance.choice((0.0, 2.0, 40.0)) * chance.random()
        number = chance.randint(1, 3) if what == "capacity" else chance.randrange(vms)
        events.append(Outside(at, what, seconds, number))
    return tuple(sorted(events, key=lambda event: event.at))


def _orders(chance: random.Random, world: World) -> tuple[Order, ...]:
    """The operator's orders; what is paused goes on some time."""
    orders: list[Order] = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = _moment(chance)
        verb: OrderVerb = chance.choices(
            ("pause", "limit", "drain", "cancel", "interrupt", "close"),
            # Between two steps there is more that a pause can hold.
            (9 if len(world.steps) > 1 else 3, 3, 2, 2, 1, 1),
        )[0]
        orders.append(Order(at, verb, chance.randint(1, 16)))
        if verb == "pause":
            orders.append(
                Order(at + _moment(chance), chance.choice(("resume", "resume", "drain", "drain", "cancel")))
            )
    return tuple(sorted(orders, key=lambda order: order.at))


def _clock_steps(chance: random.Random) -> tuple[ClockStep, ...]:
    """Steps of minutes to hours; the first may come before the run, as where a machine has no clock chip."""
    steps = [ClockStep(chance.choice((0.0, _moment(chance))), _step(chance))]
    steps += [
        ClockStep(_moment(chance) + chance.choice((0.0, 30.0, 200.0)), _step(chance))
        for _ in range(chance.choice((0, 1, 1, 2)))
    ]
    return tuple(sorted(steps, key=lambda step: step.at))


def _step(chance: random.Random) -> float:
    return chance.choice((-1, 1)) * chance.choice((70.0, 300.0, 3600.0, 7200.0, 86_400.0))


def _standstills(chance: random.Random) -> tuple[Standstill, ...]:
    return (Standstill(_moment(chance), chance.choice((1.0, 20.0, 90.0, 150.0, 700.0))),)


def _rollout(chance: random.Random) -> dict[str, Any]:
    """Options that change the order and the pace alone."""
    chosen: dict[str, Any] = {}
    if chance.random() < 0.4:
        chosen["per_service"] = chance.randint(1, 4)
    if chance.random() < 0.3:
        chosen["window"] = chance.randint(1, 6)
    if chance.random() < 0.3:
        chosen["canary"] = chance.randint(1, 3)
    if chance.random() < 0.3:
        chosen["batches"] = chance.choice((["10%", "50%"], [2], [1, 3, "100%"]))
    return chosen


def _thresholds(chance: random.Random, doing: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if chance.random() < 0.5:
        chosen["max_failures"] = chance.choice((0, 1, 3, "10%"))
    if chance.random() < 0.5 and doing != "destroy":
        chosen["max_unavailable"] = chance.choice((1, 2, 4, "30%"))
    if chance.random() < 0.1:
        chosen["deadline"] = 30.0
    return chosen


def _moment(chance: random.Random) -> float:
    """Seconds, of all the sizes that matter in a run."""
    return chance.choice((0.001, 0.1, 1.0, 5.0, 20.0, 90.0)) * chance.random()

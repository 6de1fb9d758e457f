"""A world from a seed: the fleet, the panel's moods, what happens from outside, the operator, the crashes."""

from __future__ import annotations

import random
from typing import Any, Final, Literal, TypeAlias

import attrs

from aioseflow.sandbox import Duration, Fault, Lognormal, Sandbox
from aioseflow.sandbox.faults import Kind, When

Doing: TypeAlias = Literal["stop", "start", "reboot", "cycle"]
Choice: TypeAlias = Literal["all", "even", "pairs", "exclude", "services"]
Verb: TypeAlias = Literal["pause", "resume", "drain", "cancel", "limit", "interrupt", "close"]
Event: TypeAlias = Literal["down", "up", "restart", "capacity", "stuck", "free"]
Reading: TypeAlias = Literal["await", "iterate", "leave", "two"]

_CHANGES: Final = "/service/@id/vms/@vm/*"
_LISTS: Final = "/service/@id/vms"
_WHERE: Final = (None, _CHANGES, _CHANGES, _LISTS)


@attrs.frozen
class Outside:
    """Something that nobody of ours does, ``at`` so many seconds after the start."""

    at: float
    what: Event
    seconds: float = 0.0
    number: int = 0
    """Which VM, counted through the fleet; for a capacity, its workers."""


@attrs.frozen
class Order:
    """What the operator does to the run, ``at`` so many seconds after its start; ``value`` is a limit's."""

    at: float
    verb: Verb
    value: int = 0


@attrs.frozen(kw_only=True)
class World:
    """Everything that is decided before a story begins.

    ``crashes`` says for each life, but the last, at which share of the steps that are expected it ends;
    ``gaps`` are the seconds from then to the next life; after the last the run is resumed ``again`` so often.
    """

    seed: int
    services: tuple[int, ...]
    hosting: int = 0
    shared_vm_ids: bool = False
    stopped_share: float = 0.0
    ignoring_share: float = 0.0
    dialect: str = "seflow"
    stop_time: Duration = 1.0
    start_time: Duration = 1.0
    reboot_time: Duration = 1.0
    service_time: Duration = 0.0
    workers: int | None = None
    queue: int | None = None
    rate: float | None = None
    refuse: int | Literal["throttle"] = 429
    retry_after: bool = False
    latency: float = 0.0
    keepalive: float = 4.0
    faults: tuple[Fault, ...] = ()
    outside: tuple[Outside, ...] = ()
    doing: Doing = "stop"
    choice: Choice = "all"
    wait: bool = True
    patience: float = 120.0
    limit: int = 8
    adaptive: bool = False
    rollout: dict[str, Any] = attrs.Factory(dict)
    orders: tuple[Order, ...] = ()
    reading: Reading = "await"
    crashes: tuple[float, ...] = ()
    gaps: tuple[float, ...] = ()
    again: int = 0

    @property
    def vms(self) -> int:
        """How many VMs there are."""
        return sum(self.services)

    def panel(self) -> Sandbox:
        """The panel at the beginning."""
        panel = Sandbox(
            services=len(self.services),
            vms_per_service=self.services,
            services_without_vms=self.hosting,
            shared_vm_ids=self.shared_vm_ids,
            stopped_share=self.stopped_share,
            seed=self.seed,
            dialect=self.dialect,
            listen=False,
            port=80,
            stop_time=self.stop_time,
            start_time=self.start_time,
            reboot_time=self.reboot_time,
            faults=self.faults,
            workers=self.workers,
            queue=self.queue,
            service_time=self.service_time,
            rate=self.rate,
            refuse=self.refuse,
            retry_after=self.retry_after,
        )
        chance = random.Random(f"ignoring {self.seed}")
        for service in panel.services.values():
            for vm in service.vms.values():
                vm.ignores_power = chance.random() < self.ignoring_share
        return panel

    def lines(self) -> list[str]:
        """What differs from a world in which nothing happens, to be read."""
        plain = World(seed=self.seed, services=self.services)
        lines = [f"seed {self.seed}: {self.doing} {self.choice} of services {list(self.services)}"]
        for field in attrs.fields(World):
            value = getattr(self, field.name)
            if field.name in ("seed", "services", "doing", "choice") or value == getattr(plain, field.name):
                continue
            if isinstance(value, tuple) and value and attrs.has(type(value[0])):
                lines += [f"  {field.name}: {_short(each)}" for each in value]
            else:
                lines.append(f"  {field.name}: {value}")
        return lines


def _short(value: attrs.AttrsInstance) -> str:
    fields = attrs.asdict(value, filter=lambda field, given: given not in (None, field.default, ()))
    return ", ".join(f"{name} {given}" for name, given in fields.items())


def make_world(seed: int) -> World:
    """The world of a seed; in half of them the client dies once or twice."""
    chance = random.Random(f"world {seed}")
    moods = _moods(chance) if chance.random() < 0.8 else {}
    services = tuple(chance.choices((1, 2, 3, 5, 8, 12), (2, 3, 4, 5, 4, 2), k=chance.randint(1, 4)))
    doing: Doing = chance.choices(("stop", "start", "reboot", "cycle"), (4, 3, 4, 2))[0]
    world = World(
        seed=seed,
        services=services,
        hosting=chance.random() < 0.2,
        shared_vm_ids=chance.random() < 0.2,
        stopped_share={"start": 0.8, "cycle": 0.15}.get(doing, chance.choice((0.0, 0.0, 0.3))),
        dialect=chance.choice(("seflow", "by_id", "list", "mixed")),
        doing=doing,
        choice=chance.choices(("all", "even", "pairs", "exclude", "services"), (6, 1, 2, 1, 1))[0],
        wait=chance.random() < 0.85,
        limit=chance.choice((1, 2, 3, 4, 8, 16)),
        adaptive=chance.random() < 0.3,
        rollout=_rollout(chance) if chance.random() < 0.5 else {},
        orders=_orders(chance) if chance.random() < 0.5 else (),
        outside=_outside(chance, sum(services)) if chance.random() < 0.5 else (),
        reading=chance.choice(("await", "await", "iterate", "leave", "two")),
        again=chance.choice((0, 1, 2)),
        **moods,
    )
    if chance.random() < 0.5:
        lives = chance.choice((1, 1, 2))
        world = attrs.evolve(
            world,
            crashes=tuple(chance.random() for _ in range(lives)),
            gaps=tuple(chance.choice((0.0, 1.0, 30.0, 300.0)) * chance.random() for _ in range(lives)),
        )
    return world


def make_small_world(seed: int) -> World:
    """A world so small that each of its steps can be tried, and yet with something going wrong."""
    chance = random.Random(f"small world {seed}")
    doing: Doing = ("stop", "reboot", "cycle", "start")[seed % 4]
    return World(
        seed=seed,
        services=tuple(chance.randint(1, 2) for _ in range(chance.randint(1, 2))),
        stopped_share=1.0 if doing == "start" else 0.0,
        doing=doing,
        limit=chance.choice((1, 2, 4)),
        faults=(_fault(chance, often=0.3),),
        stop_time=1.0,
        start_time=chance.choice((0.5, 5.0)),
        reboot_time=2.0,
        service_time=chance.choice((0.0, 0.3)),
        gaps=(chance.choice((0.0, 2.0, 200.0)),),
        rollout={"max_unavailable": 1} if seed >= 8 else {},
    )


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
        "patience": chance.choice((30.0, 120.0)),
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
    """Something that goes wrong. It never lies: what says that nothing was done has done nothing."""
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
            told = chance.choice((None, 1.0, 20.0))
            status = chance.choice((500, 502, 503, 503, 504))
            return Fault(kind, when=either, status=status, retry_after=told, **share)
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


def _outside(chance: random.Random, vms: int) -> tuple[Outside, ...]:
    events: list[Outside] = []
    for _ in range(chance.randint(1, 4)):
        at = _moment(chance)
        what: Event = chance.choice(("down", "down", "up", "restart", "capacity"))
        seconds = chance.choice((0.0, 2.0, 40.0)) * chance.random()
        number = chance.randint(1, 3) if what == "capacity" else chance.randrange(vms)
        events.append(Outside(at, what, seconds, number))
    return tuple(sorted(events, key=lambda event: event.at))


def _orders(chance: random.Random) -> tuple[Order, ...]:
    """What the operator does; what is paused goes on some time."""
    orders: list[Order] = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = _moment(chance)
        verb: Verb = chance.choices(
            ("pause", "limit", "drain", "cancel", "interrupt", "close"), (3, 3, 2, 2, 1, 1)
        )[0]
        orders.append(Order(at, verb, chance.randint(1, 16)))
        if verb == "pause":
            orders.append(Order(at + _moment(chance), chance.choice(("resume", "resume", "drain", "cancel"))))
    return tuple(sorted(orders, key=lambda order: order.at))


def _rollout(chance: random.Random) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if chance.random() < 0.5:
        chosen["max_failures"] = chance.choice((0, 1, 3, "10%"))
    if chance.random() < 0.5:
        chosen["max_unavailable"] = chance.choice((1, 2, 4, "30%"))
    if chance.random() < 0.4:
        chosen["per_service"] = chance.randint(1, 4)
    if chance.random() < 0.3:
        chosen["window"] = chance.randint(1, 6)
    if chance.random() < 0.3:
        chosen["canary"] = chance.randint(1, 3)
    if chance.random() < 0.3:
        chosen["batches"] = chance.choice((["10%", "50%"], [2], [1, 3, "100%"]))
    if chance.random() < 0.1:
        chosen["deadline"] = 30.0
    return chosen


def _moment(chance: random.Random) -> float:
    """Seconds, of all the sizes that matter in a run."""
    return chance.choice((0.001, 0.1, 1.0, 5.0, 20.0, 90.0)) * chance.random()

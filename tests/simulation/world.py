"""Everything that is decided before a story begins: fleet, panels, commands, faults, operator, clocks."""

from __future__ import annotations

import random
from typing import Any, Final, Literal, TypeAlias

import attrs

from aioseflow.sandbox import Duration, Fault, Lognormal, Sandbox

Choice: TypeAlias = Literal["all", "even", "pairs", "exclude", "services"]
OrderVerb: TypeAlias = Literal["pause", "resume", "drain", "cancel", "limit", "interrupt", "close"]
Event: TypeAlias = Literal["down", "up", "gone", "restart", "capacity"]
Reading: TypeAlias = Literal["await", "iterate", "leave", "two"]
CommandVerb: TypeAlias = Literal["run", "resume", "retry", "restore", "reconcile", "look"]
PlanUse: TypeAlias = Literal["", "object", "file"]

READS: Final = frozenset({"wait", "usage"})
"""Actions that change nothing."""

ONCE: Final = frozenset({"reboot"})
"""Actions that must reach the panel at most once."""

THRESHOLDS: Final = frozenset({"max_failures", "max_unavailable", "deadline"})
"""Options of a rollout that may end a run before all its VMs were acted on."""


@attrs.frozen
class Outside:
    """An event that is not our doing, ``at`` so many seconds after the start."""

    at: float
    what: Event
    seconds: float = 0.0
    number: int = 0
    """Which VM, counted through the fleet; for a capacity, its workers."""


@attrs.frozen
class Order:
    """An order of the operator to the run, ``at`` so many seconds after the start; ``value`` is a limit's."""

    at: float
    verb: OrderVerb
    value: int = 0


@attrs.frozen
class ClockStep:
    """A step of the client's wall clock by ``seconds``, back where negative, ``at`` seconds on."""

    at: float
    seconds: float


@attrs.frozen
class Standstill:
    """The client's process is stopped (SIGSTOP) ``at`` so many seconds after the start, for ``seconds``."""

    at: float
    seconds: float


@attrs.frozen
class Command:
    """A command that the client is given.

    Attributes:
        verb: ``"run"`` begins the world's action; ``"look"`` only reads runs and reports.
        dies: the share of the expected steps at which the client dies; None if it does not.
        gap: seconds from its end, or death, to the next command.
        joined: whether the next command is given to the same process.
        latest: whether it concerns the latest run instead of the first.
        unknown: whether a retry also takes VMs that are ``unknown``.
    """

    verb: CommandVerb
    dies: float | None = None
    gap: float = 0.0
    joined: bool = False
    latest: bool = True
    unknown: bool = False


@attrs.frozen(kw_only=True)
class World:
    """Everything that a story depends on.

    Each account has a panel of its own with the same ``services``: the numbers of their VMs. ``doing`` names
    the action, or several joined by ``+``; ``plan`` says whether it runs from a plan, and how that is kept.
    ``uptime`` is what the VMs' uptime shows at first, in seconds; with None the panel shows none.
    ``panel_clock`` is by how many seconds the panel's calendar is ahead. ``lagging`` is the share of lists
    that come from a second, slower database: each shows what an earlier list of the service showed, and never
    do two in a row.
    """

    seed: int
    services: tuple[int, ...]
    accounts: tuple[str, ...] = ("main",)
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
    uptime: int | None = None
    panel_clock: float = 0.0
    lagging: float = 0.0
    faults: tuple[Fault, ...] = ()
    outside: tuple[Outside, ...] = ()
    doing: str = "stop"
    plan: PlanUse = ""
    power: Literal["running", "stopped"] = "stopped"
    size: dict[str, int] = attrs.Factory(lambda: {"memory": 4096})
    choice: Choice = "all"
    wait: bool = True
    patience: float = 180.0
    limit: int = 8
    adaptive: bool = False
    rollout: dict[str, Any] = attrs.Factory(dict)
    orders: tuple[Order, ...] = ()
    clock_steps: tuple[ClockStep, ...] = ()
    standstills: tuple[Standstill, ...] = ()
    reading: Reading = "await"
    journal: bool = True
    commands: tuple[Command, ...] = (Command("run"),)

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the actions, in their order."""
        return tuple(self.doing.split("+"))

    @property
    def vms(self) -> int:
        """How many VMs there are in all accounts."""
        return sum(self.services) * len(self.accounts)

    @property
    def disturbances(self) -> tuple[str, ...]:
        """The names of what may keep a run from its end, or from seeing it: none in a fair world."""
        named = {
            "faults": self.faults or self.lagging,
            "outside": self.outside,
            "orders": self.orders,
            "standstills": self.standstills,
            "crashes": any(command.dies is not None for command in self.commands),
            "thresholds": THRESHOLDS & self.rollout.keys(),
            "overload": self.workers is not None or self.rate is not None,
            "ignoring": self.ignoring_share,
            "slow": self.slowest > self.patience / 2,
            "haste": not self.wait,
        }
        return tuple(name for name, there in named.items() if there)

    @property
    def is_fair(self) -> bool:
        """Whether nothing in it excuses work that is not done, or not known to be."""
        return not self.disturbances

    @property
    def slowest(self) -> float:
        """Seconds that hardly any change takes longer than, once its request has arrived."""
        times = (self.stop_time, self.start_time, self.reboot_time)
        return max(map(_longest, times)) + 2 * _longest(self.service_time)

    def panel(self, number: int) -> Sandbox:
        """The panel of an account at the beginning."""
        panel = Sandbox(
            services=len(self.services),
            vms_per_service=self.services,
            services_without_vms=self.hosting,
            shared_vm_ids=self.shared_vm_ids,
            stopped_share=self.stopped_share,
            seed=self.seed if not number else f"{self.seed} {number}",
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
        chance = random.Random(f"ignoring {self.seed} {number}")
        for service in panel.services.values():
            for vm in service.vms.values():
                vm.ignores_power = chance.random() < self.ignoring_share
        return panel

    def lines(self) -> list[str]:
        """The differences to a world in which nothing happens, one a line."""
        plain = World(seed=self.seed, services=self.services)
        lines = [f"seed {self.seed}: {self.doing} {self.choice} of services {list(self.services)}"]
        for field in attrs.fields(World):
            value = getattr(self, field.name)
            if field.name in ("seed", "services", "doing", "choice") or value == getattr(plain, field.name):
                continue
            if isinstance(value, tuple) and value and attrs.has(type(value[0])):
                lines += [f"  {field.name}: {_short(each)}" for each in value]
            else:
                lines.append(f"  {field.name}: {value!r}")
        return lines


def _longest(duration: Duration) -> float:
    """Seconds that a duration hardly ever exceeds."""
    match duration:
        case Lognormal(mean, sigma):
            return mean * (1 + 8 * sigma)
        case (_, longest):
            return longest
        case _:
            return float(duration)


def _short(value: attrs.AttrsInstance) -> str:
    fields = attrs.asdict(value, filter=lambda field, given: given not in (None, field.default, ()))
    return ", ".join(f"{name} {given}" for name, given in fields.items())

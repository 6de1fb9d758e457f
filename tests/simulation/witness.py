"""What happened at the panel, and when: its own record, and what that leaves out."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from hashlib import blake2b
from math import inf
from typing import Any, Final, TypeAlias

import attrs
from aiohttp import web
from aiohttp.client_proto import ResponseHandler

from aioseflow.sandbox import Effects, Request, Sandbox

from .lives import Life

Pair: TypeAlias = tuple[str, str]

NOT_ACTED: Final = frozenset({"throttle", "rate", "capacity"})
_HARMLESS: Final = frozenset({"latency", "drip", "drop"})


@attrs.frozen
class Effect:
    """An action that took effect."""

    at: float
    vm: Pair
    action: str


@attrs.frozen
class Phase:
    """A VM from ``at`` on: in ``phase``, and from ``until`` on in ``target``; ``ours`` by our doing."""

    at: float
    phase: str
    target: str
    until: float
    ours: bool = False


@attrs.define(eq=False)
class Arrival:
    """A request while and after it was answered; ``vm`` is None for what concerns none."""

    request: Request
    life: Life | None
    ours: ResponseHandler | None
    service: str | None
    vm: Pair | None
    verb: str
    answered_at: float | None = None

    @property
    def is_change(self) -> bool:
        return self.request.method != "GET"

    @property
    def is_live(self) -> bool:
        """Whether the client still waits for the answer."""
        transport = None if self.ours is None else self.ours.transport
        return transport is not None and not transport.is_closing()

    @property
    def surely_refused(self) -> bool:
        """Whether it was answered with "not now", which says that nothing was done."""
        reasons = (self.request.fault or "").split("+")
        return self.request.status in (401, 429) and any(reason in NOT_ACTED for reason in reasons)

    @property
    def is_whole_list(self) -> bool:
        """Whether it is a service's list that was answered truly, and in full."""
        faults = set((self.request.fault or "").split("+")) - {""}
        return (
            self.answered_at is not None
            and self.service is not None
            and self.request.method == "GET"
            and self.verb == "vms"
            and self.request.status == 200
            and faults <= _HARMLESS
        )


class Witness:
    """Stands beside the panel from before its start, and writes down what it sees.

    ``arrived`` is called with each request as it arrives, and all that are in flight, itself included.
    """

    def __init__(self, panel: Sandbox, clock: Callable[[], float]) -> None:
        self.panel = panel
        self.clock = clock
        self.effects: list[Effect] = []
        self.arrivals: list[Arrival] = []
        self.ends: dict[object, tuple[Life, ResponseHandler]] = {}
        self.log: list[tuple[float, str] | Arrival | Effect] = []
        self.wrong: list[str] = []
        self.arrived: Callable[[Arrival, list[Arrival]], None] = lambda arrival, in_flight: None
        self._began = clock()
        self._phases: dict[Pair, list[Phase]] = {}
        self._in_flight: dict[asyncio.Task[Any] | None, Arrival] = {}
        for service in panel.services.values():
            for vm in service.vms.values():
                self._look((service.id, vm.id))
        front = panel._front
        self._answer, self._note_request = front.answer, front._note
        front.answer = self._watched_answer  # type: ignore[method-assign]
        front._note = self._watched_note  # type: ignore[method-assign]
        panel._world.effects = _TellingEffects(self._took_effect)

    # -- what is told to it -------------------------------------------------------------------------------

    def say(self, what: str) -> None:
        """A line for whoever reads the trace."""
        self.log.append((self.clock(), what))

    def complain(self, what: str) -> None:
        """Something that must not be."""
        if len(self.wrong) < 20:
            self.wrong.append(f"at {self.clock() - self._began:.3f} s: {what}")

    def outside(self, vm: Pair, power: str) -> None:
        """Somebody else turns a machine off or on."""
        machine = self.panel.services[vm[0]].vms[vm[1]]
        machine.power = power  # type: ignore[assignment]
        self._look(vm)
        self.say(f"outside: VM {vm[1]} of {vm[0]} is {power}")

    # -- what it can be asked -----------------------------------------------------------------------------

    def state(self, vm: Pair, at: float) -> str:
        """``running``, ``stopped``, or what lies between, at a moment."""
        phases = self._phases[vm]
        last = phases[max(0, bisect_right(phases, at, key=lambda phase: phase.at) - 1)]
        return last.target if at >= last.until else last.phase

    def was(self, vm: Pair, state: str, since: float, until: float) -> bool:
        """Whether a VM was in a state at any moment of a span."""
        moments = [since, until]
        for phase in self._phases[vm]:
            moments += [moment for moment in (phase.at, phase.until) if since <= moment <= until]
        return any(self.state(vm, moment) == state for moment in moments)

    def stayed(self, vm: Pair, state: str, since: float, until: float) -> bool:
        """Whether a VM was in a state for the whole of a span."""
        moments = [since, until]
        for phase in self._phases[vm]:
            moments += [moment for moment in (phase.at, phase.until) if since <= moment <= until]
        return all(self.state(vm, moment) == state for moment in moments)

    def went_down(self, vm: Pair) -> Phase:
        """What took a VM from running that is not running now."""
        phases = self._phases[vm]
        for before, phase in zip(phases[-2::-1], phases[:0:-1], strict=True):
            if (before.target if phase.at >= before.until else before.phase) == "running":
                return phase
        return phases[0]

    def changes(self, vm: Pair) -> list[Arrival]:
        """The requests that would change this VM, in order of arrival."""
        return [arrival for arrival in self.arrivals if arrival.vm == vm and arrival.is_change]

    def effect_count(self, vm: Pair, action: str) -> int:
        """How often an action took effect on this VM."""
        return sum(effect.vm == vm and effect.action == action for effect in self.effects)

    def lists_between(self, service: str, since: float, until: float) -> int:
        """How many true lists of a service were asked for and answered in a span."""
        return sum(
            since <= arrival.request.time and (arrival.answered_at or 0.0) <= until
            for arrival in self.arrivals
            if arrival.service == service and arrival.is_whole_list
        )

    def last_list(self, life: Life | None, service: str) -> float:
        """When the last true list of a service that was answered in a life had been asked for."""
        lists = (each for each in self.arrivals if each.service == service and each.life is life)
        return max((each.request.time for each in lists if each.is_whole_list), default=-inf)

    def digest(self) -> str:
        """The panel's record, byte for byte, in short."""
        shape = attrs.fields(Request)
        rows = [[getattr(seen, field.name) for field in shape] for seen in self.panel.requests]
        rows += [[effect.at, effect.vm, effect.action] for effect in self.effects]
        return blake2b(repr(rows).encode(), digest_size=16).hexdigest()

    def trace(self) -> list[str]:
        """Everything in the order of time, to be read."""
        lines = []
        for entry in self.log:
            match entry:
                case Arrival():
                    at, what = entry.request.time, self._line(entry)
                case Effect():
                    at, what = entry.at, f"    VM {entry.vm[1]} of {entry.vm[0]}: {entry.action}"
                case _:
                    at, what = entry
            lines.append(f"{at - self._began:10.3f}  {what}")
        return lines

    def _line(self, arrival: Arrival) -> str:
        seen = arrival.request
        life = "?" if arrival.life is None else arrival.life.number
        fault = f" ({seen.fault})" if seen.fault else ""
        over = ""
        if arrival.answered_at is not None and arrival.answered_at > seen.time:
            over = f", over at {arrival.answered_at - self._began:.3f}"
        return f"[{life}] {seen.method} {seen.path} → {seen.status}{fault}{over}"

    # -- how it sees --------------------------------------------------------------------------------------

    async def _watched_answer(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        try:
            return await self._answer(request)
        finally:
            arrival = self._in_flight.pop(task, None)
            if arrival is not None:
                arrival.answered_at = self.clock()

    def _watched_note(self, request: web.BaseRequest) -> Request:
        seen = self._note_request(request)
        life, ours = self.ends.get(request.protocol, (None, None))
        parts = seen.path.split("/")
        service = parts[2] if len(parts) > 3 and parts[1] == "service" else None
        vm = (service, parts[4]) if service is not None and len(parts) > 4 and parts[3] == "vms" else None
        arrival = Arrival(seen, life, ours, service, vm, parts[-1])
        self.arrivals.append(arrival)
        self.log.append(arrival)
        self._in_flight[asyncio.current_task()] = arrival
        try:
            self.arrived(arrival, [each for each in self._in_flight.values() if each.is_live])
        except Exception as error:  # noqa: BLE001  (the panel would only log it)
            self.complain(f"the check failed: {error!r}")
        return seen

    def _took_effect(self, service: str, vm: str, action: str) -> None:
        effect = Effect(self.clock(), (service, vm), action)
        self.effects.append(effect)
        self.log.append(effect)
        self._look((service, vm), ours=True)

    def _look(self, pair: Pair, *, ours: bool = False) -> None:
        vm = self.panel.services[pair[0]].vms[pair[1]]
        now = self.clock()
        until = now if vm._phase == vm._target else vm._until
        self._phases.setdefault(pair, []).append(Phase(now, vm._phase, vm._target, until, ours))


class _TellingEffects(Effects):
    """The panel's count of effects, which tells of each."""

    def __init__(self, told: Callable[[str, str, str], None]) -> None:
        super().__init__()
        self._told = told

    def note(self, service: str, vm: str, action: str) -> None:
        """Count, and tell."""
        super().note(service, vm, action)
        self._told(service, vm, action)

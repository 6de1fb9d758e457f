"""The panels' side of a story: every request, every effect, and the state of every VM at every moment.

Made before the panels start, from their own record and from looking at their VMs whenever one changes.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import blake2b
from math import inf
from typing import Any, Literal

import attrs
import orjson
from aiohttp import web
from aiohttp.client_proto import ResponseHandler

from aioseflow.sandbox import Effects, Request, Sandbox, Vm

from .known import Violation
from .lives import Life
from .record import LAGGING, SIZES, Arrival, Effect, Key, Phase, Wanted
from .repeatable import true_time
from .world import World


class Witness:
    """Watches the panels from before their start.

    ``arrived`` is called with each request as it arrives, and with all that are in flight, itself included.
    ``now_at`` gives the run and the command that a life is working on.
    """

    def __init__(
        self,
        panels: Mapping[str, Sandbox],
        clock: Callable[[], float],
        *,
        world: World,
    ) -> None:
        self.panels = panels
        self.clock = clock
        self.effects: list[Effect] = []
        self.arrivals: list[Arrival] = []
        self.ends: dict[object, tuple[Life, ResponseHandler]] = {}
        self.log: list[tuple[float, str] | Arrival | Effect] = []
        self.wrong: list[Violation] = []
        self.arrived: Callable[[Arrival, list[Arrival]], None] = lambda arrival, in_flight: None
        self.now_at: Callable[[Life], tuple[str | None, int]] = lambda life: (None, -1)
        self.began = clock()
        self._world = world
        self._lists: dict[tuple[str, str], _Lists] = {}
        self._phases: dict[Key, list[Phase]] = {}
        self._in_flight: dict[asyncio.Task[Any] | None, Arrival] = {}
        self._changes: dict[Key, list[Arrival]] = {}
        self.ignoring: set[Key] = set()
        """The VMs that take a start, stop or reboot and do nothing."""
        for account, panel in panels.items():
            for service in panel.services.values():
                for vm in service.vms.values():
                    self._look((account, service.id, vm.id))
                    if vm.ignores_power:
                        self.ignoring.add((account, service.id, vm.id))
            self._attach(account, panel)

    # -- what is said to it -------------------------------------------------------------------------------

    def say(self, what: str) -> None:
        """Add a line to the trace."""
        self.log.append((self.clock(), what))

    def complain(self, what: str, kind: str = "at a moment") -> None:
        """Note something that must not be."""
        if len(self.wrong) < 20:
            self.wrong.append(Violation(kind, f"at {self.clock() - self.began:.3f} s: {what}"))

    def outside(self, key: Key, event: Literal["down", "up", "gone"]) -> None:
        """Somebody else turns a machine off or on, or removes it."""
        machine = self.machine(key)
        if machine is None:
            return
        if event == "gone":
            machine.service.destroy(machine)
        else:
            machine.power = "stopped" if event == "down" else "running"
        self._look(key)
        self.say(f"outside: VM {key[2]} of {key[1]} ({key[0]!r}) is {event}")

    # -- what it can be asked -----------------------------------------------------------------------------

    def machine(self, key: Key) -> Vm | None:
        """The VM at its panel; None once it is gone."""
        return self.panels[key[0]].services[key[1]].vms.get(key[2])

    @property
    def keys(self) -> Iterable[Key]:
        """Every VM that there ever was."""
        return self._phases.keys()

    def holds(self, key: Key, wanted: Wanted, at: float) -> bool:
        """Whether a VM was as wanted at a moment."""
        return self._phase(key, at).holds(wanted, at)

    def phases(self, key: Key) -> list[Phase]:
        """The phases of a VM, in order."""
        return self._phases[key]

    def states(self, key: Key, since: float, until: float) -> set[str]:
        """The states that a VM had in a span."""
        return {self.state(key, moment) for moment in self._moments(key, since, until)}

    def state(self, key: Key, at: float) -> str:
        """``running``, ``stopped``, ``gone``, or what lies between, at a moment."""
        return self._phase(key, at).power(at)

    def was(self, key: Key, wanted: Wanted, since: float, until: float) -> bool:
        """Whether a VM was as wanted at any moment of a span."""
        return any(self.holds(key, wanted, moment) for moment in self._moments(key, since, until))

    def stayed(self, key: Key, wanted: Wanted, since: float, until: float) -> bool:
        """Whether a VM was as wanted for the whole of a span."""
        return all(self.holds(key, wanted, moment) for moment in self._moments(key, since, until))

    def stood_still(self, key: Key, since: float, until: float) -> bool:
        """Whether nothing about a VM changed in a span, and nothing was under way."""
        phase = self._phase(key, until)
        return phase.at <= since and phase.until <= since

    def went_down(self, key: Key) -> Phase:
        """The phase that took a VM from running that is not running now."""
        phases = self._phases[key]
        for before, phase in zip(phases[-2::-1], phases[:0:-1], strict=True):
            if before.power(phase.at) == "running":
                return phase
        return phases[0]

    def changes(self, key: Key, run_id: str | None = None) -> list[Arrival]:
        """The requests that would change this VM, of a run or of all, in order of arrival."""
        return [each for each in self._changes.get(key, ()) if run_id in (None, each.run_id)]

    def was_read(self, key: Key, run_id: str, verbs: frozenset[str]) -> bool:
        """Whether a run was given whole answers about a VM by all of these routes."""
        mine = (each for each in self.arrivals if each.key == key and each.run_id == run_id)
        return verbs <= {each.verb for each in mine if each.request.status == 200 and not each.is_change}

    def effects_on(self, key: Key, action: str | None = None, run_id: str | None = None) -> list[Effect]:
        """The effects on a VM, of one action or of all, asked for by a run or by anybody."""
        return [
            effect
            for effect in self.effects
            if effect.key == key
            and action in (None, effect.action)
            and (run_id is None or (effect.arrival is not None and effect.arrival.run_id == run_id))
        ]

    def lists(self, account: str, service: str, since: float, until: float) -> list[Arrival]:
        """The true lists of a service that were asked for and answered in a span."""
        return [
            each
            for each in self.arrivals
            if each.service == service
            and each.account == account
            and each.is_whole_list
            and since <= each.request.time
            and (each.answered_at or 0.0) <= until
        ]

    def last_list(self, life: Life | None, account: str, service: str) -> float:
        """When the last true list of a service that was answered in a life had been asked for."""
        lists = (
            each
            for each in self.arrivals
            if each.service == service and each.life is life and each.account == account
        )
        return max((each.request.time for each in lists if each.is_whole_list), default=-inf)

    def digest(self) -> str:
        """A digest of the panels' record, byte for byte."""
        shape = attrs.fields(Request)
        rows = [
            [getattr(seen, field.name) for field in shape]
            for panel in self.panels.values()
            for seen in panel.requests
        ]
        rows += [[effect.at, effect.key, effect.action] for effect in self.effects]
        return blake2b(repr(rows).encode(), digest_size=16).hexdigest()

    def trace(self) -> list[str]:
        """All lines in the order of time."""
        lines = []
        for entry in self.log:
            match entry:
                case Arrival():
                    at, what = entry.request.time, self._line(entry)
                case Effect():
                    account, service, vm = entry.key
                    at, what = entry.at, f"    VM {vm} of {service} ({account!r}): {entry.action}"
                case _:
                    at, what = entry
            lines.append(f"{at - self.began:10.3f}  {what}")
        return lines

    def _line(self, arrival: Arrival) -> str:
        seen = arrival.request
        life = "?" if arrival.life is None else arrival.life.number
        account = f"{arrival.account!r} " if len(self.panels) > 1 else ""
        fault = f" ({seen.fault})" if seen.fault else ""
        over = ""
        if arrival.answered_at is not None and arrival.answered_at > seen.time:
            over = f", over at {arrival.answered_at - self.began:.3f}"
        return f"[{life}] {account}{seen.method} {seen.path} → {seen.status}{fault}{over}"

    # -- how it sees --------------------------------------------------------------------------------------

    def _attach(self, account: str, panel: Sandbox) -> None:
        front = panel._panel_server
        front.answer = partial(self._watched_answer, front.answer)  # type: ignore[method-assign]
        front._record = partial(self._watched_note, account, front._record)  # type: ignore[method-assign]
        panel._world.effects = _WatchedEffects(partial(self._took_effect, account))
        if self._world.uptime is not None or self._world.lagging:
            plain = front._plain_reply

            def changed(request: web.BaseRequest, seen: Request, **options: Any) -> Any:
                return self._changed_list(account, seen, plain(request, seen, **options))

            front._plain_reply = changed  # type: ignore[assignment,method-assign]  # whatever else it is given

    async def _watched_answer(
        self, answer: Callable[[web.BaseRequest], Any], request: web.BaseRequest
    ) -> web.StreamResponse:
        task = asyncio.current_task()
        try:
            response: web.StreamResponse = await answer(request)
        finally:
            arrival = self._in_flight.pop(task, None)
            if arrival is not None:
                arrival.answered_at = self.clock()
        date = true_time(self.clock() + self._world.panel_clock)
        response.headers["Date"] = f"{date:%a, %d %b %Y %H:%M:%S} GMT"
        return response

    def _watched_note(
        self, account: str, note: Callable[[web.BaseRequest], Request], request: web.BaseRequest
    ) -> Request:
        seen = note(request)
        life, ours = self.ends.get(request.protocol, (None, None))
        parts = seen.path.split("/")
        service = parts[2] if len(parts) > 3 and parts[1] == "service" else None
        key = None
        if service is not None and len(parts) > 4 and parts[3] == "vms":
            key = (account, service, parts[4])
        verb = parts[-1]
        if key is not None and len(parts) == 5:
            verb = {"PUT": "resize", "DELETE": "destroy"}.get(seen.method, verb)
        run_id, command = (None, -1) if life is None else self.now_at(life)
        arrival = Arrival(seen, account, life, ours, service, key, verb, run_id, command)
        self.arrivals.append(arrival)
        self.log.append(arrival)
        if key is not None and arrival.is_change:
            self._changes.setdefault(key, []).append(arrival)
        self._in_flight[asyncio.current_task()] = arrival
        try:
            self.arrived(arrival, [each for each in self._in_flight.values() if each.is_live])
        except Exception as error:  # noqa: BLE001  (the panel would only log it)
            self.complain(f"the check failed: {error!r}")
        return seen

    def _took_effect(self, account: str, service: str, vm: str, action: str) -> None:
        arrival = self._in_flight.get(asyncio.current_task())
        effect = Effect(self.clock(), (account, service, vm), action, arrival)
        self.effects.append(effect)
        self.log.append(effect)
        self._look(effect.key, ours=True)

    def _look(self, key: Key, *, ours: bool = False) -> None:
        vm, now = self.machine(key), self.clock()
        phases = self._phases.setdefault(key, [])
        if vm is None:
            phases.append(Phase(now, "gone", "gone", now, phases[-1].sizes, ours))
            return
        until = now if vm._phase == vm._target else vm._until
        sizes = tuple(getattr(vm, name) for name in SIZES)
        phases.append(Phase(now, vm._phase, vm._target, until, sizes, ours))

    def _phase(self, key: Key, at: float) -> Phase:
        phases = self._phases[key]
        return phases[max(0, bisect_right(phases, at, key=lambda phase: phase.at) - 1)]

    def _moments(self, key: Key, since: float, until: float) -> Iterable[float]:
        yield since
        yield until
        for phase in self._phases[key]:
            for moment in (phase.at, phase.until):
                if since <= moment <= until:
                    yield moment

    def _changed_list(self, account: str, seen: Request, right: Any) -> Any:
        """An answer as the world makes it, where it is a list of VMs: an older one, or with uptimes."""
        parts = seen.path.split("/")
        if seen.method != "GET" or parts[1:2] + parts[3:] != ["service", "vms"] or right.status != 200:
            return right
        place = account, parts[2]
        if self._world.lagging:
            lists = self._lists.setdefault(place, _Lists(random.Random(f"{self._world.seed} {place}")))
            older = lists.lag(right.body, self._world.lagging)
            if older is not None:
                seen.fault = LAGGING if seen.fault is None else f"{seen.fault}+{LAGGING}"
                return attrs.evolve(right, body=older)
        if self._world.uptime is None or "stale" in (seen.fault or ""):
            return right
        return attrs.evolve(right, body=self._with_uptimes(place, right.body))

    def _with_uptimes(self, place: tuple[str, str], body: bytes) -> bytes:
        """Return a list of VMs with the uptime of each that runs."""
        answer = orjson.loads(body)
        if not isinstance(answer, dict) or not answer.get("vms"):
            return body
        rows = answer["vms"]
        for row in rows.values() if isinstance(rows, dict) else rows:
            booted_at = self._booted_at((*place, row["id"]))
            if booted_at is not None:
                row["uptime"] = int(self.clock() - booted_at)
        return orjson.dumps(answer)

    def _booted_at(self, key: Key) -> float | None:
        """When a VM that is on was started last; a reboot that is under way has not happened yet."""
        now, booted_at = self.clock(), self.began - (self._world.uptime or 0)
        if self.state(key, now) not in ("running", "rebooting"):
            return None
        for before, phase in zip(self._phases[key], self._phases[key][1:], strict=False):
            starts = phase.phase == "rebooting" or before.power(phase.at) == "stopped"
            if starts and phase.target == "running" and phase.until <= now:
                booted_at = phase.until
        return booted_at


@attrs.define
class _Lists:
    """The lists of a service so far, of which a slower database shows one again now and then."""

    chance: random.Random
    shown: list[bytes] = attrs.Factory(list)
    has_lagged: bool = False

    def lag(self, body: bytes, share: float) -> bytes | None:
        """An earlier list in place of this one; None where this one is shown."""
        self.has_lagged = bool(self.shown) and not self.has_lagged and self.chance.random() < share
        if self.has_lagged:
            return self.chance.choice(self.shown)
        self.shown.append(body)
        return None


class _WatchedEffects(Effects):
    """The panel's count of effects, which reports each."""

    def __init__(self, report: Callable[[str, str, str], None]) -> None:
        super().__init__()
        self._report = report

    def note(self, service: str, vm: str, action: str) -> None:
        """Count, and report."""
        super().note(service, vm, action)
        self._report(service, vm, action)

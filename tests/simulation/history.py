"""The story's own account of its commands and runs, to compare the client's words with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from aioseflow import Finding, Outcome, Report, Run, RunInfo

from .internals import RequestGate
from .lives import Life
from .record import Key, Wanted
from .witness import Witness
from .world import Command, World


@attrs.define(eq=False)
class Performed:
    """A command that the client was given, and everything that it said of it.

    ``before`` and ``after`` are the reports of all runs that the client gave when the command began and when
    it had ended; ``infos`` is what `Fleet.runs` gave then. ``ended`` is None where the client died.
    """

    number: int
    command: Command
    life: Life
    began: float
    ended: float | None = None
    run_id: str | None = None
    run: Run | None = None
    report: Report | None = None
    error: Exception | None = None
    read: list[list[Outcome]] = attrs.Factory(list)
    findings: Sequence[Finding] | None = None
    before: Mapping[str, Report] = attrs.Factory(dict)
    after: Mapping[str, Report] = attrs.Factory(dict)
    infos: Sequence[RunInfo] | None = None
    leave: asyncio.Event = attrs.Factory(asyncio.Event)
    over: bool = False
    orders: list[str] = attrs.Factory(list)


@attrs.define(eq=False)
class KnownRun:
    """A run that was made, and what it had to do.

    Attributes:
        must: the VMs that it had to act on or give a reason for; ``may`` those that it was allowed to touch.
        chosen: by what the VMs of a retry had been chosen: their outcomes in the parent's report.
    """

    id: str
    made_by: Performed
    steps: tuple[str, ...]
    must: frozenset[Key]
    may: frozenset[Key]
    world: World
    parent: str | None = None
    rollout: Mapping[str, Any] = attrs.Factory(dict)
    wait: bool = True
    performed: list[Performed] = attrs.Factory(list)

    @property
    def began(self) -> float:
        """When the command that made it began, as the loop's clock had it."""
        return self.made_by.began

    def until(self, moment: float) -> list[Performed]:
        """The commands about it that had begun by a moment."""
        return [each for each in self.performed if each.began <= moment]

    def died(self, moment: float) -> bool:
        """Whether the client had died at work on it by a moment."""
        return any(each.life.dead and not each.over for each in self.until(moment))

    def wanted(self, step: str) -> Wanted | None:
        """Return how a VM is read when a step is done; None where no reading shows it."""
        match step:
            case "stop":
                return "stopped"
            case "start":
                return "running"
            case "destroy":
                return "gone"
            case "resize":
                return self.world.size
            case "wait":
                return self.world.power
        return None


@attrs.define(eq=False)
class History:
    """Everything that has happened: commands and runs on the client's side, the witness on the panels'.

    ``pairs`` are the services and VMs that each account has, ``chosen`` the VMs that the world's run is for,
    ``plan_file`` the plan that it was made from, where a file keeps it; ``broken`` are the ids of runs that
    the journal has an error of.
    """

    world: World
    witness: Witness
    pairs: list[tuple[str, str]]
    chosen: frozenset[Key] = attrs.field(init=False)
    performed: list[Performed] = attrs.Factory(list)
    runs: list[KnownRun] = attrs.Factory(list)
    gates: list[tuple[Life, RequestGate]] = attrs.Factory(list)
    plan_file: str | None = None
    broken: set[str] = attrs.Factory(set)

    @chosen.default
    def _choose(self) -> frozenset[Key]:
        return frozenset((account, *pair) for account in self.world.accounts for pair in self._chosen_pairs())

    def _chosen_pairs(self) -> list[tuple[str, str]]:
        vms = self.pairs
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

    def working_on(self, life: Life) -> tuple[str | None, int]:
        """The run and the number of the command that a life is working on."""
        mine = [each for each in self.performed if each.life is life]
        return (mine[-1].run_id, mine[-1].number) if mine else (None, -1)

    def find(self, run_id: str | None) -> KnownRun | None:
        """The run of an id."""
        return next((run for run in self.runs if run.id == run_id), None)

    def forget_unsaved(self, saved: Mapping[str, Report]) -> None:
        """Forget runs that the journal does not have, because the client died before they sent anything."""
        sent = {each.run_id for each in self.witness.arrivals}
        self.runs[:] = [run for run in self.runs if run.id in saved or run.id in sent]

    def stopped_by(self, run: KnownRun) -> tuple[frozenset[Key], frozenset[Key]]:
        """The VMs that a run stopped and that are down by it now, and those that it may have stopped."""
        witness, now = self.witness, self.witness.clock()
        must, may = set(), set()
        for key in run.may:
            asked = any(each.verb == "stop" for each in witness.changes(key, run.id))
            # What it was about to stop when it died is read back, whatever has become of it.
            if asked or ("stop" in run.steps and run.died(now)):
                may.add(key)
            power = [each for each in witness.effects_on(key, run_id=run.id) if each.action != "resize"]
            down = witness.state(key, now) in ("stopped", "stopping")
            if power and power[-1].action == "stop" and down and witness.went_down(key).at == power[-1].at:
                must.add(key)
        return frozenset(must), frozenset(may)

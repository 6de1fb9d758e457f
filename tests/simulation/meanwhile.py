"""What must hold at every moment of a story, looked at as it goes on."""

from __future__ import annotations

import attrs

from aioseflow import Progress, Run
from aioseflow.fleet.plan.rollout import Rollout

from .lives import Life
from .witness import Arrival, Pair, Witness
from .world import World

_TAKES_DOWN = frozenset({"stop", "reboot"})


def watch(witness: Witness, run: Run) -> None:
    """The progress adds up; called every few steps of the client."""
    progress = run.progress
    counted = sum(progress.counts.values())
    adds_up = counted + progress.in_flight + progress.settling + progress.queued == progress.targets
    if not adds_up or min(progress.in_flight, progress.settling, progress.queued) < 0:
        witness.complain(f"does not add up: {progress}")
    if wrong := by_service(run, progress):
        witness.complain(f"the services do not add up to {progress}: {wrong}")


def by_service(run: Run, progress: Progress) -> list[str]:
    """In what the services of a run do not add up to the run."""
    services = run.services
    sums = {
        "targets": sum(each.targets for each in services),
        "done": sum(each.done for each in services),
        "in_flight": sum(each.in_flight for each in services),
        "settling": sum(each.settling for each in services),
        "queued": sum(each.queued for each in services),
    }
    wrong = [f"{number} {name}" for name, number in sums.items() if number != getattr(progress, name)]
    for status, number in progress.counts.items():
        if sum(each.counts[status] for each in services) != number:
            wrong.append(str(status))
    wrong += [
        repr(each)
        for each in services
        if sum(each.counts.values()) != each.done or min(each.in_flight, each.settling, each.queued) < 0
    ]
    if (len(services), sum(not each.open for each in services)) != (
        progress.services,
        progress.services_done,
    ):
        wrong.append("services done")
    return wrong


@attrs.define
class AtOnce:
    """What a world allows at once, checked whenever a request reaches the panel.

    - No more requests than the client's limit are in flight (those that it still waits for).
    - No more changes than ``per_service`` are in flight in the request's service.
    - After `run.limit` was set, no more of the run's changes than that, once what had begun before is over.
    - A request that takes down a VM that runs leaves at most ``max_unavailable`` VMs down. Counted are those
      of the services in which something was selected, and which the client can know of: by a true list of
      this life that was asked for after they went down, or because it was our doing; and those for which
      such a request is in flight.
    """

    world: World
    witness: Witness
    chosen: frozenset[Pair]
    _life: Life | None = None
    _run: Run | None = None
    _limit: int | None = None
    _older: int = 0

    def limited(self, life: Life, run: Run, limit: int) -> None:
        """The operator has set the limit of the run of this life."""
        self._life, self._run, self._limit, self._older = life, run, limit, run.progress.in_flight

    def arrived(self, arrival: Arrival, in_flight: list[Arrival]) -> None:
        """Check."""
        ours = [each for each in in_flight if each.life is arrival.life]
        if len(ours) > self.world.limit:
            self.witness.complain(f"{len(ours)} requests in flight, {self.world.limit} are allowed")
        if not (arrival.is_live and arrival.is_change):
            return
        changes = [each for each in ours if each.is_change]
        most = self.world.rollout.get("per_service")
        number = sum(each.service == arrival.service for each in changes)
        if most is not None and number > most:
            self.witness.complain(f"{number} changes in flight in {arrival.service}, {most} are allowed")
        self._check_limit(arrival, len(changes))
        if "max_unavailable" in self.world.rollout and arrival.verb in _TAKES_DOWN:
            self._check_down(arrival, changes)

    def _check_limit(self, arrival: Arrival, number: int) -> None:
        run, limit = self._run, self._limit
        if run is None or limit is None or arrival.life is not self._life:
            return
        if run.progress.in_flight <= limit:
            self._older = 0
        if number > max(limit, self._older):
            self.witness.complain(f"{number} changes of the run are in flight, its limit is {limit}")

    def _check_down(self, arrival: Arrival, changes: list[Arrival]) -> None:
        allowed = Rollout(**self.world.rollout).unavailable_allowed(len(self.chosen)) or 1
        services = {service for service, _ in self.chosen}
        panel, now = self.witness.panel, self.witness.clock()
        everything = [(service, vm) for service in services for vm in panel.services[service].vms]
        down = {vm for vm in everything if self.witness.state(vm, now) != "running"}
        known = {vm for vm in down if self._is_known(arrival, vm)}
        going = {each.vm for each in changes if each.verb in _TAKES_DOWN}
        if arrival.vm not in down and len(known | going) > allowed:
            self.witness.complain(
                f"#{arrival.request.number} {arrival.request.path}: {len(known)} are down and "
                f"{len(going - known)} are going down, {allowed} are allowed"
            )

    def _is_known(self, arrival: Arrival, vm: Pair) -> bool:
        since = self.witness.went_down(vm)
        return since.ours or since.at <= self.witness.last_list(arrival.life, vm[0])

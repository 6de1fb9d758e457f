"""Invariants that hold at every moment of a story, checked as it goes on."""

from __future__ import annotations

from typing import Final

import attrs

from aioseflow import Progress, Rollout, Run

from .history import History, KnownRun
from .lives import Life
from .record import Arrival, Key
from .witness import Witness

_TAKES_DOWN: Final = frozenset({"stop", "reboot", "destroy"})


def watch(witness: Witness, run: Run) -> None:
    """Check that the progress adds up; called every few steps of the client."""
    progress = run.progress
    counted = sum(progress.counts.values())
    adds_up = counted + progress.in_flight + progress.settling + progress.queued == progress.targets
    if not adds_up or min(progress.in_flight, progress.settling, progress.queued) < 0:
        witness.complain(f"does not add up: {progress}")
    if wrong := by_service(run, progress):
        witness.complain(f"the services do not add up to {progress}: {wrong}")


def by_service(run: Run, progress: Progress) -> list[str]:
    """Return in what the services of a run do not add up to the run."""
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
    """The limits of a world on what goes on at once, checked whenever a request reaches a panel.

    - No more requests of an account than the client's limit are in flight (those that it still waits for).
    - No more changes than ``per_service`` are in flight in the request's service.
    - After `run.limit` was set, no more of the run's changes than that, once what had begun before is over.
    - A request that takes down a VM that runs leaves at most ``max_unavailable`` VMs down. Counted are those
      of the services in which something was selected, and which the client can know of: by a true list of
      this life that was asked for after they went down, or because the run took them down; and those for
      which such a request is in flight.
    """

    history: History
    _life: Life | None = None
    _run: Run | None = None
    _limit: int | None = None
    _older: int = 0

    def limited(self, life: Life, run: Run, limit: int) -> None:
        """The operator has set the limit of the run of this life."""
        self._life, self._run, self._limit, self._older = life, run, limit, run.progress.in_flight

    def arrived(self, arrival: Arrival, in_flight: list[Arrival]) -> None:
        """Check."""
        world, witness = self.history.world, self.history.witness
        mine = [each for each in in_flight if each.life is arrival.life]
        of_account = sum(each.account == arrival.account for each in mine)
        if of_account > world.limit:
            witness.complain(f"{of_account} requests in flight, {world.limit} are allowed")
        if not (arrival.is_live and arrival.is_change):
            return
        known = self.history.find(arrival.run_id)
        if known is None:
            witness.complain(f"#{arrival.request.number} {arrival.verb} belongs to no run")
            return
        changes = [each for each in mine if each.is_change]
        place = arrival.account, arrival.service
        most = known.rollout.get("per_service")
        number = sum((each.account, each.service) == place for each in changes)
        if most is not None and number > most:
            witness.complain(f"{number} changes in flight in {place}, {most} are allowed")
        self._check_limit(arrival, len(changes))
        if "max_unavailable" in known.rollout and arrival.verb in _TAKES_DOWN:
            self._check_down(known, arrival, changes)

    def _check_limit(self, arrival: Arrival, number: int) -> None:
        run, limit = self._run, self._limit
        if run is None or limit is None or arrival.life is not self._life or arrival.run_id != run.id:
            return
        if run.progress.in_flight <= limit:
            self._older = 0
        if number > max(limit, self._older):
            self.history.witness.complain(f"{number} changes of the run are in flight, its limit is {limit}")

    def _check_down(self, known: KnownRun, arrival: Arrival, changes: list[Arrival]) -> None:
        witness = self.history.witness
        allowed = Rollout(**known.rollout).unavailable_allowed(len(known.may)) or 1
        services = {key[:2] for key in known.may}
        everything = [key for key in witness.keys if key[:2] in services]
        down = {key for key in everything if witness.state(key, witness.clock()) not in ("running", "gone")}
        seen = {key for key in down if self._is_known(arrival, key)}
        going = {each.key for each in changes if each.verb in _TAKES_DOWN}
        if arrival.key not in down and len(seen | going) > allowed:
            witness.complain(
                f"#{arrival.request.number} {arrival.request.path}: {len(seen)} are down and "
                f"{len(going - seen)} are going down, {allowed} are allowed",
                _unavailable(known, arrival),
            )

    def _is_known(self, arrival: Arrival, key: Key) -> bool:
        witness = self.history.witness
        since = witness.went_down(key)
        ours = any(effect.at == since.at for effect in witness.effects_on(key, run_id=arrival.run_id))
        return ours or since.at <= witness.last_list(arrival.life, key[0], key[1])


def _unavailable(known: KnownRun, arrival: Arrival) -> str:
    """The kind of a request that takes down too many, by whether it is the first of its sequence."""
    return "max_unavailable" if arrival.verb == known.steps[0] else "max_unavailable in a later step"

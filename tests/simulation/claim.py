"""An outcome, and everything that there is to judge it by."""

from __future__ import annotations

from typing import Final

import attrs

from aioseflow import Outcome, Report

from .history import KnownRun
from .record import Arrival, Key, Wanted
from .repeatable import loop_seconds
from .witness import Witness
from .world import World

SLACK: Final = 0.001  # seconds: the calendar has microseconds


@attrs.frozen
class Claim:
    """An outcome that a report had at the moment ``at`` of the loop's clock.

    ``since`` and ``until`` are the loop's times between which it must have come true: the outcome's own where
    the calendar was never wrong and only one command had to do with the run, else those of the commands.
    """

    witness: Witness
    run: KnownRun
    report: Report
    outcome: Outcome
    at: float

    @property
    def world(self) -> World:
        """The world of the story."""
        return self.run.world

    @property
    def key(self) -> Key:
        """The VM."""
        return self.outcome.key

    @property
    def is_dated(self) -> bool:
        """Whether the outcome's own times can be relied on."""
        return not self.world.clock_steps and len(self.run.until(self.at)) == 1

    @property
    def since(self) -> float:
        """The beginning of the span."""
        began = loop_seconds(self.outcome.started_at) if self.is_dated else self.run.began
        return began - SLACK

    @property
    def until(self) -> float:
        """The end of the span."""
        return loop_seconds(self.outcome.finished_at) + SLACK if self.is_dated else self.at

    @property
    def sent(self) -> list[Arrival]:
        """The changes of this VM that the run had sent by then."""
        return [each for each in self.witness.changes(self.key, self.run.id) if each.request.time <= self.at]

    @property
    def has_old_lists(self) -> bool:
        """Whether a list of its service showed an earlier state while the run was at work."""
        account, service, _ = self.key
        return any(
            each.is_old and each.account == account and each.service == service
            for each in self.witness.arrivals
            if self.run.began <= each.request.time <= self.at
        )

    @property
    def step(self) -> str:
        """The step that the outcome is about."""
        return self.outcome.step or self.run.steps[-1]

    @property
    def is_touched(self) -> bool:
        """Whether somebody else, or another run, has changed the VM while this run was at work on it."""
        own = self.effects(None)
        return any(
            phase.at not in own
            and any(self.run.began <= moment <= self.at for moment in (phase.at, phase.until))
            for phase in self.witness.phases(self.key)[1:]
        )

    def effects(self, step: str | None) -> list[float]:
        """When a step took effect that the run had asked for by then; None for any."""
        return [
            effect.at
            for effect in self.witness.effects_on(self.key, step, self.run.id)
            if effect.arrival is not None and effect.arrival.request.time <= self.at
        ]

    def was(self, wanted: Wanted, since: float | None = None) -> bool:
        """Whether the VM was so at any moment of the span."""
        return self.witness.was(self.key, wanted, self.since if since is None else since, self.until)

    def shown(self) -> str:
        """The requests, in short."""
        return ", ".join(
            f"#{each.request.number} {each.verb} → {each.request.status} {each.request.fault or ''}".strip()
            for each in self.sent
        )

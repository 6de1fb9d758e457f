"""Observers hear of every step of every target, and cannot break the run that they observe."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pytest
from support.histories import panel_and_client, statuses
from support.virtual import VIRTUAL

from aioseflow import ConfigurationError, Outcome, Start, Stop
from aioseflow.fleet.model.target import Stage, TargetState
from aioseflow.fleet.run.observer import RunObserver
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL


class Recording(RunObserver):
    """Writes down what it hears, by VM."""

    def __init__(self) -> None:
        self.heard: dict[str, list[str]] = {}

    def _note(self, state: TargetState, word: str) -> None:
        self.heard.setdefault(state.key[2], []).append(f"{word} {state.step} {state.stage.name}")

    def begun(self, state: TargetState) -> None:
        self._note(state, "begun")

    def settling(self, state: TargetState) -> None:
        self._note(state, "settling")

    def requeued(self, state: TargetState) -> None:
        self._note(state, "requeued")

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        self._note(state, f"decided {outcome.status}")


async def test_each_target_of_a_sequence_is_heard_of_from_its_begin_to_its_outcome() -> None:
    observer = Recording()
    async with panel_and_client() as (_, seflow):
        run = seflow.fleet.run([Stop(), Start()])
        run.observe(observer)
        report = await run
    assert statuses(report) == {"changed": 8}
    expected = [
        "begun 0 QUEUED",
        "settling 0 ACCEPTED",
        "requeued 1 QUEUED",
        "begun 1 QUEUED",
        "settling 1 ACCEPTED",
        "decided changed 1 ACCEPTED",
    ]
    assert list(observer.heard.values()) == [expected] * 8


async def test_a_lost_answer_is_heard_of_as_such() -> None:
    observer = Recording()
    lost = Fault("reset", path="/service/@id/vms/@vm/stop", when="before")
    async with panel_and_client(lost, services=1) as (_, seflow):
        run = seflow.fleet.stop()
        run.observe(observer)
        await run
    assert {heard[1] for heard in observer.heard.values()} == {f"settling 0 {Stage.SENT.name}"}


class OnlyOutcomes(RunObserver):
    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        self.statuses[outcome.status] += 1
        raise ZeroDivisionError("a face that breaks")


async def test_an_observer_that_raises_is_dropped_and_the_run_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, sound = OnlyOutcomes(), Recording()
    async with panel_and_client() as (_, seflow):
        run = seflow.fleet.stop()
        run.observe(broken)
        run.observe(sound)
        with (
            caplog.at_level(logging.ERROR, logger="aioseflow.fleet"),
            pytest.warns(RuntimeWarning, match=r"OnlyOutcomes\.decided raised ZeroDivisionError") as warned,
        ):
            assert statuses(await run) == {"changed": 8}
    assert len(warned) == 1
    assert broken.statuses.total() == 1
    assert len(sound.heard) == 8
    assert len(caplog.records) == 1


class AsyncObserver(RunObserver):
    async def decided(self, state: TargetState, outcome: Outcome) -> None:  # type: ignore[override]
        ...


@pytest.mark.parametrize(
    ("observer", "said"),
    [
        (AsyncObserver(), "AsyncObserver.decided is an async function"),
        (object(), "is no observer"),
        (Recording, "is no observer"),
        (print, "is no observer"),
    ],
)
async def test_what_cannot_observe_is_refused_at_once(observer: Any, said: str) -> None:
    async with panel_and_client() as (panel, seflow):
        run = seflow.fleet.stop()
        with pytest.raises(ConfigurationError, match=said):
            run.observe(observer)
        run.cancel()
        await run
        assert panel.requests == []

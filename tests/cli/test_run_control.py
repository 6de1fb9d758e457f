"""Signals and runs."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
from support.clients import QUICK_RETRY

from aioseflow import SeFlow, Status
from aioseflow.cli.live import StatusLines
from aioseflow.cli.run_control import control_runs
from aioseflow.sandbox import Fault, Sandbox


class _Interrupting(StatusLines):
    """A view that presses Ctrl-C as soon as something is in flight, so often."""

    def __init__(self, signals: int, number: int = signal.SIGINT) -> None:
        super().__init__(interval=0.02)
        self.signals = signals
        self.number = number

    def draw(self) -> None:
        if self.signals and self._current is not None and self._current.run.progress.in_flight:
            self.signals -= 1
            signal.raise_signal(signal.Signals(self.number))


@pytest.fixture
async def seflow() -> AsyncIterator[SeFlow]:
    """A client with a limit of 4 and a panel of 20 VMs that takes its time to reboot."""
    slow = Fault("latency", method="POST", seconds=0.3)
    async with (
        Sandbox(services=1, vms_per_service=20, seed=1, faults=[slow]) as panel,
        SeFlow(panel.username, panel.password, base_url=panel.url, retry=QUICK_RETRY, limit=4) as client,
    ):
        yield client


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_drains(
    seflow: SeFlow, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    with control_runs(_Interrupting(1, number)) as control:
        report = await control.drive("reboot", seflow.fleet.reboot())
    assert control.interrupted
    assert report.counts[Status.CHANGED] == 4
    assert report.counts[Status.NOT_ATTEMPTED] == 16
    assert "Interrupted: finishing what was sent" in capsys.readouterr().err


async def test_the_second_signal_cancels(seflow: SeFlow, capsys: pytest.CaptureFixture[str]) -> None:
    with control_runs(_Interrupting(2)) as control:
        report = await control.drive("reboot", seflow.fleet.reboot())
    assert report.counts[Status.UNKNOWN] == 4
    assert report.counts[Status.NOT_ATTEMPTED] == 16
    assert "Stopping now" in capsys.readouterr().err


async def test_a_signal_between_two_runs_is_remembered(seflow: SeFlow) -> None:
    with control_runs(StatusLines()) as control:
        assert not control.interrupted
        signal.raise_signal(signal.SIGINT)
        # Handlers of a loop are called in its next turn.
        report = await control.drive("usage", seflow.fleet.usage())
        assert control.interrupted
    assert sum(report.counts.values()) == len(report.targets)


async def test_afterwards_ctrl_c_is_what_it_was(seflow: SeFlow) -> None:
    with control_runs(StatusLines()):
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)

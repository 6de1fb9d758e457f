"""The demonstration's proof: it must find what is wrong, or it proves nothing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import attrs
import pytest

from aioseflow import Outcome, Report, Status, Undiscovered
from aioseflow.cli import demo
from aioseflow.cli.demo.proof import DemoStage, examine
from aioseflow.sandbox import Sandbox

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_FIRST, _SECOND = ("33301", "4001"), ("33301", "4002")


def _outcome(
    key: tuple[str, str], status: Status, cause: str | None = None, *, verified: bool = True
) -> Outcome:
    return Outcome(
        account="main",
        service_id=key[0],
        service_name="",
        vm_id=key[1],
        vm_label="",
        action="stop",
        status=status,
        verified=verified,
        cause=cause,
        started_at=_NOW,
        finished_at=_NOW,
    )


def _stage(
    *outcomes: Outcome,
    action: str = "stop",
    power: str = "stopped",
    effects: dict[tuple[str, str], int] | None = None,
    undiscovered: tuple[Undiscovered, ...] = (),
) -> DemoStage:
    report = Report(
        run_id="r",
        action=action,
        targets=tuple(outcome.key for outcome in outcomes),
        outcomes=outcomes,
        undiscovered=undiscovered,
        started_at=_NOW,
        finished_at=_NOW,
    )
    return DemoStage(
        action=action,
        report=report,
        power=dict.fromkeys((_FIRST, _SECOND), power),
        effects=Counter(effects or {}),
        sent=2,
    )


@pytest.fixture
def panel() -> Sandbox:
    """One service of two VMs."""
    return Sandbox(services=1, vms_per_service=2)


_DONE = _outcome(_FIRST, Status.CHANGED)
_LEFT = _outcome(_SECOND, Status.UNCHANGED)


def _wrong(stage: DemoStage, panel: Sandbox) -> list[str]:
    return [finding.text for finding in examine([stage], panel) if not finding.holds]


def test_a_true_report_holds(panel: Sandbox) -> None:
    stage = _stage(_DONE, _LEFT, effects={_FIRST: 1})
    assert _wrong(stage, panel) == []
    texts = [finding.text for finding in examine([stage], panel)]
    assert any("all 1 changed took effect once each and were stopped" in text for text in texts)


def test_what_was_not_read_back_is_not_said_to_be_stopped(panel: Sandbox) -> None:
    accepted = _outcome(_SECOND, Status.CHANGED, verified=False)
    stage = _stage(_DONE, accepted, effects={_FIRST: 1, _SECOND: 1})
    texts = [finding.text for finding in examine([stage], panel)]
    assert any(
        "all 2 changed took effect once each and the 1 read back were stopped" in text for text in texts
    )


@pytest.mark.parametrize(
    ("outcome", "power", "effects"),
    [
        (_outcome(_SECOND, Status.CHANGED), "stopped", 0),
        (_outcome(_SECOND, Status.CHANGED), "stopped", 2),
        (_outcome(_SECOND, Status.UNCHANGED), "stopped", 1),
        (_outcome(_SECOND, Status.FAILED, "not_settled"), "stopped", 1),
        (_outcome(_SECOND, Status.FAILED, "vm_locked"), "stopped", 0),
        (_outcome(_SECOND, Status.NOT_ATTEMPTED, "drained"), "stopped", 1),
    ],
)
def test_a_claim_that_the_panel_contradicts_is_found(
    panel: Sandbox, outcome: Outcome, power: str, effects: int
) -> None:
    stage = _stage(_DONE, outcome, power=power, effects={_FIRST: 1, _SECOND: effects})
    assert _wrong(stage, panel) == ["stop: the panel's record contradicts the outcome of 33301/4002"]


@pytest.mark.parametrize("status", [Status.CHANGED, Status.UNCHANGED])
def test_a_vm_said_to_be_stopped_that_runs_is_found(panel: Sandbox, status: Status) -> None:
    effects = {_SECOND: 1} if status is Status.CHANGED else {}
    missing = Undiscovered(account="main", cause="cancelled")
    stage = _stage(_outcome(_SECOND, status), power="running", effects=effects, undiscovered=(missing,))
    assert _wrong(stage, panel) == ["stop: the panel's record contradicts the outcome of 33301/4002"]


def test_an_effect_on_a_vm_without_an_outcome_is_found(panel: Sandbox) -> None:
    elsewhere = Undiscovered(account="main", service_id="33301", cause="timeout")
    stage = _stage(_DONE, effects={_FIRST: 1, _SECOND: 1}, undiscovered=(elsewhere,))
    assert _wrong(stage, panel) == ["stop: the panel's record contradicts the outcome of 33301/4002"]


@pytest.mark.parametrize(
    ("outcomes", "targets"),
    [([_DONE], None), ([_DONE, _LEFT, _LEFT], None), ([_DONE, _LEFT], 3)],
)
def test_a_lost_vm_is_found(panel: Sandbox, outcomes: list[Outcome], targets: int | None) -> None:
    stage = _stage(*outcomes, effects={_FIRST: 1})
    if targets is not None:
        report = attrs.evolve(stage.report, targets=tuple(("main", "9", str(n)) for n in range(targets)))
        stage = attrs.evolve(stage, report=report)
    [wrong] = _wrong(stage, panel)
    assert wrong.startswith("VMs without exactly one outcome: stop: ")


def test_a_second_reboot_is_found(panel: Sandbox) -> None:
    for _ in range(2):
        panel.effects.note(*_FIRST, "reboot")
    outcomes = [_outcome(key, Status.UNKNOWN, "lost_answer") for key in (_FIRST, _SECOND)]
    stage = _stage(*outcomes, action="reboot", effects={_FIRST: 2})
    assert _wrong(stage, panel) == [
        "reboot: 2 requests arrived, 2 took effect, at most 2 per VM; rebooted twice: 33301/4001"
    ]
    texts = [finding.text for finding in examine([stage], panel)]
    assert any("2 unknown, named above; at the panel 1 of them took effect and 1 did not" in t for t in texts)


@pytest.mark.parametrize(
    ("good", "interrupted", "code", "words"),
    [(True, False, 0, "every claim holds"), (True, True, 130, "Interrupted"), (False, False, 1, "disagree")],
)
def test_the_exit_code_is_the_verdict(
    panel: Sandbox,
    capsys: pytest.CaptureFixture[str],
    good: bool,
    interrupted: bool,
    code: int,
    words: str,
) -> None:
    stage = _stage(_DONE, _LEFT, effects={_FIRST: 1 if good else 0})
    assert demo._print([stage], panel, interrupted=interrupted) == code
    told = capsys.readouterr().out
    assert words in told.replace("\n", " ")
    assert ("  WRONG " in told) is not good
    assert f"exit code {code}" in told.replace("\n", " ")

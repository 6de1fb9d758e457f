"""Each rule of the limits is needed: without it, one of these panels takes longer or refuses more.

The bounds lie between the results with the rule that the row names, and without it. Rules that change a few
per cent only are measured by ``python -m benchmarks.overload``.
"""

from __future__ import annotations

import math
from statistics import fmean

import pytest
from support.overloaded import Provider, drive

from aioseflow import AdaptiveLimit

REQUESTS = 1_500
SLOW_AFTER_DROP = Provider(128, mean=1.0, change_at=8.0, workers_then=16)
QUEUE_AFTER_DROP = Provider(64, places=64, mean=1.0, change_at=10.0, workers_then=16)
RATE_GIVES_WAY = Provider(
    rate=20, burst=10, mean=1.0, change_at=30, rate_then=None, workers_then=12, whole_seconds=True
)


@pytest.mark.parametrize(
    ("provider", "maximum", "most_seconds", "most_refused"),
    [
        pytest.param(QUEUE_AFTER_DROP, 512, math.inf, 0.016, id="many refusals take 5 % of the limit each"),
        pytest.param(SLOW_AFTER_DROP, 512, math.inf, 0.165, id="an old peak is no start of a fall"),
        pytest.param(
            Provider(32, mean=0.2, whole_seconds=True), 512, 30, 1, id="after a wait the slots fill gradually"
        ),
        pytest.param(
            Provider(8, places=math.inf, mean=1.0, change_at=60.0, workers_then=32), 64, 110, 1,
            id="quick answers lift the cap",
        ),
        pytest.param(
            Provider(rate=20, burst=10, flaky=0.03), 32, 105, 1, id="refusals far below a kept rate end it"
        ),
        pytest.param(
            Provider(rate=20, burst=10, outage=(600, 700)), 32, 200, 1, id="a rate that refuses 15 % is none"
        ),
        pytest.param(
            Provider(rate=20, burst=10, flaky=0.03, whole_seconds=True), 32, 185, 1,
            id="a first estimate over waits rises quickly",
        ),
        pytest.param(
            Provider(rate=1, burst=2, whole_seconds=True), 32, math.inf, 0.085,
            id="a confirmed ceiling is probed ever more rarely",
        ),
        pytest.param(
            Provider(rate=200, burst=10, whole_seconds=True), 512, 25, 1,
            id="the window and the cut follow the wait that a refusal costs",
        ),
        pytest.param(
            Provider(rate=50, burst=10), 32, 32, 1, id="a refusal where all was accepted points to a rate"
        ),
        pytest.param(RATE_GIVES_WAY, 32, 157, 1, id="a rate that no longer binds is given up"),
    ],
)  # fmt: skip
def test_a_panel_costs_no_more_than(
    provider: Provider, maximum: int, most_seconds: float, most_refused: float
) -> None:
    runs = [drive(AdaptiveLimit(maximum), provider, REQUESTS, seed) for seed in (1, 2)]
    assert fmean(run.seconds for run in runs) <= most_seconds
    assert fmean(run.refused_share for run in runs) <= most_refused

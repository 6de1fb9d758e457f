"""In the checks nothing may be missing: there, a test that does not run is a test that failed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Generator, Mapping
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from support.virtual import LoopFactory, loop_factories

# The same examples everywhere, and no verdict by the clock of a busy machine.
settings.register_profile(
    "calm", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("calm")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _ran(report: Report) -> Report:
    if report.skipped and os.environ.get("AIOSEFLOW_CI") == "1":
        reason = getattr(report, "wasxfail", None)
        if reason is None:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        else:
            # pytest's own summary counts a report with this attribute as an expected failure.
            del report.wasxfail
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} did not run or was let off, which AIOSEFLOW_CI=1 forbids: {reason}"
        )
    return report


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """The loop that a test asks for by its mark: the usual one, uvloop's, or one on a virtual clock.

    With AIOSEFLOW_EAGER=1 (Python 3.12 and later) its tasks start eagerly.
    """
    factories = loop_factories(item)
    if os.environ.get("AIOSEFLOW_EAGER") == "1":
        return {name: _eager(factory) for name, factory in factories.items()}
    return factories


def _eager(factory: LoopFactory) -> LoopFactory:
    if sys.version_info < (3, 12):
        raise pytest.UsageError("AIOSEFLOW_EAGER=1 needs Python 3.12 or later")

    def make() -> asyncio.AbstractEventLoop:
        loop = factory()
        loop.set_task_factory(asyncio.eager_task_factory)
        return loop

    return make


def pytest_configure() -> None:
    """Give the tests a Ctrl-C that works."""
    # A script's background job starts with SIGINT ignored, and its children would inherit that: servers
    # that the tests start and interrupt would never end.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped or expectedly failing test."""
    return _ran((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself while it is collected."""
    return _ran((yield))

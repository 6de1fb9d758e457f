"""The virtual clock: hours pass at once, the same way every time, and what would hang says so."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
from support.virtual import START, Deadlock, SocketPairConnector, VirtualLoop, run

from aioseflow.sandbox import Fault, Sandbox

Record: TypeAlias = list[tuple[float, str, str, int | None, str | None]]

THIRTY_SECONDS = aiohttp.ClientTimeout(total=30)


def now() -> float:
    return asyncio.get_running_loop().time() - START


def panel_of(**settings: Any) -> Sandbox:
    return Sandbox(listen=False, port=80, services=1, vms_per_service=1, **settings)


def session_of(panel: Sandbox, connector: SocketPairConnector) -> aiohttp.ClientSession:
    login = aiohttp.encode_basic_auth(panel.username, panel.password)
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        timeout=THIRTY_SECONDS,
        headers={"Authorization": login},
    )


async def get(session: aiohttp.ClientSession, panel: Sandbox, path: str = "/service") -> int:
    async with session.get(f"{panel.url}{path}") as response:
        await response.read()
        return response.status


class TestClock:
    def test_timers_fire_in_order_and_on_time(self) -> None:
        async def story() -> list[tuple[float, str]]:
            fired: list[tuple[float, str]] = []

            async def later(name: str, seconds: float) -> None:
                await asyncio.sleep(seconds)
                fired.append((now(), name))

            await asyncio.gather(later("week", 604800), later("second", 1), later("hour", 3600))
            return fired

        assert run(story()) == [(1, "second"), (3600, "hour"), (604800, "week")]

    def test_a_time_out_takes_exactly_its_time(self) -> None:
        async def story() -> float:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(30):
                    await asyncio.Event().wait()
            return now()

        assert run(story()) == 30

    def test_work_that_is_ready_takes_no_time(self) -> None:
        async def story() -> float:
            asyncio.get_running_loop().call_later(5, lambda: None)
            for _ in range(1000):
                await asyncio.sleep(0)
            return now()

        assert run(story()) == 0


class TestDeadlock:
    def test_waiting_for_nothing_is_told_with_the_place(self) -> None:
        async def forgotten() -> None:
            await asyncio.Event().wait()

        with pytest.raises(Deadlock, match=r"nothing will ever happen\n.* waits at .*wait \(") as caught:
            run(forgotten())
        assert isinstance(caught.value, RuntimeError)

    def test_a_metronome_does_not_hide_that_the_test_waits_for_nothing(self) -> None:
        async def story() -> None:
            def tick() -> None:
                asyncio.get_running_loop().call_later(60, tick)

            tick()
            await asyncio.Event().wait()

        with pytest.raises(Deadlock, match="only timers go on"):
            run(story())

    def test_idle_connections_do_not_keep_time_going(self) -> None:
        async def story() -> None:
            async with panel_of() as panel, SocketPairConnector(panel) as connector:
                async with session_of(panel, connector) as session:
                    await get(session, panel)
                    await asyncio.Event().wait()

        with pytest.raises(Deadlock, match="nothing will ever happen"):
            run(story())

    def test_the_loop_goes_on_after_it(self) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            with pytest.raises(Deadlock):
                runner.run(asyncio.Event().wait())
            assert runner.run(asyncio.sleep(1, "slept")) == "slept"


class TestExecutor:
    def test_it_runs_at_once_in_the_loop_s_thread_and_outside_the_loop(self) -> None:
        def work(number: int) -> tuple[int, int]:
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            return number, threading.get_ident()

        async def story() -> tuple[int, int]:
            direct = asyncio.get_running_loop().run_in_executor(None, work, 7)
            assert direct.done()
            assert await direct == await asyncio.to_thread(work, 7)
            return await direct

        assert run(story()) == (7, threading.get_ident())

    def test_its_errors_reach_whoever_awaits(self) -> None:
        async def story() -> None:
            with pytest.raises(ZeroDivisionError):
                await asyncio.to_thread(divmod, 1, 0)

        run(story())


class TestConnecting:
    def test_a_connection_is_kept_for_its_idle_time_and_no_longer(self) -> None:
        async def story() -> list[int]:
            async with panel_of() as panel, SocketPairConnector(panel, keepalive_timeout=4) as connector:
                async with session_of(panel, connector) as session:
                    for pause in (0, 3, 60):
                        await asyncio.sleep(pause)
                        await get(session, panel)
                return [seen.connection for seen in panel.requests]

        assert run(story()) == [1, 1, 2]

    def test_sessions_may_share_a_connector_or_have_their_own(self) -> None:
        async def story() -> list[int]:
            async with panel_of() as panel:
                async with SocketPairConnector(panel) as shared, SocketPairConnector(panel) as own:
                    for connector in (shared, shared, own):
                        async with session_of(panel, connector) as session:
                            await get(session, panel)
                return [seen.connection for seen in panel.requests]

        assert run(story()) == [1, 1, 2]

    def test_a_stopped_panel_refuses_and_one_started_again_answers(self) -> None:
        async def story() -> list[int]:
            panel = panel_of()
            async with SocketPairConnector(panel) as connector, session_of(panel, connector) as session:
                with pytest.raises(aiohttp.ClientConnectorError, match="Connection refused") as caught:
                    await get(session, panel)
                assert isinstance(caught.value.os_error, ConnectionRefusedError)
                statuses = []
                for _ in range(2):
                    async with panel:
                        statuses.append(await get(session, panel))
                    with pytest.raises(aiohttp.ClientConnectorError):
                        await get(session, panel)
                assert connector.attempts == 5
            return statuses

        assert run(story()) == [200, 200]

    def test_latency_is_paid_once_a_connection(self) -> None:
        async def story() -> list[float]:
            async with panel_of() as panel, SocketPairConnector(panel, latency=2.5) as connector:
                async with session_of(panel, connector) as session:
                    await get(session, panel)
                    await get(session, panel)
                return [seen.time - START for seen in panel.requests]

        assert run(story()) == [2.5, 2.5]

    @pytest.mark.parametrize(
        ("timeout", "seconds"),
        [
            (aiohttp.ClientTimeout(sock_connect=7), 7),
            (aiohttp.ClientTimeout(connect=9), 9),
            (aiohttp.ClientTimeout(total=None, sock_connect=7, connect=9), 7),
        ],
    )
    def test_a_connection_that_is_never_made_runs_into_its_time_out(
        self, timeout: aiohttp.ClientTimeout, seconds: float
    ) -> None:
        async def story() -> float:
            async with panel_of() as panel, SocketPairConnector(panel, hang=True) as connector:
                async with session_of(panel, connector) as session:
                    with pytest.raises(aiohttp.ConnectionTimeoutError):
                        await session.get(panel.url, timeout=timeout)
                    took = now()
                    connector.hang = False
                    assert await get(session, panel) == 200
            return took

        assert run(story()) == seconds

    @pytest.mark.parametrize("loop", ["virtual", "uvloop"])
    def test_a_caller_who_leaves_while_connecting_leaves_nothing_behind(self, loop: str) -> None:
        async def story() -> int:
            # The panel's end waits until every connection is gone.
            async with panel_of() as panel, SocketPairConnector(panel) as connector:
                async with session_of(panel, connector) as session:
                    for turns in range(12):
                        calling = asyncio.create_task(get(session, panel))
                        for _ in range(turns):
                            await asyncio.sleep(0)
                        calling.cancel()
                        await asyncio.wait([calling])
                    return await get(session, panel)

        factory = VirtualLoop if loop == "virtual" else pytest.importorskip("uvloop").new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(story()) == 200

    def test_what_a_socket_pair_cannot_do_is_refused(self) -> None:
        async def story() -> None:
            async with panel_of() as panel, SocketPairConnector(panel) as connector:
                async with session_of(panel, connector) as session:
                    with pytest.raises(NotImplementedError):
                        await session.get("https://panel.test/api")

        run(story())


def eventful(seed: int) -> tuple[Record, Counter[str], float]:
    """500 calls by 25 callers at a panel on a bad day: the panel's record, what the callers saw, the time."""

    async def story() -> tuple[Record, Counter[str], float]:
        outcomes: Counter[str] = Counter()
        faults = (
            Fault("hang", probability=0.02),
            Fault("latency", seconds=(0.1, 3.0), probability=0.5),
            Fault("throttle", seconds=5, probability=0.05),
            Fault("close", probability=0.05),
        )

        async def caller(session: aiohttp.ClientSession, panel: Sandbox, number: int) -> None:
            for turn in range(20):
                try:
                    status = await get(session, panel, f"/service?caller={number}&turn={turn}")
                except (aiohttp.ClientError, TimeoutError) as error:
                    outcomes[type(error).__name__] += 1
                else:
                    outcomes[str(status)] += 1
                    if status == 401:
                        await asyncio.sleep(5)

        async with panel_of(seed=seed, faults=faults, workers=10, service_time=0.05) as panel:
            async with SocketPairConnector(panel, latency=0.02) as connector:
                async with session_of(panel, connector) as session, asyncio.TaskGroup() as callers:
                    for number in range(25):
                        callers.create_task(caller(session, panel, number))
            record = [(seen.time, seen.method, seen.path, seen.status, seen.fault) for seen in panel.requests]
        return record, outcomes, now()

    return run(story())


class TestABadDay:
    def test_five_hundred_calls_with_time_outs_pass_in_virtual_minutes(self) -> None:
        record, outcomes, took = eventful(seed=1)
        assert outcomes.total() == 500
        assert outcomes["TimeoutError"] > 0
        assert outcomes["401"] > 0
        assert outcomes["200"] > 300
        # aiohttp repeats a GET by itself when the connection is closed without an answer.
        assert len(record) > 500
        assert 30 <= took < 600

    def test_the_same_seed_gives_the_same_record(self) -> None:
        first, again, other = eventful(seed=1), eventful(seed=1), eventful(seed=2)
        assert first == again
        assert first[0] != other[0]


CONFTEST = """
from support.virtual import loop_factories

def pytest_asyncio_loop_factories(item):
    return loop_factories(item)
"""
SUITE = """
import asyncio
import pytest
from support.virtual import EVERY_LOOP, VIRTUAL

def kind():
    return type(asyncio.get_running_loop()).__name__

@pytest.fixture
async def fixture_loop():
    return asyncio.get_running_loop()

async def test_unmarked(fixture_loop):
    assert kind() not in ("VirtualLoop", "Loop")

@VIRTUAL
async def test_virtual(fixture_loop):
    assert kind() == "VirtualLoop"
    assert fixture_loop is asyncio.get_running_loop()

@EVERY_LOOP
async def test_every(fixture_loop, request):
    assert (kind() == "Loop") == ("uvloop" in request.node.name)
    assert kind() != "VirtualLoop"

@VIRTUAL
class TestClass:
    async def test_virtual(self):
        assert kind() == "VirtualLoop"

    @EVERY_LOOP
    async def test_closest_mark_decides(self):
        assert kind() != "VirtualLoop"
"""


def test_a_mark_chooses_the_loops_of_a_test(tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    tests = Path(__file__).parent
    settings = f"asyncio_mode = auto\nfilterwarnings = error\npythonpath = {tests} {tests.parent}\n"
    tmp_path.joinpath("pytest.ini").write_text(
        f"[pytest]\n{settings}asyncio_default_fixture_loop_scope = function\n"
    )
    tmp_path.joinpath("conftest.py").write_text(CONFTEST)
    tmp_path.joinpath("test_loops.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line.split(" ")[0].split("::", 1)[1] for line in done.stdout.splitlines() if " PASSED" in line]
    assert ran == [
        "test_unmarked",
        "test_virtual",
        "test_every[asyncio]",
        "test_every[uvloop]",
        "TestClass::test_virtual",
        "TestClass::test_closest_mark_decides[asyncio]",
        "TestClass::test_closest_mark_decides[uvloop]",
    ]

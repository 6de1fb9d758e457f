"""Starting, stopping, and being a server of its own."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from aioseflow.sandbox import Sandbox, serve
from aioseflow.sandbox.__main__ import main


async def test_it_is_started_and_stopped_and_started_again_with_its_state(caller: Any) -> None:
    panel = Sandbox(services=1, vms_per_service=1)
    await panel.stop()
    await panel.start()
    first = panel.url
    await caller(panel)("PUT", "/service/33301/vms/4001", {"note": "kept"})
    with pytest.raises(RuntimeError, match="running already"):
        await panel.start()
    await panel.stop()
    with pytest.raises(ConnectionRefusedError):
        await caller(panel)("GET", "/balance")
    async with panel:
        assert panel.url == first
        assert (await caller(panel)("GET", "/service/33301/vms/4001")).json["vm"]["note"] == "kept"
    assert len(panel.requests) == 2


async def test_two_panels_have_two_ports_and_two_states(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1) as one, Sandbox(services=1, vms_per_service=1) as two:
        assert one.url != two.url
        await caller(one)("DELETE", "/service/33301/vms/4001")
        assert (await caller(two)("GET", "/service/33301/vms/4001")).status == 200


def test_a_url_of_an_ipv6_host_has_brackets() -> None:
    assert Sandbox(services=0, host="::1", port=8080).url == "http://[::1]:8080/api"


async def test_idle_connections_are_closed_at_the_end(caller: Any) -> None:
    async with Sandbox(services=0) as panel:
        idle = await caller(panel).line()
        used = await caller(panel).line()
        used.send("GET", "/balance")
        await used.receive()
    for line in (idle, used):
        assert await line.reader.read() == b""
        await line.close()


async def test_a_client_that_does_not_read_does_not_delay_the_end(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=20_000) as panel:
        line = await caller(panel).line()
        for _ in range(3):
            line.send("GET", "/service/33301/vms")
        while panel.count(status=200) == 0:
            await caller(panel)("GET", "/nothing")
    line.writer.transport.abort()


def test_a_connection_that_comes_at_the_very_end_is_cut(virtually: Callable[..., Sandbox]) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        accept = panel.protocol_factory
        await panel.stop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(accept, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        assert await reader.read() == b""
        writer.close()

    virtually(story, services=0)


async def test_a_protocol_factory_needs_a_running_panel() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Sandbox(services=0).protocol_factory


async def test_serve_runs_until_it_is_cancelled(caller: Any) -> None:
    panel = Sandbox(services=0)
    await panel.start()
    serving = asyncio.ensure_future(serve(panel))
    assert (await caller(panel)("GET", "/balance")).status == 200
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    with pytest.raises(ConnectionRefusedError):
        await caller(panel)("GET", "/balance")


def test_serve_starts_what_does_not_run(virtually: Callable[..., Sandbox]) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        await panel.stop()
        serving = asyncio.ensure_future(serve(panel))
        await asyncio.sleep(1)
        assert (await call("GET", "/balance")).status == 200
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    virtually(story, services=0)


async def test_it_is_a_process_of_its_own_that_says_where_it_is(caller: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "aioseflow.sandbox", "--services", "2", "--vms", "3"),
        *("--hosting", "1", "--dialect", "list"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    where = json.loads(await process.stdout.readline())
    there = Sandbox(services=0, username=where["username"], password=where["password"])
    there.port = int(where["url"].removesuffix("/api").rpartition(":")[2])
    services = (await caller(there)("GET", "/service")).json["services"]
    assert [row["id"] for row in services] == ["33301", "33302", "33303"]
    assert len((await caller(there)("GET", "/service/33302/vms")).json["vms"]) == 3
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize("stopped_by", [signal.SIGTERM, signal.SIGINT])
def test_the_module_ends_quietly_on_a_signal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stopped_by: signal.Signals
) -> None:
    real_start = Sandbox.start

    async def start_and_end(panel: Sandbox) -> None:
        await real_start(panel)
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), stopped_by)

    monkeypatch.setattr(Sandbox, "start", start_and_end)
    main(["--services", "1", "--vms", "1"])
    assert json.loads(capsys.readouterr().out)["url"].startswith("http://127.0.0.1:")


def test_the_module_explains_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["sandbox", "--help"])
    monkeypatch.delitem(sys.modules, "aioseflow.sandbox.__main__")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("aioseflow.sandbox", run_name="__main__")
    assert ended.value.code == 0
    assert "--vms" in capsys.readouterr().out


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HT\0TP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ],
)
async def test_a_malformed_request_is_answered_and_is_no_traceback(
    caplog: pytest.LogCaptureFixture, request_: bytes
) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        host, port = panel.url.removeprefix("http://").removesuffix("/api").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_)
        assert b" 400 " in await reader.readline()
        writer.close()
    assert [record for record in caplog.records if record.exc_info] == []

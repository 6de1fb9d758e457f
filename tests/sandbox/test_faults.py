"""Every kind of fault, as it is seen on the wire, and whether the request took effect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from aioseflow.sandbox import Fault, Lognormal, Sandbox

ONE = "/service/33301/vms/4001"
REBOOT = f"{ONE}/reboot"

Virtually = Callable[..., Sandbox]


def one_vm(*faults: Fault, **settings: Any) -> Sandbox:
    return Sandbox(services=1, vms_per_service=1, faults=faults, **settings)


WHEN = [("before", 0), ("after", 1)]


@pytest.mark.parametrize(("when", "reboots"), WHEN)
async def test_a_reset_is_a_reset_before_or_after_the_effect(caller: Any, when: Any, reboots: int) -> None:
    async with one_vm(Fault("reset", when=when)) as panel:
        with pytest.raises(ConnectionResetError):
            await caller(panel).raw("POST", REBOOT)
        assert panel.effect_count("reboot") == reboots
        [seen] = panel.requests
        assert (seen.fault, seen.status) == ("reset", None)


@pytest.mark.parametrize(("when", "reboots"), WHEN)
async def test_a_close_gives_not_one_byte(caller: Any, when: Any, reboots: int) -> None:
    async with one_vm(Fault("close", when=when)) as panel:
        assert await caller(panel).raw("POST", REBOOT) == b""
        assert panel.effect_count("reboot") == reboots
        assert panel.requests[0].status is None


@pytest.mark.parametrize(("when", "reboots"), WHEN)
async def test_garbage_is_no_http(caller: Any, when: Any, reboots: int) -> None:
    async with one_vm(Fault("garbage", when=when), Fault("garbage", body=b"HELO\r\n")) as panel:
        got = await caller(panel).raw("POST", REBOOT)
        assert got
        assert not got.startswith(b"HTTP")
        assert panel.effect_count("reboot") == reboots


@pytest.mark.parametrize(("when", "reboots"), WHEN)
def test_a_hang_with_a_limit_ends_in_a_close(virtually: Virtually, when: Any, reboots: int) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("hang", when=when, seconds=90))
        assert await call.raw("POST", REBOOT) == b""
        assert asyncio.get_running_loop().time() == pytest.approx(90)
        assert panel.effect_count("reboot") == reboots
        assert panel.requests[0].status is None

    virtually(story, services=1, vms_per_service=1)


def test_a_hang_without_a_limit_lasts_until_the_client_goes(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("hang"))
        line = await call.line()
        line.send("POST", REBOOT)
        await asyncio.sleep(100_000)
        assert panel.in_flight == 1
        await line.close()
        await asyncio.sleep(1)
        assert panel.in_flight == 0

    virtually(story, services=1, vms_per_service=1)


async def test_a_truncated_body_is_shorter_than_announced(caller: Any) -> None:
    async with one_vm(Fault("truncate")) as panel:
        head, _, body = (await caller(panel).raw("POST", REBOOT)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert int(head.partition(b"Content-Length: ")[2]) > len(body) > 0
        assert (panel.effect_count("reboot"), panel.requests[0].status) == (1, 200)


@pytest.mark.parametrize("kind", ["truncate", "broken_chunk"])
async def test_a_cut_body_is_a_payload_error_for_aiohttp(kind: Any) -> None:
    async with one_vm(Fault(kind)) as panel, aiohttp.ClientSession() as session:
        authorization = {"Authorization": aiohttp.encode_basic_auth(panel.username, panel.password)}
        async with session.post(panel.url + REBOOT, headers=authorization) as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        assert panel.effect_count("reboot") == 1


async def test_a_broken_chunk_bears_an_empty_body(caller: Any) -> None:
    async with Sandbox(services=0, faults=[Fault("broken_chunk")]) as panel:
        got = await caller(panel).raw("POST", "/domainorder/status", {"name": "example.com"})
        assert got.endswith(b"\r\n\r\n20\r\n")


@pytest.mark.parametrize(("when", "reboots"), WHEN)
@pytest.mark.parametrize("status", [200, 503])
async def test_a_maintenance_page_is_html(caller: Any, when: Any, reboots: int, status: int) -> None:
    async with one_vm(Fault("html", status=status, when=when)) as panel:
        answer = await caller(panel)("POST", REBOOT)
        assert answer.status == panel.requests[0].status == status
        assert answer.body.startswith(b"<!DOCTYPE html>")
        assert answer.headers["content-type"].startswith("text/html")
        assert panel.effect_count("reboot") == reboots


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize(("retry_after", "said"), [(None, None), (7, "7"), (0.5, "0.5"), ("soon", "soon")])
async def test_a_status_comes_with_or_without_retry_after(
    caller: Any, status: int, retry_after: Any, said: str | None
) -> None:
    async with one_vm(Fault("status", status=status, retry_after=retry_after)) as panel:
        answer = await caller(panel)("POST", REBOOT)
        assert answer.status == status
        assert answer.headers.get("retry-after") == said
        assert answer.body.startswith(b"{" if status == 429 else b"<html>")
        assert not panel.effects


async def test_a_status_may_have_any_body_and_come_after_the_effect(caller: Any) -> None:
    async with one_vm(Fault("status", status=500, body=b"Fatal error", when="after")) as panel:
        answer = await caller(panel)("POST", REBOOT)
        assert (answer.status, answer.body) == (500, b"Fatal error")
        assert panel.effect_count("reboot") == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("throttle", seconds=3), [["wait_x_between_action", 3], "unauthorized"]),
        (Fault("throttle"), [["wait_x_between_action", 24], "unauthorized"]),
        (Fault("wronglogin"), ["wronglogin", "unauthorized"]),
        (Fault("ipnotallowed"), ["ipnotallowed", "unauthorized"]),
    ],
)
async def test_a_401_says_which_of_three_it_is(caller: Any, fault: Fault, error: Any) -> None:
    async with one_vm(fault) as panel:
        answer = await caller(panel)("POST", REBOOT)
        assert (answer.status, answer.json) == (401, {"error": error})
        assert (panel.bad_logins, panel.effect_count("reboot")) == (0, 0)


async def test_an_error_is_a_200_with_its_codes_and_an_empty_answer_is_nothing(caller: Any) -> None:
    error = Fault("error", codes=("module_failed", ["limit", 5]), service=33301, path="/service/@id/vms")
    async with one_vm(error, Fault("empty", path="/balance")) as panel:
        answer = await caller(panel)("GET", "/service/33301/vms")
        assert (answer.status, answer.json) == (200, {"error": ["module_failed", ["limit", 5]]})
        answer = await caller(panel)("GET", "/balance")
        assert (answer.status, answer.body) == (200, b"")


async def test_a_drop_that_is_announced_says_so(caller: Any) -> None:
    async with one_vm(Fault("drop", announced=True)) as panel:
        got = await caller(panel).raw("POST", REBOOT)
        assert b"\r\nConnection: close\r\n" in got
        assert got.endswith(b'{"status":true}')


async def test_a_drop_that_is_not_announced_closes_after_a_whole_answer(caller: Any) -> None:
    async with one_vm(Fault("drop")) as panel:
        got = await caller(panel).raw("POST", REBOOT)
        assert got.startswith(b"HTTP/1.1 200")
        assert b"connection:" not in got.lower()
        assert got.endswith(b'{"status":true}')


async def test_without_a_drop_the_connection_is_kept(caller: Any) -> None:
    async with one_vm() as panel:
        line = await caller(panel).line()
        for _ in range(3):
            line.send("GET", ONE)
            assert (await line.receive()).status == 200
        await line.close()
        assert {seen.connection for seen in panel.requests} == {1}
        await caller(panel)("GET", ONE)
        assert panel.requests[-1].connection == 2


def test_a_drip_takes_its_time_and_arrives_whole(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("drip", seconds=30))
        line = await call.line()
        for turn in (1, 2):
            line.send("GET", ONE)
            assert (await line.receive()).json["vm"]["id"] == "4001"
            assert asyncio.get_running_loop().time() == pytest.approx(30 * turn)
        await line.close()
        assert panel.requests[0].status == 200

    virtually(story, services=1, vms_per_service=1)


def test_a_drip_to_a_client_that_went_away_ends(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("drip", seconds=30))
        line = await call.line()
        line.send("GET", ONE)
        await asyncio.sleep(5)
        await line.close()
        await asyncio.sleep(100)
        assert panel.in_flight == 0

    virtually(story, services=1, vms_per_service=1)


@pytest.mark.parametrize(("status", "followed_by"), [(302, "GET"), (307, "POST")])
async def test_a_redirect_leads_to_a_login_page_and_both_are_counted(status: int, followed_by: str) -> None:
    async with one_vm(Fault("redirect", status=status)) as panel, aiohttp.ClientSession() as session:
        authorization = {"Authorization": aiohttp.encode_basic_auth(panel.username, panel.password)}
        async with session.post(panel.url + REBOOT, headers=authorization) as answer:
            assert (answer.status, "<form" in await answer.text()) == (200, True)
        assert [(seen.method, seen.path, seen.status) for seen in panel.requests] == [
            ("POST", REBOOT, status),
            (followed_by, "/login", 200),
        ]
        assert not panel.effects


@pytest.mark.parametrize("seconds", [8, (8, 8), Lognormal(8, 0)])
def test_latency_delays_and_adds_up_and_goes_with_another_fault(virtually: Virtually, seconds: Any) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("latency", seconds=seconds), Fault("latency", seconds=2, name="far away"))
        assert (await call("POST", REBOOT)).json == {"status": True}
        assert asyncio.get_running_loop().time() == pytest.approx(10)
        panel.faults.add(Fault("html"))
        assert (await call("POST", REBOOT)).body.startswith(b"<!")
        assert asyncio.get_running_loop().time() == pytest.approx(20)
        assert [seen.fault for seen in panel.requests] == ["latency+far away", "latency+far away+html"]

    virtually(story, services=1, vms_per_service=1)


def test_latency_has_a_long_tail(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("latency", seconds=Lognormal(1.0, 1.0)))
        times = [0.0]
        for _ in range(200):
            await call("GET", "/balance")
            times.append(asyncio.get_running_loop().time())
        lags = sorted(after - before for before, after in pairwise(times))
        assert lags[100] == pytest.approx(0.6, abs=0.2)
        assert lags[-1] > 4

    virtually(story, services=0)


def test_a_list_is_stale_for_a_while_after_a_change(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        async def states() -> list[str]:
            listed = (await call("GET", "/service/33301/vms")).json["vms"]
            return [vm["status"] for vm in listed.values()]

        panel.faults.add(Fault("stale", seconds=20, path="/service/@id/vms", service=33301))
        await call("POST", f"{ONE}/stop")
        assert (await call("GET", ONE)).json["vm"]["status"] == "stopping"
        assert await states() == ["running", "running"]
        assert panel.requests[-1].fault == "stale"
        await asyncio.sleep(15)
        await call("POST", "/service/33301/vms/4002/stop")
        assert await states() == ["running", "running"]
        await asyncio.sleep(6)
        assert await states() == ["stopped", "stopped"]
        assert panel.requests[-1].fault is None
        await call("POST", "/service/33302/vms/4003/stop")
        await call("POST", "/service/33303/upgrade", {"package": "11"})
        await call("POST", "/service/1/upgrade", {"package": "11"})
        assert (await call("GET", "/service/33302/vms")).json["vms"]["4003"]["status"] == "stopping"

    virtually(story, services=2, vms_per_service=2, services_without_vms=1, stop_time=5)


def test_a_stale_list_may_be_slow_too_and_is_drawn(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        never = Fault("stale", seconds=20, probability=0.0)
        panel.faults.add(
            never, Fault("latency", seconds=1, method="GET"), Fault("stale", seconds=(9, 9), times=1)
        )
        await call("POST", f"{ONE}/stop")
        await call("GET", "/service/33301/vms")
        assert panel.requests[-1].fault == "latency+stale"
        await asyncio.sleep(10)
        await call("POST", f"{ONE}/start")
        await call("GET", "/service/33301/vms")
        assert panel.requests[-1].fault == "latency"
        assert panel.faults.hits(never) == 0

    virtually(story, services=1, vms_per_service=1)


def test_a_session_lock_serves_one_cookie_one_by_one(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        loop = asyncio.get_running_loop()
        cookies = [(await call("GET", ONE)).headers["set-cookie"].partition(";")[0] for _ in range(4)]
        assert len(set(cookies)) == 4
        start = loop.time()
        for shown, took in ((cookies[:1] * 4, 8), (cookies, 2)):
            answers = await asyncio.gather(
                *(call("GET", ONE, headers={"Cookie": cookie}) for cookie in shown)
            )
            assert [answer.status for answer in answers] == [200] * 4
            assert not any("set-cookie" in answer.headers for answer in answers)
            assert loop.time() - start == pytest.approx(took)
            start = loop.time()
        assert "set-cookie" in (await call("GET", ONE, headers={"Cookie": "other=1"})).headers
        assert panel.requests[-1].cookie is None

    virtually(story, services=1, vms_per_service=1, session_lock=True, service_time=2)


async def test_aiohttp_keeps_the_session_cookie_of_localhost() -> None:
    async with one_vm(host="localhost", session_lock=True) as panel, aiohttp.ClientSession() as session:
        assert panel.url.startswith("http://localhost:")
        authorization = {"Authorization": aiohttp.encode_basic_auth(panel.username, panel.password)}
        for _ in range(2):
            async with session.get(panel.url + ONE, headers=authorization) as answer:
                assert answer.status == 200
        first, second = panel.requests
        assert first.cookie is None
        assert second.cookie is not None


async def test_without_a_session_lock_there_is_no_cookie(caller: Any) -> None:
    async with one_vm() as panel:
        assert "set-cookie" not in (await caller(panel)("GET", ONE)).headers


def test_hanging_requests_and_idle_connections_do_not_delay_the_end(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("hang"))
        lines = [await call.line() for _ in range(20)]
        for line in lines[:10]:
            line.send("POST", REBOOT)
        await asyncio.sleep(1)
        assert panel.in_flight == 10
        await panel.stop()
        assert asyncio.get_running_loop().time() == pytest.approx(1)
        for line in lines:
            assert await line.reader.read() == b""
            await line.close()

    virtually(story, services=1, vms_per_service=1)


async def test_a_hanging_request_over_tcp_does_not_delay_the_end(caller: Any) -> None:
    started = time.monotonic()
    async with one_vm(Fault("hang", when="after", path=REBOOT)) as panel:
        line = await caller(panel).line()
        line.send("POST", REBOOT)
        while panel.effect_count("reboot") == 0:
            await caller(panel)("GET", "/balance")
    assert await line.reader.read() == b""
    await line.close()
    assert time.monotonic() - started < 5

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from aioseflow.sandbox import Effects, Fault, Sandbox

ONE = "/service/33301/vms/4001"


def test_a_request_is_recorded_as_it_came(virtually: Callable[..., Sandbox]) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        await call("POST", "/service/33301/rdns", {"ipaddress[10.16.0.2]": "a.example"})
        await call("DELETE", "/service/3330%31/vms/x/ips/5?interfaceid=net0&a[b]=c", login=("who", "ever"))

    panel = virtually(story, services=1, vms_per_service=1, faults=[Fault("latency", method="DELETE")])
    first, second = panel.requests
    assert (first.number, first.method, first.path, first.query) == (1, "POST", "/service/33301/rdns", {})
    assert first.form == {"ipaddress": {"10.16.0.2": "a.example"}}
    assert (first.time, first.account, first.connection) == (0.0, "demo@example.com", 1)
    assert (first.status, first.fault) == (200, None)
    assert (second.path, second.query) == (
        "/service/3330%31/vms/x/ips/5",
        {"interfaceid": "net0", "a": {"b": "c"}},
    )
    assert (second.account, second.connection, second.status, second.fault) == ("who", 2, 401, "latency")


async def test_requests_and_effects_are_counted(caller: Any) -> None:
    async with Sandbox(services=2, vms_per_service=1, shared_vm_ids=True, reboot_time=0) as panel:
        call = caller(panel)
        for path in (ONE, ONE, "/service/33302/vms/4001"):
            await call("POST", f"{path}/reboot")
        await call("GET", "/details", login=("a", "b"))
        assert panel.count() == 4
        assert panel.count(method="POST", path="/service/@id/vms/@vmid/reboot") == 3
        assert panel.count(path=f"{ONE}/*") == 2
        assert panel.count(status=401) == 1
        assert [seen.number for seen in panel.matching(path="/details")] == [4]
        assert panel.statuses() == Counter({200: 3, 401: 1})
        assert panel.effects["33301", "4001"]["reboot"] == 2
        assert panel.effect_count("reboot") == 3
        assert panel.effect_count("reboot", service=33301) == 2
        assert panel.effect_count("reboot", service="33302", vm=4001) == 1
        assert panel.effect_count("stop") == 0
        assert panel.repeated("reboot") == {("33301", "4001"): 2}
        panel.clear_record()
        assert (panel.requests, panel.effects, panel.peak) == ([], {}, 0)
        assert panel.services["33301"].vms["4001"].power == "running"


def test_reading_what_never_happened_stores_nothing() -> None:
    effects = Effects()
    assert effects["9", "4"]["reboot"] == 0
    assert not effects


async def test_the_record_of_a_long_run_can_be_bounded(caller: Any) -> None:
    async with Sandbox(services=0, keep_requests=5) as panel:
        for _ in range(23):
            await caller(panel)("GET", "/balance")
        assert 5 <= len(panel.requests) < 10
        assert panel.requests[-1].number == 23


async def test_a_request_whose_body_never_came_has_no_status(caller: Any) -> None:
    async with Sandbox(services=0) as panel:
        line = await caller(panel).line()
        line.send("POST", "/details", body=b"firstname=X", headers={"Content-Length": "500"})
        await line.writer.drain()
        while not panel.requests:
            await caller(panel)("GET", "/balance")
        await line.close()
        while panel.in_flight:
            await caller(panel)("GET", "/balance")
        upload = next(seen for seen in panel.requests if seen.method == "POST")
        assert upload.status is None
        assert panel.account.fields["firstname"] == "John"


async def test_a_body_that_is_too_large_is_refused(caller: Any) -> None:
    async with Sandbox(services=0) as panel:
        answer = await caller(panel)("POST", "/details", {"firstname": "x" * (2 << 20)})
        assert (answer.status, answer.json) == (413, {"error": ["request_too_large"]})
        assert panel.requests[0].status == 413

"""VMs apart from their power: sizes, disks, addresses, usage, the end."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from aioseflow.sandbox import Sandbox

ONE = "/service/33301/vms/4001"
TWO = "/service/33301/vms/4002"


async def ids(call: Any, path: str) -> list[str]:
    return [row["id"] for row in (await call("GET", path)).json["ips"]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/service/1", 404),
        ("/service/1/vms", 404),
        ("/service/33301/vms/1", 404),
        ("/service/33302/vms/4001", 404),
        ("/service/33301/vms/1/storage", 404),
        ("/service/33301/vms//stop", 404),
        ("/service/33301/vms/4001/interfaces/net9/ips", 404),
        ("/invoice/1", 404),
        ("/tickets/1", 404),
        ("/domain/1", 404),
        ("/nothing", 404),
        ("/service/33301/vms/4001/stop", 405),
        ("/service/33301/vms/4001/usage", 404),
    ],
)
async def test_what_does_not_exist_is_an_error(caller: Any, path: str, status: int) -> None:
    async with Sandbox(services=2, vms_per_service=1) as panel:
        answer = await caller(panel)("GET", path)
    assert answer.status == status
    assert answer.json["error"]


async def test_resize_changes_what_is_given_and_counts_when_something_changed(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        call = caller(panel)
        form = {"memory": "4096", "cpu": "8", "cpu_share": "50", "note": "base <de> données"}
        for _ in range(2):
            assert (await call("PUT", ONE, form)).json == {"status": True}
        vm = (await call("GET", ONE)).json["vm"]
        assert (vm["memory"], vm["cpu"], vm["cpu_share"], vm["note"]) == ("4096", "8", "50", form["note"])
        assert panel.effects["33301", "4001"] == {"resize": 1}
        await call("PUT", ONE, {"note": ""})
        vm = (await call("GET", ONE)).json["vm"]
        assert (vm["memory"], vm["note"]) == ("4096", "")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "nothing_to_change"),
        ({"memory": "0"}, "invalid_memory"),
        ({"memory": "-5"}, "invalid_memory"),
        ({"memory": "nan"}, "invalid_memory"),
        ({"memory": "9" * 5000}, "invalid_memory"),
        ({"cpu": "1.5"}, "invalid_cpu"),
        ({"cpu_share": "101"}, "invalid_cpu_share"),
    ],
)
async def test_a_senseless_size_is_refused_and_changes_nothing(
    caller: Any, form: dict[str, str], code: str
) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        answer = await caller(panel)("PUT", ONE, {"note": "x", **form} if form else form)
        assert answer.json == {"error": [code]}
        assert panel.services["33301"].vms["4001"].note == ""
        assert not panel.effects


async def test_a_disk_grows_and_never_shrinks(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=2) as panel:
        call = caller(panel)
        assert (await call("PUT", f"{ONE}/storage/virtio1", {"size": "80"})).json == {"status": True}
        assert (await call("PUT", f"{ONE}/storage/virtio1", {"size": "80"})).json == {"status": True}
        assert (await call("PUT", f"{ONE}/storage/virtio1", {"size": "79"})).json == {
            "error": ["disk_cannot_shrink"]
        }
        assert (await call("PUT", f"{ONE}/storage/virtio1", {})).json == {"error": ["invalid_size"]}
        assert (await call("PUT", f"{ONE}/storage/sda", {"size": "80"})).status == 404
        disks = {disk["id"]: disk["size"] for disk in (await call("GET", f"{ONE}/storage")).json["storage"]}
        assert disks == {"virtio0": "20", "virtio1": "80"}
        assert len((await call("GET", f"{TWO}/storage")).json["storage"]) == 1
        assert panel.effect_count("resize_disk") == 1


async def test_an_address_is_in_one_place_at_a_time(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=2) as panel:
        call = caller(panel)
        free = await ids(call, f"{ONE}/interfaces/net1/ips")
        assert free == [str(number) for number in range(5002, 5010)]
        assign = {"ipid": "5004", "interfaceid": "net1"}
        assert (await call("POST", f"{ONE}/ips", assign)).json == {"status": True}
        assert (await call("POST", f"{TWO}/ips", assign)).json == {"error": ["ip_not_available"]}
        assert "5004" not in await ids(call, f"{TWO}/interfaces/net0/ips")
        assert await ids(call, f"{ONE}/ips") == ["5000", "5004"]
        interfaces = (await call("GET", f"{ONE}/interfaces")).json["interfaces"]
        assert [interface["ips"] for interface in interfaces] == [["10.16.0.2"], ["10.16.0.6"]]
        assert panel.services["33301"].vms["4001"].ips == ("10.16.0.2", "10.16.0.6")
        assert (await call("DELETE", f"{ONE}/ips/5004?interfaceid=net0")).status == 404
        assert (await call("DELETE", f"{ONE}/ips/5004?interfaceid=net1")).json == {"status": True}
        assert (await call("DELETE", f"{ONE}/ips/5004")).status == 404
        assert (await call("DELETE", f"{ONE}/ips/5000")).json == {"status": True}
        assert await ids(call, f"{ONE}/ips") == []
        assert panel.effects["33301", "4001"] == {"assign_ip": 1, "remove_ip": 2}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"ipid": "5002"}, 404),
        ({"ipid": "5002", "interfaceid": "net7"}, 404),
        ({"ipid": "5000", "interfaceid": "net0"}, 200),
        ({"ipid": "x", "interfaceid": "net0"}, 200),
        ({"interfaceid": "net0"}, 200),
    ],
)
async def test_an_address_that_cannot_be_assigned_is_an_error(
    caller: Any, form: dict[str, str], status: int
) -> None:
    async with Sandbox(services=1, vms_per_service=2) as panel:
        answer = await caller(panel)("POST", f"{TWO}/ips", form)
        assert answer.status == status
        assert answer.json["error"]
        assert not panel.effects


async def test_a_destroyed_vm_is_gone_and_its_addresses_are_free(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=2) as panel:
        call = caller(panel)
        before = {
            row["ipaddress"]: row["status"] for row in (await call("GET", "/service/33301/ip")).json["ips"]
        }
        assert before["10.16.0.2"] == "assigned"
        assert (await call("DELETE", ONE)).json == {"status": True}
        assert (await call("DELETE", ONE)).status == 404
        assert (await call("GET", ONE)).status == 404
        assert list((await call("GET", "/service/33301/vms")).json["vms"]) == ["4002"]
        after = {
            row["ipaddress"]: row["status"] for row in (await call("GET", "/service/33301/ip")).json["ips"]
        }
        assert after == before | {"10.16.0.2": "available"}
        assert "5000" in await ids(call, f"{TWO}/interfaces/net0/ips")
        assert panel.effects["33301", "4001"] == {"destroy": 1}


async def test_the_resources_follow_the_vms(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=2) as panel:
        call = caller(panel)
        assert (await call("GET", "/service/33301/resources")).json["resources"]["memory"]["used"] == "1536"
        await call("DELETE", ONE)
        resources = (await call("GET", "/service/33301/resources")).json["resources"]
        assert (resources["memory"]["used"], resources["ip"]) == (
            "1024",
            {"used": "1", "free": "9", "total": "10"},
        )


@pytest.mark.parametrize("kind", ["cpu", "net", "disk"])
async def test_usage_is_a_fragment_with_a_real_image(caller: Any, kind: str) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        fragment = (await caller(panel)("GET", f"{ONE}/usage/{kind}")).json
    assert fragment.startswith("<div")
    assert "<html" not in fragment
    image = b64decode(fragment.partition("base64,")[2].partition('"')[0], validate=True)
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert image.endswith(b"IEND\xaeB`\x82")


async def test_usage_of_a_stopped_vm_is_nothing(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        panel.services["33301"].vms["4001"].power = "stopped"
        assert "Average: 0.0 %" in (await caller(panel)("GET", f"{ONE}/usage/cpu")).json


async def test_a_network_can_be_rebuilt_and_templates_are_listed(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        call = caller(panel)
        assert (await call("POST", f"{ONE}/rebuild_network")).json == {"status": True}
        assert panel.effect_count("rebuild_network", service=33301, vm="4001") == 1
        assert (await call("GET", "/service/33301/templates")).json["templates"][0]["id"] == "debian-12"


async def test_an_id_is_one_decoded_segment(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        call = caller(panel)
        assert (await call("GET", "/service/3330%31/vms/400%31")).status == 200
        assert (await call("GET", "/service/33301%2Fvms/4001")).status == 404


def test_ids_are_unique_or_shared_as_asked() -> None:
    unique = Sandbox(services=2, vms_per_service=[2, 3]).services
    assert [list(service.vms) for service in unique.values()] == [["4001", "4002"], ["4003", "4004", "4005"]]
    shared = Sandbox(services=2, vms_per_service=2, shared_vm_ids=True).services
    assert [list(service.vms) for service in shared.values()] == [["4001", "4002"]] * 2
    assert shared["33301"].vms["4001"].ips != shared["33302"].vms["4001"].ips
    assert repr(shared["33301"]) == "<Service 33301 'Cloud 1': 2 VMs>"

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aioseflow.sandbox import Dialect, Sandbox

BOM = b"\xef\xbb\xbf"


async def test_the_same_state_is_written_in_three_ways(caller: Any) -> None:
    states = {}
    for dialect in ("seflow", "by_id", "list"):
        async with Sandbox(services=1, vms_per_service=3, stop_time=1000, dialect=dialect) as panel:
            panel.services["33301"].vms["4002"].power = "stopped"
            await caller(panel)("POST", "/service/33301/vms/4003/stop")
            states[dialect] = (await caller(panel)("GET", "/service/33301/vms")).json["vms"]
    assert {key: vm["status"] for key, vm in states["seflow"].items()} == {
        "4001": "running",
        "4002": "stopped",
        "4003": "stopping",
    }
    assert {key: vm["state"] for key, vm in states["by_id"].items()} == {
        "4001": "online",
        "4002": "offline",
        "4003": "stopping",
    }
    assert [(vm["id"], vm["status"]) for vm in states["list"]] == [
        ("4001", "running"),
        ("4002", "stopped"),
        ("4003", "stopping"),
    ]


async def test_by_id_has_objects_keyed_by_id_and_booleans_as_words(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1, dialect=Dialect.BY_ID) as panel:
        call = caller(panel)
        assert list((await call("GET", "/service")).json["services"]) == ["33301"]
        assert (await call("GET", "/domain")).json["domains"]["549"]["autorenew"] == "false"
        assert list((await call("GET", "/service/33301/rdns")).json) == ["rdns"]
        assert list((await call("GET", "/tickets/437928")).json) == ["ticket", "replies"]
        vm = (await call("GET", "/service/33301/vms/4001")).json["vms"]["4001"]
        assert (vm["power"], vm["locked"], vm["ip"]) == ("true", "false", ["10.16.0.2", " 2001:db8:1::1"])
        panel.services["33301"].vms["4001"].power = "transitional"
        vm = (await call("GET", "/service/33301/vms/4001")).json["vms"]["4001"]
        assert (vm["state"], vm["locked"], "power" in vm) == ("locked", "true", False)
        assert "<div" in (await call("GET", "/service/33301/vms/4001/usage/cpu")).json["usage"]
        panel.services["33301"].vms["4001"].power = "running"
        assert (await call("PUT", "/service/33301/vms/4001", {"cpu": "2"})).json == {"status": "true"}


async def test_list_has_real_numbers_and_booleans(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1, dialect="list") as panel:
        call = caller(panel)
        [vm] = (await call("GET", "/service/33301/vms")).json["vms"]
        assert (vm["memory"], vm["ips"][0]["ipaddress"]) == (512, "10.16.0.2")
        assert (await call("GET", "/service/33301/vms/4001")).json["vm"]["locked"] is False
        fragment = await call("GET", "/service/33301/vms/4001/usage/cpu")
        assert fragment.headers["content-type"].startswith("text/html")
        assert fragment.body.startswith(b"<div")


@pytest.mark.parametrize(("dialect", "empty"), [("seflow", []), ("by_id", []), ("list", [])])
async def test_no_vms_are_an_empty_array(caller: Any, dialect: str, empty: object) -> None:
    async with Sandbox(services=1, vms_per_service=0, dialect=dialect) as panel:
        assert (await caller(panel)("GET", "/service/33301/vms")).json == {"vms": empty}


@pytest.mark.parametrize(
    ("dialect", "status", "code"),
    [
        ("seflow", 404, "notfound"),
        ("list", 404, "notfound"),
        ("mixed", 404, "notfound"),
        ("by_id", 200, "methodnotsupported"),
    ],
)
async def test_a_service_without_vm_functions_says_so_in_its_dialect(
    caller: Any, dialect: str, status: int, code: str
) -> None:
    async with Sandbox(services=0, services_without_vms=1, dialect=dialect) as panel:
        for path in ("/vms", "/vms/4001", "/templates", "/resources", "/vms/4001/storage"):
            answer = await caller(panel)("GET", "/service/33301" + path)
            assert answer.status == status
            assert b'{"error":["%s"]}' % code.encode() in answer.body


async def test_the_methods_route_is_only_on_newer_installations(caller: Any) -> None:
    async with Sandbox(services=1, services_without_vms=1, dialect="by_id") as panel:
        methods = (await caller(panel)("GET", "/service/33301/methods")).json["methods"]
        assert "/service/@id/vms" in [method["route"] for method in methods]
        assert (await caller(panel)("GET", "/service/1/methods")).status == 404
    async with Sandbox(services=1) as panel:
        assert (await caller(panel)("GET", "/service/33301/methods")).status == 404


def test_noise_is_drawn_from_the_seed_and_leaves_the_json_whole(virtually: Callable[..., Sandbox]) -> None:
    def heard(**settings: Any) -> list[bytes]:
        bodies: list[bytes] = []

        async def story(panel: Sandbox, call: Any) -> None:
            for _ in range(40):
                answer = await call("GET", "/service/33301/vms")
                assert answer.headers["content-type"].startswith("text/html")
                bodies.append(answer.body)

        virtually(story, services=1, vms_per_service=1, **settings)
        return bodies

    mixed = heard(dialect="mixed", seed=4)
    assert mixed == heard(dialect="seflow", noise=True, seed=4) != heard(dialect="mixed", seed=5)
    assert any(body.startswith(BOM) for body in mixed)
    assert any(body.startswith(b"<br />\n<b>Warning</b>") for body in mixed)
    assert any(body.startswith(b"{") for body in mixed)
    wholes = {body[body.index(b"{") :].strip() for body in mixed}
    assert len(wholes) == 1
    assert json.loads(wholes.pop())["vms"]["4001"]["id"] == "4001"


async def test_noise_writes_an_empty_array_for_an_empty_object_and_spares_what_is_no_json(
    caller: Any,
) -> None:
    async with Sandbox(services=1, vms_per_service=1, dialect="list", noise=True) as panel:
        call = caller(panel)
        taken = (await call("POST", "/domainorder/status", {"name": "example.com"})).body
        assert b'{"details":[]}' in taken
        assert (await call("GET", "/service/33301/vms/4001/usage/cpu")).body.startswith(b"<div")
    async with Sandbox(services=0, dialect="mixed") as panel:
        assert (await caller(panel)("POST", "/domainorder/status", {"name": "example.com"})).body == b""


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(ValueError, match="klingon"):
        Sandbox(dialect="klingon")

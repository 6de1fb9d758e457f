"""Published answers are given in exactly their shape: the same keys, text where it was text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aioseflow.sandbox import ROUTES, Fault, Sandbox

PUBLISHED = {path.stem: path for path in (Path(__file__).parents[1] / "data" / "responses").rglob("*.json")}

DOCUMENTED = [
    ("GET_details", "GET", "/details", None),
    ("GET_balance", "GET", "/balance", None),
    ("GET_invoice", "GET", "/invoice", None),
    ("GET_invoice-id", "GET", "/invoice/303090", None),
    ("GET_tickets", "GET", "/tickets", None),
    ("GET_tickets-number", "GET", "/tickets/437928", None),
    ("GET_domain", "GET", "/domain", None),
    ("GET_domain-id", "GET", "/domain/548", None),
    ("POST_domainorder-status", "POST", "/domainorder/status", {"name": "free.example"}),
    ("GET_service", "GET", "/service", None),
    ("GET_service-id", "GET", "/service/33301", None),
    ("GET_service-id-bandwidth", "GET", "/service/33301/bandwidth", None),
    ("GET_service-id-bandwidth-graphs", "GET", "/service/33301/bandwidth-graphs", None),
    ("GET_service-id-ip", "GET", "/service/33301/ip", None),
    ("GET_service-id-rdns", "GET", "/service/33301/rdns", None),
    ("POST_service-id-rdns", "POST", "/service/33301/rdns", {"ipaddress[10.16.0.2]": "a.example"}),
]
ELSEWHERE = [
    ("details_sparse", "GET", "/details"),
    ("service_methods", "GET", "/service/33303/methods"),
    ("upgrade_options", "GET", "/service/33301/upgrade"),
    ("vm_start", "POST", "/service/33301/vms/4001/start"),
    ("vm_stop", "POST", "/service/33301/vms/4001/stop"),
    ("vms_list_by_id", "GET", "/service/33301/vms"),
]


def published(name: str) -> Any:
    return json.loads(PUBLISHED[name].read_text())


def kind(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return type(value).__name__


def assert_same_shape(ours: Any, theirs: Any, at: str = "$") -> None:
    assert kind(ours) == kind(theirs), at
    match theirs:
        case dict() if theirs and all(key.isdigit() for key in theirs):
            # Keyed by id: the ids are ours.
            for key, inner in ours.items():
                assert_same_shape(inner, next(iter(theirs.values())), f"{at}[{key}]")
        case dict() if theirs:
            assert list(ours) == list(theirs), at
            for key, inner in theirs.items():
                assert_same_shape(ours[key], inner, f"{at}.{key}")
        case list() if theirs:
            assert ours, at
            for place, inner in enumerate(ours):
                assert_same_shape(inner, theirs[min(place, len(theirs) - 1)], f"{at}[{place}]")


def test_every_published_answer_is_held_against_ours() -> None:
    tested = {name for name, *_ in (*DOCUMENTED, *ELSEWHERE)}
    errors = {"error_401_throttled", "error_401_wronglogin"}
    assert PUBLISHED.keys() == tested | errors


@pytest.mark.parametrize(("name", "method", "path", "form"), DOCUMENTED)
async def test_the_document_is_answered_in_its_own_shape(
    caller: Any, name: str, method: str, path: str, form: dict[str, str] | None
) -> None:
    async with Sandbox(services=1, vms_per_service=2) as panel:
        answer = await caller(panel)(method, path, form)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert_same_shape(answer.json, published(name))


@pytest.mark.parametrize(("name", "method", "path"), ELSEWHERE)
async def test_other_installations_are_answered_in_their_shape_by_id(
    caller: Any, name: str, method: str, path: str
) -> None:
    async with Sandbox(services=2, vms_per_service=2, services_without_vms=1, dialect="by_id") as panel:
        answer = await caller(panel)(method, path)
    ours, theirs = answer.json, published(name)
    if name == "upgrade_options":
        # Only a choice of items was published.
        ours["resources"] = [resource for resource in ours["resources"] if resource["type"] == "select"]
    assert answer.status == 200
    assert_same_shape(ours, theirs)


async def test_the_methods_of_a_hosting_service_are_the_published_ones(caller: Any) -> None:
    async with Sandbox(services=1, services_without_vms=1, dialect="by_id") as panel:
        answer = await caller(panel)("GET", "/service/33302/methods")
    assert answer.json == published("service_methods")


async def test_a_bad_login_and_a_throttle_are_the_published_ones(caller: Any) -> None:
    throttle = Fault("throttle", path="/balance", seconds=24)
    async with Sandbox(services=0, faults=[throttle]) as panel:
        call = caller(panel)
        refused = await call("GET", "/details", login=("demo@example.com", "wrong"))
        throttled = await call("GET", "/balance")
    assert (refused.status, refused.json) == (401, published("error_401_wronglogin"))
    assert (throttled.status, throttled.json) == (401, published("error_401_throttled"))


def test_there_are_39_routes_each_once() -> None:
    assert len(ROUTES) == len(set(ROUTES)) == 39
    assert ("GET", "/service/@id/vms/@vmid/usage/cpu") in ROUTES
    assert ("GET", "/service/@id/methods") not in ROUTES


def concrete(path: str) -> str:
    named = {"vmid": "4001", "diskid": "virtio0", "iface": "net0", "ipid": "5000", "number": "437928"}
    by_chapter = {"invoice": "303090", "domain": "548", "service": "33301"}
    parts = path.split("/")
    return "/".join(
        named.get(part[1:], by_chapter.get(parts[1], "")) if part.startswith("@") else part for part in parts
    )


@pytest.mark.parametrize("dialect", ["seflow", "by_id", "list", "mixed"])
def test_every_route_answers_in_every_dialect(virtually: Callable[..., Sandbox], dialect: str) -> None:
    fields = {
        "name": "free.example", "memory": "4096", "size": "30", "ipid": "5002", "interfaceid": "net1",
        "ipaddress[10.16.0.2]": "a.example", "resources[1557]": "10103", "firstname": "Ann",
    }  # fmt: skip

    async def story(panel: Sandbox, call: Any) -> None:
        routes = sorted(ROUTES, key=lambda route: route == ("DELETE", "/service/@id/vms/@vmid"))
        for method, path in routes:
            for vm in panel.services["33301"].vms.values():
                vm.power = "running"
            answer = await call(method, concrete(path), fields if method in ("POST", "PUT") else None)
            assert answer.status == 200, (method, path)
            assert b'"error"' not in answer.body, (method, path)

    virtually(story, services=1, vms_per_service=2, dialect=dialect)

"""Which requests a fault hits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from aioseflow.sandbox import Fault, Faults, Sandbox

ONE = "/service/33301/vms/4001"


def names(faults: Faults, *requests: tuple[str, str]) -> list[str | None]:
    verdicts = (faults.of_request(method, path) for method, path in requests)
    return [None if verdict is None else "+".join(verdict.names) for verdict in verdicts]


@pytest.mark.parametrize(
    ("where", "hit"),
    [
        ({}, True),
        ({"method": "POST"}, True),
        ({"method": "GET"}, False),
        ({"path": f"{ONE}/stop"}, True),
        ({"path": "/service/@id/vms/@vmid/stop"}, True),
        ({"path": "/service/@id/vms/@vmid"}, False),
        ({"path": "/service/*"}, True),
        ({"path": "*/stop"}, True),
        ({"path": "stop"}, False),
        ({"path": re.compile("st[ao]")}, True),
        ({"path": re.compile("start")}, False),
        ({"service": 33301}, True),
        ({"service": "33301", "vm": 4001}, True),
        ({"service": "33302"}, False),
        ({"vm": "4002"}, False),
        ({"method": "POST", "path": "*/start"}, False),
    ],
)
def test_a_fault_hits_the_route_it_names(where: dict[str, Any], hit: bool) -> None:
    assert (Faults(1, Fault("close", **where)).of_request("POST", f"{ONE}/stop") is not None) is hit


@pytest.mark.parametrize("path", ["/service", "/details", "/service/33301", "/service/33301/ip/4001"])
def test_a_fault_of_a_vm_spares_what_names_none(path: str) -> None:
    assert Faults(1, Fault("close", vm=4001)).of_request("GET", path) is None


def test_ids_are_compared_decoded() -> None:
    assert Faults(1, Fault("close", service="a b", vm="ä")).of_request("GET", "/service/a%20b/vms/%C3%A4")


def test_a_fault_spares_the_first_and_hits_so_many_times() -> None:
    faults = Faults(1, Fault("close", path="/a", after=2, times=2))
    assert names(faults, *[("GET", "/a"), ("GET", "/b")] * 5) == [None] * 4 + ["close", None] * 2 + [None] * 2


def test_the_first_that_strikes_decides_and_the_others_are_not_used_up() -> None:
    second = Fault("html", name="second", times=1)
    faults = Faults(1, Fault("close", name="first", times=1), second, Fault("latency", name="slow"))
    assert names(faults, *[("GET", "/a")] * 3) == ["first+slow", "second+slow", "slow"]
    assert faults.hits(second) == 1


def test_faults_are_added_removed_and_cleared() -> None:
    one, two = Fault("close"), Fault("close")
    faults = Faults(1, one)
    faults.add(two)
    assert (list(faults), len(faults)) == ([one, two], 2)
    faults.remove(one)
    assert list(faults) == [two]
    with pytest.raises(ValueError, match="not in force"):
        faults.remove(one)
    faults.clear()
    assert faults.of_request("GET", "/a") is None


def test_a_probability_is_roughly_kept() -> None:
    faults = Faults(1, Fault("close", probability=0.2))
    hit = [name is not None for name in names(faults, *[("GET", f"/{number}") for number in range(2000)])]
    assert 340 < sum(hit) < 460


@pytest.mark.parametrize("seed", [1, 2, "word"])
def test_the_same_requests_meet_the_same_faults_in_any_order(seed: int | str) -> None:
    def met(requests: list[tuple[str, str]]) -> dict[tuple[str, str], list[Any]]:
        faults = Faults(
            seed, Fault("close", probability=0.3), Fault("latency", seconds=(1, 5), probability=0.5)
        )
        fates: dict[tuple[str, str], list[Any]] = {}
        for method, path in requests:
            verdict = faults.of_request(method, path)
            fates.setdefault((method, path), []).append(verdict and (verdict.names, verdict.delay))
        return fates

    requests = [(method, f"/{number % 40}") for method in ("GET", "POST") for number in range(120)]
    assert met(requests) == met(requests[::-1])


def test_another_seed_brings_other_faults() -> None:
    requests = [("GET", f"/{number}") for number in range(100)]
    fates = [names(Faults(seed, Fault("close", probability=0.5)), *requests) for seed in (1, 2)]
    assert fates[0] != fates[1]


@pytest.mark.parametrize("kind", ["truncate", "broken_chunk", "drop", "drip"])
def test_what_needs_a_right_answer_cannot_come_before_it(kind: Any) -> None:
    assert Fault(kind).when == "after"
    with pytest.raises(ValueError, match="only after"):
        Fault(kind, when="before")


@pytest.mark.parametrize("kind", ["throttle", "wronglogin", "ipnotallowed", "latency", "stale"])
def test_what_keeps_a_request_out_cannot_come_after_its_effect(kind: Any) -> None:
    with pytest.raises(ValueError, match="only before"):
        Fault(kind, when="after")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'explode'"):
        Fault("explode")  # type: ignore[arg-type]


def test_a_run_with_faults_is_the_same_every_time(virtually: Callable[..., Sandbox]) -> None:
    def decided(seed: int) -> list[tuple[object, ...]]:
        async def story(panel: Sandbox, call: Any) -> None:
            for vm in panel.services["33301"].vms:
                await call.raw("POST", f"/service/33301/vms/{vm}/reboot", headers={"Connection": "close"})

        panel = virtually(
            story,
            services=1,
            vms_per_service=20,
            seed=seed,
            reboot_time=(1, 5),
            service_time=(0.1, 0.9),
            faults=[Fault("close", probability=0.3), Fault("latency", seconds=(0.1, 2), probability=0.5)],
        )
        return [(seen.path, round(seen.time, 9), seen.status, seen.fault) for seen in panel.requests]

    assert decided(1) == decided(1)
    assert decided(1) != decided(2)

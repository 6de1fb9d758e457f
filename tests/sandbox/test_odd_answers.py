"""Answers in forms that clients stumble over: other words, odd rows, noise behind, one answer too many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from aioseflow.sandbox import Fault, Faults, Sandbox

LIST = "/service/33301/vms"
ONE = f"{LIST}/4001"
REBOOT = f"{ONE}/reboot"
NO = {"success": False, "message": "VM is locked"}

Virtually = Callable[..., Sandbox]


def three_vms(*faults: Fault, **settings: Any) -> Sandbox:
    return Sandbox(services=1, vms_per_service=3, faults=faults, **settings)


@pytest.mark.parametrize(("when", "reboots"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize(
    ("given", "status", "payload"),
    [
        ({}, 200, NO),
        ({"payload": {"message": "queued"}}, 200, {"message": "queued"}),
        ({"payload": None, "status": 202}, 202, None),
        ({"payload": [1, "é", {}], "status": 404}, 404, [1, "é", {}]),
    ],
)
async def test_an_answer_may_be_any_json(
    caller: Any, when: Any, reboots: int, given: Any, status: int, payload: Any
) -> None:
    async with three_vms(Fault("answer", when=when, **given)) as panel:
        answer = await caller(panel)("POST", REBOOT)
        assert (answer.status, answer.json) == (status, payload)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert panel.effect_count("reboot") == reboots
        assert (panel.requests[0].status, panel.requests[0].fault) == (status, "answer")


@pytest.mark.parametrize("status", [403, 404])
async def test_a_page_with_a_refusal_is_that_of_a_machine_in_front(caller: Any, status: int) -> None:
    async with three_vms(Fault("html", status=status)) as panel:
        answer = await caller(panel)("GET", LIST)
        assert answer.status == status
        assert answer.headers["content-type"].startswith("text/html")
        assert f"<title>{status} ".encode() in answer.body
        assert b"<center>nginx</center>" in answer.body


async def test_a_service_without_vms_still_says_so_itself(caller: Any) -> None:
    async with Sandbox(services=0, services_without_vms=1, faults=[Fault("odd"), Fault("pages")]) as panel:
        answer = await caller(panel)("GET", LIST)
        assert (answer.status, answer.json) == (404, {"error": ["notfound"]})
        assert panel.requests[0].fault is None


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        (Fault("unasked"), b'HTTP/1.1 200 OK\r\n*\r\n\r\n{"status":true}'),
        (Fault("unasked", payload=NO, seconds=9), b"HTTP/1.1 200 OK\r\n*\r\n\r\n" + json.dumps(NO).encode()),
        (Fault("unasked", status=408), b"HTTP/1.1 408 Request Timeout\r\n*\r\n\r\n"),
        (Fault("unasked", status=408, seconds=9), b"HTTP/1.1 408 Request Timeout\r\n*\r\n\r\n"),
        (Fault("unasked", body=b"\n"), b"\n"),
    ],
)
def test_one_answer_too_many_comes_at_its_time_on_an_open_connection(
    virtually: Virtually, fault: Fault, more: bytes
) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(fault)
        line = await call.line()
        line.send("POST", REBOOT)
        assert (await line.receive()).json == {"status": True}
        begins, _, ends = more.replace(b": ", b":").replace(b", ", b",").partition(b"*")
        got = (await line.reader.read(1000)).replace(b", ", b",")
        assert got.startswith(begins)
        assert got.endswith(ends)
        assert b"Connection" not in got
        assert asyncio.get_running_loop().time() == pytest.approx(fault.seconds)
        panel.faults.clear()
        line.send("GET", ONE)
        assert (await line.receive()).json["vm"]["id"] == "4001"
        await line.close()
        assert {seen.connection for seen in panel.requests} == {1}
        assert panel.requests[0].fault == "unasked"

    virtually(story, services=1, vms_per_service=1)


@pytest.mark.parametrize("given", [{}, {"status": 408}, {"seconds": 5}])
def test_one_answer_too_many_that_is_announced_ends_the_connection(virtually: Virtually, given: Any) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("unasked", announced=True, **given))
        got = await call.raw("POST", REBOOT)
        first, second = got.split(b"HTTP/1.1 ")[1:]
        assert first.startswith(b"200")
        assert b"Connection: close" not in first
        assert second.startswith(str(given.get("status", 200)).encode())
        assert b"\r\nConnection: close\r\n" in second
        assert asyncio.get_running_loop().time() == pytest.approx(given.get("seconds", 0))

    virtually(story, services=1, vms_per_service=1)


def test_what_nobody_asked_for_is_not_sent_after_the_next_request(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("unasked", seconds=5, times=1))
        line = await call.line()
        for _ in range(2):
            line.send("GET", ONE)
            assert (await line.receive()).json["vm"]["id"] == "4001"
            await asyncio.sleep(3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(line.reader.read(1), 60)
        await line.close()

    virtually(story, services=1, vms_per_service=1)


def test_the_end_of_a_connection_or_of_the_panel_does_not_wait_for_it(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("unasked", seconds=5))
        await call("POST", REBOOT)
        await asyncio.sleep(9)
        await call("POST", REBOOT)
        await panel.stop()
        assert asyncio.get_running_loop().time() == pytest.approx(9)

    virtually(story, services=1, vms_per_service=1)


@pytest.mark.parametrize("dialect", ["seflow", "by_id", "list", "mixed"])
async def test_odd_fields_replace_what_is_right_in_one_row_of_a_list(caller: Any, dialect: str) -> None:
    odd = Fault("odd", vm=4002, fields={"memory": [{"value": 1}], "owner": None})
    async with three_vms(odd, dialect=dialect) as panel:
        body = (await caller(panel)("GET", LIST)).body
        vms = json.loads(body[body.index(b'{"vms"') :])["vms"]
        rows = {row["id"]: row for row in (vms if dialect == "list" else vms.values())}
        assert list(rows) == ["4001", "4002", "4003"]
        assert rows["4002"]["memory"] == [{"value": 1}]
        assert rows["4002"]["owner"] is None
        assert rows["4002"].keys() == {*rows["4001"], "owner"}
        assert "owner" not in rows["4001"]
        assert panel.requests[0].fault == "odd"


@pytest.mark.parametrize("dialect", ["seflow", "by_id"])
async def test_an_odd_vm_is_odd_by_itself_too(caller: Any, dialect: str) -> None:
    async with three_vms(Fault("odd", vm=4002), dialect=dialect) as panel:
        call = caller(panel)
        for vm, memory in ((4002, "512 MB"), (4001, "512")):
            shown = (await call("GET", f"{LIST}/{vm}")).json
            row = shown["vm"] if dialect == "seflow" else shown["vms"][str(vm)]
            assert str(row["memory"]) == memory
        await call("GET", f"{LIST}/4002/storage")
        await call("POST", f"{LIST}/4002/reboot")
        assert [seen.fault for seen in panel.requests] == ["odd", None, None, None]


@pytest.mark.parametrize(
    ("dialect", "empty"), [("seflow", {"4001": [], "4002": []}), ("list", [[], []]), ("by_id", None)]
)
async def test_a_row_without_fields_is_an_empty_array(caller: Any, dialect: str, empty: Any) -> None:
    twice = Fault("odd", fields=None), Fault("odd", fields={"memory": 1})
    async with Sandbox(services=1, vms_per_service=2, dialect=dialect, faults=twice) as panel:
        assert (await caller(panel)("GET", LIST)).json == {"vms": empty or {"4001": [], "4002": []}}
        assert (await caller(panel)("GET", ONE)).json in ({"vm": []}, {"vms": {"4001": []}})
        assert panel.requests[0].fault == "odd+odd"


async def test_odd_rows_of_another_list_are_picked_by_service(caller: Any) -> None:
    never = Fault("odd", path="/service", service=33302, fields={"next_due": "Never"}, name="never")
    async with Sandbox(services=2, vms_per_service=1, faults=[never]) as panel:
        call = caller(panel)
        rows = (await call("GET", "/service")).json["services"]
        assert [row["next_due"] == "Never" for row in rows] == [False, True]
        await call("GET", "/service/33302/vms")
        assert [seen.fault for seen in panel.requests] == ["never", None]


async def test_odd_rows_of_anything_that_has_rows(caller: Any) -> None:
    async with three_vms(Fault("odd", path=None, fields={"odd": 1}), dialect="by_id") as panel:
        call = caller(panel)
        assert (await call("GET", "/domain")).json["domains"]["548"]["odd"] == 1
        assert (await call("GET", f"{ONE}/storage")).json["storage"]["virtio0"]["odd"] == 1
        assert (await call("GET", "/service/33301")).json["service"]["odd"] == 1
        assert (await call("GET", "/service/33301/upgrade")).json["resources"][0]["odd"] == 1
        for path in ("/balance", "/tickets/437929", f"{ONE}/usage/cpu"):
            before = (await call("GET", path)).json
            panel.faults.clear()
            assert (await call("GET", path)).json.keys() == before.keys()
            panel.faults.add(Fault("odd", path=None))


def test_a_fault_of_rows_is_used_up_only_where_its_row_is() -> None:
    odd = Fault("odd", vm=4002, times=1)
    faults = Faults(1, odd)
    assert faults.of_rows("/service/33302/vms", ["4003"]) == []
    assert faults.of_rows("/service", ["4002"]) == []
    assert faults.of_rows(LIST, ["4001", "4002"]) == [(odd, frozenset({"4002"}))]
    assert faults.of_rows(LIST, ["4001", "4002"]) == []
    assert faults.of_request("GET", LIST) is None


def test_the_state_is_never_odd(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(Fault("stale", seconds=5), Fault("odd", times=1))
        await call("POST", f"{ONE}/stop")
        memory = [(await call("GET", LIST)).json["vms"]["4001"]["memory"] for _ in range(2)]
        assert memory == ["512 MB", "512"]
        assert [seen.fault for seen in panel.requests] == [None, "stale+odd", "stale"]

    virtually(story, services=1, vms_per_service=1)


@pytest.mark.parametrize("dialect", ["seflow", "list"])
async def test_a_list_is_one_page_of_several(caller: Any, dialect: str) -> None:
    async with three_vms(Fault("pages", size=2), Fault("odd"), dialect=dialect) as panel:
        answer = (await caller(panel)("GET", LIST)).json
        assert answer["meta"] == {"pagination": {"page": 1, "last_page": 2}}
        rows = answer["vms"] if dialect == "list" else list(answer["vms"].values())
        assert [(row["id"], row["memory"]) for row in rows] == [("4001", "512 MB"), ("4002", "512 MB")]
        assert panel.requests[0].fault == "pages+odd"


async def test_a_list_that_fits_on_its_page_is_whole(caller: Any) -> None:
    async with three_vms(Fault("pages", size=3), Fault("pages", path="/service")) as panel:
        for path, key in ((LIST, "vms"), ("/service", "services")):
            assert list((await caller(panel)("GET", path)).json) == [key]
        assert [seen.fault for seen in panel.requests] == [None, None]


async def test_noise_behind_leaves_the_answer_whole(caller: Any) -> None:
    async with three_vms(Fault("noise", times=1), Fault("noise", body=b"<!-- 12 ms -->")) as panel:
        first, second = [await caller(panel)("POST", REBOOT) for _ in range(2)]
        assert first.body.startswith(b'{"status":true}<br />\n<b>Warning</b>:  Unknown: write failed: ')
        assert first.body.endswith(b"<!-- 12 ms -->")
        assert second.body.endswith(b'"]}<!-- 12 ms -->')
        assert first.headers["content-type"] == "text/html; charset=utf-8"
        assert [seen.fault for seen in panel.requests] == ["noise+noise", "noise"]


@pytest.mark.parametrize(
    ("announced", "type_"), [(True, "application/json; charset=ISO-8859-1"), (False, "application/json")]
)
async def test_an_answer_may_be_in_latin_1(caller: Any, announced: bool, type_: str) -> None:
    odd = Fault("odd", vm=4001, fields={"label": "Città 5 €"})
    async with three_vms(odd, Fault("charset", announced=announced)) as panel:
        answer = await caller(panel)("GET", LIST)
        assert answer.headers["content-type"] == type_
        assert b'"label":"Citt\xe0 5 ?"' in answer.body
        assert panel.requests[0].fault == "charset+odd"


@pytest.mark.parametrize(("given", "size"), [({}, 9000), ({"size": 20}, 20)])
async def test_an_answer_may_have_a_long_header(caller: Any, given: Any, size: int) -> None:
    async with three_vms(Fault("header", **given)) as panel:
        answer = await caller(panel)("POST", REBOOT)
        assert answer.json == {"status": True}
        assert len(answer.headers["content-security-policy"]) == size


FORMS = Fault("noise", body=b"<!---->"), Fault("header", size=3), Fault("charset", announced=True)


@pytest.mark.parametrize(
    ("fault", "begins"),
    [
        (Fault("answer", payload={"info": "è"}), b'{"info":"\xe8"}<!---->'),
        (Fault("error"), b'{"error":["unavailable"]}<!---->'),
        (Fault("html", body=b"<html>"), b"<html><!---->"),
        (Fault("drop"), b'{"vms":{'),
        (Fault("drop", announced=True), b'{"vms":{'),
        (Fault("unasked", announced=True), b'{"vms":{'),
        (Fault("drip", seconds=1), b'{"vms":{'),
        (Fault("truncate"), b'{"vms":{'),
        (Fault("broken_chunk"), b""),
    ],
)
def test_forms_go_together_with_whatever_is_answered(
    virtually: Virtually, fault: Fault, begins: bytes
) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        panel.faults.add(*FORMS, fault)
        got = await call.raw("GET", LIST, headers={"Connection": "close"})
        head, _, body = got.partition(b"\r\n\r\n")
        assert body.startswith(begins)
        assert b"\r\nContent-Security-Policy: xxx\r\n" in head + b"\r\n"
        assert b"\r\nContent-Type: text/html; charset=ISO-8859-1\r\n" in head + b"\r\n"
        assert panel.requests[0].fault == f"{fault.kind}+noise+header+charset"

    virtually(story, services=1, vms_per_service=1)


@pytest.mark.parametrize("kind", ["reset", "close", "hang", "garbage"])
@pytest.mark.parametrize("place", [0, 3])
def test_without_an_answer_there_is_nothing_to_form(kind: Any, place: int) -> None:
    forms = [Fault("noise", times=1), Fault("header"), Fault("charset")]
    decisive = Fault(kind, times=1)
    faults = Faults(1, *forms[:place], decisive, *forms[place:])
    verdicts = [faults.of_request("GET", LIST) for _ in range(2)]
    assert [verdict and verdict.names for verdict in verdicts] == [(kind,), ("noise", "header", "charset")]


@pytest.mark.parametrize("kind", ["html", "answer", "error"])
async def test_rows_are_not_odd_where_another_answer_is_written(caller: Any, kind: Any) -> None:
    async with three_vms(Fault(kind, when="after", times=1), Fault("odd", times=1)) as panel:
        await caller(panel)("GET", LIST)
        assert (await caller(panel)("GET", LIST)).json["vms"]["4001"]["memory"] == "512 MB"
        assert [seen.fault for seen in panel.requests] == [kind, "odd"]


@pytest.mark.parametrize("kind", ["unasked", "odd", "pages", "noise", "charset", "header"])
def test_what_is_made_of_a_right_answer_cannot_come_before_it(kind: Any) -> None:
    assert Fault(kind).when == "after"
    with pytest.raises(ValueError, match="only after"):
        Fault(kind, when="before")


@pytest.mark.parametrize(
    ("kind", "given", "match"),
    [
        ("html", {"payload": {}}, "kind .html. has no payload, only answer or unasked"),
        ("answer", {"payload": {1, 2}}, "payload cannot be written as JSON"),
        ("answer", {"fields": {"memory": 1}}, "kind .answer. has no fields, only odd"),
        ("odd", {"fields": {"memory": object()}}, "fields cannot be written as JSON"),
        ("odd", {"size": 5}, "kind .odd. has no size, only pages or header"),
        ("pages", {"size": 0}, "the size of a pages fault is at least 1, not 0"),
        ("header", {"size": None}, "the size of a header fault is at least 1, not None"),
    ],
)
def test_a_wrong_combination_is_refused(kind: Any, given: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Fault(kind, **given)

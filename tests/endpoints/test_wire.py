"""Every coroutine on a raw socket: what it sends, byte for byte, and what it makes of the answer."""

# ruff: noqa: E501, DTZ001 - a table is read by its rows; the panel's times are naive

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.clients import client
from support.wire import Wire, http

from aioseflow import (
    Accepted,
    ApiError,
    DecodeError,
    InvalidArgument,
    PowerState,
    SeFlow,
    ServerError,
    UntrustedHtml,
)
from aioseflow.endpoints import CALLS
from aioseflow.session.call import ONCE

PUBLISHED = Path(__file__).parent.parent / "data" / "responses"
FORM = "application/x-www-form-urlencoded"
DONE = '{"status": true}'


def published(name: str) -> str:
    return (PUBLISHED / name).read_text("utf-8")


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as server:
        yield server


@attrs.frozen
class Row:
    """A coroutine, what it must send, what the panel answers, and what must hold for the result."""

    call: str
    make: Callable[[SeFlow], Awaitable[Any]]
    request: str
    answer: str
    check: Callable[[Any], bool]
    body: str = ""


def accepted(result: Any) -> bool:
    return isinstance(result, Accepted)


ROWS = [
    Row("account.details", lambda s: s.account.details(), "GET /details", published("seflow/GET_details.json"),
        lambda a: a.id == "20408" and a.lastlogin == datetime(2015, 9, 17, 9, 0, 20) and a.credit == Decimal(0)),
    Row("account.update", lambda s: s.account.update(city="Città", type="1"), "POST /details", DONE, accepted,
        "city=Citt%C3%A0&type=1"),
    Row("billing.balance", lambda s: s.billing.balance(), "GET /balance", published("seflow/GET_balance.json"),
        lambda b: (b.acc_balance, b.acc_credit) == (Decimal("10.00"), Decimal("0.00"))),
    Row("billing.invoices", lambda s: s.billing.invoices(), "GET /invoice", published("seflow/GET_invoice.json"),
        lambda i: i[0].id == "239780" and i[0].datepaid is None and i[0].total == Decimal("10.00")),
    Row("billing.invoice", lambda s: s.billing.invoice(303090), "GET /invoice/303090",
        published("seflow/GET_invoice-id.json"),
        lambda i: i.total == Decimal("58.5") and i.items[0].linetotal == Decimal("58.50")),
    Row("support.tickets", lambda s: s.support.tickets(), "GET /tickets", published("seflow/GET_tickets.json"),
        lambda t: t[0].ticket_number == "437928" and t[0].client_read is True),
    Row("support.ticket", lambda s: s.support.ticket("437928"), "GET /tickets/437928",
        published("seflow/GET_tickets-number.json"),
        lambda t: t.name == "John Doe" and [r.type for r in t.replies] == ["Admin", "Client"]),
    Row("domains.list", lambda s: s.domains.list(), "GET /domain", published("seflow/GET_domain.json"),
        lambda d: d[0].expires == date(2016, 8, 4) and d[0].daytoexpire == 322),
    Row("domains.get", lambda s: s.domains.get(548), "GET /domain/548", published("seflow/GET_domain-id.json"),
        lambda d: d.nameservers[0] == "ns1.example.com" and d.autorenew is True and d.idprotection is False),
    Row("domains.is_available", lambda s: s.domains.is_available("example.com"), "POST /domainorder/status",
        published("seflow/POST_domainorder-status.json"), lambda free: free is True, "name=example.com"),
    Row("services.list", lambda s: s.services.list(), "GET /service", published("seflow/GET_service.json"),
        lambda v: v[0].id == "33301" and v[0].total == Decimal("10.0000") and v[0].status == "Active"),
    Row("services.get", lambda s: s.services.get(33337), "GET /service/33337",
        published("seflow/GET_service-id.json"), lambda v: v.next_invoice == date(2015, 10, 20) and not v.password),
    Row("services.upgrade_options", lambda s: s.services.upgrade_options(9), "GET /service/9/upgrade",
        published("other-installations/upgrade_options.json"),
        lambda o: o.resources[0].id == "1557" and o.resources[0].items[0].selected and o.package == ()),
    Row("services.estimate_upgrade",
        lambda s: s.services.estimate_upgrade(9, resources={1557: "9953", 12: {"3": 2}}, cycle="m"),
        "POST /service/9/upgrade", '{"total": "5.00"}', lambda q: "5.00" in repr(attrs.asdict(q)),
        "resources%5B1557%5D=9953&resources%5B12%5D%5B3%5D=2&cycle=m"),
    Row("services.request_upgrade", lambda s: s.services.request_upgrade(9, package=4),
        "POST /service/9/upgrade", DONE, accepted, "package=4&send=true"),
    Row("services.bandwidth_graphs", lambda s: s.services.bandwidth_graphs(9), "GET /service/9/bandwidth-graphs",
        published("seflow/GET_service-id-bandwidth-graphs.json"), lambda g: g[0].daily.startswith("iVBORw0KGgo")),
    Row("services.bandwidth", lambda s: s.services.bandwidth(9), "GET /service/9/bandwidth",
        published("seflow/GET_service-id-bandwidth.json"),
        lambda b: (b.used_bps, b.limit_bps) == (Decimal("22334.81"), Decimal(100_000_000))
        and b.usage.to == datetime(2015, 9, 17, 11, 35, 6, tzinfo=UTC)),
    Row("services.ips", lambda s: s.services.ips(9), "GET /service/9/ip", published("seflow/GET_service-id-ip.json"),
        lambda i: i[0].ipaddress == ipaddress.ip_address("15.20.101.2") and i[0].status == "assigned"),
    Row("services.rdns", lambda s: s.services.rdns(9), "GET /service/9/rdns",
        published("seflow/GET_service-id-rdns.json"), lambda r: r[0].ptrcontent == "example.com"),
    Row("services.set_rdns",
        lambda s: s.services.set_rdns(9, {"192.0.2.1": "a.example", ipaddress.ip_address("2001:db8::1"): "b.example"}),
        "POST /service/9/rdns", published("seflow/POST_service-id-rdns.json"), lambda a: a.info == ("revdnsupdated",),
        "ipaddress%5B192.0.2.1%5D=a.example&ipaddress%5B2001%3Adb8%3A%3A1%5D=b.example"),
    Row("services.templates", lambda s: s.services.templates(9), "GET /service/9/templates",
        '{"templates": {"7": {"name": "Debian"}}}', lambda t: (t[0].id, t[0].name) == ("7", "Debian")),
    Row("services.resources", lambda s: s.services.resources(9), "GET /service/9/resources",
        '{"resources": {"memory": {"total": 4096}}}', lambda r: "4096" in repr(attrs.asdict(r))),
    Row("vms.list", lambda s: s.vms.list(9), "GET /service/9/vms",
        published("other-installations/vms_list_by_id.json"),
        lambda v: v[0].id == "18867" and v[0].power is PowerState.RUNNING and v[0].memory == 512
        and v[0].ips[1] == ipaddress.ip_address("2a00:1838:37:3bd::ae42")),
    Row("vms.get", lambda s: s.vms.get(9, 4), "GET /service/9/vms/4", '{"vm": {"status": "stopped"}}',
        lambda v: (v.id, v.power) == ("4", PowerState.STOPPED)),
    Row("vms.destroy", lambda s: s.vms.destroy(9, 4), "DELETE /service/9/vms/4", "[]", accepted),
    Row("vms.resize", lambda s: s.vms.resize(9, 4, memory=4096, cpu=2, cpu_share=50, note=""),
        "PUT /service/9/vms/4", DONE, accepted, "memory=4096&cpu=2&cpu_share=50&note="),
    Row("vms.stop", lambda s: s.vms.stop(9, 4), "POST /service/9/vms/4/stop",
        published("other-installations/vm_stop.json"), lambda a: a.status is True),
    Row("vms.start", lambda s: s.vms.start(9, 4), "POST /service/9/vms/4/start",
        published("other-installations/vm_start.json"), lambda a: a.status is True),
    Row("vms.reboot", lambda s: s.vms.reboot(9, 4, iso="rescue.iso"), "POST /service/9/vms/4/reboot", DONE,
        accepted, "iso=rescue.iso"),
    Row("vms.usage", lambda s: s.vms.usage(9, 4, "cpu"), "GET /service/9/vms/4/usage/cpu", "<div>1</div>",
        lambda u: isinstance(u, UntrustedHtml) and (u.kind, u.html) == ("cpu", "<div>1</div>")),
    Row("vms.usage", lambda s: s.vms.usage(9, 4, "net"), "GET /service/9/vms/4/usage/net", '"<b>"',
        lambda u: (u.kind, u.html) == ("net", "<b>")),
    Row("vms.usage", lambda s: s.vms.usage(9, 4, "disk"), "GET /service/9/vms/4/usage/disk", '{"usage": "<i>"}',
        lambda u: (u.kind, u.html) == ("disk", "<i>")),
    Row("vms.disks", lambda s: s.vms.disks(9, 4), "GET /service/9/vms/4/storage",
        '{"storage": [{"id": 1, "size": "10.00"}]}', lambda d: d[0].id == "1"),
    Row("vms.resize_disk", lambda s: s.vms.resize_disk(9, 4, 1, size=20), "PUT /service/9/vms/4/storage/1", DONE,
        accepted, "size=20"),
    Row("vms.interfaces", lambda s: s.vms.interfaces(9, 4), "GET /service/9/vms/4/interfaces",
        '{"interfaces": {"3": {"mac": "x"}}}', lambda i: i[0].id == "3"),
    Row("vms.available_ips", lambda s: s.vms.available_ips(9, 4, 3), "GET /service/9/vms/4/interfaces/3/ips",
        '{"ips": {"77": "192.0.2.9"}}', lambda i: i[0].ipaddress == ipaddress.ip_address("192.0.2.9")),
    Row("vms.ips", lambda s: s.vms.ips(9, 4), "GET /service/9/vms/4/ips", '{"ips": ["192.0.2.9"]}',
        lambda i: i[0].ipaddress == ipaddress.ip_address("192.0.2.9")),
    Row("vms.assign_ip", lambda s: s.vms.assign_ip(9, 4, 77, interface_id=3), "POST /service/9/vms/4/ips", DONE,
        accepted, "ipid=77&interfaceid=3"),
    Row("vms.remove_ip", lambda s: s.vms.remove_ip(9, 4, 77, interface_id=3),
        "DELETE /service/9/vms/4/ips/77?interfaceid=3", DONE, accepted),
    Row("vms.rebuild_network", lambda s: s.vms.rebuild_network(9, 4), "POST /service/9/vms/4/rebuild_network",
        DONE, accepted),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.request)
async def test_a_coroutine_sends_exactly_this_and_understands_the_answer(wire: Wire, row: Row) -> None:
    wire.answer = http(row.answer)
    async with client(wire.url) as seflow:
        with seflow.capture() as exchanges:
            result = await row.make(seflow)
    assert row.check(result), result
    assert len(wire.requests) == 1
    assert f"{wire.last.method} {wire.last.target}" == row.request.replace(" /", " /api/")
    assert wire.last.body.decode() == row.body
    assert wire.last.headers.get("content-type") == (FORM if wire.last.method in {"POST", "PUT"} else None)
    assert exchanges[0].call == row.call


def test_the_rows_are_every_declared_call() -> None:
    assert {row.call for row in ROWS} == {call.name for call in CALLS}
    assert len(ROWS) == len(CALLS) == 40


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"details": []}', '{"details": {}}', '{"details": {"status": ""}}']
)
async def test_a_name_is_taken_where_the_answer_is_empty(wire: Wire, body: str) -> None:
    wire.answer = http(body)
    async with client(wire.url) as seflow:
        assert await seflow.domains.is_available("example.com") is False


@pytest.mark.parametrize(
    ("body", "error"),
    [("<html>", ServerError), ('{"error": ["x"]}', ApiError), ('{"details": 7}', DecodeError)],
)
async def test_a_name_is_not_called_taken_where_nothing_was_said(
    wire: Wire, body: str, error: type[Exception]
) -> None:
    wire.answer = http(body)
    async with client(wire.url) as seflow:
        with pytest.raises(error):
            await seflow.domains.is_available("example.com")


async def test_an_estimate_never_sends_send_since_php_takes_any_text_for_true(wire: Wire) -> None:
    wire.answer = http("{}")
    async with client(wire.url) as seflow:
        await seflow.services.estimate_upgrade(9, package="4", cycle="Annually")
    assert wire.last.body == b"package=4&cycle=Annually"


async def test_a_changed_login_is_sent_at_most_once(wire: Wire) -> None:
    wire.answer = http("", 500)
    async with client(wire.url) as seflow:
        with pytest.raises(ServerError):
            await seflow.account.update(city="Rome")
        assert len(wire.requests) == 3
        wire.requests.clear()
        with pytest.raises(Exception, match="may or may not have taken effect"):
            await seflow.account.update(city="Rome", email="new@example.com")
    assert len(wire.requests) == 1


NAN = float("nan")
BAD: list[tuple[str, str | None, Callable[[SeFlow], Awaitable[Any]]]] = [
    ("an id that climbs", "id", lambda s: s.services.get("..")),
    ("an id with a slash", "vm_id", lambda s: s.vms.stop("9", "4/../5")),
    ("an empty id", "service_id", lambda s: s.vms.reboot("", 4)),
    ("an id of another type", "id", lambda s: s.billing.invoice(None)),  # type: ignore[arg-type]
    ("an ip id that climbs", "ip_id", lambda s: s.vms.assign_ip(9, 4, "..", interface_id=3)),
    ("an interface that is empty", "interface_id", lambda s: s.vms.remove_ip(9, 4, 7, interface_id="")),
    ("a NaN size", "size", lambda s: s.vms.resize_disk(9, 4, 1, size=NAN)),  # type: ignore[arg-type]
    ("a size of zero", "size", lambda s: s.vms.resize_disk(9, 4, 1, size=0)),
    ("negative memory", "memory", lambda s: s.vms.resize(9, 4, memory=-512)),
    ("NaN memory", "memory", lambda s: s.vms.resize(9, 4, memory=NAN)),  # type: ignore[arg-type]
    ("a boolean for cores", "cpu", lambda s: s.vms.resize(9, 4, cpu=True)),
    ("memory as text", "memory", lambda s: s.vms.resize(9, 4, memory="512")),  # type: ignore[arg-type]
    ("a note that is no text", "note", lambda s: s.vms.resize(9, 4, note=3)),  # type: ignore[arg-type]
    ("a resize of nothing", None, lambda s: s.vms.resize(9, 4)),
    ("an update of nothing", None, lambda s: s.account.update()),
    ("an update to None", "city", lambda s: s.account.update(city=None)),  # type: ignore[arg-type]
    ("an upgrade of nothing", None, lambda s: s.services.estimate_upgrade(9)),
    ("an order of nothing", None, lambda s: s.services.request_upgrade(9)),
    ("no resources", "resources", lambda s: s.services.request_upgrade(9, resources={})),
    ("resources that are no mapping", "resources", lambda s: s.services.request_upgrade(9, resources=[1])),  # type: ignore[arg-type]
    ("a resource without an item", "resources", lambda s: s.services.request_upgrade(9, resources={1: {}})),
    (
        "a resource id with a bracket",
        "resources",
        lambda s: s.services.request_upgrade(9, resources={"1][x": 2}),
    ),
    ("a negative quantity", "resources", lambda s: s.services.request_upgrade(9, resources={1: -2})),
    ("a NaN quantity", "resources", lambda s: s.services.request_upgrade(9, resources={1: {2: NAN}})),  # type: ignore[dict-item]
    ("a package that climbs", "package", lambda s: s.services.request_upgrade(9, package="../1")),
    ("an empty cycle", "cycle", lambda s: s.services.request_upgrade(9, cycle=" ")),
    ("no addresses", "names", lambda s: s.services.set_rdns(9, {})),
    ("no mapping of addresses", "names", lambda s: s.services.set_rdns(9, ["192.0.2.1"])),  # type: ignore[arg-type]
    ("an address that is none", "names", lambda s: s.services.set_rdns(9, {"192.0.2.999": "a.example"})),
    ("an empty host name", "names", lambda s: s.services.set_rdns(9, {"192.0.2.1": ""})),
    ("an unknown kind of usage", "kind", lambda s: s.vms.usage(9, 4, "gpu")),  # type: ignore[arg-type]
    ("an empty domain name", "name", lambda s: s.domains.is_available("")),
    ("a control character", "name", lambda s: s.domains.is_available("a\x00b")),
    ("an empty image", "iso", lambda s: s.vms.reboot(9, 4, iso="")),
]


@pytest.mark.parametrize(("argument", "make"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_bad_input_is_refused_by_its_name_before_anything_is_sent(
    wire: Wire, argument: str | None, make: Callable[[SeFlow], Awaitable[Any]]
) -> None:
    async with client(wire.url) as seflow:
        with pytest.raises(InvalidArgument) as caught:
            await make(seflow)
    assert isinstance(caught.value, ValueError)
    assert caught.value.argument == argument
    assert wire.requests == []


@pytest.mark.parametrize(
    "make",
    [
        lambda s: s.account.update(town="Rome"),
        lambda s: s.vms.resize(9, 4, ram=1),
        lambda s: s.vms.reboot(9, 4, image="x"),
    ],
)
async def test_an_unknown_keyword_is_a_type_error(
    wire: Wire, make: Callable[[SeFlow], Awaitable[Any]]
) -> None:
    async with client(wire.url) as seflow:
        with pytest.raises(TypeError, match="unexpected keyword"):
            await make(seflow)
    assert wire.requests == []


def test_the_once_calls_are_those_that_must_not_reach_the_server_twice() -> None:
    once = {call.name for call in CALLS if call.safety is ONCE}
    assert once == {"services.request_upgrade", "vms.reboot", "vms.assign_ip", "vms.rebuild_network"}


@pytest.mark.parametrize("body", ['{"vms": {"5": {}}}', '{"vm": {"id": "5"}}'])
async def test_another_vm_than_the_one_asked_for_is_an_error(wire: Wire, body: str) -> None:
    wire.answer = http(body)
    async with client(wire.url) as seflow:
        with pytest.raises(DecodeError):
            await seflow.vms.get(9, 4)


@pytest.mark.parametrize("shape", [[{"id": 4}], {"4": {}}, {"id": "4"}])
@pytest.mark.parametrize("key", ["vm", "vms"])
async def test_a_vm_is_found_wherever_an_installation_puts_it(wire: Wire, key: str, shape: object) -> None:
    wire.answer = http(json.dumps({key: shape}))
    async with client(wire.url) as seflow:
        assert (await seflow.vms.get(9, 4)).id == "4"

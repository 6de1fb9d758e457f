"""Services: the document's examples, and the upgrade options that another installation published."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from aioseflow.decoding import decode
from aioseflow.errors import DecodeError, InvalidArgument
from aioseflow.models import (
    Accepted,
    Bandwidth,
    BandwidthFormatted,
    BandwidthGraph,
    BandwidthUsage,
    RdnsEntry,
    Service,
    ServiceIp,
    ServiceResources,
    ServiceStatus,
    Template,
    UpgradeItem,
    UpgradeOptions,
    UpgradePackage,
    UpgradeQuote,
    UpgradeResource,
)
from aioseflow.secret import Secret

Published = Callable[[str], Any]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))


def test_the_documents_list_of_services(published: Published) -> None:
    payload = published("seflow/GET_service.json")
    (service,) = decode(list[Service], payload, key=("services",), call="services.list")
    assert service == Service(
        id="33301",
        domain="example.com",
        total=Decimal("10.0000"),
        status=ServiceStatus.ACTIVE,
        billingcycle="Monthly",
        next_due=date(2015, 10, 22),
        category="Hosting",
        category_url="hosting",
        name="Starter Hosting",
    )
    assert str(service.total) == "10.0000"
    assert service.extra == {}


def test_the_documents_service_with_its_empty_passwords(published: Published) -> None:
    service = decode(Service, published("seflow/GET_service-id.json"), key=("service",), call="services.get")
    assert service == Service(
        id="33337",
        date_created=date(2015, 9, 2),
        domain="example.com",
        firstpayment=Decimal("10.00"),
        total=Decimal("10.00"),
        billingcycle="Monthly",
        next_due=date(2015, 10, 22),
        next_invoice=date(2015, 10, 20),
        status=ServiceStatus.ACTIVE,
        label="",
        username="",
        password=Secret(""),
        rootpassword=Secret(""),
        name="Starter Hosting",
    )
    assert service.extra == {}
    assert not service.password
    assert not service.rootpassword


def test_the_passwords_of_a_service_are_never_shown() -> None:
    payload = {"id": 1, "password": "hunter2", "rootpassword": 12345}
    service = decode(Service, payload, call="services.get")
    assert "hunter2" not in repr(service)
    assert "12345" not in repr(service)
    assert service.password is not None
    assert service.password.reveal() == "hunter2"
    assert service.rootpassword == Secret("12345")


def test_another_installations_upgrade_options(published: Published) -> None:
    payload = published("other-installations/upgrade_options.json")
    options = decode(UpgradeOptions, payload, call="services.upgrade_options")
    zero = Decimal(0)
    items = (
        UpgradeItem(id="9953", name="100 GB", price=Decimal(1), setup_price=zero, selected=True),
        UpgradeItem(id="10103", name="500 GB", price=Decimal(5), setup_price=zero, selected=False),
        UpgradeItem(id="10104", name="1 TB", price=Decimal(10), setup_price=zero, selected=False),
    )
    resource = UpgradeResource(id="1557", name="Bandwidth", type="select", items=items)
    assert options == UpgradeOptions(resources=(resource,), package=())
    assert options.extra == {}


def test_upgrade_options_keyed_by_id() -> None:
    payload = {"resources": {"15": {"items": {"9": {"price": "1.50"}}}}, "package": {"3": {"name": "Big"}}}
    options = decode(UpgradeOptions, payload, call="services.upgrade_options")
    assert options.resources == (
        UpgradeResource(id="15", items=(UpgradeItem(id="9", price=Decimal("1.5")),)),
    )
    assert options.package == (UpgradePackage(id="3", name="Big"),)
    assert decode(UpgradeOptions, [], call="services.upgrade_options") == UpgradeOptions()


@pytest.mark.parametrize("cls", [UpgradeQuote, ServiceResources])
def test_what_was_never_published_is_kept_whole(cls: type[UpgradeQuote | ServiceResources]) -> None:
    payload = {"total": "5.00", "ssh_key": "k", "nested": [{"token": 7}]}
    answer = decode(cls, payload, call="services.resources")
    assert answer.extra == {"total": "5.00", "ssh_key": Secret("k"), "nested": [{"token": Secret("7")}]}
    assert "5.00" not in repr(answer)


@pytest.mark.parametrize("answer", [[{"cpu": 1}, {"cpu": 2}], [{"cpu": 1}], ["cpu"], "none", "", 5, True])
def test_resources_that_are_no_object_are_kept_whole(answer: Any) -> None:
    assert decode(ServiceResources, answer, call="services.resources").extra == {"resources": answer}
    with pytest.raises(DecodeError):
        decode(UpgradeQuote, [1, 2] if isinstance(answer, list) else answer, call="services.estimate_upgrade")


def test_resources_that_are_no_object_show_no_secret() -> None:
    found = decode(ServiceResources, [{"node_token": "hunter2"}], call="services.resources")
    assert found.extra == {"resources": [{"node_token": Secret("hunter2")}]}


@pytest.mark.parametrize("nothing", [[], {}])
def test_empty_resources_are_an_empty_object(nothing: Any) -> None:
    assert decode(ServiceResources, nothing, call="services.resources").extra == {}
    with pytest.raises(DecodeError):
        decode(ServiceResources, None, call="services.resources")


@pytest.mark.parametrize(
    "odd", [{"next_due": "Never"}, {"total": "Free"}, {"next_due": "02/01/2026"}, {"domain": ["x"]}]
)
def test_a_field_of_a_service_that_cannot_be_read_costs_no_service(odd: dict[str, Any]) -> None:
    payload = {"services": [{"id": "8"}, {"id": "9", "name": "Cloud", **odd}]}
    eight, nine = decode(list[Service], payload, key=("services",), call="services.list")
    assert eight == Service("8")
    assert (nine.id, nine.name, nine.extra, nine.unread) == ("9", "Cloud", odd, tuple(odd))


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"resources": [{"id": 1, "items": [{"id": 2, "price": "1,50"}]}]}, "$.resources[0].items[0].price"),
        (
            {"resources": [{"id": 1, "items": [{"id": 2, "selected": "?"}]}]},
            "$.resources[0].items[0].selected",
        ),
        ({"resources": [{"id": 1, "items": "none"}]}, "$.resources[0].items"),
        ({"resources": [{"id": [1]}]}, "$.resources[0].id"),
        ({"package": "none"}, "$.package"),
    ],
)
def test_what_is_ordered_by_is_read_or_an_error(options: dict[str, Any], path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(UpgradeOptions, options, call="services.upgrade_options")
    assert caught.value.path == path


def test_the_documents_graphs_keep_their_text(published: Published) -> None:
    payload = published("seflow/GET_service-id-bandwidth-graphs.json")
    (graph,) = decode(list[BandwidthGraph], payload, key=("graphs",), call="services.bandwidth_graphs")
    assert graph == BandwidthGraph(
        switch="20",
        port="100",
        name="Device: example.device.com, port: eth1",
        daily="iVBORw0KGgo...UVORK5CYII=",
        weekly="iVBORw0KGg...UVORK5CYII=",
        monthly="iVBORw0KG...UVORK5CYII=",
    )
    for period in ("daily", "weekly", "monthly"):
        with pytest.raises(DecodeError) as caught:
            graph.png(period)
        assert caught.value.path == f"$.{period}"
        assert caught.value.call == "services.bandwidth_graphs"


def test_a_whole_graph_is_decoded_also_when_php_broke_its_lines() -> None:
    text = base64.encodebytes(PNG).decode()
    assert "\n" in text
    graph = BandwidthGraph(daily=text, weekly=base64.b64encode(PNG).decode())
    assert graph.png() == PNG
    assert graph.png("weekly") == PNG


@pytest.mark.parametrize("text", [None, "", "%%%", "aGVsbG8=", "ß"])
def test_what_is_no_picture_is_no_picture(text: str | None) -> None:
    with pytest.raises(DecodeError):
        BandwidthGraph(monthly=text).png("monthly")


def test_another_period_is_an_invalid_argument() -> None:
    with pytest.raises(InvalidArgument) as caught:
        BandwidthGraph().png("yearly")  # type: ignore[arg-type]
    assert caught.value.argument == "period"


def test_graphs_come_keyed_or_alone() -> None:
    for value in ([{"switch": 20}], {"0": {"switch": 20}}, {"switch": 20}):
        graphs = decode(list[BandwidthGraph], {"graphs": value}, key=("graphs",), call="x")
        assert graphs == [BandwidthGraph(switch="20")]


def test_the_documents_bandwidth_in_comparable_units(published: Published) -> None:
    payload = published("seflow/GET_service-id-bandwidth.json")
    bandwidth = decode(Bandwidth, payload, key=("bandwidth",), call="services.bandwidth")
    assert bandwidth == Bandwidth(
        charge=Decimal(0),
        overage=Decimal("0.00"),
        over=False,
        formatted=BandwidthFormatted(
            limit="100.00 Mbps",
            used="22.33 Kbps",
            overage="0.00 bps",
            text="Bandwidth limit: 100.00 Mbps Used: 22.33 Kbps Overage: 0.00 bps",
        ),
        usage=BandwidthUsage(
            from_=datetime(2015, 7, 26, 22, 0, tzinfo=UTC),
            to=datetime(2015, 9, 17, 11, 35, 6, tzinfo=UTC),
            total=Decimal("478584839466.75"),
            total_in=Decimal("182194998872.74"),
            total_out=Decimal("150409829759.95"),
            average_t=Decimal("23073697.412597"),
            max_in=Decimal("37103.81768"),
            percentile_95=Decimal("22334.81"),
            max_out=Decimal("91693.388567"),
            average=Decimal("16107.305"),
        ),
        used=Decimal("22334.81"),
        limit=Decimal(100),
        model="95th",
        cost=Decimal(100),
        overage_unit="Mbit",
        projected_charge=Decimal(0),
        projected_overage="0.00 bps",
        projected_usage="22.33 Kbps",
        period_from=date(2015, 7, 27),
        period_to=date(2015, 8, 29),
    )
    assert bandwidth.used_bps == Decimal("22334.81")
    assert bandwidth.limit_bps == 100_000_000
    assert bandwidth.extra == {}
    assert bandwidth.usage is not None
    assert bandwidth.usage.extra == {}
    assert bandwidth.formatted is not None
    assert bandwidth.formatted.extra == {}


@pytest.mark.parametrize(
    ("unit", "limit", "expected"),
    [
        ("Kbit", "5", 5_000),
        ("Mbit", "5", 5_000_000),
        ("gbit", "0.5", 500_000_000),
        ("GB", "5", None),
        (None, "5", None),
        ("Mbit", None, None),
    ],
)
def test_the_limit_is_given_in_bits_where_its_unit_is_known(
    unit: str | None, limit: str | None, expected: int | None
) -> None:
    bandwidth = decode(Bandwidth, {"limit": limit, "overage_unit": unit}, call="services.bandwidth")
    assert bandwidth.limit_bps == expected


def test_a_bandwidth_without_its_parts() -> None:
    bandwidth = decode(Bandwidth, {"usage": [], "formatted": None}, call="services.bandwidth")
    assert bandwidth == Bandwidth()
    with pytest.raises(DecodeError) as caught:
        decode(Bandwidth, {"usage": {"95th": "much"}}, call="services.bandwidth")
    assert caught.value.path == "$.usage.95th"


def test_the_documents_addresses(published: Published) -> None:
    (ip,) = decode(
        list[ServiceIp], published("seflow/GET_service-id-ip.json"), key=("ips",), call="services.ips"
    )
    assert ip == ServiceIp(
        ipaddress="15.20.101.2", mask="255.255.255.0", client_description="", status="assigned"
    )
    assert ip.ipaddress == IPv4Address("15.20.101.2")
    assert ip.mask == IPv4Address("255.255.255.0")
    assert ip.extra == {}


def test_addresses_that_are_none_stay_text() -> None:
    ip = decode(ServiceIp, {"ipaddress": "hiddenip", "mask": "/24"}, call="services.ips")
    assert (ip.ipaddress, ip.mask) == ("hiddenip", "/24")
    assert ServiceIp("::1").mask is None


@pytest.mark.parametrize(
    "value",
    [
        ["10.0.0.1", "::1"],
        [{"ip": "10.0.0.1"}, {"ipaddress": "::1"}],
        {"7": "10.0.0.1", "8": "::1"},
        {"7": {"ipaddress": "10.0.0.1"}, "8": {"ip": "::1"}},
        {"10.0.0.1": {"status": ""}, "::1": {}},
    ],
)
def test_addresses_come_in_many_shapes(value: Any) -> None:
    ips = decode(list[ServiceIp], {"ips": value}, key=("ips",), call="services.ips")
    assert [ip.ipaddress for ip in ips] == [IPv4Address("10.0.0.1"), IPv6Address("::1")]


def test_a_key_that_is_no_address_is_not_taken_for_one() -> None:
    with pytest.raises(DecodeError) as caught:
        decode(list[ServiceIp], {"ips": {"7": {"mask": "255.0.0.0"}}}, key=("ips",), call="services.ips")
    assert caught.value.path == "$.ips.7.ipaddress"


@pytest.mark.parametrize("key", ["ips", "rdns"])
def test_the_documents_reverse_names(published: Published, key: str) -> None:
    payload = {key: published("seflow/GET_service-id-rdns.json")["ips"]}
    (entry,) = decode(list[RdnsEntry], payload, key=("rdns", "ips"), call="services.rdns")
    assert entry == RdnsEntry(
        ipaddress="10.10.101.2", ptrname="2.101.10.10.in-addr.arpa", ptrcontent="example.com"
    )
    assert entry.ipaddress == IPv4Address("10.10.101.2")
    assert entry.extra == {}


def test_reverse_names_keyed_by_their_address() -> None:
    payload = {"rdns": {"10.0.0.1": "a.example", "10.0.0.2": {"ptrcontent": "b.example"}}}
    entries = decode(list[RdnsEntry], payload, key=("rdns", "ips"), call="services.rdns")
    assert entries == [
        RdnsEntry("10.0.0.1", ptrcontent="a.example"),
        RdnsEntry("10.0.0.2", ptrcontent="b.example"),
    ]


def test_the_documents_answer_to_a_changed_reverse_name(published: Published) -> None:
    accepted = decode(Accepted, published("seflow/POST_service-id-rdns.json"), call="services.set_rdns")
    assert accepted == Accepted(status=None, info=("revdnsupdated",))
    assert accepted.extra == {}


def test_templates_come_as_objects_or_as_names_under_their_ids() -> None:
    for value in ([{"id": 3, "name": "Debian"}], {"3": "Debian"}, {"3": {"label": "Debian"}}):
        templates = decode(
            list[Template], {"templates": value}, key=("templates",), call="services.templates"
        )
        assert templates == [Template(id="3", name="Debian")]
    with pytest.raises(DecodeError) as caught:
        decode(list[Template], {"templates": ["Debian"]}, key=("templates",), call="services.templates")
    assert caught.value.path == "$.templates[0]"

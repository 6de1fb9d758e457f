"""The account, its money, its domains, and the services' own data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aioseflow.sandbox import Sandbox

UPGRADE = "/service/33301/upgrade"


async def test_an_update_is_seen_and_a_new_email_is_the_new_login(caller: Any) -> None:
    async with Sandbox(services=0) as panel:
        call = caller(panel)
        form = {
            "firstname": "Zoë",
            "email": "new@example.com",
            "mobilephone": "+391",
            "id": "5",
            "credit": "9999",
        }
        assert (await call("POST", "/details", form)).json["info"] == ["profile_updated"]
        assert panel.username == "new@example.com"
        client = (await call("GET", "/details")).json["client"]
        assert (client["firstname"], client["email"], client["id"]) == ("Zoë", "new@example.com", "20408")
        assert client["credit"] == "250.0000"
        assert (await call("GET", "/details", login=("demo@example.com", "sandbox"))).status == 401
        assert panel.account.other == {"mobilephone": "+391"}
        assert panel.effects["", ""] == {"update_account": 1}
        await call("POST", "/details", {"firstname": "Zoë"})
        assert panel.effect_count("update_account") == 1


@pytest.mark.parametrize(
    ("form", "code"),
    [({}, "nothing_to_update"), ({"id": "1"}, "nothing_to_update")]
    + [({"email": email}, "email_invalid") for email in ("", "nobody", "a:b@example.com")],
)
async def test_an_update_of_nothing_or_of_a_bad_email_is_refused(
    caller: Any, form: dict[str, str], code: str
) -> None:
    async with Sandbox(services=0) as panel:
        assert (await caller(panel)("POST", "/details", form)).json == {"error": [code]}


@pytest.mark.parametrize("send", [None, "", "0"])
async def test_an_estimate_spends_nothing(caller: Any, send: str | None) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        form = {"resources[1557]": "10104"} | ({} if send is None else {"send": send})
        answer = (await caller(panel)("POST", UPGRADE, form)).json
        assert answer["estimate"]["total"] == "9.00"
        assert panel.account.credit == 250
        assert not panel.effects


@pytest.mark.parametrize("send", ["true", "1", "false", "no"])
async def test_any_truthy_send_spends_money_even_the_text_false(caller: Any, send: str) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        call = caller(panel)
        before = len(panel.invoices)
        answer = (await call("POST", UPGRADE, {"resources[1557]": "10104", "send": send})).json
        assert answer["upgrade"]["total"] == "9.00"
        assert panel.account.credit == Decimal("241.00")
        assert len(panel.invoices) == before + 1
        invoice = (await call("GET", f"/invoice/{answer['invoice_id']}")).json["invoice"]
        assert (invoice["status"], invoice["total"], invoice["credit"]) == ("Paid", 9, 9)
        assert (await call("GET", "/balance")).json["details"] == {
            "acc_balance": "10.00",
            "acc_credit": "241.00",
        }
        assert (await call("GET", "/details")).json["client"]["credit"] == "241.0000"
        [bandwidth, *_] = (await call("GET", UPGRADE)).json["resources"]
        assert [item["id"] for item in bandwidth["items"] if item["selected"]] == ["10104"]
        assert panel.effects["33301", ""] == {"upgrade": 1}


async def test_json_false_is_false(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        body = b'{"resources": {"1557": "10104"}, "send": false}'
        answer = await caller(panel)("POST", UPGRADE, body=body, headers={"Content-Type": "application/json"})
        assert answer.json["estimate"]["total"] == "9.00"
        assert panel.account.credit == 250


async def test_an_order_beyond_the_credit_leaves_an_unpaid_invoice(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1, credit="5.50") as panel:
        call = caller(panel)
        await call("POST", UPGRADE, {"package": "12", "send": "true"})
        assert panel.account.credit == 0
        row = (await call("GET", "/invoice")).json["invoices"][-1]
        assert (row["status"], row["total"], row["datepaid"]) == ("Unpaid", "74.50", "0000-00-00 00:00:00")
        assert (await call("GET", "/balance")).json["details"]["acc_balance"] == "84.50"
        assert (await call("GET", "/service/33301")).json["service"]["name"] == "Enterprise"


@pytest.mark.parametrize(
    ("form", "total"),
    [
        ({"resources[1557]": "10103"}, "4.00"),
        ({"resources[1558]": "5"}, "8.00"),
        ({"resources[1558][9960]": "5"}, "8.00"),
        ({"resources[1559][9970]": "3"}, "6.00"),
        ({"resources[1557]": "10103", "resources[1558]": "2"}, "6.00"),
        ({"package": "11"}, "25.00"),
        ({"cycle": "Quarterly"}, "117.00"),
        ({"cycle": "Monthly"}, "0.00"),
    ],
)
async def test_an_upgrade_is_priced_in_every_form_of_the_document(
    caller: Any, form: dict[str, str], total: str
) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        assert (await caller(panel)("POST", UPGRADE, form)).json["estimate"]["total"] == total


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "nothing_to_upgrade"),
        ({"resources[1]": "1"}, "invalid_resource"),
        ({"resources[1557]": "1"}, "invalid_resource_value"),
        ({"resources[1558]": "many"}, "invalid_resource_value"),
        ({"resources[1559][1]": "1"}, "invalid_resource_value"),
        ({"resources[1559][9970]": "x"}, "invalid_resource_value"),
        ({"resources[1559][9970]": "1", "resources[1559][9971]": "1"}, "invalid_resource_value"),
        ({"package": "1"}, "invalid_package"),
        ({"cycle": "Daily"}, "invalid_cycle"),
    ],
)
async def test_a_senseless_upgrade_is_refused(caller: Any, form: dict[str, str], code: str) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        answer = await caller(panel)("POST", UPGRADE, {**form, "send": "true"})
        assert answer.json["error"][0] == code
        assert panel.account.credit == 250
        assert not panel.effects


async def test_an_upgrade_is_kept_and_the_next_is_priced_from_there(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1) as panel:
        call = caller(panel)
        form = {"resources[1558]": "5", "resources[1559][9971]": "2", "cycle": "Quarterly", "send": "true"}
        await call("POST", UPGRADE, form)
        service = (await call("GET", "/service")).json["services"][0]
        assert service["billingcycle"] == "Quarterly"
        resources = (await call("GET", UPGRADE)).json["resources"]
        assert resources[1]["qty"] == 5
        assert [item["selected"] for item in resources[2]["items"]] == [False, True]
        again = (await call("POST", UPGRADE, {"resources[1558]": "5", "cycle": "Quarterly"})).json
        assert again["estimate"]["total"] == "0.00"


@pytest.mark.parametrize(
    ("name", "dialect", "body"),
    [
        ("free.example", "seflow", b'{"details":{"status":"ok"}}'),
        ("FREE.example", "list", b'{"details":{"status":"ok"}}'),
        ("example.com", "seflow", b""),
        ("Example.COM", "by_id", b"[]"),
        ("taken.example", "list", b'{"details":{}}'),
        ("", "seflow", b'{"error":["invalid_domain_name"]}'),
        ("nodot", "seflow", b'{"error":["invalid_domain_name"]}'),
        ("-a.example", "seflow", b'{"error":["invalid_domain_name"]}'),
    ],
)
async def test_a_domain_is_free_or_the_answer_is_empty(
    caller: Any, name: str, dialect: str, body: bytes
) -> None:
    async with Sandbox(services=0, dialect=dialect) as panel:
        assert (await caller(panel)("POST", "/domainorder/status", {"name": name})).body == body


async def test_reverse_names_are_kept_and_only_own_addresses_are_taken(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1, services_without_vms=1) as panel:
        call = caller(panel)
        path = "/service/33301/rdns"
        for _ in range(2):
            answer = await call("POST", path, {"ipaddress[10.16.0.2]": "mail.example."})
            assert answer.json == {"info": ["revdnsupdated"]}
        first = (await call("GET", path)).json["ips"][0]
        assert first["ptrname"] == "2.0.16.10.in-addr.arpa"
        assert (first["ipaddress"], first["ptrcontent"]) == ("10.16.0.2", "mail.example")
        assert panel.effects["33301", ""] == {"set_rdns": 1}
        foreign = {"ipaddress[10.16.0.3]": "a.example", "ipaddress[192.0.2.1]": "b.example"}
        assert (await call("POST", path, foreign)).json == {"error": ["ip_notfound"]}
        assert (await call("GET", path)).json["ips"][1]["ptrcontent"] == "cloud1.example.com"
        assert (await call("POST", path, {})).json == {"error": ["ipaddress_missing"]}
        assert (await call("POST", path, {"ipaddress[10.16.0.2]": ""})).json == {
            "error": ["invalid_hostname"]
        }
        assert (await call("POST", path, {"ipaddress[10.16.0.2][x]": "a"})).json == {
            "error": ["ipaddress_missing"]
        }


async def test_hosting_comes_after_the_vm_services_and_has_one_address(caller: Any) -> None:
    async with Sandbox(services=1, vms_per_service=1, services_without_vms=2) as panel:
        call = caller(panel)
        rows = (await call("GET", "/service")).json["services"]
        assert [row["category"] for row in rows] == ["Cloud", "Hosting", "Hosting"]
        ips = (await call("GET", f"/service/{rows[1]['id']}/ip")).json["ips"]
        assert [row["status"] for row in ips] == ["assigned"]


async def test_passwords_of_vm_services_can_be_recognised_in_a_leak(caller: Any) -> None:
    async with Sandbox(services=1) as panel:
        service = (await caller(panel)("GET", "/service/33301")).json["service"]
        assert service["password"] == "secret-of-service-33301"
        assert service["rootpassword"].startswith("root-secret")


@pytest.mark.parametrize(("counts", "services"), [(-1, 1), ([1, 2], 1), ([1, -2], 2)])
def test_a_senseless_number_of_vms_is_refused(counts: Any, services: int) -> None:
    with pytest.raises(ValueError, match="vms_per_service"):
        Sandbox(services=services, vms_per_service=counts)

"""Virtual machines: what other installations published, and the spellings of power and addresses."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any

import attrs
import pytest

from aioseflow.decoding import decode
from aioseflow.errors import DecodeError
from aioseflow.models import (
    Accepted,
    AvailableIp,
    Disk,
    Interface,
    PowerState,
    Quota,
    UntrustedHtml,
    Vm,
    VmIp,
    VmUsage,
)
from aioseflow.secret import Secret

Published = Callable[[str], Any]
HUGE = 10**5000


def name_of(value: object) -> str | None:
    """A parameter's name in the test's id: str() refuses integers this long."""
    return "huge" if isinstance(value, int) and value.bit_length() > 64 else None


def read(**fields: Any) -> Vm:
    return decode(Vm, {"vm": {"id": "4021", **fields}}, key=("vm", "vms"), call="vms.get")


def test_another_installations_list_keyed_by_id(published: Published) -> None:
    payload = published("other-installations/vms_list_by_id.json")
    (vm,) = decode(list[Vm], payload, key=("vms",), call="vms.list")
    zero = Decimal(0)
    assert vm == Vm(
        id="18867",
        label="test",
        power=PowerState.RUNNING,
        power_word="online",
        memory=512,
        cpus=1,
        disk=Decimal(10),
        bandwidth=Decimal(100),
        burstmem=-512,
        pae=False,
        pxe=False,
        template="linux-debian-10-x86_64-min-gen2-v1",
        template_label="Debian Buster 10 64 bit",
        ip=("hiddenip", "2a00:1838:37:3bd::ae42"),
        ipv6subnets=("2a00:1838:37:3bd::/64",),
        password=Secret("hiddenpassword"),
        usage=VmUsage(
            bandwidth=Quota(free=Decimal(100), percent=zero, total=Decimal(100), used=zero),
            disk=Quota(free=Decimal(10), percent=zero, total=Decimal(10), used=zero),
            memory=Quota(free=zero, percent=zero, total=zero, used=zero),
        ),
    )
    assert vm.ip == vm.ips == ("hiddenip", IPv6Address("2a00:1838:37:3bd::ae42"))
    assert vm.ipv6subnets == (IPv6Network("2a00:1838:37:3bd::/64"),)
    assert vm.password is not None
    assert vm.password.reveal() == "hiddenpassword"
    assert "hiddenpassword" not in repr(vm)
    assert vm.extra == {}
    assert vm.usage is not None
    assert vm.usage.extra == {}


@pytest.mark.parametrize("name", ["vm_start", "vm_stop"])
def test_other_installations_accept_a_power_change(published: Published, name: str) -> None:
    accepted = decode(Accepted, published(f"other-installations/{name}.json"), call="vms.stop")
    assert accepted == Accepted(status=True)


@pytest.mark.parametrize(
    ("said", "power", "word"),
    [
        ({"state": "online"}, "running", "online"),
        ({"state": "offline"}, "stopped", "offline"),
        ({"status": "running"}, "running", "running"),
        ({"status": "stopped"}, "stopped", "stopped"),
        ({"status": "active"}, "running", "active"),
        ({"status": "Active"}, "running", "Active"),
        ({"status": True}, "running", "true"),
        ({"status": "false"}, "stopped", "false"),
        ({"power": "true"}, "running", "true"),
        ({"power": True}, "running", "true"),
        ({"power": "1"}, "running", "1"),
        ({"power": 1.0}, "running", "1.0"),
        ({"power": 0}, "stopped", "0"),
        ({"power": False}, "stopped", "false"),
        ({"power": "false"}, "stopped", "false"),
        ({"state": " Powered_Off "}, "stopped", " Powered_Off "),
        ({"state": "shutting-down"}, "transitional", "shutting-down"),
        ({"state": "REBOOT"}, "transitional", "REBOOT"),
        ({"status": "pending"}, "transitional", "pending"),
        ({"status": "building"}, "transitional", "building"),
        ({"status": "migrating"}, "transitional", "migrating"),
        ({"status": "locked"}, "transitional", "locked"),
        ({"status": "suspended"}, "unknown", "suspended"),
        ({"status": "¿qué?"}, "unknown", "¿qué?"),
        ({"power": 7}, "unknown", "7"),
        ({"power": 1e300}, "unknown", "1e+300"),
        ({"power": HUGE}, "unknown", "int"),
        ({}, "unknown", None),
        ({"state": None}, "unknown", None),
        ({"state": [], "status": "", "power": {}}, "unknown", None),
        ({"state": "offline", "status": "running", "power": True}, "stopped", "offline"),
        ({"status": "running", "power": "0"}, "running", "running"),
        ({"state": None, "status": "", "power": "1"}, "running", "1"),
    ],
)
def test_power_is_read_from_every_spelling(said: dict[str, Any], power: str, word: str | None) -> None:
    vm = read(**said)
    assert vm.power is PowerState(power)
    assert vm.power_word == word


def test_what_contradicts_the_power_is_kept() -> None:
    assert read(state="offline", status="running", power=True).extra == {"status": "running", "power": True}
    assert read(power_word="x").power_word is None


@pytest.mark.parametrize("word", [None, object(), [], {}, float("nan"), b"on"])
def test_nothing_makes_a_power_state_raise(word: object) -> None:
    assert PowerState.read(word) is PowerState.UNKNOWN


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["10.0.0.1", " ::1", ""], ("10.0.0.1", "::1")),
        ([{"ipaddress": "10.0.0.1", "id": 3}, {"ip": " ::1"}], ("10.0.0.1", "::1")),
        ({"3": "10.0.0.1", "4": {"address": "::1"}}, ("10.0.0.1", "::1")),
        ({"3": {"ip": "10.0.0.1"}, "4": "::1"}, ("10.0.0.1", "::1")),
        ({"ipaddress": "10.0.0.1"}, ("10.0.0.1",)),
        (" 10.0.0.1", ("10.0.0.1",)),
        ("hidden", ("hidden",)),
        (["10.0.0.1", None, " "], ("10.0.0.1",)),
        ([None, {"ip": " "}], ()),
        ([], ()),
        ({}, ()),
        ("", ()),
        (None, ()),
    ],
)
@pytest.mark.parametrize("key", ["ip", "ips"])
def test_addresses_come_in_many_shapes(key: str, value: Any, texts: tuple[str, ...]) -> None:
    vm = read(**{key: value})
    assert vm.ip_texts == texts
    if texts[:1] == ("10.0.0.1",):
        assert vm.ip[0] == IPv4Address("10.0.0.1")


def test_objects_of_addresses_are_kept_as_they_came() -> None:
    assert read(ip=[{"ip": "10.0.0.1", "gateway": "10.0.0.254"}]).extra == {
        "ip": [{"ip": "10.0.0.1", "gateway": "10.0.0.254"}]
    }


def test_a_network_that_is_none_stays_text() -> None:
    assert read(ipv6subnets=["hidden"]).ipv6subnets == ("hidden",)


def test_other_spellings_of_the_keys() -> None:
    assert read(hostname="a", name="b").label == "a"
    assert read(label="", hostname="a").label == "a"
    assert read(label="c", hostname="a").extra == {"hostname": "a"}
    assert read(cpu="4.000").cpus == 4
    assert read(cpus=0, cpu=4).cpus == 0
    odd = read(cpu="four", cpus="", hostname=["a"])
    assert (odd.cpus, odd.label) == (None, None)
    assert odd.extra == {"cpu": "four", "hostname": ["a"]}
    assert odd.unread == ("label", "cpus")
    assert odd == attrs.evolve(odd)


def test_sizes_are_numbers_however_they_are_spelt() -> None:
    vm = read(memory="512", cpus="4.000", cpu_share="12.5", disk="9.77", bandwidth=1e3, locked="0", pae="1")
    assert (vm.memory, vm.cpus, vm.cpu_share, vm.disk) == (512, 4, Decimal("12.5"), Decimal("9.77"))
    assert vm.bandwidth == 1000
    assert vm.locked is False
    assert vm.pae is True
    assert read(uptime="86400").uptime == 86400
    assert read(uptime="3 days").uptime == "3 days"


def test_decoration_that_says_nothing_is_none() -> None:
    names = ["memory", "cpus", "cpu_share", "disk", "bandwidth", "burstmem", "pae", "pxe", "locked", "usage"]
    nothings: list[Any] = [None, "", [], {}]
    for nothing in nothings:
        vm = read(**dict.fromkeys(names, nothing))
        assert vm == Vm("4021")
    assert read(note="").note == ""
    assert read(note=None, label=None) == Vm("4021")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory", "abc"),
        ("memory", "1e999999"),
        ("memory", "1e99"),
        ("memory", 1e300),
        ("memory", HUGE),
        ("memory", 512.5),
        ("memory", "NaN"),
        ("memory", float("nan")),
        ("memory", True),
        ("memory", [512]),
        ("memory", {"mb": 512}),
        ("disk", "Infinity"),
        ("disk", float("inf")),
        ("disk", "1" * 500),
        ("disk", HUGE),
        ("pae", "maybe"),
        ("pae", 2),
        ("label", ["a"]),
        ("label", True),
        ("label", float("nan")),
        ("note", HUGE),
        ("uptime", [1]),
        ("usage", "much"),
        ("usage", [1]),
        ("ip", 5),
        ("ipv6subnets", 5),
        ("password", ["pw"]),
    ],
    ids=name_of,
)
def test_a_value_that_cannot_be_read_costs_only_itself(key: str, value: Any) -> None:
    vm = read(**{"memory": 512, "note": "n", "disk": 5, key: value})
    assert vm.unread == (key,)
    assert vm.extra.keys() == {key}
    assert key == "password" or vm.extra[key] is value or vm.extra[key] == value
    intact = {"memory": 512, "note": "n", "disk": 5, key: None}
    assert (vm.memory, vm.note, vm.disk) == (intact["memory"], intact["note"], intact["disk"])
    assert not getattr(vm, key)
    assert pickle.loads(pickle.dumps(vm)).unread == vm.unread


def test_what_is_odd_within_an_object_costs_only_that() -> None:
    vm = read(usage={"disk": {"free": "some", "used": 5}, "memory": "much", "bandwidth": {"percent": "10%"}})
    assert (vm.unread, vm.extra) == ((), {})
    assert vm.usage is not None
    assert vm.usage == VmUsage(
        disk=Quota(used=Decimal(5), unread=("free",), extra={"free": "some"}),
        bandwidth=Quota(unread=("percent",), extra={"percent": "10%"}),
        unread=("memory",),
        extra={"memory": "much"},
    )
    assert vm.usage.disk is not None
    assert vm.usage.disk.extra == {"free": "some"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ip", ["10.0.0.1", 5]),
        ("ip", [{"mac": "x"}]),
        ("ip", {"a b": 5}),
        ("ip", {"ipv4": ["10.0.0.1"], "ipv6": []}),
        ("ips", [["10.0.0.1"]]),
        ("ipaddress", [{"ip_address": "10.0.0.1"}]),
        ("ipv6subnets", [[1]]),
    ],
)
def test_a_list_of_which_a_part_cannot_be_read_is_empty_and_kept(key: str, value: Any) -> None:
    vm = read(**{key: value})
    assert vm.ip == vm.ip_texts == vm.ipv6subnets == ()
    assert vm.unread == ("ipv6subnets" if key == "ipv6subnets" else "ip",)
    assert vm.extra == {key: value}


@pytest.mark.parametrize(
    ("values", "locked", "is_kept"),
    [
        (["backup", "migrate", "maybe", "Snapshot-Delete", "locked", " lock: x"], True, True),
        ([2, 1437948000, -1, 0.5, "1437948000", " 2", "1e30", HUGE], True, True),
        ([True, 1, "1", "yes", "on", "Y", "1.0"], True, False),
        ([False, 0, "0", 0.0, "off", "no", "n"], False, False),
        (["unlocked", "None", "null", " not_locked ", "NOT LOCKED"], False, False),
        ([None, "", " ", [], {}], None, False),
    ],
    ids=["words", "numbers", "yes", "no", "words for none", "nothing"],
)
def test_a_lock_told_in_a_word_or_a_number_is_one(
    values: list[Any], locked: bool | None, is_kept: bool
) -> None:
    for value in values:
        vm = read(locked=value)
        assert vm.locked is locked
        assert vm.extra == ({"locked": value} if is_kept else {})
        assert vm.unread == ()


@pytest.mark.parametrize(
    "value",
    ["-", "N/A", "∞", "512 MB", "10%", "?", [1], ["backup"], {"type": "backup"}, float("nan"), "1,024"],
)
def test_what_is_no_word_tells_no_lock(value: Any) -> None:
    vm = read(locked=value)
    assert (vm.locked, vm.unread, list(vm.extra)) == (None, ("locked",), ["locked"])


@pytest.mark.parametrize(
    ("said", "texts", "extra"),
    [
        ({"ipv4": "10.0.0.1"}, ("10.0.0.1",), {}),
        ({"ipv6": ["::1", "::2"], "ipv4": " 10.0.0.1"}, ("10.0.0.1", "::1", "::2"), {}),
        ({"ipv4": ["10.0.0.1"], "ipv6": []}, ("10.0.0.1",), {}),
        ({"ipv6": "::1", "ip": "", "ips": None}, ("::1",), {"ips": None}),
        ({"ipv4": "10.0.0.1", "ip": "10.0.0.2"}, ("10.0.0.2",), {"ipv4": "10.0.0.1"}),
        ({"ipv4": "10.0.0.1", "ips": ["10.0.0.2"]}, ("10.0.0.2",), {"ipv4": "10.0.0.1"}),
        (
            {"ipv4": [{"ip": "10.0.0.1", "mac": "x"}], "ipv6": "::1"},
            ("10.0.0.1", "::1"),
            {"ip": [{"ip": "10.0.0.1", "mac": "x"}, "::1"]},
        ),
        ({"ipv4": {"ip": "10.0.0.1", "mac": "x"}}, ("10.0.0.1",), {"ip": [{"ip": "10.0.0.1", "mac": "x"}]}),
        ({"ipv4": [], "ipv6": ""}, (), {"ipv4": [], "ipv6": ""}),
    ],
)
def test_addresses_of_both_families_are_read_together(
    said: dict[str, Any], texts: tuple[str, ...], extra: dict[str, Any]
) -> None:
    vm = read(**said)
    assert (vm.ip_texts, vm.extra, vm.unread) == (texts, extra, ())


@pytest.mark.parametrize("odd", [5, True, {"gateway": "10.0.0.254"}, [5], [["::1"]]])
@pytest.mark.parametrize("memory", [512, "512 MB"])
def test_addresses_of_a_family_that_cannot_be_read_are_all_kept(odd: Any, memory: Any) -> None:
    vm = read(ipv4="10.0.0.1", ipv6=odd, memory=memory)
    assert vm.ip_texts == ()
    expected = {"ipv4": "10.0.0.1", "ipv6": odd}
    if memory == 512:
        assert (vm.unread, vm.extra) == (("ip",), expected)
    else:
        assert (set(vm.unread), vm.extra) == ({"memory", "ip"}, {**expected, "memory": memory})


def test_the_name_of_a_template_has_another_spelling() -> None:
    assert read(template_name="Debian").template_label == "Debian"
    assert read(template_name="Debian").extra == {}
    both = read(template_label="Debian", template_name="debian")
    assert (both.template_label, both.extra) == ("Debian", {"template_name": "debian"})
    odd = read(template_name=["Debian"], ipv4="10.0.0.1", memory="x")
    assert (odd.template_label, odd.ip_texts) == (None, ("10.0.0.1",))
    assert odd.extra == {"template_name": ["Debian"], "memory": "x"}
    assert set(odd.unread) == {"template_label", "memory"}


def test_a_key_that_is_none_of_the_panels_is_kept() -> None:
    assert read(power_word="x", state="online").extra == {"power_word": "x"}


@pytest.mark.parametrize("cls", [VmIp, AvailableIp])
@pytest.mark.parametrize(
    ("value", "id_"),
    [
        (["10.0.0.1"], None),
        ([{"ipaddress": "10.0.0.1"}], None),
        ([{"ip": "10.0.0.1", "id": 7}], "7"),
        ({"7": "10.0.0.1"}, "7"),
        ({"7": {"address": "10.0.0.1"}}, "7"),
        ({"ipaddress": "10.0.0.1", "id": "7"}, "7"),
    ],
)
def test_addresses_of_a_vm_come_in_many_shapes(
    cls: type[VmIp | AvailableIp], value: Any, id_: str | None
) -> None:
    returns: Any = list[cls]  # type: ignore[valid-type]
    (ip,) = decode(returns, {"ips": value}, key=("ips",), call="vms.ips")
    assert ip.ipaddress == IPv4Address("10.0.0.1")
    assert ip.ipaddress_text == "10.0.0.1"
    assert ip.id == id_
    assert ip.extra == {}


@pytest.mark.parametrize("value", [[5], [None], [[]], {"7": 5}, {"7": {}}, [{"id": 7}], 5, None])
def test_what_is_no_address_is_an_error(value: Any) -> None:
    with pytest.raises(DecodeError):
        decode(list[VmIp], {"ips": value}, key=("ips",), call="vms.ips")


@pytest.mark.parametrize("cls", [VmIp, AvailableIp])
@pytest.mark.parametrize("odd", [2.5, True, ["7"], "7\ufffd", {"x": 1}, " "])
def test_an_id_by_which_an_address_is_removed_is_read_as_one_or_not_at_all(
    cls: type[VmIp | AvailableIp], odd: Any
) -> None:
    returns: Any = list[cls]  # type: ignore[valid-type]
    found, other = decode(returns, [{"ip": "::1", "id": odd}, {"ip": "::2", "id": 7.0}], call="vms.ips")
    assert (found.id, found.unread, found.extra) == (None, ("id",), {"id": odd})
    assert other == cls("::2", id="7")


@pytest.mark.parametrize("key", ["size", "disk_size", "size_gb"])
def test_the_size_of_a_disk_has_several_spellings(key: str) -> None:
    plain, odd = decode(list[Disk], [{"id": 1, key: "20"}, {"id": 2, key: "32G"}], call="vms.disks")
    assert (plain.size, plain.extra) == (Decimal(20), {})
    assert (odd.size, odd.extra, odd.unread) == (None, {key: "32G"}, ("size",))


def test_an_available_address_may_be_called_descriptor() -> None:
    (found,) = decode(list[AvailableIp], [{"id": 5, "descriptor": "10.0.0.1"}], call="vms.available_ips")
    assert found == AvailableIp("10.0.0.1", id="5")
    assert found.extra == {}


def test_disks_and_interfaces_keep_what_no_one_published() -> None:
    disks = decode(
        list[Disk], {"storage": {"1": {"size": "20", "type": "ssd"}}}, key=("storage",), call="vms.disks"
    )
    assert disks == [Disk(id="1", size=Decimal(20), extra={"type": "ssd"})]
    (interface,) = decode(
        list[Interface], {"interfaces": [{"id": 3, "mac": "aa"}]}, key=("interfaces",), call="x"
    )
    assert interface == Interface(id="3", extra={"mac": "aa"})


def test_a_vm_can_be_pickled_copied_and_evolved(published: Published) -> None:
    payload = published("other-installations/vms_list_by_id.json")
    (vm,) = decode(list[Vm], payload, key=("vms",), call="vms.list")
    assert vm.ip  # the cached objects must survive too
    for twin in (pickle.loads(pickle.dumps(vm)), copy.deepcopy(vm)):
        assert twin == vm
        assert twin.ip == vm.ip
    assert attrs.evolve(vm, ip=("10.0.0.1",)).ip == (IPv4Address("10.0.0.1"),)
    assert not hasattr(vm, "__dict__")


def test_untrusted_html_is_not_shown_by_accident() -> None:
    graph = UntrustedHtml("cpu", "<script>steal()</script>")
    assert graph.html == "<script>steal()</script>"
    for text in (repr(graph), str(graph), f"{graph}"):
        assert text == "<UntrustedHtml cpu, 24 characters>"
    assert not hasattr(graph, "__html__")

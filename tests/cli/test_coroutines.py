"""Words of a command line as arguments of the coroutines."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from aioseflow import SeFlow
from aioseflow.cli.coroutines import COROUTINES
from aioseflow.cli.exit_code import Refusal


def test_all_38_coroutines_of_the_client_are_commands() -> None:
    seflow = SeFlow("a@example.com", "x")
    groups = ("account", "billing", "support", "domains", "services", "vms")
    public = {
        f"{group}.{name}"
        for group in groups
        for name, member in inspect.getmembers(type(getattr(seflow, group)), inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert set(COROUTINES) == public
    assert len(COROUTINES) == 38


@pytest.mark.parametrize("coroutine", COROUTINES.values(), ids=COROUTINES)
def test_every_coroutine_says_in_a_line_what_it_does_and_how_it_is_written(coroutine: Any) -> None:
    assert coroutine.summary.endswith(".") or ":" in coroutine.summary
    assert "`" not in coroutine.summary
    assert coroutine.synopsis.startswith(f"aioseflow api {coroutine.name}")


@pytest.mark.parametrize(
    ("name", "words", "values", "options"),
    [
        ("account.details", [], [], {}),
        ("account.update", ["--city", "Rome", "--type=Private"], [], {"city": "Rome", "type": "Private"}),
        ("domains.is_available", ["example.com"], ["example.com"], {}),
        ("vms.list", ["33301"], ["33301"], {}),
        ("vms.resize", ["9", "4", "--memory", "4096"], ["9", "4"], {"memory": 4096}),
        ("vms.resize", ["--cpu-share", "50", "9", "4"], ["9", "4"], {"cpu_share": 50}),
        ("vms.resize", ["9", "4", "--cpu_share=-5"], ["9", "4"], {"cpu_share": -5}),
        ("vms.resize", ["9", "4", "--note="], ["9", "4"], {"note": ""}),
        ("vms.resize", ["9", "4", "--note", "--x"], ["9", "4"], {"note": "--x"}),
        ("vms.usage", ["9", "4", "net"], ["9", "4", "net"], {}),
        ("vms.reboot", ["9", "4"], ["9", "4"], {}),
        (
            "vms.assign_ip",
            ["9", "4", "7", "--interface-id", "net0"],
            ["9", "4", "7"],
            {"interface_id": "net0"},
        ),
        ("vms.resize_disk", ["9", "4", "d", "--size", "50"], ["9", "4", "d"], {"size": 50}),
        (
            "services.set_rdns",
            ["9", "192.0.2.1=a.example", "2001:db8::1=b.example"],
            ["9", {"192.0.2.1": "a.example", "2001:db8::1": "b.example"}],
            {},
        ),
        (
            "services.estimate_upgrade",
            ["9", "--resources", "1557=9953", "--resources", "1:2=3", "--resources=1:4=5", "--cycle", "a"],
            ["9"],
            {"resources": {"1557": "9953", "1": {"2": 3, "4": 5}}, "cycle": "a"},
        ),
    ],
)
def test_words_become_what_the_signature_asks_for(
    name: str, words: list[str], values: list[Any], options: dict[str, Any]
) -> None:
    assert COROUTINES[name].bind(words) == (values, options)


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("vms.list", [], "SERVICE_ID is missing; aioseflow api vms.list SERVICE_ID"),
        ("vms.list", ["1", "2\x1b"], r"'2\\x1b' is too much"),
        ("vms.list", ["1", "--memory", "1"], "there is no --memory"),
        ("vms.resize", ["9", "4", "--memory"], "--memory needs a value"),
        ("vms.resize", ["9", "4", "--memory", "lots"], "memory is a whole number, not 'lots'"),
        ("vms.resize", ["9", "4", "--memory", "1", "--memory=2"], "--memory is given twice"),
        ("vms.usage", ["9", "4", "heat"], "kind is one of cpu, net, disk, not 'heat'"),
        ("vms.resize_disk", ["9", "4", "d"], "--size is missing; .* --size NUMBER$"),
        ("services.set_rdns", ["9"], "NAMES is missing; .* IP=HOST ...$"),
        ("services.set_rdns", ["9", "192.0.2.1"], "names is written KEY=VALUE, not '192.0.2.1'"),
        ("services.set_rdns", ["9", "a=b", "a=c"], "a is given twice"),
        ("services.request_upgrade", ["9", "--resources", "1=2", "--resources", "1:2=3"], "1 is given twice"),
        (
            "services.request_upgrade",
            ["9", "--resources", "1:2=3", "--resources", "1:2=4"],
            "1:2 is given twice",
        ),
        ("services.request_upgrade", ["9", "--resources", "1:2=x"], "a quantity is a whole number, not 'x'"),
        ("services.request_upgrade", ["9", "--x", "1"], r"\[--resources RESOURCE=ITEM\] \[--package TEXT\]"),
    ],
)
def test_words_that_do_not_fit_are_refused_with_the_synopsis(
    name: str, words: list[str], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        COROUTINES[name].bind(words)


def test_a_coroutine_knows_its_requests_whether_it_changes_and_whether_it_answers_many() -> None:
    usage, stop, listed = (COROUTINES[name] for name in ("vms.usage", "vms.stop", "vms.list"))
    assert [request.rpartition("/")[2] for request in usage.requests] == ["cpu", "net", "disk"]
    assert stop.requests == ("POST /service/@service_id/vms/@vm_id/stop",)
    assert [one.changes for one in (usage, stop, listed)] == [False, True, False]
    assert [one.many for one in (usage, stop, listed)] == [False, False, True]


def test_only_what_has_no_default_is_needed() -> None:
    needed = {
        (name, option)
        for name, coroutine in COROUTINES.items()
        for option in coroutine.options
        if coroutine.is_needed(option)
    }
    assert needed == {("vms.resize_disk", "size"), ("vms.assign_ip", "interface_id")}

"""The coroutines by their names."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from aioseflow import SeFlow
from aioseflow.cli.coroutines import COROUTINES


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
def test_every_coroutine_says_in_a_line_what_it_does(coroutine: Any) -> None:
    assert coroutine.summary.endswith(".") or ":" in coroutine.summary
    assert "`" not in coroutine.summary


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

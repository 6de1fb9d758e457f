"""One thing, in the five forms."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from aioseflow import Secret, Vm
from aioseflow.cli.exit_code import Refusal
from aioseflow.cli.output import OutputFormat, OutputOptions
from aioseflow.models import Invoice, InvoiceItem, Quota, Ticket, TicketReply, VmUsage

Printed = Callable[..., str]

VM = Vm(
    id="4",
    label="web",
    memory=512,
    ip=("192.0.2.1", "192.0.2.2"),
    rootpassword=Secret("hunter2"),
    usage=VmUsage(disk=Quota(used=Decimal("1.5"))),
    extra={"node": "pve1"},
)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """What one thing is written as."""

    def printed(form: OutputFormat, item: Any = VM, *columns: str) -> str:
        OutputOptions(form, columns).single(item)
        return capsys.readouterr().out

    return printed


def test_a_table_has_a_line_for_each_name_and_hides_secrets(printed: Printed) -> None:
    lines = printed(OutputFormat.TABLE).splitlines()
    assert lines[:4] == [
        "id              4",
        "label           web",
        "power           unknown",
        "power_word      -",
    ]
    assert "ip              192.0.2.1, 192.0.2.2" in lines
    assert "rootpassword    ***" in lines
    assert "password        -" in lines
    assert lines[-5:] == [
        "usage",
        "  disk",
        "    used        1.5",
        "extra",
        "  node          pve1",
    ]


def test_an_extra_in_which_nothing_is_takes_no_line(printed: Printed) -> None:
    assert "extra" not in printed(OutputFormat.TABLE, Vm(id="4"))


def test_what_could_not_be_read_is_a_line_where_there_is_any(printed: Printed) -> None:
    assert "unread" not in printed(OutputFormat.TABLE)
    odd = Vm("4", unread=("memory", "ip"), extra={"memory": "512 MB", "ip": 5})
    lines = [line.split(maxsplit=1) for line in printed(OutputFormat.TABLE, odd).splitlines()]
    assert lines[-4:] == [["unread", "memory, ip"], ["extra"], ["memory", "512 MB"], ["ip", "5"]]
    for form in (OutputFormat.JSON, OutputFormat.JSONL, OutputFormat.YAML):
        assert list(yaml.safe_load(printed(form, odd)))[-2:] == ["unread", "extra"]
        assert yaml.safe_load(printed(form, odd))["unread"] == ["memory", "ip"]
        assert yaml.safe_load(printed(form))["unread"] == []


def test_small_objects_are_a_table_of_what_any_of_them_has(printed: Printed) -> None:
    items = (
        InvoiceItem(id="1", description="VPS", amount=Decimal(10)),
        InvoiceItem(id="2", description="Disk\x1b[2J"),
    )
    assert printed(OutputFormat.TABLE, Invoice(id="7", items=items), "id", "items").splitlines() == [
        "id     7",
        "items  id  description  amount",
        "       1   VPS          10",
        "       2   Disk\\x1b[2J  -",
    ]


def test_objects_with_long_text_are_told_one_after_the_other_without_what_they_lack(printed: Printed) -> None:
    replies = (
        TicketReply(id="1", body="It is down:\r\n\r\n\x1b[31mping\nBye", date=dt.datetime(2026, 1, 2, 3, 4)),  # noqa: DTZ001 - the panel's times are naive
        TicketReply(id="2", body=""),
    )
    assert printed(
        OutputFormat.TABLE, Ticket(ticket_number="7", replies=replies), "replies"
    ).splitlines() == [
        "replies 1",
        "  id    1",
        "  date  2026-01-02T03:04:00",
        "  body  It is down:",
        "",
        "        \\x1b[31mping",
        "        Bye",
        "replies 2",
        "  id    2",
        "  body",
    ]


def test_lists_in_lists_are_told_one_after_the_other(printed: Printed) -> None:
    assert printed(OutputFormat.TABLE, {"a": [[1, 2], {"b": [{"c": {"d": True}}]}]}).splitlines() == [
        "a 1      1, 2",
        "a 2",
        "  b 1",
        "    c",
        "      d  yes",
    ]


def test_the_other_forms_have_one_object(printed: Printed) -> None:
    document = json.loads(printed(OutputFormat.JSON))
    assert document["usage"]["disk"]["used"] == "1.5"
    assert json.loads(printed(OutputFormat.JSONL)) == document
    assert printed(OutputFormat.JSONL).count("\n") == 1
    assert yaml.safe_load(printed(OutputFormat.YAML)) == document
    head, row = csv.reader(io.StringIO(printed(OutputFormat.CSV)))
    assert head == list(document)
    assert row[head.index("ip")] == '["192.0.2.1","192.0.2.2"]'


@pytest.mark.parametrize("form", OutputFormat)
def test_columns_are_those_that_were_asked_for(form: OutputFormat, printed: Printed) -> None:
    text = printed(form, VM, "usage.disk.used", "id")
    assert "1.5" in text
    assert "web" not in text
    assert text.index("usage.disk.used") < text.index("id", text.index("used"))
    with pytest.raises(Refusal, match="no column lable"):
        printed(form, VM, "lable")


def test_there_is_nothing_to_sort(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refusal, match="--sort is for lists"):
        OutputOptions(OutputFormat.JSON, (), "id").single(VM)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("form", OutputFormat)
def test_hostile_text_reaches_no_terminal_raw(form: OutputFormat, printed: Printed) -> None:
    hostile = "\x1b[2J\x1b]0;x\x07 \u202e \x9b31m <b> \r\n\t\u200b" + "x" * 10_000
    text = printed(form, {"a": hostile, hostile: [{hostile: hostile}], "b": {"c": {hostile: hostile}}})
    assert all(character.isprintable() or character == "\n" for character in text)

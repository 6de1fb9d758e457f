"""Lists in the five forms; the options that ask for them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from aioseflow import PowerState, Secret, Vm
from aioseflow.cli.command import Depends, single_command
from aioseflow.cli.exit_code import Refusal
from aioseflow.cli.output import OutputFormat, OutputOptions, output_options
from aioseflow.models import Quota, Service, ServiceStatus, VmUsage

Printed = Callable[..., str]

VMS = [
    Vm(id="10", label="web-10", power=PowerState.RUNNING, memory=4096, disk=Decimal("40.50"), locked=False),
    Vm(id="9", label="Web-9", power=PowerState.STOPPED, ip=("192.0.2.9", "2001:db8::9")),
    Vm(
        id="100",
        power=PowerState.UNKNOWN,
        memory=512,
        rootpassword=Secret("hunter2"),
        usage=VmUsage(disk=Quota(used=Decimal("1.5"))),
        extra={"node": "pve1"},
    ),
]
COLUMNS = ("id", "label", "memory")


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """What a list is written as."""

    def printed(
        form: OutputFormat, *, columns: str = "", sort: str = "", items: Any = VMS, kind: Any = None
    ) -> str:
        asked = OutputOptions(form, tuple(columns.split(",")) if columns else (), sort)
        asked.listing(items, COLUMNS, kind=kind)
        return capsys.readouterr().out

    return printed


def test_a_table_has_the_commands_columns_and_figures_to_the_right(printed: Printed) -> None:
    assert printed(OutputFormat.TABLE).splitlines() == [
        "id   label   memory",
        "10   web-10    4096",
        "9    Web-9        -",
        "100  -          512",
    ]


def test_a_cell_says_in_words_what_a_value_is(printed: Printed) -> None:
    columns = "id,power,locked,disk,ip,usage,extra,usage.disk.used"
    assert printed(OutputFormat.TABLE, columns=columns).splitlines() == [
        "id   power    locked   disk  ip                      usage          extra      usage.disk.used",
        "10   running  no      40.50  -                       -              -                        -",
        "9    stopped  -           -  192.0.2.9, 2001:db8::9  -              -                        -",
        "100  unknown  -           -  -                       disk.used=1.5  node=pve1              1.5",
    ]


def test_objects_of_a_list_are_told_by_their_names(printed: Printed) -> None:
    items = [{"id": "1", "items": [{"id": "7", "name": "CPU"}, {"id": "8"}, {"size": 3}, [1, 2]]}]
    assert (
        printed(OutputFormat.TABLE, columns="items", items=items).splitlines()[1] == "CPU, 8, (size=3), 1, 2"
    )


def test_json_has_all_that_there_is(printed: Printed) -> None:
    documents = json.loads(printed(OutputFormat.JSON))
    assert [document["id"] for document in documents] == ["10", "9", "100"]
    assert documents[0]["disk"] == "40.50"
    assert documents[2]["rootpassword"] == "***"
    assert list(documents[0])[-1] == "extra"
    assert printed(OutputFormat.JSON).startswith("[\n  {\n")


def test_jsonl_has_a_line_for_each(printed: Printed) -> None:
    lines = printed(OutputFormat.JSONL).splitlines()
    assert [json.loads(line) for line in lines] == json.loads(printed(OutputFormat.JSON))


def test_yaml_reads_back_as_the_same(printed: Printed) -> None:
    assert yaml.safe_load(printed(OutputFormat.YAML)) == json.loads(printed(OutputFormat.JSON))


def test_csv_has_the_commands_columns(printed: Printed) -> None:
    assert printed(OutputFormat.CSV) == "id,label,memory\n10,web-10,4096\n9,Web-9,\n100,,512\n"


def test_columns_are_those_that_were_asked_for_in_their_order_in_every_form(printed: Printed) -> None:
    columns = "memory,id,usage.disk.used,extra.node"
    rows: list[dict[str, Any]] = [
        {"memory": 4096, "id": "10", "usage.disk.used": None, "extra.node": None},
        {"memory": None, "id": "9", "usage.disk.used": None, "extra.node": None},
        {"memory": 512, "id": "100", "usage.disk.used": "1.5", "extra.node": "pve1"},
    ]
    told = json.loads(printed(OutputFormat.JSON, columns=columns))
    assert told == rows
    assert list(told[0]) == columns.split(",")
    assert [json.loads(line) for line in printed(OutputFormat.JSONL, columns=columns).splitlines()] == rows
    assert yaml.safe_load(printed(OutputFormat.YAML, columns=columns)) == rows
    read = list(csv.reader(io.StringIO(printed(OutputFormat.CSV, columns=columns))))
    assert read == [
        columns.split(","),
        ["4096", "10", "", ""],
        ["", "9", "", ""],
        ["512", "100", "1.5", "pve1"],
    ]
    assert printed(OutputFormat.TABLE, columns=columns).split()[:4] == columns.split(",")


@pytest.mark.parametrize("form", OutputFormat)
def test_every_form_is_sorted(form: OutputFormat, printed: Printed) -> None:
    assert re.findall(r"\d+", printed(form, columns="id", sort="-memory")) == ["10", "100", "9"]
    assert re.findall(r"\d+", printed(form, columns="id", sort="id")) == ["9", "10", "100"]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (OutputFormat.TABLE, ""),
        (OutputFormat.JSON, "[]\n"),
        (OutputFormat.JSONL, ""),
        (OutputFormat.CSV, "id,label,memory\n"),
        (OutputFormat.YAML, "[]\n"),
    ],
)
def test_of_nothing_a_program_reads_nothing_and_a_person_a_sentence(
    form: OutputFormat, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    OutputOptions(form).listing([], COLUMNS, kind=Vm)
    told = capsys.readouterr()
    assert told.out == text
    assert told.err == ("Nothing to list.\n" if form is OutputFormat.TABLE else "")


@pytest.mark.parametrize("form", OutputFormat)
def test_an_unknown_name_is_refused_before_anything_is_written(
    form: OutputFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked in (OutputOptions(form, ("id", "lable")), OutputOptions(form, (), "-lable")):
        with pytest.raises(
            Refusal, match=r"no column lable \(did you mean label\?\); columns: id, "
        ) as caught:
            asked.listing(VMS, COLUMNS)
        assert caught.value.exit_code == 2
    assert capsys.readouterr().out == ""


def test_an_unknown_name_is_refused_of_an_empty_list_too_where_its_kind_is_known(printed: Printed) -> None:
    with pytest.raises(Refusal, match=r"columns: id, label, .*, unread, extra$"):
        printed(OutputFormat.TABLE, columns="lable", items=[], kind=Vm)
    assert (
        printed(OutputFormat.CSV, columns="rootpassword,usage.disk", items=[], kind=Vm)
        == "rootpassword,usage.disk\n"
    )
    assert printed(OutputFormat.CSV, columns="whatever", items=[]) == "whatever\n"


def test_a_list_of_several_kinds_of_words_keeps_figures_of_mappings_to_the_right(printed: Printed) -> None:
    items = [
        {"account": "a", "id": "1", "total": Decimal(10)},
        {"account": "b", "id": "2", "total": Decimal("9.50")},
    ]
    assert printed(OutputFormat.TABLE, columns="account,total", items=items).splitlines()[1:] == [
        "a           10",
        "b         9.50",
    ]


def test_hostile_text_reaches_no_terminal_raw(printed: Printed) -> None:
    hostile = "\x1b[2J\x1b]0;x\x07 \u202egnp.exe \x9b31m <b> \r\n\t\u200b" + "x" * 10_000
    items = [Service(id="1", name=hostile, status=ServiceStatus(hostile), extra={hostile: hostile})]
    for form in OutputFormat:
        for columns in ("", "id,name,status,extra"):
            text = printed(form, columns=columns, items=items)
            assert all(character.isprintable() or character == "\n" for character in text), form
            assert len(text) < 100_000
    assert len(printed(OutputFormat.TABLE, columns="id,name,status", items=items)) < 2_000


def test_the_options_arrive_as_one_object() -> None:
    seen = []

    def show(out: OutputOptions = Depends(output_options)) -> int:
        seen.append(out)
        return 0

    for words in ([], ["-o", "csv", "--columns", " id, label,,id", "--sort", "-memory"], ["--sort=-memory"]):
        assert single_command(show).main(words, standalone_mode=False) == 0
    assert seen == [
        OutputOptions(),
        OutputOptions(OutputFormat.CSV, ("id", "label"), "-memory"),
        OutputOptions(sort="-memory"),
    ]


def test_times_are_written_whole(printed: Printed) -> None:
    items = [{"id": "1", "at": dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC), "day": dt.date(2026, 1, 2)}]
    assert (
        printed(OutputFormat.CSV, columns="at,day", items=items)
        == "at,day\n2026-01-02T03:04:00+00:00,2026-01-02\n"
    )

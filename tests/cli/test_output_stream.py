"""A line for each thing while something runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from aioseflow import Outcome, Vm
from aioseflow.cli.exit_code import Refusal
from aioseflow.cli.output import OutputFormat, OutputOptions

_ENDLESS = """
import itertools
from aioseflow.cli.output import OutputFormat, OutputOptions
write = OutputOptions(OutputFormat.JSONL).stream()
for number in itertools.count():
    write({"number": number})
    if number == 100_000:
        raise SystemExit("written to the end")
"""


def test_each_is_a_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    write = OutputOptions(OutputFormat.JSONL).stream()
    write(Vm(id="1", label="a\x1b\u202e"))
    first = capsys.readouterr().out
    assert json.loads(first)["label"] == "a\x1b\u202e"
    assert first.endswith("}\n")
    assert first.strip().isprintable()
    write({"id": "2"})
    assert capsys.readouterr().out == '{"id":"2"}\n'


def test_columns_are_those_that_were_asked_for_and_null_where_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write = OutputOptions(OutputFormat.JSONL, ("label", "id", "extra.node")).stream(kind=Vm)
    write(Vm(id="1"))
    assert capsys.readouterr().out == '{"label":null,"id":"1","extra.node":null}\n'


def test_what_cannot_be_is_refused_before_anything_runs() -> None:
    with pytest.raises(Refusal, match="jsonl writes each line at once and cannot be sorted"):
        OutputOptions(OutputFormat.JSONL, (), "id").stream()
    with pytest.raises(Refusal, match="no column vm_lable"):
        OutputOptions(OutputFormat.JSONL, ("vm_lable",)).stream(kind=Outcome)
    OutputOptions(OutputFormat.JSONL, ("vm_lable",)).stream()  # a name of no known class


def test_each_line_arrives_while_it_runs_and_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b'{"number":0}\n'
        process.stdout.close()
        assert process.stderr.read() == b"written to the end\n"

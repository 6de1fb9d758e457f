"""Names that would steer a terminal, turn the writing round or fill the screen: never written raw."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from cli.terminals import Result, Terminal, visible

from aioseflow.cli.coroutines import COROUTINES
from aioseflow.cli.nouns.noun_commands import examples_of
from aioseflow.cli.nouns.noun_table import NOUNS
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.sandbox.account_data import InvoiceLine

Run = Callable[..., Result]
Spawn = Callable[..., Terminal]

HOSTILE = (
    "\x1b]0;title\x07\x1b[31mred\x1b[2J\x9b2J\u202egpj.exe\u2066\u200f<script>alert(1)</script>\r\n\x00\x7f"
    + "A" * 10_000
)
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
FORMS = ("table", "json", "jsonl", "csv", "yaml")
READINGS = {
    f"{noun.name} {verb.name}": shlex.split(examples_of(noun, verb)[0])
    for noun in NOUNS.values()
    for verb in noun.verbs
    if not COROUTINES[verb.call].changes
}


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hostile(panel: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A panel whose every text is hostile."""
    monkeypatch.setattr("aioseflow.sandbox.machines.Vm.label", HOSTILE)
    for service in panel.services.values():
        service.name = service.category = HOSTILE
        for vm in service.vms.values():
            vm.note = HOSTILE
    for name in ("firstname", "city", "host", "companyname"):
        panel.account.fields[name] = HOSTILE
    panel.invoices[0].lines = (InvoiceLine("1", HOSTILE, "1", HOSTILE, Decimal(1)),)
    world = panel._world
    for ticket in world.tickets:
        object.__setattr__(ticket, "subject", HOSTILE)
    for domain in world.domains:
        object.__setattr__(domain, "name", HOSTILE)
    return panel


@pytest.mark.parametrize("words", READINGS.values(), ids=READINGS)
def test_nothing_raw_is_written_in_any_form(run: Run, hostile: Sandbox, words: list[str]) -> None:
    for form in FORMS:
        answered = run(*words, "-o", form)
        assert answered.exit_code == 0, answered.stderr
        assert RAW.search(answered.stdout) is None
        assert RAW.search(answered.stderr) is None


def test_data_is_whole_where_it_is_data(run: Run, hostile: Sandbox) -> None:
    rows = orjson.loads(run("vm", "list", "-o", "json").stdout)
    assert {row["label"] for row in rows} == {HOSTILE}
    assert orjson.loads(run("vm", "show", "33301/4001", "-o", "json").stdout)["label"] == HOSTILE


def test_a_long_name_makes_no_long_line(run: Run, hostile: Sandbox) -> None:
    lines = run("vm", "list").stdout.splitlines()
    assert len(lines) == 7
    assert max(map(len, lines)) < 400


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_a_row_stays_a_line(spawn: Spawn, hostile: Sandbox, columns: int) -> None:
    code, written = spawn("vm", "list", columns=columns).finish()
    lines = visible(written).splitlines()
    assert (code, len(lines)) == (0, 7)
    assert max(map(len, lines)) <= columns
    assert RAW.search("\n".join(lines)) is None
    assert all(line.split()[0] in ("33301", "33302") for line in lines[1:])


def test_the_question_shows_a_label_without_what_it_would_do(spawn: Spawn, hostile: Sandbox) -> None:
    terminal = spawn("vm", "resize", "33301/4001", "--note", "b\x1b[2J")
    asked = terminal.expect("Proceed? [y/N] ").replace("\r\n", "\n")
    assert RAW.search(asked) is None
    assert r"\x1b]0;title" in asked
    assert max(map(len, asked.splitlines())) <= 80
    terminal.type("\n")
    assert terminal.finish()[0] == 1


def test_an_estimate_is_asked_for_in_few_lines(spawn: Spawn, hostile: Sandbox) -> None:
    terminal = spawn("service", "upgrade", "33301", "--resources", "1557=10103")
    asked = terminal.expect("Order it? [y/N] ").replace("\r\n", "\n")
    assert RAW.search(asked) is None
    assert len(asked.splitlines()) < 20
    terminal.type("\n")
    assert terminal.finish()[0] == 1


def test_the_panels_own_words_in_an_error_are_escaped(run: Run, panel: Sandbox) -> None:
    panel.faults.add(Fault("error", codes=(HOSTILE,)))
    for words in (["vm", "list"], ["vm", "show", "33301/4001"], ["vm", "stop", "33301/4001", "--yes"]):
        ended = run(*words)
        assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
        assert RAW.search(ended.stderr) is None


def test_words_of_the_command_line_are_escaped_too(run: Run, panel: Sandbox) -> None:
    for words in (["vm", "show", HOSTILE], ["vm", "show", "9/4", HOSTILE], ["vm", "usage", "9/4", HOSTILE]):
        ended = run(*words)
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert RAW.search(ended.stderr) is None
        assert len(ended.stderr) < 1200

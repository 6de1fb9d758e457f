"""Tables, with a terminal and without."""

from __future__ import annotations

import pytest
from cli.terminals import visible

from aioseflow.cli import table
from aioseflow.cli.table import Column, Table

_TABLE = Table(
    [Column("name"), Column("failed", right=True, alarm="bold red"), Column("note")],
    [["web", "0", "[red]x[/red]"], ["東京", "12", ""]],
)


def test_aligned_text_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _TABLE.print()
    assert capsys.readouterr().out.splitlines() == [
        "name  failed  note",
        "web        0  [red]x[/red]",
        "東京      12",
    ]


def test_the_same_cells_on_a_terminal_with_colours_and_without_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "is_terminal", lambda _: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    _TABLE.print()
    written = capsys.readouterr().out
    assert "\x1b[1;31m" in written
    assert [line.rstrip() for line in visible(written).splitlines()] == [
        "name  failed  note",
        "web        0  [red]x[/red]",
        "東京      12",
    ]


def test_a_table_on_a_narrow_terminal_cuts_cells_and_never_wraps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "is_terminal", lambda _: True)
    monkeypatch.setenv("COLUMNS", "40")
    Table([Column("label"), Column("chars", right=True)], [["x" * 60, "1"]]).print()
    lines = visible(capsys.readouterr().out).splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 40 for line in lines)
    assert "…" in lines[1]

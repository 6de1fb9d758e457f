"""Tables, with a terminal and without."""

from __future__ import annotations

import sys

import pytest
from cli.terminals import visible

from aioseflow.cli.table import Column, Sheet, Table
from aioseflow.text import cells, cut

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
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
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
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    Table([Column("label"), Column("chars", right=True)], [["x" * 60, "1"]]).print()
    lines = visible(capsys.readouterr().out).splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 40 for line in lines)
    assert "…" in lines[1]


def fitted(room: int, *columns: Column, rows: list[list[str]]) -> list[str]:
    return Table(columns, rows).lines(room)


def test_the_widest_text_gives_way_first_and_ids_and_figures_never() -> None:
    columns = (Column("id", whole=True), Column("label"), Column("note"), Column("chars", right=True))
    rows = [["1234567890", "a" * 20, "b" * 40, "1234567"]]
    assert fitted(100, *columns, rows=rows)[1].split() == rows[0]
    assert fitted(65, *columns, rows=rows)[1].split() == ["1234567890", "a" * 20, "b" * 21 + "…", "1234567"]
    assert fitted(43, *columns, rows=rows)[1].split() == [
        "1234567890",
        "a" * 9 + "…",
        "b" * 9 + "…",
        "1234567",
    ]
    for room in range(10, 100):
        lines = fitted(room, *columns, rows=rows)
        assert {"1234567890", "1234567"} <= set(lines[1].split())
        if room >= 29:
            assert max(map(len, lines)) <= room


def test_headings_of_figures_give_way_before_text_is_cut_to_nothing() -> None:
    columns = (Column("label"), Column("not attempted", right=True))
    assert fitted(16, *columns, rows=[["web-server-1", "12"]]) == ["label     not a…", "web-ser…      12"]
    assert fitted(12, *columns, rows=[["web-server-1", "12"]]) == ["label     n…", "web-ser…  12"]
    assert fitted(7, *columns, rows=[["web-server-1", "12"]]) == ["la…  n…", "we…  12"]


def test_wide_characters_are_counted_as_two() -> None:
    assert [cut("東京東京", width) for width in (8, 7, 5, 3, 1)] == [
        "東京東京",
        "東京東…",
        "東京…",
        "東…",
        "…",
    ]
    for line in fitted(20, Column("label"), Column("id", whole=True), rows=[["東" * 30, "12345"]]):
        assert cells(line) <= 20


def test_a_line_is_written_whole_where_it_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Table([Column("label"), Column("note")], [["x" * 300, "y" * 300]]).print()
    assert capsys.readouterr().out.splitlines()[1] == f"{'x' * 300}  {'y' * 300}"


def test_no_color_leaves_no_colour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    _TABLE.print()
    # Nor bold: a log shows its escape sequence.
    assert "\x1b" not in capsys.readouterr().out


def test_a_sheet_is_folded_beside_its_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = [("id", ["1"]), ("usage", []), ("  long name", ["word " * 12, "-"]), ("nothing", ["-"])]
    told = [
        "id           1",
        "usage",
        "  long name  word word word word word",
        "             word word word word word",
        "             word word",
        "             -",
        "nothing      -",
    ]
    assert Sheet(facts).lines(40) == told
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    Sheet(facts).print()
    written = capsys.readouterr().out
    assert visible(written).splitlines() == told
    assert "\x1b[1mid\x1b[0m" in written
    assert written.count("\x1b[2m-\x1b[0m") == 2


def test_wide_text_of_a_sheet_stays_within_the_line() -> None:
    for line in Sheet([("name", ["東京 " * 20, "x" * 100, "東" * 100])]).lines(40):
        assert cells(line) <= 40


def test_a_sheet_without_a_terminal_is_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    Sheet([("name", ["word " * 60])]).print()
    assert capsys.readouterr().out.count("\n") == 1


def test_columns_that_do_not_fit_are_left_out_whole_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    head = [Column("id", whole=True), Column("note"), Column("ip", whole=True), Column("disk", right=True)]
    wide = Table(head, [["4001", "n" * 30, "10.16.0.200, 10.16.0.201", "1,234"]])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "50")
    wide.print()
    written = capsys.readouterr()
    assert written.out.splitlines()[1].split("  ") == [
        "4001",
        "nnnnnnnnnn…",
        "10.16.0.200, 10.16.0.201",
        "1,234",
    ]
    assert written.err == ""
    monkeypatch.setenv("COLUMNS", "40")
    wide.print()
    written = capsys.readouterr()
    assert written.out.splitlines()[1] == "4001  10.16.0.200, 10.16.0.201  1,234"
    assert written.err == "No room for note: use --columns, --output, or a wider terminal.\n"

"""CSV that no spreadsheet calculates with, JSON and YAML that read back; none steers a terminal."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest
import yaml  # type: ignore[import-untyped]

from aioseflow.cli.output.formats import as_csv, as_yaml, dumps, line

_HOSTILE = "\x1b[2J \x9b1m \u202e \u2028 \u200b \ufeff \U000e0041 \x7f \x85 Zürich 🙂"


@pytest.mark.parametrize(
    "text",
    [
        *("33301", "007", "1e5", "1_000", "0x1F", "0o17", "1.5", ".5", "-1", "+1", "12:30:00", "2026-01-01"),
        *(
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "true",
            "null",
            "~",
            "",
            " ",
            "NaN",
            ".inf",
            "-.INF",
            "=",
            "<<",
        ),
        *(
            "- a",
            "a: b",
            "# no",
            "&a",
            "*a",
            "!tag",
            "%x",
            "@x",
            "`x",
            "'",
            '"',
            "a\nb",
            "a\r\nb",
            "\t",
            "\0",
        ),
        *(_HOSTILE, "x" * 10_000, "a " * 500, "{{ x }}", "[1]", "{}", "? a", "---", "...", "\\u202e"),
    ],
)
def test_any_text_stays_a_text_in_yaml(text: str) -> None:
    document = {"value": [text], text: "key"}
    written = as_yaml([document])
    assert yaml.safe_load(written) == [document]
    assert all(character.isprintable() or character == "\n" for character in written)


@pytest.mark.parametrize("text", ["33301", "1e5", "0o17", "2026-01-01", "y", "N", "1_000", ".5", "12:30:00"])
def test_what_some_reader_of_yaml_takes_for_something_else_is_quoted(text: str) -> None:
    assert as_yaml({"a": text}) == f"a: '{text}'\n"


def test_yaml_is_in_blocks_in_the_order_given_and_without_anchors() -> None:
    shared = ["Zürich", 1, None, True, 1.5]
    assert as_yaml([{"b": shared, "a": shared, "none": [], "empty": {}}]) == (
        "- b:\n  - Zürich\n  - 1\n  - null\n  - true\n  - 1.5\n"
        "  a:\n  - Zürich\n  - 1\n  - null\n  - true\n  - 1.5\n"
        "  none: []\n  empty: {}\n"
    )


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        (1.5, "1.5"),
        ("-1.50", "-1.50"),
        ("=1+1", "'=1+1"),
        ("+39 02 1234", "'+39 02 1234"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\\u0009=1"),
        ("\r=1", "'\\u000d=1"),
        ("\r\n=1", "'\n=1"),
        ("a=1", "a=1"),
        ("x;=cmd|'/C calc'!A0;", "x;'=cmd|'/C calc'!A0;"),
        (";@a;+b;-c", ";'@a;'+b;'-c"),
        ("-1;-2.5;3", "-1;-2.5;3"),
        ("-1;-2.5x", "-1;'-2.5x"),
        ("\uff1d1+1;\uff0b1", "'\uff1d1+1;'\uff0b1"),
        ("\uff0d1;\uff20a", "'\uff0d1;'\uff20a"),
        ("it's", "it's"),
        ('a "b", c', 'a "b", c'),
        ("a\r\nb\rc", "a\nb\\u000dc"),
        ("\x1b[2J", "\\u001b[2J"),
        ("\u202e\U000e0041", "\\u202e\\U000e0041"),
        (["=1", None], '["=1",null]'),
        ({"k": "\x1b\u202e"}, '{"k":"\\u001b\\u202e"}'),
    ],
)
def test_a_cell_of_csv(value: Any, cell: str) -> None:
    written = as_csv([[value, "next"]], ["=a", "b"])
    assert list(csv.reader(io.StringIO(written, newline=""))) == [["'=a", "b"], [cell, "next"]]
    assert all(character.isprintable() or character == "\n" for character in written)


def test_csv_quotes_as_rfc_4180_says_with_line_feeds() -> None:
    assert as_csv([['a "b"', "c,d", "e\nf"]], ["x", "y", "z"]) == 'x,y,z\n"a ""b""","c,d","e\nf"\n'


def test_printed_json_steers_no_terminal_and_says_the_same() -> None:
    hostile = "\x1b[2J \x9b1m \u202e \u2028 \u200b \ufeff \U000e0041 \x7f Zürich 🙂"
    written = dumps({"label": hostile})
    assert orjson.loads(written) == {"label": hostile}
    text = written.decode()
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "Zürich 🙂" in text
    assert "\\udb40\\udc41" in text
    assert line({"label": hostile}).count(b"\n") == 1
    assert orjson.loads(line({"label": hostile})) == {"label": hostile}
    assert line({"label": hostile}).decode().rstrip("\n").isprintable()


def test_half_a_surrogate_pair_costs_a_character_and_not_the_output() -> None:
    assert orjson.loads(dumps({"note": "a\udcff", "more": [{"b\ud800": "\udfff"}, 1]})) == {
        "note": "a?",
        "more": [{"b?": "?"}, 1],
    }
    with pytest.raises(TypeError):
        line(object())

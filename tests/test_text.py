"""Text for people, also of hostile and wide characters."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow.text import cells, cut, duration, escape, listed, natural_key, quantity, wrap

WORDS = st.text(st.sampled_from("ab ,東́é-"), max_size=60)


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("web-1", 5), ("東京", 4), ("e\u0301te\u0301", 3), ("a\u200db", 2), ("\uff57\uff45\uff42", 6)],
)
def test_a_wide_character_takes_two_cells_and_a_combining_one_none(text: str, width: int) -> None:
    assert cells(text) == width


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("shop 1", "shop 1"),
        ("été 東京", "été 東京"),
        ("\x1b[2J\x1b]0;owned\x07\x9b31m", "\\x1b[2J\\x1b]0;owned\\x07\\x9b31m"),
        ("\U000e0041", "\\U000e0041"),
        ("[red]no markup[/red] 🙂", "[red]no markup[/red] 🙂"),
        ("a\u202eb\u200b\udcff", "a\\u202eb\\u200b\\udcff"),
        ("one\r\n\ttwo\u2028three", "one two three"),
        ("kept  apart", "kept  apart"),
    ],
)
def test_what_could_steer_a_terminal_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_escaped_text_is_cut_at_so_many_characters() -> None:
    assert escape("x" * 40, 40) == "x" * 40
    assert escape("x" * 41, 40) == "x" * 39 + "…"
    assert escape("\x1b" * 1_000_000, 10) == "\\x1b\\x1b\\…"
    assert escape("\n" * 1_000_000 + "end", 10) == ""


@given(st.text(), st.integers(1, 50))
def test_escaped_text_is_one_printable_line_of_bounded_length(text: str, most: int) -> None:
    escaped = escape(text, most)
    assert escaped.isprintable()
    assert len(escaped) <= most


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("web-1", 5, "web-1"),
        ("web-1", 4, "web…"),
        ("東京", 3, "東…"),
        ("東京", 2, "…"),
        ("ab", 1, "…"),
        ("a", 0, ""),
    ],
)
def test_text_is_cut_at_so_many_cells(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected


def test_text_is_folded_at_blanks_then_behind_commas_then_anywhere() -> None:
    assert wrap("one two three", 9) == ["one two", "three"]
    assert wrap("one two three", 9, 2) == ["  one two", "  three"]
    assert wrap("one two three", 9, 2, "- ") == ["- one two", "  three"]
    assert wrap("web[1,3,5,7,9]", 8) == ["web[1,3,", "5,7,9]"]
    assert wrap("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrap("東京東京", 5) == ["東京", "東京"]
    assert wrap("", 9, 4) == wrap("  ", 9) == []


@given(WORDS, st.integers(4, 20), st.integers(0, 2))
def test_folded_text_keeps_its_characters_and_its_width(text: str, width: int, indent: int) -> None:
    lines = wrap(text, width, indent)
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0.04, "0 s"),
        (4.25, "4.2 s"),
        (7, "7 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (4_000_000, "1,111 h 06 min"),
    ],
)
def test_a_duration_is_said_in_one_form(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_noun_has_its_number() -> None:
    assert (quantity(1, "VM"), quantity(0, "VM"), quantity(1000, "service")) == (
        "1 VM",
        "0 VMs",
        "1,000 services",
    )


def test_names_are_in_the_order_in_which_people_count() -> None:
    ordered = ["", "1", "01", "9", "10", "Web", "web-1", "web-01", "Web-2", "web-10", "web-10a", "x"]
    for seed in range(20):
        names = random.Random(seed).sample(ordered, len(ordered))
        assert sorted(names, key=natural_key) == ordered


def test_names_beyond_the_most_are_left_out_of_a_list() -> None:
    assert [listed(["a", "b", "c"], most) for most in (1, 2, 3)] == ["a, …", "a, b, …", "a, b, c"]
    assert listed([], 3) == ""

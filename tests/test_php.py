"""PHP's scalars: what each spelling means, and which mean nothing."""

# ruff: noqa: DTZ001 - the panel's times have no zone

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow import _php
from aioseflow._php import Mismatch
from aioseflow.secret import Secret


def name_of(value: object) -> str | None:
    """A parameter's name in the test's id: str() refuses integers this long."""
    return "huge" if isinstance(value, int) and value.bit_length() > 64 else None


HUGE = 10**5000
NAN, INF = float("nan"), float("inf")

MEANINGS: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (_php.text, "", ""),
    (_php.text, " a ", " a "),
    (_php.text, 5, "5"),
    (_php.text, 2.5, "2.5"),
    (_php.text, False, None),
    (_php.identity, "a b", "a b"),
    (_php.identity, 0, "0"),
    (_php.identity, 7.0, "7"),
    (_php.whole, "4.000", 4),
    (_php.whole, " 512 ", 512),
    (_php.whole, "-512", -512),
    (_php.whole, "1e3", 1000),
    (_php.whole, 4.0, 4),
    (_php.whole, 10**17, 10**17),
    (_php.whole, "0e0", 0),
    (_php.whole, " ", None),
    (_php.whole, False, None),
    (_php.decimal, "10.0000", Decimal("10.0000")),
    (_php.decimal, ".5", Decimal("0.5")),
    (_php.decimal, "5.", Decimal(5)),
    (_php.decimal, 58.5, Decimal("58.5")),
    (_php.decimal, 0.1, Decimal("0.1")),
    (_php.decimal, 1e300, Decimal("1e300")),
    (_php.decimal, 0, Decimal(0)),
    (_php.flag, "1", True),
    (_php.flag, "0", False),
    (_php.flag, 1, True),
    (_php.flag, 0, False),
    (_php.flag, True, True),
    (_php.flag, False, False),
    (_php.flag, "true", True),
    (_php.flag, "False", False),
    (_php.flag, "yes", True),
    (_php.flag, "off", False),
    (_php.flag, "1.0000", True),
    (_php.flag, 0.0, False),
    (_php.flag, "", None),
    (_php.flag, [], None),
    (_php.stamp, "2015-09-17 09:00:20", datetime(2015, 9, 17, 9, 0, 20)),
    (_php.stamp, "2015-09-17T09:00:20.5", datetime(2015, 9, 17, 9, 0, 20, 500000)),
    (_php.stamp, "2015-09-17 09:00", datetime(2015, 9, 17, 9, 0)),
    (_php.stamp, "2015-09-17", datetime(2015, 9, 17)),
    (_php.stamp, "0000-00-00 00:00:00", None),
    (_php.stamp, "-0001-11-30 00:00:00", None),
    (_php.stamp, " ", None),
    (_php.day, "2015-09-17", date(2015, 9, 17)),
    (_php.day, "2015-09-17 09:00:20", date(2015, 9, 17)),
    (_php.day, "0000-00-00", None),
    (_php.epoch, 1437948000, datetime(2015, 7, 26, 22, 0, tzinfo=UTC)),
    (_php.epoch, "1437948000.25", datetime(2015, 7, 26, 22, 0, 0, 250000, tzinfo=UTC)),
    (_php.epoch, -1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    (_php.epoch, "", None),
    (_php.secret, "", Secret("")),
    (_php.secret, 5, Secret("5")),
    (_php.whole_or_text, "5 days", "5 days"),
    (_php.whole_or_text, "5.0", 5),
    (_php.texts, ["a", " ", None, 5], ("a", "5")),
    (_php.texts, {"0": "a"}, ("a",)),
    (_php.texts, "a", ("a",)),
]
READERS = [
    *(_php.text, _php.whole, _php.decimal, _php.flag, _php.stamp, _php.day, _php.epoch, _php.secret),
    _php.whole_or_text,
]


@pytest.mark.parametrize(("read", "value", "meaning"), MEANINGS)
def test_every_spelling_has_its_meaning(read: Callable[[Any], Any], value: Any, meaning: Any) -> None:
    found = read(value)
    assert found == meaning
    assert type(found) is type(meaning)
    assert str(found) == str(meaning)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("nothing", [None, [], {}])
def test_nothing_is_none(read: Callable[[Any], Any], nothing: Any) -> None:
    assert read(nothing) is None


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (_php.text, True),
        (_php.text, ["a"]),
        (_php.text, NAN),
        (_php.identity, ""),
        (_php.identity, " "),
        (_php.identity, None),
        (_php.identity, True),
        (_php.identity, 1.5),
        (_php.identity, 1e300),
        (_php.identity, HUGE),
        (_php.whole, "1e999999"),
        (_php.whole, "1e999"),
        (_php.whole, "1e-999"),
        (_php.whole, 10**18),
        (_php.whole, 4.5),
        (_php.whole, "4,000"),
        (_php.whole, "٤"),
        (_php.decimal, "sNaN"),
        (_php.decimal, "-Infinity"),
        (_php.decimal, INF),
        (_php.decimal, True),
        (_php.decimal, "1_000"),
        (_php.decimal, "$10.00"),
        (_php.flag, "maybe"),
        (_php.flag, 2),
        (_php.flag, ["1"]),
        (_php.stamp, "2015-02-30"),
        (_php.stamp, "2015-09-17T09:00:20Z"),
        (_php.stamp, "20150917"),
        (_php.stamp, "٢٠١٥-09-17"),
        (_php.stamp, 20150917),
        (_php.stamp, True),
        (_php.day, "tomorrow"),
        (_php.epoch, "soon"),
        (_php.epoch, 1e17),
        (_php.epoch, "1e300"),
        (_php.secret, True),
        (_php.texts, 5),
        (_php.texts, [["a"]]),
    ],
    ids=name_of,
)
def test_what_cannot_be_meant_is_a_mismatch(read: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(Mismatch):
        read(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_becomes_the_decimal_of_its_shortest_text(value: float) -> None:
    assert _php.decimal(value) == Decimal(repr(value))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_a_text_becomes_exactly_its_decimal(value: Decimal) -> None:
    found = _php.decimal(str(value))
    assert str(found) == str(value)


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 6))
def test_a_whole_number_may_have_any_number_of_empty_decimals(value: int, places: int) -> None:
    assert _php.whole(f"{value}.{'0' * places}") == _php.whole(value) == value


@given(st.datetimes())
def test_a_time_reads_back_as_it_was_written(value: datetime) -> None:
    written = value.replace(microsecond=0)
    found = _php.stamp(written.isoformat(" "))
    assert found == (None if written.year < 1 else written)

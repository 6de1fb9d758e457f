"""PHP's scalars: what each spelling means, and which mean nothing."""

# ruff: noqa: DTZ001 - the panel's times have no zone

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact, Rounded, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow.decoding import php
from aioseflow.decoding.php import Mismatch
from aioseflow.secret import Secret


def name_of(value: object) -> str | None:
    """A parameter's name in the test's id: str() refuses integers this long."""
    return "huge" if isinstance(value, int) and value.bit_length() > 64 else None


HUGE = 10**5000
NAN, INF = float("nan"), float("inf")

MEANINGS: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (php.text, "", ""),
    (php.text, " a ", " a "),
    (php.text, 5, "5"),
    (php.text, 2.5, "2.5"),
    (php.text, False, None),
    (php.identity, "a b", "a b"),
    (php.identity, 0, "0"),
    (php.identity, 7.0, "7"),
    (php.whole, "4.000", 4),
    (php.whole, " 512 ", 512),
    (php.whole, "-512", -512),
    (php.whole, "1e3", 1000),
    (php.whole, 4.0, 4),
    (php.whole, 10**17, 10**17),
    (php.whole, "0e0", 0),
    (php.whole, " ", None),
    (php.whole, False, None),
    (php.decimal, "10.0000", Decimal("10.0000")),
    (php.decimal, ".5", Decimal("0.5")),
    (php.decimal, "5.", Decimal(5)),
    (php.decimal, 58.5, Decimal("58.5")),
    (php.decimal, 0.1, Decimal("0.1")),
    (php.decimal, 1e300, Decimal("1e300")),
    (php.decimal, 0, Decimal(0)),
    (php.flag, "1", True),
    (php.flag, "0", False),
    (php.flag, 1, True),
    (php.flag, 0, False),
    (php.flag, True, True),
    (php.flag, False, False),
    (php.flag, "true", True),
    (php.flag, "False", False),
    (php.flag, "yes", True),
    (php.flag, "off", False),
    (php.flag, "1.0000", True),
    (php.flag, 0.0, False),
    (php.flag, "", None),
    (php.flag, [], None),
    (php.stamp, "2015-09-17 09:00:20", datetime(2015, 9, 17, 9, 0, 20)),
    (php.stamp, "2015-09-17T09:00:20.5", datetime(2015, 9, 17, 9, 0, 20, 500000)),
    (php.stamp, "2015-09-17 09:00", datetime(2015, 9, 17, 9, 0)),
    (php.stamp, "2015-09-17", datetime(2015, 9, 17)),
    (php.stamp, "0000-00-00 00:00:00", None),
    (php.stamp, "-0001-11-30 00:00:00", None),
    (php.stamp, " ", None),
    (php.day, "2015-09-17", date(2015, 9, 17)),
    (php.day, "2015-09-17 09:00:20", date(2015, 9, 17)),
    (php.day, "0000-00-00", None),
    (php.epoch, 1437948000, datetime(2015, 7, 26, 22, 0, tzinfo=UTC)),
    (php.epoch, "1437948000.25", datetime(2015, 7, 26, 22, 0, 0, 250000, tzinfo=UTC)),
    (php.epoch, -1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    (php.epoch, "", None),
    (php.secret, "", Secret("")),
    (php.secret, 5, Secret("5")),
    (php.whole_or_text, "5 days", "5 days"),
    (php.whole_or_text, "5.0", 5),
    (php.texts, ["a", " ", None, 5], ("a", "5")),
    (php.texts, {"0": "a"}, ("a",)),
    (php.texts, "a", ("a",)),
]
READERS = [
    *(php.text, php.whole, php.decimal, php.flag, php.stamp, php.day, php.epoch, php.secret),
    php.whole_or_text,
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
        (php.text, True),
        (php.text, ["a"]),
        (php.text, NAN),
        (php.identity, ""),
        (php.identity, " "),
        (php.identity, None),
        (php.identity, True),
        (php.identity, 1.5),
        (php.identity, 1e300),
        (php.identity, HUGE),
        (php.whole, "1e999999"),
        (php.whole, "1e999"),
        (php.whole, "1e-999"),
        (php.whole, 10**18),
        (php.whole, 4.5),
        (php.whole, "4,000"),
        (php.whole, "٤"),
        (php.decimal, "sNaN"),
        (php.decimal, "-Infinity"),
        (php.decimal, INF),
        (php.decimal, True),
        (php.decimal, "1_000"),
        (php.decimal, "$10.00"),
        (php.flag, "maybe"),
        (php.flag, 2),
        (php.flag, ["1"]),
        (php.stamp, "2015-02-30"),
        (php.stamp, "2015-09-17T09:00:20Z"),
        (php.stamp, "20150917"),
        (php.stamp, "٢٠١٥-09-17"),
        (php.stamp, 20150917),
        (php.stamp, True),
        (php.day, "tomorrow"),
        (php.epoch, "soon"),
        (php.epoch, 1e17),
        (php.epoch, "1e300"),
        (php.secret, True),
        (php.texts, 5),
        (php.texts, [["a"]]),
    ],
    ids=name_of,
)
def test_what_cannot_be_meant_is_a_mismatch(read: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(Mismatch):
        read(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_becomes_the_decimal_of_its_shortest_text(value: float) -> None:
    assert php.decimal(value) == Decimal(repr(value))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_a_text_becomes_exactly_its_decimal(value: Decimal) -> None:
    found = php.decimal(str(value))
    assert str(found) == str(value)


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 6))
def test_a_whole_number_may_have_any_number_of_empty_decimals(value: int, places: int) -> None:
    assert php.whole(f"{value}.{'0' * places}") == php.whole(value) == value


@given(st.datetimes())
def test_a_time_reads_back_as_it_was_written(value: datetime) -> None:
    written = value.replace(microsecond=0)
    found = php.stamp(written.isoformat(" "))
    assert found == (None if written.year < 1 else written)


def test_the_applications_own_decimal_context_changes_no_time() -> None:
    with localcontext(Context(prec=3)):
        assert php.epoch("1437948000.25") == datetime(2015, 7, 26, 22, 0, 0, 250000, tzinfo=UTC)


YES = [
    *(
        True,
        1,
        1.0,
        "1",
        "1.0000",
        "true",
        "yes",
        "y",
        "on",
        "ok",
        "okay",
        "success",
        "successful",
        "succeeded",
    ),
    *("accepted", "done", "completed", "complete", " YES ", "Ok", 200, 204, 299, 200.0, "200", " 201 "),
]
NO = [
    *(
        False,
        0,
        0.0,
        "0",
        "0.0",
        "false",
        "no",
        "n",
        "off",
        "",
        "  ",
        "error",
        "errors",
        "err",
        "fail",
        "failed",
    ),
    *("failure", "ko", "nok", "unsuccessful", "denied", "rejected", "refused", "forbidden", "invalid"),
    *("aborted", "not ok", "exception", "Not_OK", "not-ok", " not  ok", "ERROR", 400, 403, 599, "500", 404.0),
    *(-1, -1.0, "-1", " -1 ", -200, -HUGE),
]
NEITHER = [
    *(
        None,
        [],
        {},
        [True],
        {"ok": True},
        "maybe",
        "queued",
        "-",
        "_",
        "yes!",
        "-yes",
        "yes_",
        "notok",
        "null",
    ),
    *(2, 100, 199, 300, 302, 399, 600, 0.5, -0.5, "2", "0.5", "-0.5", "300", NAN, INF, -INF, HUGE),
    *("1e999", "-1.5", "1e-999", "1" * 5000, "\u0661", "1 0", "o k"),
]


@pytest.mark.parametrize(("meaning", "values"), [(True, YES), (False, NO), (None, NEITHER)])
def test_one_reader_says_yes_no_or_neither(meaning: bool | None, values: list[Any]) -> None:
    for value in values:
        assert php.says(value) is meaning, name_of(value) or repr(value)


@given(
    st.text(max_size=12) | st.floats() | st.integers() | st.sampled_from([*map(str, YES), *map(str, NO[:-1])])
)
def test_a_flag_never_contradicts_it(value: Any) -> None:
    try:
        flag = php.flag(value)
    except Mismatch:
        return
    if flag is not None:
        assert php.says(value) is flag


def test_every_word_of_a_flag_is_one_of_yes_and_no() -> None:
    for word in ("1", "true", "yes", "y", "on", "0", "false", "no", "n", "off"):
        assert php.flag(word) is php.says(word) is not None


@pytest.mark.parametrize("digits", [1, 6])
def test_yes_and_no_do_not_depend_on_the_applications_decimal_context(digits: int) -> None:
    with localcontext(Context(prec=digits, traps=[Inexact, Rounded])):
        assert php.says("204.0000000") is True
        assert php.says("1" * 100) is None

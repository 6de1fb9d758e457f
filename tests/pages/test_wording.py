from __future__ import annotations

import pytest
from support.reports import HOSTILE

from aioseflow.pages.wording import figure, natural, prefix_of, text, words


def test_names_are_in_the_order_in_which_people_count() -> None:
    assert sorted(["web10", "Web2", "db1", "web1"], key=natural) == ["db1", "web1", "Web2", "web10"]


def test_one_prefix_is_for_all_rates() -> None:
    assert prefix_of([40e6, 1.2e9]) == ("G", 1e9)
    assert prefix_of([999.0]) == ("", 1.0)
    assert prefix_of([]) == ("", 1.0)
    assert prefix_of([5e17])[0] == "T"


@pytest.mark.parametrize(
    ("value", "places", "said"),
    [(0.0, 2, "0.00"), (0.004, 2, "under 0.01"), (1.16, 2, "1.16"), (1250.4, 0, "1,250")],
)
def test_rates_have_as_many_decimals_as_the_others(value: float, places: int, said: str) -> None:
    assert figure(value, places) == said


@pytest.mark.parametrize("given", [HOSTILE, "a\u2028b", "a\x00b", "\ud800", "x" * 10_000, "\u202eabc"])
def test_what_is_shown_is_one_printable_line_of_bounded_length(given: str) -> None:
    shown = text(given)
    assert shown.isprintable()
    assert len(shown) <= 200
    assert shown.encode("utf-8")


def test_a_target_without_an_outcome_is_said_in_words() -> None:
    assert [words("pending"), words("not_attempted")] == ["no outcome yet", "not attempted"]

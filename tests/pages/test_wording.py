from __future__ import annotations

import pytest

from aioseflow.pages.wording import figure, prefix_of, words


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


def test_a_target_without_an_outcome_is_said_in_words() -> None:
    assert [words("pending"), words("not_attempted")] == ["no outcome yet", "not attempted"]

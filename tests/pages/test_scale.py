from __future__ import annotations

import pytest

from aioseflow.pages.scale import ticks, time_ticks


@pytest.mark.parametrize(
    ("most", "end", "labels"),
    [
        (1, 1, ["0", "1"]),
        (3, 3, ["0", "1", "2", "3"]),
        (40, 40, ["0", "10", "20", "30", "40"]),
        (41, 60, ["0", "20", "40", "60"]),
        (10_000, 10_000, ["0", "5,000", "10,000"]),
    ],
)
def test_an_axis_of_vms_has_whole_round_figures(most: float, end: float, labels: list[str]) -> None:
    found, marks = ticks(most, whole=True)
    assert found == end
    assert [label for _, label in marks] == labels
    assert (marks[0][0], marks[-1][0]) == (0, 100)


def test_an_axis_of_nothing_is_an_axis() -> None:
    assert ticks(0, whole=True) == (1, ((0.0, "0"), (100.0, "1")))


@pytest.mark.parametrize(
    ("seconds", "last"),
    [
        (0.4, "0.4 s"),
        (1, "1 s"),
        (37, "30 s"),
        (249, "4 min"),
        (95, "1:30 min"),
        (4 * 3600, "4 h"),
        (9 * 86400, "8 d"),
    ],
)
def test_a_time_axis_says_times_as_people_do(seconds: float, last: str) -> None:
    marks = time_ticks(seconds)
    assert marks[0][0] == 0
    assert marks[-1][1] == last
    assert all(0 <= place <= 100 for place, _ in marks)
    assert 2 <= len(marks) <= 8

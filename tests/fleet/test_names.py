"""Many names in few words, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow import InvalidArgument
from aioseflow.fleet.report.vm_names import fold


def unfold(text: str) -> list[str]:
    """The names, read by the documented rules alone: items, JSON strings, ranges padded like their first."""
    names: list[str] = []
    while text:
        if text.startswith('"'):
            name, end = json.JSONDecoder().raw_decode(text)
            names.append(name)
        else:
            found = re.match(r"(?:[^\[,]|,(?! ))*(?:\[([0-9,-]+)\])?(?:[^\[,]|,(?! ))*", text)
            assert found is not None
            end = found.end()
            head, _, rest = found[0].partition("[")
            _, _, tail = rest.partition("]")
            names += [f"{head}{number}{tail}" for number in _numbers(found[1])] if found[1] else [found[0]]
        assert text[end : end + 2] in ("", ", ")
        text = text[end + 2 :]
    return names


def _numbers(ranges: str) -> Iterable[str]:
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        width = len(first) if first.startswith("0") else 1
        yield from (f"{number:0{width}d}" for number in range(int(first), int(last or first) + 1))


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], ""),
        (["web01"], "web01"),
        ([f"web{number:02d}" for number in [*range(1, 15), 17]], "web[01-14,17]"),
        (["web2", "web10", "web1", "web2"], "web[1-2,10]"),
        (["web1", "web01", "web2", "web02", "web001"], "web[1-2], web[01-02], web001"),
        ([f"web{number:02d}" for number in range(98, 103)], "web[98-102]"),
        ([f"web{number:02d}" for number in [*range(1, 103)]], "web[01-102]"),
        (["web8", "web9", "web10", "web11"], "web[8-11]"),
        (["db", "web", "Mail"], "db, Mail, web"),
        (["4", "5", "6", "9"], "[4-6,9]"),
        (["dc1-web01", "dc1-web02", "dc2-web01", "dc2-web02"], "dc1-web[01-02], dc2-web[01-02]"),
        (["web01-dc1", "web02-dc1", "web03-dc1"], "web[01-03]-dc1"),
        (["web01-dc1", "web02-dc1", "web03-dc1", "web03-dc2"], "web[01-03]-dc1, web03-dc2"),
        (["10.0.0.1", "10.0.0.2", "10.0.1.1"], "10.0.0.[1-2], 10.0.1.1"),
        (["Web server 1", "Web server 2"], "Web server [1-2]"),
        (["1" * 30, "1" * 29 + "2", "9" * 5000], ", ".join(["1" * 30, "1" * 29 + "2", "9" * 5000])),
        (["web9", "web10a", "web1"], "web[1,9], web10a"),
        (["", "a,b", "a[1]", "a[2]", 'a"b', "a\\b", " a1", "a1 ", "a  1"], None),
        (["a\x1b[2J", "a\n", "a\u202eb", "a\u00a0b", "\U000e0041"], None),
        (["…", "… and 12 more", "Zürich 1", "Zürich 2", "東京1", "東京2", "²", "web٣"], None),
    ],
)
def test_names_fold_as_people_read_them_and_unfold_exactly(names: list[str], folded: str | None) -> None:
    written = fold(names)
    if folded is not None:
        assert written == folded
    assert sorted(unfold(written)) == sorted(set(names))
    assert written.isprintable()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("", '""'),
        ("a,b", '"a,b"'),
        ("web[1-2]", '"web[1-2]"'),
        ('say "hi"\\', '"say \\"hi\\"\\\\"'),
        ("a\x1b[31m", '"a\\u001b[31m"'),
        ("a\u202eb", '"a\\u202eb"'),
        (" a", '" a"'),
        ("a  b", '"a  b"'),
        ("a b", "a b"),
        ("Zürich", "Zürich"),
    ],
)
def test_a_name_that_could_be_misread_is_written_as_a_json_string(name: str, written: str) -> None:
    assert fold([name]) == written


NUMBERS = st.integers(0, 120).flatmap(
    lambda number: st.sampled_from([str(number), f"{number:02d}", f"{number:03d}"])
)
NAMES = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["web", "db", ""]), NUMBERS),
    st.builds("web{}-{}".format, NUMBERS, NUMBERS),
    st.builds("{}.{}.{}.{}x".format, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    st.text(alphabet='ab019 ,[]-"\\…\x1b', max_size=6),
    st.text(max_size=8),
)


@given(st.lists(NAMES, max_size=60))
def test_unfolding_gives_back_exactly_the_set_and_order_does_not_matter(names: list[str]) -> None:
    written = fold(names)
    assert sorted(unfold(written)) == sorted(set(names))
    assert written.isprintable()
    assert fold(reversed(names)) == written


@given(st.lists(NAMES, min_size=1, max_size=60), st.integers(1, 12))
def test_a_capped_fold_is_true_of_what_it_shows_and_counts_the_rest(names: list[str], most: int) -> None:
    written = fold(names, most=most)
    left = 0
    if (found := re.search(r", … and ([0-9,]+) more$", written)) is not None:
        written = written[: found.start()]
        left = int(found[1].replace(",", ""))
    shown = unfold(written)
    assert set(shown) <= set(names)
    assert len(shown) == len(set(shown))
    assert len(shown) + left == len(set(names))
    assert left or written == fold(names)


def test_a_cap_counts_ranges_so_that_scattered_numbers_stay_short() -> None:
    assert fold([f"w{number}" for number in range(0, 100, 2)], most=3) == "w[0,2,4], … and 47 more"
    assert fold(["a", "b1", "b3", "c"], most=2) == "a, b1, … and 2 more"
    assert fold(["a", "b"], most=2) == "a, b"
    with pytest.raises(InvalidArgument, match=r"most=0: give at least 1"):
        fold(["a"], most=0)

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode

import pytest

from aioseflow.pages.fragments import MAX_FRAGMENT_CHARACTERS, TOO_LONG, Fragments


def unpacked(fragments: Fragments) -> list[str]:
    texts: list[str] = []
    for start, chunk in zip(fragments.starts, fragments.chunks, strict=True):
        assert start == len(texts)
        texts += json.loads(zlib.decompress(b64decode(chunk)))
    return texts


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "\u2028\u2029\x00",
    "\ud800 alone",
    "\u202ertl",
    "x" * 10_000,
    "",
]


def test_fragments_come_out_as_they_went_in() -> None:
    fragments = Fragments()
    numbers = [fragments.add(html) for html in HOSTILE]
    fragments.close()
    assert numbers == list(range(len(HOSTILE)))
    assert unpacked(fragments) == HOSTILE


def test_packed_fragments_have_no_character_that_means_something_in_html() -> None:
    fragments = Fragments()
    for html in HOSTILE:
        fragments.add(html)
    fragments.close()
    assert all(re.fullmatch(r"[A-Za-z0-9+/=]+", chunk) for chunk in fragments.chunks)


def test_equal_fragments_are_kept_once() -> None:
    fragments = Fragments()
    assert [fragments.add(html) for html in ["a", "b", "a", "c", "b"]] == [0, 1, 0, 2, 1]
    fragments.close()
    assert unpacked(fragments) == ["a", "b", "c"]


def test_many_fragments_are_in_many_chunks_so_that_few_are_unpacked_for_one_vm() -> None:
    fragments = Fragments()
    given = [f"{number:06d}" + "x" * 4000 for number in range(300)]
    assert [fragments.add(html) for html in given] == list(range(300))
    fragments.close()
    assert len(fragments.chunks) > 3
    assert unpacked(fragments) == given


@pytest.mark.parametrize("size", [MAX_FRAGMENT_CHARACTERS, MAX_FRAGMENT_CHARACTERS + 1])
def test_a_fragment_of_more_than_a_megabyte_is_left_out(size: int) -> None:
    fragments = Fragments()
    assert (fragments.add("x" * size) == TOO_LONG) is (size > MAX_FRAGMENT_CHARACTERS)


def test_without_fragments_there_is_no_chunk() -> None:
    fragments = Fragments()
    fragments.close()
    assert (fragments.chunks, fragments.starts) == ([], [])

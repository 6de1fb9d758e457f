"""Lists that say they are one page of several."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.clients import client
from support.wire import Wire, http

from aioseflow.session.paging import pages_of

ROWS = [{"id": 1}, {"id": 2}]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as wire:
        yield wire


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"meta": {"pagination": {"page": 1, "last_page": 3}}}, "page 1 of 3"),
        ({"pagination": {"current_page": "2", "total_pages": "3"}}, "page 2 of 3"),
        ({"last_page": 2}, "one page of 2"),
        ({"page": {"total": 3, "current": 1}}, "page 1 of 3"),
        ({"sorter": {"perpage": 2, "totalpages": 4}}, "one page of 4"),
        ({"total": 7}, "2 of 7 entries"),
        ({"meta": {"total_count": "7"}}, "2 of 7 entries"),
        ({"next": "/api/service/9/vms?page=2"}, "one page of several"),
        ({"links": {"next": {"href": "/x"}}}, "one page of several"),
        ({"_links": {"next": "/x", "prev": None}}, "one page of several"),
        ({"has_more": True}, "one page of several"),
        ({"hasMore": 1}, "one page of several"),
        ({"next_page": 2}, "one page of several"),
        ({"truncated": "true"}, "one page of several"),
    ],
)
def test_one_page_of_several_is_recognized(extra: dict[str, Any], said: str) -> None:
    assert pages_of({"vms": ROWS, **extra}, ROWS, 200, {}) == said
    keyed: dict[str, Any] = {"1": {}, "2": {}}
    assert pages_of({"vms": keyed, **extra}, keyed, 200, {}) == said


@pytest.mark.parametrize(
    "extra",
    [
        {}, {"meta": {"pagination": {"page": 1, "last_page": 1}}}, {"total": 2}, {"total": "2"}, {"count": 1},
        {"total": "120.00"}, {"next": None}, {"next": ""}, {"links": {"next": None}}, {"has_more": False},
        {"has_more": 0}, {"has_more": "no"}, {"page": 1}, {"pages": 1}, {"page": {"total": 2, "size": 50}},
        {"page": {"total": 1}}, {"success": True, "server_time": 99}, {"meta": {"x": {"last_page": 3}}},
        {"total": None}, {"total": [7]}, {"pagination": []},
    ],
)  # fmt: skip
def test_a_whole_list_is_whole(extra: dict[str, Any]) -> None:
    assert pages_of({"vms": ROWS, **extra}, ROWS, 200, {}) is None


def test_headers_and_the_status_tell_it_too() -> None:
    alone = {"vms": ROWS}
    assert pages_of(alone, ROWS, 206, {}) == "a part of the list (HTTP 206)"
    assert pages_of(alone, ROWS, 200, {"link": '<https://p/x?page=2>; rel="next"'}) == "one page of several"
    assert pages_of(alone, ROWS, 200, {"link": '<https://p/x?page=1>; rel="prev"'}) is None


async def test_an_exchange_shows_what_its_list_says(wire: Wire) -> None:
    async with client(wire.url) as seflow:
        for body, pages in (
            ('{"vms": [{"id": 1}], "meta": {"page": 1, "last_page": 2}}', "page 1 of 2"),
            ('{"vms": [{"id": 1}]}', None),
        ):
            wire.answer = http(body)
            with seflow.capture() as exchanges:
                await seflow.vms.list(9)
            assert exchanges[0].pages == pages

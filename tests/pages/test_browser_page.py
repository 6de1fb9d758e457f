"""A report's page in the hands of a reader: keyboard, phone, paper, dark room, ten thousand rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from pages.browser import Browser
from pages.hostile import HARMLESS
from pages.opened import Page
from pages.runs import Shown, a_usage_run, empty, failed_stop, ok_usage
from selenium.webdriver.common.keys import Keys
from support.reports import a_report, an_outcome

from aioseflow import Status

_REPORTS: Final = (failed_stop, ok_usage, empty)
_WORST_FIRST: Final = ["failed", "unknown", "not attempted", "changed", "unchanged"]


def _natural(text: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text.casefold())]


def _seconds(text: str) -> float:
    return float(text.removesuffix(" s"))


_ORDERS: Final[dict[str, Callable[[str], Any]]] = {
    "label": lambda text: _natural(text.splitlines()[0]),
    "place": _natural,
    "status": lambda text: _WORST_FIRST.index(text.splitlines()[0]),
    "cause": str,
    "power": str,
    "seconds": _seconds,
    "ended": str,
    "attempts": int,
}


@pytest.fixture(autouse=True)
def _wide(chromium: Browser) -> None:
    chromium.screen(1440)


def test_the_keyboard_sorts_by_each_column_both_ways(chromium: Browser, tmp_path: Path) -> None:
    page = Page.open(chromium, failed_stop(45), tmp_path)
    page.focus("#vms th button")
    for column in _ORDERS:
        head = chromium.find(f"#vms th[data-column={column}]")
        assert chromium.driver.switch_to.active_element == head.find_element("css selector", "button")
        for asked in ("ascending", "descending"):
            page.press(Keys.ENTER)
            assert head.get_attribute("aria-sort") == asked, column
            assert len(chromium.find_all("#vms th[aria-sort]")) == 1
            cells = [_ORDERS[column](text) for text in page.column(column)]
            assert len(cells) == 45
            assert cells == sorted(cells, reverse=asked == "descending"), column
        page.press(Keys.TAB)


def test_a_table_sorted_by_its_outcomes_is_turned_by_their_head(chromium: Browser, tmp_path: Path) -> None:
    page = Page.open(chromium, failed_stop(45), tmp_path)
    page.focus("#vms th[data-column=status] button")
    for worst_first in (True, False, True):
        ranks = [_ORDERS["status"](text) for text in page.column("status")]
        assert ranks == sorted(ranks, reverse=not worst_first)
        page.press(Keys.ENTER)


def test_a_word_typed_leaves_the_rows_that_have_it_and_their_number_is_shown(
    chromium: Browser, tmp_path: Path
) -> None:
    page = Page.open(chromium, failed_stop(45), tmp_path)
    page.focus("#filter")
    page.press("db009")
    assert page.matching == "1 of 45 VMs matches"
    assert [text.splitlines()[0] for text in page.column("label")] == ["db009.example.com"]
    page.press(Keys.BACKSPACE * 5, "no such thing")
    assert page.matching == "0 of 45 VMs match"
    assert page.rows == []
    page.press(Keys.BACKSPACE * 13)
    assert page.matching == "45 VMs"


def test_a_status_is_chosen_with_the_space_bar(chromium: Browser, tmp_path: Path) -> None:
    page = Page.open(chromium, failed_stop(45), tmp_path)
    chip = page.focus(".chip[data-status=failed]")
    page.press(Keys.SPACE)
    assert chip.get_attribute("aria-pressed") == "true"
    assert {text.splitlines()[0] for text in page.column("status")} == {"failed"}
    page.press(Keys.SPACE)
    assert page.matching == "45 VMs"


def test_enter_or_a_click_opens_a_row_and_closes_it(chromium: Browser, tmp_path: Path) -> None:
    page = Page.open(chromium, ok_usage(10), tmp_path)
    opener = page.focus("#vms button.open")
    assert chromium.find_all("iframe") == []
    page.press(Keys.ENTER)
    assert opener.get_attribute("aria-expanded") == "true"
    controlled = chromium.find(f"#{opener.get_attribute('aria-controls')}")
    chromium.until(
        lambda: len(controlled.find_elements("css selector", "iframe")) == 3, "three graphs are shown"
    )
    assert chromium.driver.switch_to.active_element == opener
    page.press(Keys.ENTER)
    assert opener.get_attribute("aria-expanded") == "false"
    assert chromium.find_all("iframe") == []
    opener.click()
    assert opener.get_attribute("aria-expanded") == "true"
    opener.click()
    assert opener.get_attribute("aria-expanded") == "false"


def test_what_has_the_focus_can_be_seen(chromium: Browser, tmp_path: Path) -> None:
    page = Page.open(chromium, failed_stop(3), tmp_path)
    page.focus("#vms button.open")
    page.focus("#filter")
    stops = 0
    for _ in range(40):
        outline = chromium.run(
            "const there = document.activeElement; if (there === document.body) return null;"
            "const style = getComputedStyle(there);"
            "return [there.outerHTML.slice(0, 80), style.outlineStyle, parseFloat(style.outlineWidth),"
            " style.boxShadow]"
        )
        if outline is None:
            break
        stops += 1
        what, style, width, shadow = outline
        assert (style != "none" and width >= 2) or shadow != "none", what
        page.press(Keys.TAB)
    assert stops >= 10


@pytest.mark.parametrize("shown", _REPORTS)
def test_a_phone_scrolls_down_and_never_sideways(
    shown: Callable[[], Shown], chromium: Browser, tmp_path: Path
) -> None:
    chromium.screen(360, 740)
    page = Page.open(chromium, shown(), tmp_path)
    if page.rows:
        page.show(page.first)
    assert chromium.run("return document.scrollingElement.scrollWidth") == 360


def test_a_phone_never_scrolls_sideways_for_a_long_name(chromium: Browser, tmp_path: Path) -> None:
    chromium.screen(360, 740)
    long = "w" * 10_000
    outcomes = [
        an_outcome(number, Status.FAILED, vm_label=long, service_name=long, account=long, cause=long)
        for number in range(3)
    ]
    page = Page.open(chromium, Shown(report=a_report(*outcomes, note=long, requested_by=long)), tmp_path)
    page.show(page.first)
    assert chromium.run("return document.scrollingElement.scrollWidth") == 360


def test_paper_has_every_row_and_neither_controls_nor_fragments(chromium: Browser, tmp_path: Path) -> None:
    page = Page.open(chromium, ok_usage(), tmp_path)
    page.show(page.first)
    controls = chromium.find_all(".controls, .pager, iframe")
    assert len(controls) == 5
    chromium.screen(800, media="print")
    # The command that prints waits for the page's own preparations, which this event starts.
    chromium.run(
        "window.seen = 0; addEventListener('beforeprint', () => { window.seen = "
        "[document.querySelectorAll('#vms tr[data-vm]').length] })"
    )
    assert chromium.command("Page.printToPDF")["data"].startswith("JVBERi0")
    assert chromium.run("return window.seen") == [60]
    chromium.run("dispatchEvent(new Event('beforeprint'))")
    assert [
        one.tag_name for one in chromium.find_all(".controls, .pager, .graphs, iframe") if one.is_displayed()
    ] == []
    assert chromium.find("h1").is_displayed()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_is_as_dark_as_its_reader_likes(
    scheme: Any, dark: bool, chromium: Browser, tmp_path: Path
) -> None:
    chromium.screen(1440, scheme=scheme)
    Page.open(chromium, failed_stop(3), tmp_path)
    colour = chromium.run(
        "return ['body', 'html']"
        ".map((name) => getComputedStyle(document.querySelector(name)).backgroundColor)"
        ".find((colour) => colour !== 'rgba(0, 0, 0, 0)')"
    )
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    assert (max(red, green, blue) < 64) if dark else (min(red, green, blue) > 230)


def test_ten_thousand_vms_are_found_and_few_are_drawn(chromium: Browser, tmp_path: Path) -> None:
    page = Page.open(
        chromium, a_usage_run(f"{HARMLESS}<p>{number}</p>" for number in range(10_000)), tmp_path
    )
    assert page.matching == "10,000 VMs"
    assert 0 < len(page.rows) < 300
    assert chromium.run("return document.querySelectorAll('*').length") < 10_000
    page.focus("#filter")
    page.press("web9999")
    assert page.matching == "1 of 10,000 VMs matches"
    frame, *_ = page.show(page.first)
    with page.inside(frame):
        assert chromium.find("body").text.split() == ["load", "0.42", "9998"]


def test_without_scripts_the_overview_and_rows_are_there_and_no_dead_controls(
    chromium: Browser, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(failed_stop().page(), encoding="utf-8")
    chromium.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(page)
        text = chromium.find("main").text
        dead = chromium.find_all("button:not([disabled]), input:not([disabled]), select:not([disabled])")
        assert [control.get_attribute("outerHTML") for control in dead if control.is_displayed()] == []
    finally:
        chromium.command("Emulation.setScriptExecutionDisabled", value=False)
    assert "vm_locked" in text
    assert len(chromium.find_all("#vms tbody tr")) == 200


@pytest.mark.parametrize("shown", _REPORTS)
def test_the_page_has_nothing_to_complain_of(
    shown: Callable[[], Shown], chromium: Browser, tmp_path: Path
) -> None:
    chromium.complaints()
    page = Page.open(chromium, shown(), tmp_path)
    if page.rows:
        page.show(page.first)
    assert chromium.left(tmp_path) == ()
    assert chromium.complaints() == []

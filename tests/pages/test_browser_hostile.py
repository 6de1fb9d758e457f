"""Markup of a panel in a report has no effect in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from pages.browser import Browser
from pages.extent import EVERYTHING
from pages.hostile import ATTACKS, CONTROLS, HARMLESS, Attack, harms, outside, watch
from pages.opened import Page
from pages.runs import Shown, a_usage_run
from selenium.common.exceptions import WebDriverException
from support.reports import a_report, an_outcome

from aioseflow import ApiError, Status, Undiscovered

Three = tuple[Attack, Attack, Attack]

_SHOWN: Final = ["load 0.42", "rgb(1, 2, 3)", "rgb(4, 5, 6)", 1, 40]
_BARE: Final = [attack for attack in ATTACKS if EVERYTHING or attack.name in CONTROLS]
_VMS: Final = 1 if EVERYTHING else 7


def _pages() -> list[list[Three]]:
    """Return the attacks in the three graphs of each VM of each page: one in all three, or three."""
    whole = ATTACKS + ATTACKS[: -len(ATTACKS) % 3]
    threes = zip(whole[::3], whole[1::3], whole[2::3], strict=True)
    vms = [(attack, attack, attack) for attack in ATTACKS] if EVERYTHING else list(threes)
    return [vms[first : first + _VMS] for first in range(0, len(vms), _VMS)]


@pytest.fixture(scope="module")
def as_it_should_be(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All that is outside the frames of a page whose graphs are harmless, after each row that is opened."""
    page = Page.open(chromium, a_usage_run([HARMLESS] * _VMS), tmp_path_factory.mktemp("harmless"))
    seen = []
    for row in page.rows:
        page.show(row)
        seen.append(outside(chromium))
    return seen


@pytest.fixture(autouse=True)
def _nothing_saved(chromium: Browser) -> None:
    for file in chromium.downloads.iterdir():
        file.unlink()


def test_the_attacks_that_are_seen_to_succeed_are_there() -> None:
    assert CONTROLS - {attack.name for attack in ATTACKS} == set()


@pytest.mark.parametrize("attack", _BARE, ids=str)
def test_each_attack_succeeds_in_a_page_without_protection(
    attack: Attack, chromium: Browser, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.html"
    there = "" if attack.alone == "inserted" else HARMLESS + attack.html
    bare.write_text(f"<!doctype html><title>bare</title><body><h1>Report</h1>{there}", encoding="utf-8")
    chromium.open(bare)
    watch(chromium)
    before = None
    if attack.alone == "inserted":
        before = outside(chromium)
        chromium.run("document.body.insertAdjacentHTML('beforeend', arguments[0])", attack.html)
    elif attack.alone == "parsed twice":
        chromium.run("document.body.innerHTML = document.body.innerHTML")
    attack.provoke(chromium)
    chromium.until(lambda: harms(chromium, tmp_path, before), "some harm is noticed")


@pytest.mark.parametrize("vms", _pages(), ids=lambda vms: f"from {vms[0][0]}")
def test_fragments_are_shown_and_can_do_nothing(
    vms: list[Three], chromium: Browser, tmp_path: Path, as_it_should_be: list[str]
) -> None:
    graphs: list[str | tuple[str, str, str]] = [
        (HARMLESS + cpu.html, HARMLESS + net.html, HARMLESS + disk.html) for cpu, net, disk in vms
    ]
    page = Page.open(chromium, a_usage_run(graphs + [HARMLESS] * (_VMS - len(vms))), tmp_path)
    watch(chromium)
    # A row stays open, for those that are slow to do harm.
    for attacks, row, right in zip(vms, page.rows, as_it_should_be, strict=False):
        blamed = f"by one of: {', '.join(map(str, attacks))}"
        try:
            for attack, frame in zip(attacks, page.show(row), strict=True):
                with page.inside(frame):
                    assert page.harmless_part() == _SHOWN, attack.name
                    attack.provoke(chromium)
                    owned = chromium.driver.execute_script("return document.documentElement.dataset.owned")
                    assert not owned, attack.name
            assert harms(chromium, tmp_path, right) == set(), blamed
        except WebDriverException as broken:
            raise AssertionError(f"the page was taken away {blamed}") from broken


@pytest.mark.parametrize("deed", ["", "click", "enter"])
def test_names_and_messages_that_are_markup_are_text(deed: str, chromium: Browser, tmp_path: Path) -> None:
    attacks = [attack for attack in ATTACKS if attack.deed == deed]
    outcomes = [
        an_outcome(
            number,
            Status.FAILED,
            vm_label=attack.html[:190],
            service_id=str(number),
            service_name=attack.html[:190],
            cause=attack.html[:60],
            error=ApiError(attack.html),
        )
        for number, attack in enumerate(attacks)
    ]
    lost = [
        Undiscovered(account=a.html, service_id=a.html, service_name=a.html, cause=a.html) for a in attacks
    ]
    report = a_report(
        *outcomes,
        undiscovered=tuple(lost),
        action=attacks[0].html,
        note=attacks[0].html,
        requested_by=attacks[0].html,
    )
    page = Page.open(chromium, Shown(report=report), tmp_path)
    watch(chromium)
    page.show(page.first)
    for attack in attacks:
        attack.provoke(chromium)
    assert harms(chromium, tmp_path) == set()
    shown = chromium.run("return document.body.innerText")
    assert [attack.name for attack in attacks if attack.html[:40] not in shown] == []
    assert chromium.find_all("iframe, object, embed, base, #lure, body link, body meta, main style") == []

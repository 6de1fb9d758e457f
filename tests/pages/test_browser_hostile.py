"""What a panel writes into a report can do nothing, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages.browser import Browser
from pages.hostile import ATTACKS, HARMLESS, Attack, harms, outside, watch
from pages.opened import Page
from pages.runs import Shown, a_usage_run
from support.reports import a_report, an_outcome

from aioseflow import ApiError, Status, Undiscovered

_KINDS = 3
_SHOWN = ["load 0.42", "rgb(1, 2, 3)", "rgb(4, 5, 6)", 1, 40]


@pytest.fixture(scope="module")
def as_it_should_be(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """All that is outside the frames of a page with one VM that has harmless graphs, its row open."""
    page = Page.open(chromium, a_usage_run([HARMLESS]), tmp_path_factory.mktemp("harmless"))
    page.show(page.first)
    return outside(chromium)


@pytest.fixture(autouse=True)
def _nothing_saved(chromium: Browser) -> None:
    for file in chromium.downloads.iterdir():
        file.unlink()


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
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


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_fragment_is_shown_and_can_do_nothing(
    attack: Attack, chromium: Browser, tmp_path: Path, as_it_should_be: str
) -> None:
    page = Page.open(chromium, a_usage_run([HARMLESS + attack.html]), tmp_path)
    watch(chromium)
    frames = page.show(page.first)
    assert len(frames) == _KINDS
    for frame in frames:
        with page.inside(frame):
            assert page.harmless_part() == _SHOWN
            attack.provoke(chromium)
    assert harms(chromium, tmp_path, as_it_should_be) == set()
    for frame in frames:
        with page.inside(frame):
            assert not chromium.driver.execute_script("return document.documentElement.dataset.owned")


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

"""axe-core finds no fault in a report's page."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import pytest
from pages.axe import violations
from pages.browser import Browser
from pages.extent import EVERYTHING
from pages.opened import Page
from pages.runs import Shown, empty, failed_stop, ok_usage

Scheme = Literal["light", "dark"]

_EACH: Final = itertools.product((failed_stop, ok_usage, empty), (1440, 360), ("light", "dark"))
_FEW: Final = (
    (failed_stop, 1440, "light"),
    (failed_stop, 360, "dark"),
    (ok_usage, 1440, "dark"),
    (empty, 360, "light"),
)
_READ: Final = tuple(_EACH) if EVERYTHING else _FEW


def test_axe_finds_what_is_wrong(axe: str, chromium: Browser, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.html"
    wrong.write_text('<!doctype html><title>wrong</title><body><img src="data:,"><p style="color:#ddd">pale')
    chromium.screen(1440)
    chromium.open(wrong)
    found = violations(chromium, axe)
    assert [rule for rule in ("image-alt", "color-contrast", "html-has-lang") if rule not in str(found)] == []


@pytest.mark.parametrize(("shown", "width", "scheme"), _READ)
def test_axe_finds_nothing(
    shown: Callable[[], Shown], width: int, scheme: Scheme, axe: str, chromium: Browser, tmp_path: Path
) -> None:
    chromium.screen(width, scheme=scheme)
    page = Page.open(chromium, shown(), tmp_path)
    # The other rows are closed.
    if page.rows:
        page.show(page.first)
    assert violations(chromium, axe) == []

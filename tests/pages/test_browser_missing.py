"""Where the browser or axe-core cannot be had, a test says what to install."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages.axe import source
from pages.browser import programs


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_missing_chromium_names_its_packages() -> None:
    with pytest.raises(
        pytest.skip.Exception, match=r"chromium chromium-driver.*missing: chromium, chromedriver"
    ):
        programs()


def test_a_missing_npm_is_named(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="npm"):
        source(tmp_path)


def test_axe_core_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "axe.min.js").write_text("window.axe = {}", encoding="utf-8")
    assert source(tmp_path) == "window.axe = {}"

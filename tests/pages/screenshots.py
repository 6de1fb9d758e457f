"""Pictures of reports' pages, to be looked at: ``PYTHONPATH=tests python -m pages.screenshots DIRECTORY``."""

from __future__ import annotations

import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

from pages.browser import Browser, browser
from pages.opened import Page
from pages.runs import Shown, empty, failed_stop, ok_usage

_REPORTS: Final[dict[str, Callable[[], Shown]]] = {"failed": failed_stop, "usage": ok_usage, "empty": empty}
_TALLEST: Final = 6000
# Inches, as the protocol asks for.
_A4: Final = {"paperWidth": 8.27, "paperHeight": 11.69}
_SCREENS: Final[tuple[tuple[str, int, Literal["light", "dark"]], ...]] = (
    ("wide", 1440, "light"),
    ("wide-dark", 1440, "dark"),
    ("phone", 360, "light"),
    ("phone-dark", 360, "dark"),
)


def taken(chromium: Browser, directory: Path) -> Iterator[Path]:
    """Take all pictures, and give the path of each."""
    for report, make in _REPORTS.items():
        shown = make()
        for screen, width, scheme in _SCREENS:
            chromium.screen(width, scheme=scheme)
            page = Page.open(chromium, shown, directory)
            yield _picture(chromium, directory / f"{report}-{screen}.png", width, scheme)
            if page.rows:
                page.show(page.first)
                # The row and what is about it: the whole page is in the picture before.
                chromium.screen(width, 900, scheme=scheme)
                chromium.run("document.querySelector('tr.details').scrollIntoView({block: 'center'})")
                file = directory / f"{report}-{screen}-row.png"
                file.write_bytes(chromium.driver.get_screenshot_as_png())
                yield file
        chromium.screen(1440)
        page = Page.open(chromium, shown, directory)
        if page.rows:
            page.show(page.first)
        file = directory / f"{report}-print.pdf"
        sheets = chromium.command("Page.printToPDF", **_A4)
        file.write_bytes(b64decode(sheets["data"]))
        yield file
        # What the sheets look like, without a program that shows PDF.
        chromium.screen(794, media="print")
        yield _picture(chromium, directory / f"{report}-print.png", 794, "light", media="print")


def _picture(
    chromium: Browser, file: Path, width: int, scheme: Literal["light", "dark"], media: str = ""
) -> Path:
    height = min(_TALLEST, int(chromium.run("return document.documentElement.scrollHeight")))
    chromium.screen(width, height, scheme=scheme, media=media)
    chromium.run("scrollTo(0, 0)")
    file.write_bytes(chromium.driver.get_screenshot_as_png())
    return file


def main(directory: Path) -> None:
    """Take them into the directory, and print where each is."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as chromium:
        for file in taken(chromium, directory):
            sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A report's page as its reader uses it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import attrs
from pages.browser import Browser
from pages.runs import Shown
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

_READY = "return !document.getElementById('vms') || document.documentElement.dataset.ready === '1'"
# All in one call: a driver that clicks, and asks again and again, takes longer than the frames do.
_SHOW = """
const [row, done] = arguments;
const loaded = new Set();
const note = (event) => loaded.add(event.target);
function look() {
  const slots = [...row.nextElementSibling.querySelectorAll(".slot")];
  const frames = slots.flatMap((slot) => [...slot.querySelectorAll("iframe")]);
  if (slots.every((slot) => slot.childElementCount) && frames.every((frame) => loaded.has(frame))) {
    document.removeEventListener("load", note, true);
    done(frames);
  } else {
    setTimeout(look, 2);
  }
}
document.addEventListener("load", note, true);
row.scrollIntoView();
row.querySelector("button.open").click();
look();
"""
_HARMLESS = """
const [text, bold, image] = ["p.calm", "p.calm b", "img.calm"].map((what) => document.querySelector(what));
if (!text || !bold || !image) return [location.href, document.documentElement.outerHTML];
return [text.innerText, getComputedStyle(text).color, getComputedStyle(bold).color,
  image.complete && image.naturalWidth, image.getBoundingClientRect().width];
"""


@attrs.frozen
class Page:
    """A page whose table works; rows are distinguished by the number in ``data-vm``."""

    browser: Browser

    @classmethod
    def open(cls, browser: Browser, shown: Shown, place: Path | str) -> Self:
        """Open a report's page and wait until its table works if it has one.

        ``place`` is a directory that its file is put in, or the address that a server has it at.
        """
        html = shown.page().encode()
        if isinstance(place, str):
            browser.wire.served[place] = html
            browser.open(place)
        else:
            file = place / "report.html"
            file.write_bytes(html)
            browser.open(file)
        browser.until(lambda: browser.run(_READY), "the page's script ran to its end")
        return cls(browser)

    @property
    def rows(self) -> list[WebElement]:
        """The rows of VMs that are in the document, from the top."""
        return self.browser.find_all("#vms tbody tr[data-vm]")

    @property
    def first(self) -> WebElement:
        """The first row."""
        return self.browser.find("#vms tbody tr[data-vm]")

    @property
    def matching(self) -> str:
        """Text of the live region."""
        return self.browser.find("#matches").text

    def column(self, name: str) -> list[str]:
        """The texts of a column, from the top."""
        texts: list[str] = self.browser.run(
            "return [...document.querySelectorAll('#vms tbody tr[data-vm] .column-' + arguments[0])]"
            ".map((cell) => cell.innerText.trim())",
            name,
        )
        return texts

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        ActionChains(self.browser.driver, duration=0).send_keys(*keys).perform()

    def focus(self, selector: str) -> WebElement:
        """Go to the first element that a selector matches with Tab alone, from the page's beginning."""
        self.browser.run("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
        wanted = self.browser.find(selector)
        for _ in range(200):
            self.press(Keys.TAB)
            if self.browser.driver.switch_to.active_element == wanted:
                return wanted
        raise AssertionError(f"Tab does not reach {selector}")

    def show(self, row: WebElement) -> list[WebElement]:
        """Scroll to a row, open it, wait until the frames in it have loaded, and give them."""
        self.browser.driver.switch_to.default_content()
        frames: list[WebElement] = self.browser.driver.execute_async_script(_SHOW, row)
        return frames

    @contextlib.contextmanager
    def inside(self, frame: WebElement) -> Iterator[None]:
        """Have the browser look at what is in a frame of the page."""
        self.browser.driver.switch_to.frame(frame)
        try:
            yield
        finally:
            self.browser.driver.switch_to.default_content()

    def harmless_part(self) -> list[object]:
        """Of the frame that the browser looks at: the text, its two colours, the picture's widths.

        What is there instead if something of that is missing.
        """
        found: list[object] = self.browser.driver.execute_script(_HARMLESS)
        return found

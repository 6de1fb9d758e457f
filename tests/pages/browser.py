"""A real Chromium whose every request, to any host, ends at a listener of the tests."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import attrs
import pytest
from pages.wire import Wire, wire
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")

_PATIENCE: Final = 30.0
_PROGRAMS: Final = ("chromium", "chromedriver")
_MISSING: Final = "needs a real browser (Debian: apt-get install chromium chromium-driver); missing: "
_FLAGS: Final = (
    "--headless=new",
    # The tests may run as root, in a container without user namespaces and with a small /dev/shm.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--hide-scrollbars",
    "--lang=en",
)
# Requests that Chromium makes in spite of its flags: for updates, its clock, its search engine.
_ITS_OWN: Final = frozenset(
    {
        "accounts.google.com",
        "clients2.google.com",
        "optimizationguide-pa.googleapis.com",
        "start.duckduckgo.com",
        "update.googleapis.com",
    }
)
_LEAVING: Final = "http://leaves.test/"


@attrs.define(eq=False)
class Browser:
    """A Chromium; ``wire`` counts its requests, ``downloads`` is the folder for its files."""

    driver: Chrome
    wire: Wire
    downloads: Path
    _numbers: itertools.count[int] = attrs.field(factory=itertools.count, init=False)

    def open(self, page: Path | str) -> None:
        """Load a file or an address and wait for its ``load`` event; the network's count begins with it."""
        self.only_window()
        # As if somebody looked at it: an element of a page that has no focus gets none.
        self.command("Emulation.setFocusEmulationEnabled", enabled=True)
        self.driver.get("about:blank")
        self.wire.forget()
        self.driver.get(page if isinstance(page, str) else page.as_uri())

    def until(self, holds: Callable[[], T], what: str) -> T:
        """Wait for something to become true, and give it."""
        return WebDriverWait(self.driver, _PATIENCE, 0.02).until(lambda _: holds(), f"in vain: {what}")

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page, not in a frame of it, and give what it returns."""
        self.driver.switch_to.default_content()
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        """The first element of the page that a CSS selector matches."""
        return self.driver.find_element("css selector", selector)

    def find_all(self, selector: str) -> list[WebElement]:
        """All elements of the page that a CSS selector matches."""
        return self.driver.find_elements("css selector", selector)

    def left(self, scratch: Path) -> tuple[str, ...]:
        """Return the requests of the page since it was opened.

        A request that is made here, after all that the page may have made, is waited for, so that the
        answer does not depend on how quick the browser is.
        """
        until_now = self.wire.connections
        mine = f"{_LEAVING}{next(self._numbers)}"
        control = scratch / "control.html"
        control.write_text(f'<!doctype html><title>control</title><img src="{mine}">')
        # Behind the page, which a tab of the driver's own would cover: going there and back takes longest.
        tab = self.command("Target.createTarget", url=control.as_uri(), background=True)["targetId"]
        try:
            assert self.wire.reached_by(mine), "the listener does not see what leaves"
        finally:
            self.command("Target.closeTarget", targetId=tab)
            self.until(lambda: tab not in self.driver.window_handles, "the control's tab is closed")
        # The control's own request may have come with a second, idle connection.
        return tuple(line for line in self.wire.seen(idle_before=until_now) if _LEAVING not in line)

    def only_window(self) -> None:
        """Close every window but the first."""
        first, *others = self.driver.window_handles
        for window in others:
            self.driver.switch_to.window(window)
            self.driver.close()
        self.driver.switch_to.window(first)

    def screen(
        self, width: int, height: int = 900, *, scheme: Literal["light", "dark"] = "light", media: str = ""
    ) -> None:
        """Set the window's size in CSS pixels, the colours that its user prefers, and the medium."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)

    def complaints(self) -> list[str]:
        """Return the warnings and errors on the console since the last call."""
        entries = self.driver.execute("getLog", {"type": "browser"})["value"]
        return [str(entry["message"]) for entry in entries]

    def command(self, name: str, **parameters: object) -> dict[str, Any]:
        """A command of the DevTools protocol and its result."""
        answer: dict[str, Any] = self.driver.execute_cdp_cmd(name, parameters)
        return answer


def programs() -> tuple[str, str]:
    """Where Chromium and its driver are; without them the test is skipped, which .ci/run forbids."""
    found = [shutil.which(name) for name in _PROGRAMS]
    missing = [name for name, place in zip(_PROGRAMS, found, strict=True) if place is None]
    if missing:
        pytest.skip(_MISSING + ", ".join(missing))
    chromium, driver = (place for place in found if place is not None)
    return chromium, driver


@contextlib.contextmanager
def browser(directory: Path, net_log: Path | None = None) -> Iterator[Browser]:
    """A Chromium with a profile of its own in the directory.

    With ``net_log`` it has no proxy, so that it looks up the names of hosts itself, and writes there what it
    does on the network, ``name.test`` as ``name.localhost``; the file is complete when it has ended.
    """
    chromium, driver = programs()
    downloads = directory / "downloads"
    downloads.mkdir(parents=True)
    with wire(_ITS_OWN) as listener:
        options = ChromeOptions()
        options.binary_location = chromium
        for flag in (
            *_FLAGS,
            f"--user-data-dir={directory / 'profile'}",
        ):
            options.add_argument(flag)
        # No name server is used: the first two names are looked up on this machine.
        names = ", ".join(f"MAP {name}.test {name}.localhost:{listener.port}" for name in ("evil", "seen"))
        options.add_argument(f"--host-resolver-rules={names}, MAP * 127.0.0.1:{listener.port}")
        if net_log is None:
            options.add_argument(f"--proxy-server=http://127.0.0.1:{listener.port}")
            options.add_argument("--proxy-bypass-list=<-loopback>")
        else:
            options.add_argument("--no-proxy-server")
            options.add_argument(f"--log-net-log={net_log}")
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        # With the driver's path given, Selenium asks nobody where to fetch one.
        chrome = Chrome(options, Service(executable_path=driver, log_output=str(directory / "driver.log")))
        try:
            chrome.set_page_load_timeout(_PATIENCE)
            yield Browser(chrome, listener, downloads)
        finally:
            chrome.quit()

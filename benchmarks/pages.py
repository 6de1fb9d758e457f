"""What a report's page costs: its size, the time to make it, and the time until a browser has it.

    python -m benchmarks.pages [--vms N …] [--repeat N] [--no-browser]

Opening is measured in a real Chromium without a window, from ``navigationStart`` until the table of all VMs
answers (a mark of the page's script) and until everything is loaded; medians. The Debian packages
``chromium`` and ``chromium-driver`` bring it, selenium drives it.
"""

from __future__ import annotations

import argparse
import gc
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from aioseflow import Outcome, Report, Status, UntrustedHtml, UsageGraphs
from aioseflow.pages import write

_BEGIN: Final = datetime(2026, 1, 1, 3, tzinfo=UTC)
_PER_SERVICE: Final = 50
_POINTS: Final = 288
"""A day in steps of five minutes, as panels draw it."""

_READY: Final = """
const [done] = arguments;
const told = () => {
  const opening = performance.timing;
  done([performance.getEntriesByName("ready")[0].startTime, opening.loadEventEnd - opening.navigationStart]);
};
if (document.readyState === "complete") setTimeout(told);
else addEventListener("load", () => setTimeout(told));
"""
_OPENED: Final = """
const [done] = arguments, began = performance.now();
new MutationObserver(() => {
  if (document.querySelectorAll("iframe").length === 3) done(performance.now() - began);
}).observe(document.body, { childList: true, subtree: true });
document.querySelectorAll("#vms .open")[40].click();
"""
_FILTERED: Final = """
const began = performance.now(), filter = document.getElementById("filter");
filter.value = "web00 7";
filter.dispatchEvent(new Event("input"));
document.body.offsetHeight;
return performance.now() - began;
"""
_SORTED: Final = """
const began = performance.now();
document.querySelector("[data-column=label] button").click();
document.body.offsetHeight;
return performance.now() - began;
"""


def a_graph(kind: str, chance: random.Random) -> UntrustedHtml:
    """A fragment of some 3 KB, each one different."""
    points = " ".join(f"{place},{chance.randint(0, 999) / 10}" for place in range(_POINTS))
    return UntrustedHtml(
        kind,
        f'<div class="usage {kind}"><h4>{kind}, last 24 hours</h4><svg viewBox="0 0 288 100">'
        f'<polyline fill="none" stroke="#c60" points="{points}"/></svg></div>',
    )


def a_run(vms: int, *, fragments: bool) -> Report:
    """Usage of so many VMs, a hundredth of which failed."""
    chance = random.Random(1)
    outcomes = []
    for number in range(vms):
        bad = number % 100 == 7
        value = None
        if fragments and not bad:
            value = UsageGraphs(
                cpu=a_graph("cpu", chance), net=a_graph("net", chance), disk=a_graph("disk", chance)
            )
        service = number // _PER_SERVICE
        outcomes.append(
            Outcome(
                account="main",
                service_id=str(100 + service),
                service_name=f"Cloud {service}",
                vm_id=str(number),
                vm_label=f"web{number:05d}.example.com",
                action="usage",
                status=Status.FAILED if bad else Status.UNCHANGED,
                cause="timeout" if bad else None,
                value=value,
                attempts=3,
                started_at=_BEGIN + timedelta(seconds=number * 0.02),
                finished_at=_BEGIN + timedelta(seconds=number * 0.02 + chance.random()),
            )
        )
    return Report(
        run_id="r1",
        action="usage",
        targets=tuple(outcome.key for outcome in outcomes),
        outcomes=tuple(outcomes),
        started_at=_BEGIN,
        finished_at=_BEGIN + timedelta(seconds=vms * 0.02 + 1),
    )


@contextmanager
def chromium(directory: str) -> Iterator[Any]:
    """A fresh Chromium that keeps to itself."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update"),
        f"--user-data-dir={directory}",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    driver.set_script_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


def opening(page: Path, repeat: int, *, fragments: bool) -> tuple[float, ...]:
    """Seconds until the table answers, until all is loaded, to sort, to filter, and to show graphs."""
    found: list[tuple[float, ...]] = []
    for _ in range(repeat):
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
            chromium(directory) as driver,
        ):
            driver.get(page.as_uri())
            ready, loaded = driver.execute_async_script(_READY)
            # By name, so that the row that is opened next is not one of those that failed.
            by_name = driver.execute_script(_SORTED)
            shown = driver.execute_async_script(_OPENED) if fragments else 0.0
            found.append((ready, loaded, by_name, driver.execute_script(_FILTERED), shown))
    return tuple(statistics.median(column) / 1000 for column in zip(*found, strict=True))


def _timed(work: Callable[[], int], repeat: int) -> tuple[float, int]:
    times, size = [], 0
    for _ in range(repeat):
        gc.collect()
        began = time.perf_counter()
        size = work()
        times.append(time.perf_counter() - began)
    return statistics.median(times), size


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line for each page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--vms", type=int, nargs="+", default=[1_000, 10_000], metavar="N")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    parser.add_argument("--no-browser", action="store_true", help="size and making alone")
    given = parser.parse_args(argv)
    browser = not given.no_browser and bool(shutil.which("chromium") and shutil.which("chromedriver"))
    print("    VMs  graphs     size    made   table   loaded    sort  filter  graphs shown")
    for vms in given.vms:
        for fragments in (False, True):
            report = a_run(vms, fragments=fragments)
            with tempfile.TemporaryDirectory() as directory:
                page = Path(directory) / "report.html"
                made, size = _timed(partial(write, report, page), given.repeat)
                line = f"{vms:7,}  {'yes' if fragments else 'no':>6}  {size / 1e6:5.1f} MB  {made:4.2f} s"
                if browser:
                    ready, loaded, sort, filtered, shown = opening(page, given.repeat, fragments=fragments)
                    line += f"  {ready:4.2f} s   {loaded:4.2f} s"
                    line += f"  {sort * 1000:3.0f} ms  {filtered * 1000:3.0f} ms"
                    line += f"        {shown * 1000:3.0f} ms" if fragments else ""
                print(line, flush=True)
    if not browser and not given.no_browser:
        print("not measured in a browser: the Debian packages chromium and chromium-driver are missing")
    return 0


if __name__ == "__main__":
    sys.exit(main())

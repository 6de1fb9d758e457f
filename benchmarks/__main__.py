"""aioseflow beside what one would write by hand, in one run.

    python -m benchmarks [--quick] [--json FILE] [--only ROWS …] [--python PYTHON] …

Everybody does the same work against the same canned server in a process of its own. What is counted by
valgrind is the same on every machine; times are not, so all times of one row are measured in turns.
``pip install -e '.[bench]'`` brings the peers. Linux only (/proc). The other benchmarks, of whole fleets and
of overload, are modules of their own: ``python -m benchmarks.fleet`` and so on.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import attrs

from .speed.clock import clock, journal
from .speed.counting import allocations, instructions
from .speed.decoding import decoding
from .speed.imports import imports
from .speed.interpreters import interpreters
from .speed.latency import latency, stalls
from .speed.memory import memory
from .speed.record import record
from .speed.scale import scale
from .speed.server import serving
from .speed.setting import Setting, say
from .speed.table import Bound, Findings, judged, printed, wrapped

ROWS: Final[dict[str, Callable[[Setting], Findings]]] = {
    "instructions": instructions,
    "allocations": allocations,
    "clock": clock,
    "journal": journal,
    "latency": latency,
    "stalls": stalls,
    "memory": memory,
    "decoding": decoding,
    "imports": imports,
    "scale": scale,
    "interpreters": interpreters,
    "record": record,
}
_PACKAGES: Final = (
    *("aioseflow", "aiohttp", "attrs", "cattrs", "orjson", "uvloop"),
    *("httpx", "requests", "urllib3", "niquests", "urllib3-future"),
)


def surroundings() -> dict[str, Any]:
    """Where and with what it is measured."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; 2 if something is not installed and ``AIOSEFLOW_CI`` says that all must be."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer calls and peers, less than two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, too")
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROWS", help=", ".join(ROWS))
    parser.add_argument(
        "--python", action="append", default=[], metavar="PYTHON", help="count on this interpreter, too"
    )
    given = parser.parse_args(argv)
    around = surroundings()
    packages = ", ".join(f"{name} {number}" for name, number in around["packages"].items())
    machine = f"{around['cpu']}, {around['cores']} cores, {around['system']}, {around['python']}"
    print(f"{around['date']}  {machine}")
    print("\n".join(wrapped(packages)))
    if "urllib3-future" in around["packages"]:
        print("(requests runs on urllib3-future, which niquests puts in the place of urllib3)")
    found: dict[str, Findings] = {}
    bounds: list[Bound] = []
    took: dict[str, float] = {}
    with serving() as port:
        setting = Setting(port, quick=given.quick, pythons=tuple(given.python))
        for name in given.only or ROWS:
            began, used = time.monotonic(), sum(os.times()[:4])
            found[name] = ROWS[name](setting)
            took[name] = time.monotonic() - began
            bounds += found[name].bounds
            for table in found[name].tables:
                print(f"\n{printed(table)}", flush=True)
            say(f"  ({name}: {took[name]:.0f} s, {sum(os.times()[:4]) - used:.0f} s CPU)")
    if bounds:
        print(f"\nwhat is to hold\n{judged(bounds)}")
    if setting.missing:
        print(f"\nnot installed, so not measured: {', '.join(sorted(setting.missing))}")
    if given.json is not None:
        everything = {
            **around,
            "quick": given.quick,
            "seconds": took,
            "missing": sorted(setting.missing),
            "bounds": [{**attrs.asdict(bound), "holds": bound.holds} for bound in bounds],
            "tables": {name: [attrs.asdict(table) for table in each.tables] for name, each in found.items()},
        }
        given.json.write_text(json.dumps(everything, indent=1, ensure_ascii=False), encoding="utf-8")
    return 2 if setting.missing and os.environ.get("AIOSEFLOW_CI") else 0


if __name__ == "__main__":
    sys.exit(main())

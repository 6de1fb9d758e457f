"""The most memory that a process of each ever held."""

from __future__ import annotations

from typing import Final

from .clock import working
from .peers import JOURNAL, OURS, PLAIN, TUNED
from .setting import Setting, cells
from .table import Findings, Table

_ALL: Final = (TUNED, OURS, JOURNAL, PLAIN, "httpx", "requests, threads", "niquests")


def memory(setting: Setting) -> Findings:
    """The most that a process held, over what it held before it had imported its peer."""
    vms = 1_000 if setting.quick else 5_000
    names = (TUNED, OURS, JOURNAL, PLAIN) if setting.quick else _ALL
    there, absent = setting.runs(names)
    of: dict[str, dict[str, float]] = {}
    for name in there:
        with working(name, setting.port, vms) as worker:
            of[name] = {"one": worker.does(work="stop", calls=1)["grown"]}
            of[name]["stop"] = worker.does(work="stop", calls=vms)["grown"]
            if name in (TUNED, OURS, JOURNAL, PLAIN):
                of[name]["fleet"] = worker.does(work="fleet", calls=vms)["grown"]
    table = Table(
        "peak of the resident memory in MB over an interpreter with asyncio and orjson, in this order",
        ("imported, one stop", f"{vms:,} stops", f"a fleet of {vms:,} VMs"),
        cells(of, absent, ("one", "stop", "fleet"), 1e-6),
        base=TUNED,
    )
    return Findings([table])

"""The most important counts on other interpreters, of environments in which aioseflow is installed."""

from __future__ import annotations

import subprocess
import sys

from . import decoding
from .instructions import of_peers
from .peers import OURS, TUNED
from .setting import Setting
from .table import Cell, Findings, Table


def interpreters(setting: Setting) -> Findings:
    """Ours over what it is compared with, on each interpreter."""
    if not setting.pythons or not setting.counts():
        return Findings()
    calls = 300 if setting.quick else 1000
    works = {"stop": calls, "fleet": calls}
    rows: dict[str, tuple[Cell, ...]] = {}
    for python in (sys.executable, *setting.pythons):
        each = of_peers({OURS: works, TUNED: works}, setting.port, python=python)
        decoded = decoding.instructions(python)
        ours, tuned = each[OURS], each[TUNED]
        hand = decoded[decoding.HAND, "list"]
        mine = decoded[decoding.OURS, "list"]
        rows[_version(python)] = (
            *(
                f"{ours[work] / 1e3:,.0f} / {tuned[work] / 1e3:,.0f} = {ours[work] / tuned[work]:.3f}"
                for work in works
            ),
            f"{mine / 1e3:,.1f} / {hand / 1e3:,.1f} = {mine / hand:.3f}",
        )
    title = "other interpreters: instructions in thousands, aioseflow / tuned aiohttp, and decoding / by hand"
    return Findings([Table(title, ("one stop", "fleet, a VM", "decoding a VM of 5,000"), rows)])


def _version(python: str) -> str:
    asked = [python, "-c", "import platform as p; print(p.python_implementation(), p.python_version())"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603

"""The checks of this machine: what is installed, and where runs are kept."""

from __future__ import annotations

import os
import platform
import sys
from importlib.util import find_spec
from typing import Final

import aiohttp

from ...__about__ import __version__
from ...errors import SeFlowError
from ...text import quantity
from .. import journal_file as kept_journal
from ..exit_code import Refusal, is_about_journal_file
from .check import Check, Checker

_NEEDED: Final = {"keyring": "keyring", "pyyaml": "yaml", "rule-engine": "rule_engine"}
_EXTRAS: Final = {"report": "jinja2", "speed": "uvloop"}
_MAKE: Final = Checker()


def installation() -> Check:
    """Check versions, and which optional packages are missing."""
    missing = [name for name, module in _NEEDED.items() if find_spec(module) is None]
    extras = [extra for extra, module in _EXTRAS.items() if find_spec(module) is None]
    versions = {
        "aioseflow": __version__,
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "system": f"{platform.system()} {platform.release()}",
    }
    found = (
        f"aioseflow {__version__}, Python {versions['python']}, aiohttp {versions['aiohttp']}, "
        f"{versions['system']}"
    )
    details = versions | {"missing": missing, "extras_not_installed": extras}
    if missing:
        fix = f"{sys.executable} -m pip install 'aioseflow[cli]'"
        return _MAKE.warning("installation", f"{found}; missing: {', '.join(missing)}", fix, **details)
    if extras:
        found += f"; optional extra{'s'[: len(extras) > 1]} not installed: {', '.join(extras)}"
    return _MAKE.ok("installation", found, **details)


async def journal() -> Check:
    """Check whether the journal of runs can be written and read; create none."""
    try:
        kept = kept_journal.journal()
    except Refusal as refusal:
        return _MAKE.failed("journal", str(refusal), "set AIOSEFLOW_JOURNAL to another file")
    path = str(kept.path)
    try:
        runs = len(await kept.runs())
    except SeFlowError as error:
        fix = "move it away: a new one is created, without the runs of the old one"
        if is_about_journal_file(error):
            fix = "do that, or set AIOSEFLOW_JOURNAL to another file"
        return _MAKE.failed("journal", str(error), fix, path=path)
    # Of a file that is not there, the folder in which it would be made.
    place = next(each for each in (kept.path, *kept.path.parents) if each.exists())
    if not os.access(place, os.W_OK):
        fix = "make it writable for this user, or set AIOSEFLOW_JOURNAL to another file"
        return _MAKE.failed("journal", f"{path} cannot be written", fix, path=path)
    if place != kept.path:
        return _MAKE.ok("journal", f"{path}, created with the first run", path=path)
    return _MAKE.ok("journal", f"{path}, {quantity(runs, 'run')}", path=path, runs=runs)

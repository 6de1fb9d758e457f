"""This machine: what is installed, and where runs are kept."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from ...__about__ import __version__
from ...errors import SeFlowError
from .. import journal as kept_journal
from ..exit_code import Refusal
from .check import Check, CheckVerdict, told

if TYPE_CHECKING:
    from ...fleet import Journal

_OF_THE_COMMAND_LINE: Final = {"keyring": "keyring", "pyyaml": "yaml", "rule-engine": "rule_engine"}
_EXTRAS: Final = {"report": "jinja2", "speed": "uvloop"}


def installation() -> Check:
    """Versions, and what of the optional packages is missing."""
    lacking = [name for name, module in _OF_THE_COMMAND_LINE.items() if find_spec(module) is None]
    extras = [extra for extra, module in _EXTRAS.items() if find_spec(module) is None]
    versions = {
        "aioseflow": __version__,
        "python": platform.python_version(),
        "aiohttp": _version("aiohttp"),
    }
    system = f"{platform.system()} {platform.release()}"
    found = f"aioseflow {__version__}, Python {versions['python']}, aiohttp {versions['aiohttp']}, {system}"
    details = versions | {"system": system, "missing": lacking, "extras_not_installed": extras}
    if lacking:
        found += f"; missing: {', '.join(lacking)}"
        mend = f"{sys.executable} -m pip install 'aioseflow[cli]'"
        return Check(None, "installation", CheckVerdict.WARNING, found, mend, details)
    if extras:
        found += f"; without the extras {' and '.join(extras)}"
    return Check(None, "installation", CheckVerdict.OK, found, details=details)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


async def journal() -> Check:
    """Whether the journal of runs can be written and read; none is made."""
    try:
        kept = kept_journal.journal()
    except Refusal as refusal:
        found, mend = told(str(refusal), "AIOSEFLOW_JOURNAL names another file")
        return Check(None, "journal", CheckVerdict.FAILED, found, mend)
    path = str(kept.path)
    details = {"path": path}
    if not os.access(kept.path if kept.path.exists() else kept.path.parent, os.W_OK):
        mend = "make it writable for this user, or name another file with AIOSEFLOW_JOURNAL"
        return Check(None, "journal", CheckVerdict.FAILED, f"{path} cannot be written", mend, details)
    if not kept.path.exists():
        return Check(None, "journal", CheckVerdict.OK, f"{path}, made with the first run", details=details)
    return await _read(kept, path)


async def _read(kept: Journal, path: str) -> Check:
    try:
        runs = len(await kept.runs())
    except SeFlowError as error:
        mend = "move it away: a new one is made, without the runs of the old one"
        return Check(None, "journal", CheckVerdict.FAILED, str(error), mend, {"path": path})
    number = f"{runs} run{'' if runs == 1 else 's'}"
    return Check(None, "journal", CheckVerdict.OK, f"{path}, {number}", details={"path": path, "runs": runs})

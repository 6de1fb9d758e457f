"""The journal of the command line, which keeps every run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigurationError
from .exit_code import ExitCode, Refusal
from .user_folders import user_folder

if TYPE_CHECKING:
    from .. import Journal

VARIABLE: Final = "AIOSEFLOW_JOURNAL"


def journal_path() -> Path | None:
    """Return the file that ``AIOSEFLOW_JOURNAL`` names, or ``runs.sqlite`` in the user's state folder.

    None where there is no variable and the user has no home directory.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    folder = user_folder("state")
    return None if folder is None else folder / "runs.sqlite"


def journal() -> Journal:
    """Return the journal; nothing is made before a run is recorded. Raises `Refusal`."""
    from .. import Journal

    # Not as a Path: one that ends with a slash names a directory.
    path = os.environ.get(VARIABLE) or journal_path()
    if path is None:
        found = "there is no home directory for the journal of runs"
        raise Refusal(found, ExitCode.ERROR, fix=f"name a file with {VARIABLE}")
    try:
        return Journal(path)
    except ConfigurationError as error:
        raise Refusal(f"{error} ({VARIABLE} names the file)", ExitCode.ERROR) from None

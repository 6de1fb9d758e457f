"""The journal of the command line, which keeps every run."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigurationError
from ..text import escape
from .exit_code import ExitCode, Refusal, unusable

if TYPE_CHECKING:
    from .. import Journal

_VARIABLE: Final = "AIOSEFLOW_JOURNAL"
_PATH_MAX: Final = 300


def journal_path() -> Path:
    """Return the file that ``AIOSEFLOW_JOURNAL`` names, or ``runs.sqlite`` in the user's state folder."""
    if named := os.environ.get(_VARIABLE):
        return Path(named)
    from platformdirs import user_state_path

    return user_state_path("aioseflow") / "runs.sqlite"


def journal() -> Journal:
    """Return the journal; create its directory, for its owner only, if it is missing. Raises `Refusal`."""
    from .. import Journal

    # Not as a Path: one that ends with a slash names a directory.
    path = os.environ.get(_VARIABLE) or journal_path()
    try:
        kept = Journal(path)
        kept.path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    except ConfigurationError as error:
        raise Refusal(f"{error} ({_VARIABLE} names the file)", ExitCode.ERROR) from None
    except OSError as error:
        what = f"the directory of the journal {escape(os.fspath(path), _PATH_MAX)} cannot be created"
        raise unusable(what, error, f"nothing was sent; name another file with {_VARIABLE}") from None
    return kept

"""The journal in which the command line keeps every run."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigurationError
from ..text import escape
from .exit_code import ExitCode, Refusal

if TYPE_CHECKING:
    from ..fleet import Journal

_VARIABLE: Final = "AIOSEFLOW_JOURNAL"
_LONGEST_PATH: Final = 300


def journal_path() -> Path:
    """The file that ``AIOSEFLOW_JOURNAL`` names, or ``runs.sqlite`` in the user's folder for state."""
    if named := os.environ.get(_VARIABLE):
        return Path(named)
    from platformdirs import user_state_path

    return user_state_path("aioseflow") / "runs.sqlite"


def journal() -> Journal:
    """The journal; its directory is made if it is missing, for its owner only.

    Raises `Refusal` where it cannot be.
    """
    from ..fleet import Journal

    # As it was written: a path that ends with a slash names a directory.
    path = os.environ.get(_VARIABLE) or journal_path()
    try:
        kept = Journal(path)
        kept.path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    except ConfigurationError as error:
        raise Refusal(f"{error} ({_VARIABLE} says which)", ExitCode.ERROR) from None
    except OSError as error:
        raise Refusal(
            f"the directory of the journal {escape(os.fspath(path), _LONGEST_PATH)} cannot be made "
            f"({error.strerror or error}), so nothing was sent; name another file with {_VARIABLE}",
            ExitCode.ERROR,
        ) from None
    return kept

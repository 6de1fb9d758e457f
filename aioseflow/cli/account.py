"""The account of the environment, and the journal in which the command line keeps every run."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from .ending import Ending, Refusal
from .terminal import shown

if TYPE_CHECKING:
    from ..client import SeFlow
    from ..fleet import Journal

_VARIABLE = "AIOSEFLOW_JOURNAL"
_LONGEST_PATH = 300


def journal() -> Journal:
    """The journal that ``AIOSEFLOW_JOURNAL`` names, or ``runs.sqlite`` in the user's folder for state.

    Its directory is made if it is missing, for its owner only. Raises `Refusal` where it cannot be.
    """
    from ..fleet import Journal

    path = os.environ.get(_VARIABLE) or _default()
    try:
        kept = Journal(path)
        kept.path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    except ConfigurationError as error:
        raise Refusal(f"{error} ({_VARIABLE} says which)", Ending.ERROR) from None
    except OSError as error:
        raise Refusal(
            f"the directory of the journal {shown(os.fspath(path), _LONGEST_PATH)} cannot be made "
            f"({error.strerror or error}), so nothing was sent; name another file with {_VARIABLE}",
            Ending.ERROR,
        ) from None
    return kept


def _default() -> Path:
    from platformdirs import user_state_path

    return user_state_path("aioseflow") / "runs.sqlite"


def account_name() -> str:
    """How runs call the account: by its user, and its panel where that is another than SeFlow's.

    One journal has the runs of every account that the environment ever named: with names of their own,
    none is taken for a run of another one. Raises `ConfigurationError`.
    """
    from ..config import DEFAULT_BASE_URL, Credentials, check_base_url

    credentials, base_url = Credentials.from_environment()
    if base_url is None:
        return credentials.username
    url = check_base_url(base_url, allow_insecure=False)
    if str(url) == DEFAULT_BASE_URL:
        return credentials.username
    return f"{credentials.username} at {url.authority}{url.raw_path.rstrip('/').removesuffix('/api')}"


def client(kept: Journal) -> SeFlow:
    """The client of the environment's account. Raises `ConfigurationError`."""
    from ..client import SeFlow

    return SeFlow.from_env(name=account_name(), journal=kept)

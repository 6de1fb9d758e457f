"""Processes for which the modes of files hold, also where the tests run as root."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Mapping
from typing import Final

_CAPBSET_DROP: Final = 24
_RIGHTS: Final = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def _drop_rights() -> None:
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for right in _RIGHTS:
            if libc.prctl(_CAPBSET_DROP, right, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")


def run_bound_by_modes(
    words: list[str], env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as the owner of its files and no more."""
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
        check=False,
        preexec_fn=_drop_rights,
    )

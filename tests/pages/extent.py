"""How much of what a browser can be shown it is shown."""

from __future__ import annotations

import os
from typing import Final

_CHOICE: Final = os.environ.get("AIOSEFLOW_BROWSER", "")
if _CHOICE not in ("", "all"):
    raise ValueError(f"AIOSEFLOW_BROWSER is {_CHOICE!r}; set it to all, or not at all")

EVERYTHING: Final = _CHOICE == "all"
"""Whether each thing is tried by itself and in every combination; a covering few are otherwise."""

"""Which view fits what somebody looks at."""

from __future__ import annotations

import os
import sys
from typing import Final

from ..terminal import is_terminal
from .live_view import Picture
from .shown_run import View
from .status_lines import Lines
from .terminal_frame import Screen

_CANNOT_DRAW: Final = frozenset({"dumb", "unknown"})


def view() -> View:
    """The view that fits stderr."""
    if is_terminal(sys.stderr) and os.environ.get("TERM", "") not in _CANNOT_DRAW:
        return Picture(Screen(sys.stderr))
    return Lines()

"""Which view fits what somebody looks at."""

from __future__ import annotations

import os
import sys
from typing import Final

from ..terminal import is_terminal
from .live_view import LiveView
from .shown_run import ProgressView
from .status_lines import StatusLines
from .terminal_frame import TerminalFrame

_CANNOT_DRAW: Final = frozenset({"dumb", "unknown"})


def view() -> ProgressView:
    """The view that fits stderr."""
    if is_terminal(sys.stderr) and os.environ.get("TERM", "") not in _CANNOT_DRAW:
        return LiveView(TerminalFrame(sys.stderr))
    return StatusLines()

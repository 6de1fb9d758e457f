"""The progress of a run on stderr: a live view on a terminal, a dated line now and then elsewhere."""

from __future__ import annotations

import os
import sys
from typing import Final, TypeAlias

from ..terminal import is_terminal
from .live_view import LiveView
from .status_lines import StatusLines
from .terminal_frame import TerminalFrame

__all__ = ["LiveView", "ProgressView", "StatusLines", "view"]

ProgressView: TypeAlias = LiveView | StatusLines

_CANNOT_DRAW: Final = frozenset({"dumb", "unknown"})


def view() -> ProgressView:
    """Return the view that fits stderr; in CI, which keeps what a terminal is sent, lines."""
    kept = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if is_terminal(sys.stderr) and os.environ.get("TERM", "") not in _CANNOT_DRAW and not kept:
        return LiveView(TerminalFrame(sys.stderr))
    return StatusLines()

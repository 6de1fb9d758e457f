"""Which view fits what somebody looks at."""

from __future__ import annotations

import os
import sys
from typing import Final

from ..terminal import is_terminal
from .lines import Lines
from .picture import Picture
from .screen import Screen
from .showing import View

_CANNOT_DRAW: Final = frozenset({"dumb", "unknown"})


def view() -> View:
    """The view that fits stderr."""
    if is_terminal(sys.stderr) and os.environ.get("TERM", "") not in _CANNOT_DRAW:
        return Picture(Screen(sys.stderr))
    return Lines()

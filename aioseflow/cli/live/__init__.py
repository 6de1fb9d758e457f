"""A run while it lasts: a moving picture on a terminal, a dated line now and then elsewhere; on stderr."""

from .live_view import LiveView
from .outcome_bar import bar
from .progress_text import circumstances, standing
from .shown_run import ProgressView
from .status_lines import StatusLines
from .view import view

__all__ = ["LiveView", "ProgressView", "StatusLines", "bar", "circumstances", "standing", "view"]

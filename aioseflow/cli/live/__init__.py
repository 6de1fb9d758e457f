"""A run while it lasts: a moving picture on a terminal, a dated line now and then elsewhere; on stderr."""

from .live_view import Picture
from .outcome_bar import bar
from .progress_text import circumstances, standing
from .shown_run import View
from .status_lines import Lines
from .view import view

__all__ = ["Lines", "Picture", "View", "bar", "circumstances", "standing", "view"]

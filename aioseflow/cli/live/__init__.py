"""A run while it lasts: a moving picture on a terminal, a dated line now and then elsewhere; on stderr."""

from .bars import bar
from .lines import Lines
from .picture import Picture
from .view import View, view
from .words import circumstances, standing

__all__ = ["Lines", "Picture", "View", "bar", "circumstances", "standing", "view"]

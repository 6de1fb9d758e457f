"""A run while it lasts: a moving picture on a terminal, a dated line now and then elsewhere; on stderr."""

from .bars import bar
from .lines import Lines
from .picture import Picture
from .showing import View
from .view import view
from .words import circumstances, standing

__all__ = ["Lines", "Picture", "View", "bar", "circumstances", "standing", "view"]

"""A run's report as one self-contained HTML file; needs the extra ``report``."""

from .gather import PageReadings, gather
from .render import render, write

__all__ = ["PageReadings", "gather", "render", "write"]

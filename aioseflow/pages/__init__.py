"""A run's report as one HTML file that asks nobody for anything; needs the extra ``report``."""

from .gather import PageReadings, gather
from .render import render, write

__all__ = ["PageReadings", "gather", "render", "write"]

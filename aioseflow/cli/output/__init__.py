"""Data on stdout: its formats, columns and order."""

from .formats import OutputFormat
from .output_options import OutputOptions, object_options, output_options

__all__ = ["OutputFormat", "OutputOptions", "object_options", "output_options"]

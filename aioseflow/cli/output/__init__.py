"""How data is written to stdout: ``--output``, ``--columns`` and ``--sort``."""

from .formats import OutputFormat
from .options import OutputOptions, object_options, output_options

__all__ = ["OutputFormat", "OutputOptions", "object_options", "output_options"]

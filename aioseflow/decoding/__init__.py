"""From parsed JSON to models."""

from .find import Reading, decode

__all__ = ["Reading", "decode"]

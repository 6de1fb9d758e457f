"""From parsed JSON to models."""

from .find import decode

__all__ = ["decode"]

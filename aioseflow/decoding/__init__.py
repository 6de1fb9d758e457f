"""From parsed JSON to models."""

from .find import decode, decode_slowly

__all__ = ["decode", "decode_slowly"]

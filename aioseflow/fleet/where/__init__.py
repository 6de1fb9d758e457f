"""Selections as text: ``power == "running" and memory >= 4096``."""

from .expression import Expression, compile_expression

__all__ = ["Expression", "compile_expression"]
